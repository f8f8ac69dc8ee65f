"""Pages of evaluations: every method and metric, nothing beyond the page, nothing unsaid."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from layersight.render.evaluations.dots import rounded
from layersight.render.evaluations.figure import plot
from layersight.render.evaluations.information import information
from layersight.render.evaluations.table import lines_of
from layersight.render.evaluations.views import pages

from evaluations import HOSTILE, columns, evaluation, rows
from layersight.errors import SelectionError
from layersight.nouns.evaluation.result import concatenate
from layersight.nouns.evaluation.wording import captions, facts, key
from layersight.writers.page import Box, Line, Page, Text
from layersight.writers.png import stack


def words(*found: Page) -> list[str]:
    return [item.text for page in found for item in page.items if isinstance(item, Text)]


def inside(page: Page) -> None:
    for item in page.items:
        if isinstance(item, Box):
            assert item.x >= 0
            assert item.x + item.width <= page.width + 0.01
            assert item.y + item.height <= page.height + 0.01
        elif isinstance(item, Line):
            for x, y in item.points:
                assert 0 <= x <= page.width + 0.01
                assert 0 <= y <= page.height + 0.01
        elif isinstance(item, Text):
            assert 0 <= item.x <= page.width
            assert 0 <= item.y <= page.height


many = tuple(
    dataclasses.replace(rows("gradient")[0], name=f"m{place}", title=f"Method {place}")
    for place in range(60)
)
MANY = {
    "everything": evaluation(),
    "one": evaluation(1, methods=rows("gradient"), measures=columns("deletion")),
    "one image": evaluation(1),
    "two metrics": evaluation(5, measures=columns("deletion", "road")),
    "sixty methods": evaluation(3, methods=many),
    "hostile": evaluation(2, name=HOSTILE * 9, explained=HOSTILE * 20, notes=(HOSTILE * 50,) * 12),
    "stopped": evaluation(3, count=100),
    "large numbers": evaluation(3, values=np.full((5, 8, 3), 12345.678, np.float32)),
    "all alike": evaluation(
        3,
        values=np.zeros((5, 8, 3), np.float32),
        random=np.zeros((5, 8, 3), np.float32),
        centre=np.zeros((8, 3), np.float32),
    ),
    "gaps": evaluation(
        3,
        values=np.full((5, 8, 3), np.nan, np.float32),
        random=np.full((5, 8, 3), np.nan, np.float32),
        centre=np.full((8, 3), np.nan, np.float32),
    ),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("medium", ["paper", "screen"])
def test_whatever_they_are_they_fit_their_pages(name: str, medium: str) -> None:
    made = MANY[name]
    found = pages(made, medium)
    assert len(found) == 1 or medium == "paper"
    for page in found:
        inside(page)
    told = words(*found)
    for row in made.rows:
        assert row.title in told or any("…" in text for text in told)
    for column in made.columns:
        assert column.title in told
    if medium == "screen":
        stack(found)


def test_the_table_stands_before_the_dots_and_says_the_numbers() -> None:
    made = evaluation(6)
    told = words(*pages(made, "screen"))
    mean = f"{made.means[0, 0]:.3f}"
    assert told.index(mean) < told.index("Method by method") < told.index("What the numbers are")
    assert "±" + f"{made.errors[0, 0]:.3f}" in told
    assert "Random maps of 7 \u00d7 7" in told
    assert "Centre of the image" in told
    assert "It misleads." in told


def test_the_best_and_those_not_told_apart_from_it() -> None:
    """Image by image: two that differ a little on every image are told apart."""
    base = np.random.default_rng(0).random(20).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=20).astype(np.float32)
    noisy = base + 0.009 + (noise - noise.mean()) / 10
    values = np.stack([base, base + 0.01, noisy])[:, np.newaxis]
    made = evaluation(
        20,
        methods=rows("grad-cam", "gradient", "layercam"),
        measures=columns("insertion"),
        values=values,
    )
    assert made.leading[:, 0].tolist() == [False, True, True]
    low = dataclasses.replace(made, columns=columns("deletion"))
    assert low.leading[:, 0].tolist() == [True, False, True]
    single = evaluation(1, methods=rows("gradient"), measures=columns("insertion"))
    assert not any(cell.leading for line in lines_of(single) for cell in line.cells)


def test_the_share_of_images_better_than_the_bar() -> None:
    made = evaluation(
        4,
        methods=rows("gradient"),
        measures=columns("deletion", "insertion"),
        values=np.array([[[1, 2, 3, np.nan], [1, 2, 3, 4]]], np.float32),
        bars=np.full((1, 2, 4), 2.5, np.float32),
    )
    np.testing.assert_allclose(made.better, [[2 / 3, 0.5]])
    cells = lines_of(made)[0].cells
    assert cells[0].share == pytest.approx(2 / 3)
    assert cells[0].value == "2.000"


def test_what_is_said_of_an_interruption_and_of_the_key() -> None:
    assert facts(evaluation(3, count=100)).startswith("3 of 100 images, interrupted")
    assert "randomisation, below 0.5" in key(evaluation(3))
    assert "randomisation" not in key(evaluation(3, measures=columns("deletion")))
    assert key(evaluation(1)).startswith("One image. Bold")
    about = information(evaluation(3))
    assert "grad-cam: deletion 0." in about.caption
    assert all(line in about.caption for line in captions(evaluation(3)))


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(SelectionError, match="no evaluation to draw"):
        pages(evaluation(2, methods=()))
    with pytest.raises(SelectionError, match="no evaluation to plot"):
        plot(evaluation(2, methods=()))


@pytest.mark.parametrize("step", [0.0123, 0.3, 1.0, 7.7, 1234.0])
def test_ticks_are_round(step: float) -> None:
    found = rounded(step)
    assert step <= found * 1.0001 <= 2.6 * step
    assert f"{found:.0e}"[0] in "125"


def test_a_figure_has_an_axes_for_each_metric() -> None:
    made = evaluation(5)
    figure = made.plot(columns=3)
    drawn = [axes for axes in figure.axes if axes.axison]
    assert drawn[0].get_title() == "Deletion (low is good)"
    assert len(drawn) == 8
    assert drawn[0].get_yticklabels()[0].get_text() == "Grad-CAM"
    figure.canvas.draw()


def test_a_notebook_shows_the_table() -> None:
    text = evaluation(3, name=HOSTILE)._repr_html_()
    assert text.startswith('<div class="layersight">')
    assert "<b>&\u202e" not in text
    assert text.count("<tr") == 1 + 5 + 3 + 1
    assert "±" in text


def test_parts_of_one_evaluation_are_joined_in_order() -> None:
    whole = evaluation(5)

    def some(*places: int) -> object:
        chosen = list(places)
        return dataclasses.replace(
            whole,
            images=tuple(whole.images[place] for place in chosen),
            targets=tuple(whole.targets[place] for place in chosen),
            scores=whole.scores[chosen],
            **{
                name: getattr(whole, name)[..., chosen]
                for name in ("values", "random", "centre", "bars")
            },
        )

    found = concatenate([some(3, 0), some(4, 1, 2)], whole.images)  # type: ignore[list-item]
    assert (found.images, found.targets) == (whole.images, whole.targets)
    for name in ("scores", "values", "random", "centre", "bars"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
