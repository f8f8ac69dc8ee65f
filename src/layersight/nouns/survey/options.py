"""The options of a survey.

The rule of this module: it imports neither NumPy nor a framework.
"""

from __future__ import annotations

from dataclasses import dataclass

from layersight.data.fields import Options, option

ENGINES = ("local", "ray")
SURVEY = "What layersight survey wrote: says how much its images reach."
"""The help of the option that gives a survey to another command."""


@dataclass(frozen=True, slots=True)
class SurveyOptions(Options):
    """The options of a survey.

    Attributes:
        top: How many of the strongest images are kept of each channel, and of the weakest.
        shard: How many images are surveyed between two files of results, rounded up to whole
            passes; it changes no number.
        engine: Who runs the shards: this process, or a Ray cluster.
        workers: Of the local engine threads that decode images, of Ray how many shards run at
            once; it changes no number.
        address: Of a Ray cluster, ``auto`` for one that this machine belongs to; ``None`` for one
            on this machine that ends with the survey.
        cores: Of each worker of Ray.
        strict: Whether an image that cannot be read ends the survey.
        correlate: Whether the channels of each layer are correlated: their means over the images.
        twins: Pairs of layers, ``FIRST:SECOND``, whose channels are correlated with each other;
            with commas between them; of globs all combinations. The second of each is of the
            other model, where there is one.

    Raises:
        UsageError: A value is of the wrong kind, out of its range, or none of the choices.
    """

    top: int = option(9, help="Strongest images of each channel, and weakest.", low=1, high=1000)
    shard: int | None = option(
        None, help="Images between two files of results; changes no number.", low=1
    )
    engine: str = option("local", help="Who runs the shards.", choices=ENGINES)
    workers: int | None = option(
        None,
        help="Decoding threads, of Ray shards at once; changes no number.",
        low=1,
        high=100_000,
    )
    address: str | None = option(
        None,
        help="Of a Ray cluster, or auto; else one on this machine for this survey alone.",
        metavar="HOST:PORT",
    )
    cores: int = option(1, help="Of each worker of Ray.", low=1, high=10_000)
    strict: bool = option(False, help="End where an image cannot be read.", flag="--strict")
    correlate: bool = option(
        False, help="Find the channels of a layer that go together.", flag="--correlate"
    )
    twins: str | None = option(
        None,
        help="Two layers whose channels are compared; several pairs with commas.",
        metavar="FIRST:SECOND",
    )
