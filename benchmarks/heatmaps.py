"""Heatmaps against bare passes of the same network, and against two peers on TensorFlow.

``python benchmarks/heatmaps.py grad-cam`` times a warm Grad-CAM against one forward pass and the
way back to the same layer, written for the backend alone; ``score-cam`` all masks of a layer
against the bare batched forward passes that they need; ``batch`` a batch of 32 images against
bare passes; ``peers`` (TensorFlow, with tf-keras-vis and Xplique installed) the same Grad-CAM
and Score-CAM by them. The network is VGG16 at 224 x 224 with random weights, so that nothing has
to be downloaded; its speed does not depend on them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import layersight
from layersight.data.readout import Readout
from layersight.nouns.heatmaps.methods.method import Images, Request, find_method
from layersight.nouns.heatmaps.request import HeatmapOptions

LAYER = "block5_conv3"
UNIT = 386

Bare = tuple[Callable[[Any], Any], Callable[[Any], Any]]
"""A forward pass, and one with the way back to the layer."""


def in_turn(works: Sequence[Callable[[], Any]], times: int, warm: int = 2) -> list[float]:
    """The median time of each of several works that take turns on the same machine."""
    for work in works:
        for _ in range(warm):
            work()
    found: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for place, work in enumerate(works):
            start = time.perf_counter()
            work()
            found[place].append(time.perf_counter() - start)
    return [statistics.median(times) for times in found]


def make_bare(live: Any) -> Bare:
    """A forward pass, and one with the way back to the layer, for the backend alone."""
    import keras

    logits = keras.Model(live.inputs, live.get_layer(LAYER).output)
    rest = live.layers[live.layers.index(live.get_layer(LAYER)) + 1 :]

    def head(maps: Any) -> Any:
        for layer in rest[:-1]:
            maps = layer(maps)
        last = rest[-1]
        return keras.ops.matmul(maps, last.kernel) + last.bias

    backend = keras.backend.backend()
    if backend == "jax":
        return _bare_jax(live, logits, head)
    if backend == "tensorflow":
        return _bare_tensorflow(live, logits, head)
    return _bare_torch(live, logits, head)


def _bare_jax(live: Any, lower: Any, head: Callable[[Any], Any]) -> Bare:
    import jax
    import keras

    values = [variable.value for variable in live.variables]

    def state(given: Any) -> Any:
        return keras.StatelessScope(state_mapping=list(zip(live.variables, given, strict=True)))

    @jax.jit  # type: ignore[untyped-decorator]
    def forward(given: Any, image: Any) -> Any:
        with state(given):
            return live(image, training=False)

    @jax.jit  # type: ignore[untyped-decorator]
    def both(given: Any, image: Any) -> Any:
        with state(given):
            maps = lower(image, training=False)
            return maps, jax.grad(lambda m: head(m)[:, UNIT].sum())(maps)

    return (
        lambda image: jax.device_get(forward(values, image)),
        lambda image: jax.device_get(both(values, image)),
    )


def _bare_tensorflow(live: Any, lower: Any, head: Callable[[Any], Any]) -> Bare:
    import tensorflow as tf

    @tf.function  # type: ignore[untyped-decorator]
    def forward(image: Any) -> Any:
        return live(image, training=False)

    @tf.function  # type: ignore[untyped-decorator]
    def both(image: Any) -> Any:
        maps = lower(image, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(maps)
            score = tf.reduce_sum(head(maps)[:, UNIT])
        return maps, tape.gradient(score, maps)

    return (
        lambda image: forward(tf.convert_to_tensor(image)).numpy(),
        lambda image: [part.numpy() for part in both(tf.convert_to_tensor(image))],
    )


def _bare_torch(live: Any, lower: Any, head: Callable[[Any], Any]) -> Bare:
    import torch

    def forward(image: Any) -> Any:
        with torch.no_grad():
            return live(torch.as_tensor(image), training=False).numpy()

    def both(image: Any) -> Any:
        with torch.no_grad():
            maps = lower(torch.as_tensor(image), training=False)
        maps = maps.detach().requires_grad_()
        (gradients,) = torch.autograd.grad(head(maps)[:, UNIT].sum(), maps)
        return maps.detach().numpy(), gradients.numpy()

    return forward, both


def open_vgg() -> tuple[Any, Any]:
    """VGG16 with random weights, and a picture for it."""
    model = layersight.load_model("VGG16", weights="random")
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3)).astype(np.uint8)
    return model, picture


def images_of(model: Any, pixels: Any) -> Images:
    """Pixels that the network sees, as methods take them."""
    name = model.info.inputs[0].name
    edge = np.zeros(pixels.shape[-1], np.float32)
    return Images({name: pixels}, name, edge, edge + 1)


def goal_of() -> tuple[Readout, ...]:
    """The logit of a class."""
    weights = np.zeros((1, 1000), np.float32)
    weights[0, UNIT] = 1
    return (Readout("predictions", weights, before=True),)


def run_grad_cam(arguments: argparse.Namespace) -> None:
    """A warm Grad-CAM of one image, through the verb, against bare passes."""
    model, picture = open_vgg()
    image = layersight.load_image(picture, model)
    forward, both = make_bare(model.model)
    pixels = image.values[None]
    ours, once, twice = in_turn(
        [
            lambda: layersight.heatmap(model, image, target=UNIT, layer=LAYER),
            lambda: forward(pixels),
            lambda: both(pixels),
        ],
        arguments.times,
    )
    print(
        f"Grad-CAM {1000 * ours:.0f} ms; forward pass {1000 * once:.0f} ms; forward pass and the "
        f"way back to {LAYER} {1000 * twice:.0f} ms; ratio {ours / twice:.2f}"
    )


def run_batch(arguments: argparse.Namespace) -> None:
    """32 images at once against bare passes of as many."""
    model, _ = open_vgg()
    pixels = np.random.default_rng(0).random((32, 224, 224, 3)).astype(np.float32)
    images = images_of(model, pixels)
    compute = find_method("grad-cam").compute
    _, both = make_bare(model.model)
    ours, bare = in_turn(
        [
            lambda: compute(
                Request(
                    model,
                    images,
                    target=goal_of(),
                    layers=(LAYER,),
                    options=HeatmapOptions(),
                    batch_size=32,
                    progress=lambda done, count: None,
                )
            ),
            lambda: both(pixels),
        ],
        max(3, arguments.times // 4),
        warm=1,
    )
    print(f"32 images: {32 / ours:.1f} a second, bare {32 / bare:.1f}, rate {bare / ours:.2f}")


def run_score_cam(arguments: argparse.Namespace) -> None:
    """All masks of a layer against the bare batched forward passes that they need."""
    model, _ = open_vgg()
    pixels = np.random.default_rng(0).random((1, 224, 224, 3)).astype(np.float32)
    images = images_of(model, pixels)
    shown: list[int] = []

    class Counting:
        """The model, and how many images it was shown."""

        def __getattr__(self, name: str) -> Any:
            return getattr(model, name)

        def read(self, inputs: Any, goal: Any) -> Any:
            shown.append(len(next(iter(inputs.values()))))
            return model.read(inputs, goal)

    counting: Any = Counting()

    def ours() -> None:
        shown.clear()
        find_method("score-cam").compute(
            Request(
                counting,
                images,
                target=goal_of(),
                layers=(LAYER,),
                options=HeatmapOptions(masks=arguments.masks),
                batch_size=arguments.batch,
                progress=lambda done, count: None,
            )
        )

    forward, _ = make_bare(model.model)
    ours()
    passes = list(shown)
    batches = {size: np.repeat(pixels, size, axis=0) for size in set(passes)}

    def bare() -> None:
        for size in passes:
            forward(batches[size])

    found = in_turn([ours, bare], max(2, arguments.times // 10), warm=1)
    print(
        f"Score-CAM, {sum(passes)} images shown in {len(passes)} passes: {found[0]:.1f} s; the "
        f"same passes bare {found[1]:.1f} s; ratio {found[0] / found[1]:.2f}"
    )


def run_peers(arguments: argparse.Namespace) -> None:
    """The same heatmaps by tf-keras-vis and Xplique."""
    model, picture = open_vgg()
    image = layersight.load_image(picture, model)
    pixels = image.values[None]
    live = model.model
    works = {
        "layersight": lambda: layersight.heatmap(model, image, target=UNIT, layer=LAYER),
        **peers_of(live, pixels, "grad-cam"),
    }
    found = in_turn(list(works.values()), max(5, arguments.times // 2))
    print("Grad-CAM: " + ", ".join(f"{n} {t:.2f} s" for n, t in zip(works, found, strict=True)))
    if arguments.masks != 1:
        options = HeatmapOptions(masks=arguments.masks)
        works = {
            "layersight": lambda: find_method("score-cam").compute(
                Request(
                    model,
                    images_of(model, pixels),
                    target=goal_of(),
                    layers=(LAYER,),
                    options=options,
                    batch_size=arguments.batch,
                    progress=lambda done, count: None,
                )
            ),
            **peers_of(live, pixels, "score-cam"),
        }
        found = in_turn(list(works.values()), 1, warm=1)
        print(
            "Score-CAM: " + ", ".join(f"{n} {t:.1f} s" for n, t in zip(works, found, strict=True))
        )


def peers_of(live: Any, pixels: Any, method: str) -> dict[str, Callable[[], Any]]:
    """What the peers do with the same network, image, class and layer."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore
    from xplique.attributions import GradCAM

    score = CategoricalScore([UNIT])
    if method == "score-cam":
        slow = Scorecam(live)
        return {"tf-keras-vis": lambda: slow(score, pixels, penultimate_layer=LAYER)}
    quick = Gradcam(live, model_modifier=ReplaceToLinear(), clone=True)
    labels = np.eye(1000, dtype=np.float32)[[UNIT]]
    other = GradCAM(live, output_layer=-1, conv_layer=LAYER)
    return {
        "tf-keras-vis": lambda: quick(score, pixels, penultimate_layer=LAYER),
        "Xplique": lambda: other.explain(pixels, labels),
    }


def main() -> None:
    works = {
        "grad-cam": run_grad_cam,
        "batch": run_batch,
        "score-cam": run_score_cam,
        "peers": run_peers,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=list(works))
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--masks", type=int, default=0, help="of Score-CAM; 0 for all 512")
    parser.add_argument("--batch", type=int, default=16)
    arguments = parser.parse_args()
    works[arguments.what](arguments)


if __name__ == "__main__":
    main()
