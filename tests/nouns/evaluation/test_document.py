"""An evaluation as a document: every method and metric, nothing unsaid."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from drawn import laid, words
from evaluations import HOSTILE, columns, evaluation, rows
from layersight.document.blocks import Table
from layersight.errors import SelectionError
from layersight.nouns.evaluation.document import describe, facts, key
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.evaluation.result import concatenate

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


def made(result):
    return describe(result, TableOptions())


def table(result):
    return next(block for block in made(result).parts[0].front if isinstance(block, Table))


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("medium", ["paper", "screen"])
def test_whatever_they_are_they_fit_their_pages(name, medium):
    result = MANY[name]
    found = laid(made(result), medium)
    assert len(found) == 1 or medium == "paper"
    listed = words(*found)
    for row in result.rows:
        assert row.title in listed or any("\u2026" in text for text in listed)
    text = " ".join(listed)
    for column in result.columns:
        assert all(word in text for word in column.title.split())


def test_the_table_stands_before_the_dots_and_says_the_numbers():
    result = evaluation(6)
    listed = words(*laid(made(result), "screen"))
    mean = listed.index(f"{result.means[0, 0]:.3f}")
    dots, said = listed.index("Method by method"), listed.index("What the numbers are")
    assert mean < min(dots, said)
    for part in (f"\u00b1{result.errors[0, 0]:.3f}", "Random maps of 7 \u00d7 7", "It misleads."):
        assert part in listed
    assert "Centre of the image" in listed


def with_bars(result, bar, centre):
    return dataclasses.replace(
        result,
        bars=np.full_like(result.bars, bar),
        centre=np.full_like(result.centre, centre),
    )


@pytest.mark.parametrize(
    ("bar", "centre", "leading", "tone"),
    [(0.2, 0.3, True, "plain"), (0.2, 0.9, False, "plain"), (0.9, 0.3, False, "bad")],
)
def test_nothing_is_the_best_that_is_worse_than_chance_or_the_centre(bar, centre, leading, tone):
    values = np.stack([np.full((1, 5), 0.5), np.full((1, 5), 0.1)]).astype(np.float32)
    made = evaluation(
        5, methods=rows("grad-cam", "gradient"), measures=columns("insertion"), values=values
    )
    result = with_bars(made, bar, centre)
    assert result.leading[:, 0].tolist() == [leading, False]
    rows_ = table(result).rows
    assert (rows_[0][1].marked, rows_[0][1].tone) == (leading, tone)
    assert rows_[1][1].tone == "bad"


def test_a_check_that_fails_is_marked():
    values = np.stack([np.full((1, 5), 0.2), np.full((1, 5), 0.8)]).astype(np.float32)
    made = evaluation(
        5, methods=rows("grad-cam", "gradient"), measures=columns("randomisation"), values=values
    )
    passed, failed = (row[1] for row in table(with_bars(made, 0.5, 1)).rows[:2])
    assert (passed.tone, passed.note, passed.marked) == ("plain", "100%", True)
    assert (failed.tone, failed.note, failed.marked) == ("bad", "fails, 0%", False)


def test_the_best_and_those_not_told_apart_from_it():
    """Image by image: two that differ a little on every image are told apart."""
    base = np.random.default_rng(0).random(20).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=20).astype(np.float32)
    noisy = base + 0.009 + (noise - noise.mean()) / 10
    values = np.stack([base, base + 0.01, noisy])[:, np.newaxis]
    methods = rows("grad-cam", "gradient", "layercam")
    result = with_bars(
        evaluation(20, methods=methods, measures=columns("insertion"), values=values), -1, -1
    )
    assert result.leading[:, 0].tolist() == [False, True, True]
    assert [row[1].marked for row in table(result).rows[:3]] == [False, True, True]
    low = with_bars(dataclasses.replace(result, columns=columns("deletion")), 2, 2)
    assert low.leading[:, 0].tolist() == [True, False, True]
    single = evaluation(1, methods=rows("gradient"), measures=columns("insertion"))
    assert not any(cell.marked for row in table(single).rows for cell in row)


def test_the_share_of_images_better_than_the_bar():
    result = evaluation(
        4,
        methods=rows("gradient"),
        measures=columns("deletion", "insertion"),
        values=np.array([[[1, 2, 3, np.nan], [1, 2, 3, 4]]], np.float32),
        bars=np.full((1, 2, 4), 2.5, np.float32),
    )
    np.testing.assert_allclose(result.better, [[2 / 3, 0.5]])
    cell = table(result).rows[0][1]
    assert cell.share == pytest.approx(2 / 3)
    assert cell.text == "2.000"


def test_what_is_said_of_an_interruption_and_of_the_key():
    assert facts(evaluation(3, count=100)).startswith("3 of 100 images, interrupted")
    assert "for randomised weights, below 0.5, or else the check fails" in key(evaluation(3))
    assert "randomised" not in key(evaluation(3, measures=columns("deletion")))
    assert key(evaluation(1)).startswith("One image. Bold")
    document = made(evaluation(3))
    assert "grad-cam: deletion 0." in document.caption
    assert all(line in document.caption for line in document.captions)


def test_nothing_to_draw_is_refused():
    with pytest.raises(SelectionError, match="no evaluation to draw"):
        made(evaluation(2, methods=()))


def test_parts_of_one_evaluation_are_joined_in_order():
    whole = evaluation(5)

    def some(*indices):
        chosen = list(indices)
        cut = {
            name: getattr(whole, name)[..., chosen]
            for name in ("values", "random", "centre", "bars")
        }
        images = tuple(whole.images[place] for place in chosen)
        targets = tuple(whole.targets[place] for place in chosen)
        scores = whole.scores[chosen]
        return dataclasses.replace(whole, images=images, targets=targets, scores=scores, **cut)

    found = concatenate([some(3, 0), some(4, 1, 2)], whole.images)
    assert (found.images, found.targets) == (whole.images, whole.targets)
    np.testing.assert_array_equal(found.values, whole.values)
