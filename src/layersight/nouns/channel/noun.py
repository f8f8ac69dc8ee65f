"""What one channel can become."""

from __future__ import annotations

from layersight.document.noun import Json, Noun, Plain
from layersight.document.words import finite
from layersight.nouns.channel.document import describe
from layersight.nouns.channel.result import Channel
from layersight.nouns.survey.montage import example_numbers
from layersight.nouns.survey.noun import channel_numbers


def manifest(result: Channel, options: Plain) -> Json:
    survey = result.survey
    return {
        "layer": result.layer,
        "channel": result.channel,
        "preprocessing": survey.preprocessing.to_json(),
        "images": {"read": survey.images, "content": survey.content},
    }


def numbers(result: Channel, options: Plain) -> Json:
    entry, channel, survey = result.entry, result.channel, result.survey
    pattern = None
    if result.pattern is not None:
        reached = float(result.pattern.activation[0])
        pattern = {
            "activation": finite(reached),
            "peak": finite(result.pattern_peak),
            "images_below": finite(entry.means.share_below(channel, reached)),
        }
    image = None
    if result.maps is not None:
        peak = float(result.maps.layers[0].statistics.max[0, 0])
        image = {
            "name": result.maps.images[0].name,
            "peak": finite(peak),
            "images_below": finite(entry.peaks.share_below(channel, peak)),
        }
    return {
        "model": {"name": result.model.name, "digest": result.model.digest},
        "layer": result.layer,
        "channel": result.channel,
        "images": survey.images,
        "statistics": channel_numbers(entry, channel),
        "strongest": example_numbers(survey, entry.strongest, channel),
        "weakest": example_numbers(survey, entry.weakest, channel),
        "classes": [
            {
                "name": name,
                "mean": finite(float(entry.class_means[index, channel])),
                "peak": finite(float(entry.class_peaks[index, channel])),
            }
            for index, name in enumerate(survey.classes)
        ],
        **_twins(result),
        "pattern": pattern,
        "image": image,
    }


def _twins(result: Channel) -> Json:
    """The channels of other layers that correlate with it, where the survey has them."""
    twins = result.survey.twins_of(result.layer, result.channel)
    other = result.survey.other_name
    model = {"model": other} if other else {}
    listed = [{**model, "layer": layer, "channel": n, "correlation": r} for layer, n, r in twins]
    return {"twins": listed} if listed else {}


NOUN: Noun[Channel, Plain] = Noun(
    name="channel", options=Plain, describe=describe, manifest=manifest, numbers=numbers
)
"""``layersight channel``."""
