"""Heatmaps measured while they are made: of the right image, target and map."""

from __future__ import annotations

import numpy as np
import pytest

from fake_network import photo
from layersight.errors import Interrupted, ModelInputError, UsageError
from layersight.nouns.heatmaps.compute import heatmap
from layersight.nouns.heatmaps.metrics.bench import Bench
from layersight.nouns.heatmaps.metrics.metric import choose_metrics
from layersight.nouns.heatmaps.result import group_by_image


def test_each_map_is_measured_on_its_own_image_and_target(chain):
    pictures = [photo(seed) for seed in range(3)]
    options = {"score_with": ["deletion", "insertion"], "method": ["grad-cam", "gradient"]}
    together = heatmap(chain(), pictures, top=2, batch_size=4, **options)
    assert len(together) == 12
    for image, picture in enumerate(pictures):
        alone = heatmap(chain(), picture, top=2, **options)
        for index, one in zip(group_by_image(together)[image].indices, alone, strict=True):
            other = together[index]
            assert [measure.metric for measure in other.measures] == ["deletion", "insertion"]
            for mine, theirs in zip(other.measures, one.measures, strict=True):
                assert mine.value == pytest.approx(theirs.value, rel=1e-4, abs=1e-6)
                assert mine.random == pytest.approx(theirs.random, rel=1e-4, abs=1e-6)
    assert len({one.measures[0].value for one in together}) == 12


def test_the_score_that_falls_is_the_one_that_is_reported(chain):
    for text in ("dog", "cat"):
        (one,) = heatmap(
            chain("sigmoid", 1, labels=("cat", "dog")),
            photo(),
            target=text,
            score_with="deletion",
            method="gradient",
        )
        curve = one.measures[0].curve
        assert curve is not None
        assert curve.scores[0] == pytest.approx(one.score, rel=1e-5)


def test_the_random_map_is_as_coarse_as_the_map(chain, monkeypatch):
    resolutions = []
    original = Bench.reference_values

    def watched(self, metric, resolution):
        resolutions.append(tuple(resolution))
        return original(self, metric, resolution)

    monkeypatch.setattr(Bench, "reference_values", watched)
    heatmap(chain(), photo(), method=["grad-cam", "gradient"], score_with="insertion")
    assert resolutions == [(4, 4), (8, 8)]


def test_metrics_that_make_the_map_anew(chain):
    found = heatmap(chain(), photo(), score_with=["sensitivity"], method="gradient", target=1)
    assert [measure.metric for measure in found[0].measures] == ["sensitivity"]
    assert np.isfinite(found[0].measures[0].value)


def test_what_cannot_be_measured_is_an_error_by_name_and_a_note_otherwise(chain):
    found = heatmap(chain("linear"), photo(), score_with="default", method="gradient")
    names = [measure.metric for measure in found[0].measures]
    assert names == ["deletion", "insertion", "road"]
    assert any("not measured: average-drop compares" in note for note in found.notes)
    for asked in (["average-drop"], "average-drop,deletion"):
        with pytest.raises(UsageError, match="average-drop compares probabilities"):
            heatmap(chain("linear"), photo(), score_with=asked)
    found = heatmap(chain(), photo(), score_with="default", method="gradient")
    names = [measure.metric for measure in found[0].measures]
    assert names == [metric.name for metric in choose_metrics("default")]
    with pytest.raises(UsageError, match=r"unknown metric 'deletoin'.*Did you mean deletion"):
        heatmap(chain(), photo(), score_with="deletoin")


def test_costly_metrics_are_left_out_and_that_is_said(chain):
    found = heatmap(chain(), photo(), score_with="all")
    assert [one.metric for one in found[0].measures] == [
        one.name for one in choose_metrics("default")
    ]
    assert any("sensitivity, randomisation; name them" in note for note in found.notes)


def test_what_was_measured_before_an_interruption_is_kept(chain):
    calls = []

    def stop(done, total):
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stopped:
        heatmap(
            *(chain(), photo()),
            method="gradient",
            score_with=["deletion", "insertion", "road"],
            progress=stop,
        )
    (kept,) = stopped.value.done
    assert 0 < len(kept.measures) < 3


def test_a_metric_that_does_not_fit_the_model_is_left_out(chain, monkeypatch):
    def refuse(self, *given, **more):
        raise ModelInputError("too small for it")

    monkeypatch.setattr(Bench, "measure", refuse)
    found = heatmap(chain(), photo(), score_with="default", method="gradient")
    assert "not measured: too small for it" in found.notes
    with pytest.raises(ModelInputError, match="too small"):
        heatmap(chain(), photo(), score_with="deletion", method="gradient")
