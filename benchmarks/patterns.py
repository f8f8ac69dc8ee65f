"""Patterns against the loop of the book and against two peers, on the same canvas.

``python benchmarks/patterns.py loop`` times all channels of a layer against the book's loop, one
filter after the other, at the same final activation; ``overhead`` the ascent against its bare
forward and backward passes; ``peers`` (TensorFlow, with tf-keras-vis and Xplique installed) what
is left of each pattern under shifts and rescalings that none has seen. SqueezeNet is read from
``LAYERSIGHT_DATA``; ``--vgg`` takes VGG16 with random weights instead.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import layersight
from layersight.nouns.patterns.canvas import LARGEST_BATCH
from layersight.nouns.patterns.placements import unseen

SIDE = 150

BARE, ROUNDS = 16, 32
"""How many images a bare pass takes at once, and how often it is timed."""

RATE = 1.2
"""A rate for a hasty climb: as high as the book's in few steps."""

Array = NDArray[Any]


def open_network(vgg: bool) -> tuple[Any, str]:
    """The network and its layer."""
    if vgg:
        return layersight.load_model("VGG16", weights="random"), "block3_conv1"
    path = Path(os.environ["LAYERSIGHT_DATA"]) / "models" / "squeezenet_imagenet_notop.h5"
    return layersight.load_model(path), "fire5_concat"


def part_of(model: Any, layer: str) -> Any:
    """The live model as far as a layer, of any size of input."""
    import keras

    live = model.model
    whole = keras.Model(live.inputs[0], live.get_layer(layer).output)
    if live.inputs[0].shape[1] is None:
        return whole
    free = keras.Input((None, None, 3))
    hidden = free
    for step in whole.layers[1:]:
        hidden = step(hidden)
    return keras.Model(free, hidden)


def of_size(part: Any) -> Any:
    """The same network for one size of input, which Xplique has to know."""
    import keras

    fixed = keras.models.clone_model(part, input_tensors=keras.Input((SIDE, SIDE, 3)))
    fixed.set_weights(part.get_weights())
    return fixed


def make_gradient(part: Any, channel: int) -> Callable[[Any], tuple[Any, Any]]:
    """Value and gradient of one filter as the framework compiles them, made anew for each."""
    import keras

    def loss(image: Any) -> Any:
        return keras.ops.mean(part(image, training=False)[..., channel])

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        variables = [variable.value for variable in part.variables]

        def pure(image: Any, values: Any) -> Any:
            pairs = list(zip(part.variables, values, strict=True))
            with keras.StatelessScope(state_mapping=pairs):
                return loss(image)

        both = jax.jit(jax.value_and_grad(pure))
        return lambda image: both(image, variables)
    if backend == "tensorflow":
        import tensorflow as tf

        def both_of(image: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(image)
                value = loss(image)
            return value, tape.gradient(value, image)

        traced = tf.function(both_of)
        return lambda image: traced(tf.convert_to_tensor(image))
    import torch

    def eager(image: Any) -> Any:
        tensor = torch.as_tensor(np.asarray(image)).requires_grad_()
        value = loss(tensor)
        return value.detach(), torch.autograd.grad(value, tensor)[0]

    return eager


def book(part: Any, channel: int, steps: int = 40) -> tuple[Array, float]:
    """The loop of the book for one filter: the image, and the activation that it reached."""
    gradient = make_gradient(part, channel)
    chance = np.random.default_rng(0)
    image = (chance.random((1, SIDE, SIDE, 3)) * 20 + 128).astype("float32")
    for _ in range(steps):
        _, slope = gradient(image)
        slope = np.asarray(slope)
        image = image + slope / (np.sqrt(np.mean(np.square(slope))) + 1e-5)
    return image[0], float(gradient(image)[0])


def run_loop(arguments: argparse.Namespace) -> float:
    """All channels against the book's loop; the ratio of the times at equal activation."""
    model, layer = open_network(arguments.vgg)
    part = part_of(model, layer)
    count = arguments.channels or int(part.output.shape[-1])
    some = range(0, count, max(1, count // arguments.sample))
    start = time.perf_counter()
    reached = [book(part, channel)[1] for channel in some]
    one = (time.perf_counter() - start) / len(reached)
    print(
        f"the book's loop, {len(reached)} of {count} filters: {one:.2f} s each, "
        f"mean activation {np.mean(reached):.1f}",
        flush=True,
    )
    for steps in arguments.steps:
        start = time.perf_counter()
        made = layersight.patterns(
            *(model, layer, f"0:{count}"),
            size=(SIDE, SIDE),
            steps=steps,
            rate=RATE,
            patience=0,
            precision=arguments.precision,
        )
        seconds = time.perf_counter() - start
        level = float(made.activation[list(some)].mean())
        ratio = seconds / (one * count)
        print(
            f"layersight, {steps} steps: {seconds / count:.2f} s each, the same filters "
            f"{level:.1f}; all {count} in {seconds:.1f} s, ratio {ratio:.2f}",
            flush=True,
        )
        if level >= np.mean(reached):
            return ratio
    return float("inf")


def run_overhead(arguments: argparse.Namespace) -> float:
    """Steps of the ascent against bare passes forward and backward, for as many patterns.

    They take turns, a bare pass of :data:`BARE` images after each step.
    """
    import keras

    model, layer = open_network(arguments.vgg)
    part = part_of(model, layer)
    image = np.random.default_rng(0).random((BARE, SIDE, SIDE, 3)).astype("float32")
    target = np.eye(int(part.output.shape[-1]), dtype="float32")[:BARE]

    class Bare:
        variables = part.variables

        def __call__(self, given: Any, training: bool = False) -> Any:
            output = keras.ops.mean(part(given, training=training), (1, 2))
            return keras.ops.sum(output * keras.ops.convert_to_tensor(target), -1)[:, None]

    gradient = make_gradient(Bare(), 0)
    np.asarray(gradient(image)[1])
    bare: list[float] = []
    own: list[float] = []
    last = [time.perf_counter(), 0]

    def tick(done: int, total: int) -> None:
        now = time.perf_counter()
        own.append((now - last[0]) / (done - last[1]))
        np.asarray(gradient(image)[1])
        last[:] = [time.perf_counter(), done]
        bare.append((last[0] - now) / BARE)

    count = 2 * LARGEST_BATCH
    layersight.patterns(
        *(model, layer, f"{LARGEST_BATCH}:{count}"),
        size=(SIDE, SIDE),
        steps=ROUNDS,
        patience=0,
        precision=arguments.precision,
        progress=tick,
    )
    step, passes = (1000 * BARE * float(np.median(times[4:])) for times in (own, bare))
    print(
        f"a step of {BARE} patterns {step:.1f} ms, bare passes {passes:.1f} ms, "
        f"ratio {step / passes:.2f}"
    )
    return step / passes


def look(picture: Array, view: Array) -> Array:
    """What is seen of a picture through a placement; beyond its edges is grey."""
    from scipy import ndimage

    planes = [
        ndimage.affine_transform(
            picture[..., n], view[:, :2], view[:, 2], order=1, mode="constant", cval=127.5
        )
        for n in range(picture.shape[-1])
    ]
    return np.stack(planes, -1)


def judge(part: Any, model: Any, pixels: Array, channel: int) -> tuple[float, float]:
    """The activation of a picture as it is, and its mean under unseen placements."""
    pixels = pixels.astype("float32")
    views = [pixels, *(look(pixels, view) for view in unseen(pixels.shape[:2]))]
    batch = model.info.preprocessing.apply(np.stack(views))
    output = np.asarray(part(batch, training=False))[..., channel]
    levels = output.mean((1, 2))
    return float(levels[0]), float(levels[1:].mean())


def tf_keras_vis(part: Any, model: Any, channel: int) -> Array:
    """A pattern of tf-keras-vis at its defaults, as pixels."""
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.utils.scores import CategoricalScore

    low = model.info.preprocessing.apply(np.zeros((1, 1, 3)))[0, 0]
    high = model.info.preprocessing.apply(np.full((1, 1, 3), 255))[0, 0]
    maximise = ActivationMaximization(part, clone=False)
    seed = np.random.default_rng(0).uniform(low, high, (1, SIDE, SIDE, 3)).astype("float32")
    found = maximise(
        CategoricalScore(channel),
        seed_input=seed,
        input_range=(float(low.min()), float(high.max())),
    )
    values = np.asarray(found)[0]
    pixels: Array = np.clip((values - low) / (high - low) * 255, 0, 255)[..., ::-1]
    return pixels


def xplique(part: Any, model: Any, channel: int) -> Array:
    """A pattern of Xplique at its defaults, as pixels."""
    from xplique.features_visualizations import Objective, optimize

    low = model.info.preprocessing.apply(np.zeros((1, 1, 3)))[0, 0]
    high = model.info.preprocessing.apply(np.full((1, 1, 3), 255))[0, 0]
    objective = Objective.channel(part, part.layers[-1].name, channel)
    images, _ = optimize(
        objective, custom_shape=(SIDE, SIDE), values_range=(float(low.min()), float(high.max()))
    )
    values = np.asarray(images[-1])[0]
    pixels: Array = np.clip((values - low) / (high - low) * 255, 0, 255)[..., ::-1]
    return pixels


PEERS = {"tf-keras-vis": tf_keras_vis, "Xplique": xplique}


def run_peers(arguments: argparse.Namespace) -> float:
    """Who reaches more where nobody has looked, in what time; the share of channels won."""
    model, _ = open_network(False)
    won: list[bool] = []
    rows: list[list[Array]] = []
    for layer in arguments.layers:
        part = of_size(part_of(model, layer))
        count = arguments.channels or 32
        start = time.perf_counter()
        made = layersight.patterns(model, layer, f"0:{count}", size=(SIDE, SIDE))
        own = (time.perf_counter() - start) / count
        plain = layersight.patterns(model, layer, f"0:{count}", method="classic", size=(SIDE, SIDE))
        alive = [channel for channel in range(count) if not made.dead[channel]]
        mine = {channel: judge(part, model, made.images[channel], channel) for channel in alive}
        share = np.nanmean(made.robustness) / np.nanmean(plain.robustness)
        print(
            f"{layer}: layersight {own:.1f} s a channel, kept {np.nanmean(made.robustness):.2f}, "
            f"classic kept {np.nanmean(plain.robustness):.2f} ({share:.1f} times)",
            flush=True,
        )
        best = dict.fromkeys(alive, -np.inf)
        pictures = [made.images[alive[0]]]
        for name, peer in PEERS.items():
            kept = Path(arguments.keep) / f"{name}-{layer}.npz" if arguments.keep else None
            if kept is not None and kept.exists():
                with np.load(kept) as stored:
                    seconds = float(stored["seconds"])
                    theirs = {channel: stored[str(channel)] for channel in alive}
            else:
                start = time.perf_counter()
                theirs = {channel: peer(part, model, channel) for channel in alive}
                seconds = (time.perf_counter() - start) / len(alive)
                if kept is not None:
                    named = {str(channel): image for channel, image in theirs.items()}
                    np.savez(kept, seconds=seconds, **named)
            levels = {c: judge(part, model, image, c) for c, image in theirs.items()}
            for channel in alive:
                best[channel] = max(best[channel], levels[channel][1])
            wins = np.mean([mine[c][1] > levels[c][1] for c in alive])
            print(
                f"  {name}: {seconds:.1f} s a channel (ratio {own / seconds:.2f}), unseen "
                f"{np.mean([v[1] for v in levels.values()]):.1f} against "
                f"{np.mean([v[1] for v in mine.values()]):.1f}; layersight higher in {wins:.0%}",
                flush=True,
            )
            pictures.append(theirs[alive[0]].astype("uint8"))
        won += [mine[channel][1] > best[channel] for channel in alive]
        rows.append(pictures)
    if arguments.picture:
        from PIL import Image

        sheet = np.concatenate([np.concatenate(row, 1) for row in rows])
        Image.fromarray(sheet).save(arguments.picture)
    print(f"higher than both in {np.mean(won):.0%} of {len(won)} live channels")
    return float(np.mean(won))


def step_limit() -> float:
    """What a step may take of the bare passes in it, about a quarter above what was measured."""
    import keras

    return {"jax": 0.9, "torch": 1.1, "tensorflow": 1.6}[keras.backend.backend()]


LIMITS: dict[str, Callable[[float, bool], bool]] = {
    "loop": lambda ratio, vgg: ratio <= (0.5 if vgg else 0.25),
    "overhead": lambda ratio, vgg: ratio <= (1.25 if vgg else step_limit()),
    "peers": lambda share, vgg: share >= 0.9,
}
"""What must hold."""

RUNS = {"loop": run_loop, "overhead": run_overhead, "peers": run_peers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=list(RUNS))
    parser.add_argument("--vgg", action="store_true")
    parser.add_argument("--channels", type=int, default=0, help="how many; else all")
    parser.add_argument("--sample", type=int, default=16, help="filters that the loop is timed on")
    parser.add_argument("--steps", type=int, nargs="+", default=[8, 10, 12, 14, 16, 20, 24, 32])
    parser.add_argument("--precision", default="float32", help="of the ascent; float32 or mixed")
    parser.add_argument("--keep", help="a folder for the peers' patterns and times")
    parser.add_argument("--picture", help="where to save the patterns side by side")
    parser.add_argument(
        "--layers", nargs="+", default=[f"fire{number}_concat" for number in range(5, 10)]
    )
    arguments = parser.parse_args()
    figure = RUNS[arguments.what](arguments)
    sys.exit(not LIMITS[arguments.what](figure, arguments.vgg))


if __name__ == "__main__":
    main()
