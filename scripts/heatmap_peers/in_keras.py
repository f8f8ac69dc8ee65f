"""The libraries for Keras: tf-keras-vis and Xplique."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import tensorflow as tf
import xplique.attributions
from tf_keras_vis.gradcam import Gradcam, GradcamPlusPlus
from tf_keras_vis.layercam import Layercam
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.scorecam import Scorecam
from tf_keras_vis.utils.model_modifiers import GuidedBackpropagation
from tf_keras_vis.utils.scores import CategoricalScore

from heatmap_peers.recording import (
    FACTOR,
    FINE,
    KEEP,
    NOISE,
    PIXELS,
    STEADY,
    STRIDE,
    WINDOW,
    Array,
    Case,
    Recording,
)

VIS, XPLIQUE = "tf-keras-vis", "xplique"

AUTHORS = "follows the code of the authors, not the paper: "
CORNERS = "; enlarges masks with their corners, not their edges, on those of the image"
COLOURS = "sum over the colours"


def of_tf_keras_vis(case: Case) -> Iterator[Recording]:
    """What tf-keras-vis says."""
    score = CategoricalScore(list(case.classes))

    def cam(kind: Any, layer: str = "conv3") -> Array:
        found = kind(case.keras)(
            score,
            case.images,
            penultimate_layer=layer,
            seek_penultimate_conv_layer=False,
            expand_cam=False,
            normalize_cam=False,
        )
        return np.asarray(found)

    usual = "min-max, enlarged"
    yield Recording(VIS, "Gradcam", "grad-cam", cam(Gradcam), ("conv3",), usual=usual)
    yield Recording(
        VIS,
        "GradcamPlusPlus",
        "grad-cam++",
        cam(GradcamPlusPlus),
        ("conv3",),
        compared=FACTOR,
        usual=usual,
        differs=AUTHORS + "divides the alphas of each channel by their sum",
    )
    yield Recording(VIS, "Layercam", "layercam", cam(Layercam), ("conv3",), usual=usual)
    for layer in ("conv1", "conv3"):
        yield Recording(
            VIS,
            "Scorecam",
            "score-cam",
            cam(Scorecam, layer),
            (layer,),
            compared=FACTOR,
            usual=usual,
            differs=AUTHORS + "a channel counts by the probability of the class, not by the "
            "softmax of its logits over the channels" + ("" if layer == "conv1" else CORNERS),
        )
    if case.network == PIXELS:
        yield from saliencies(case, score)


def saliencies(case: Case, score: CategoricalScore) -> Iterator[Recording]:
    """What tf-keras-vis says of pixels."""

    def ask(modifier: Any = None, **options: Any) -> Array:
        explain = Saliency(case.keras, model_modifier=modifier)
        return np.asarray(explain(score, case.images, normalize_map=False, **options))

    usual = "min-max"
    yield Recording(VIS, "Saliency", "gradient", ask(), usual=usual)
    yield Recording(
        VIS,
        "Saliency with GuidedBackpropagation",
        "guided-backprop",
        ask(GuidedBackpropagation()),
        usual=usual,
    )
    count = len(case.noise)
    with patch("numpy.random.normal", lambda _, spread, shape: spread * repeated(case, shape)):
        values = ask(smooth_samples=count, smooth_noise=NOISE)
    yield Recording(
        VIS,
        "Saliency with smooth_samples",
        "smoothgrad",
        values,
        options={"samples": count, "noise": NOISE},
        usual=usual,
        changed="the noise drawn",
        differs="averages absolute gradients; the noise is a share of the range of each image",
    )


def repeated(case: Case, shape: tuple[int, ...]) -> Array:
    """The noise as ``(sample, image, height, width, channel)``, the same for every image."""
    return np.broadcast_to(case.noise[:, None], shape)


def of_xplique(case: Case) -> Iterator[Recording]:
    """What Xplique says."""
    with patch("tensorflow.image.resize", lambda image, *_, **__: image):
        yield from cams_of_xplique(case)
    if case.network == STEADY:
        yield of_integration(case)
    if case.network == PIXELS:
        yield from of_gradients(case)
        yield of_smoothgrad(case)
        yield of_occlusion(case)
        yield from of_rise(case)


def of_integration(case: Case) -> Recording:
    """Integrated gradients of Xplique, by the trapezoidal rule."""
    return Recording(
        XPLIQUE,
        "IntegratedGradients",
        "integrated-gradients",
        ask(case, "IntegratedGradients", reducer="sum", steps=FINE, batch_size=FINE),
        options={"steps": FINE},
        usual="mean over the colours",
        changed=COLOURS,
    )


def of_gradients(case: Case) -> Iterator[Recording]:
    """What Xplique makes of one gradient."""
    yield Recording(XPLIQUE, "Saliency", "gradient", ask(case, "Saliency"))
    yield Recording(
        XPLIQUE,
        "GradientInput",
        "gradient-x-input",
        ask(case, "GradientInput", reducer="sum"),
        usual="mean over the colours",
        changed=COLOURS,
    )
    yield Recording(
        XPLIQUE,
        "GuidedBackprop",
        "guided-backprop",
        np.abs(ask(case, "GuidedBackprop", reducer=None)).max(axis=-1),
        usual="mean over the colours",
        changed="every colour kept",
        then="the greatest absolute value over the colours",
    )


def cams_of_xplique(case: Case) -> Iterator[Recording]:
    """What Xplique makes of a layer."""
    changed = "not enlarged (bicubic)"
    for called, method, compared, differs in (
        ("GradCAM", "grad-cam", "none", ""),
        (
            "GradCAMPP",
            "grad-cam++",
            FACTOR,
            "takes the mean of a map in the alphas where the paper has its sum",
        ),
    ):
        yield Recording(
            XPLIQUE,
            called,
            method,
            ask(case, called, conv_layer="conv3"),
            ("conv3",),
            compared=compared,
            usual="enlarged",
            changed=changed,
            differs=differs,
        )


def ask(case: Case, called: str, **options: Any) -> Array:
    """What an explainer of Xplique gives, without the last axis where that is 1 long."""
    targets = np.eye(case.keras.output_shape[-1], dtype=np.float32)[list(case.classes)]
    found = getattr(xplique.attributions, called)(case.keras, **options)(case.images, targets)
    values = np.asarray(found)
    return values[..., 0] if values.shape[-1] == 1 else values


def of_smoothgrad(case: Case) -> Recording:
    """SmoothGrad of Xplique with the noise of the case."""
    count = len(case.noise)
    rows = tf.constant(np.concatenate([case.noise] * len(case.images)))
    with patch("tensorflow.random.normal", lambda shape, mean, spread, dtype: spread * rows):
        values = ask(
            case, "SmoothGrad", reducer=None, batch_size=len(rows), nb_samples=count, noise=NOISE
        )
    return Recording(
        XPLIQUE,
        "SmoothGrad",
        "smoothgrad",
        np.abs(values).max(axis=-1),
        options={"samples": count, "noise": NOISE},
        usual="mean over the colours",
        changed="the noise drawn; every colour kept",
        then="the greatest absolute value over the colours",
    )


def of_occlusion(case: Case) -> Recording:
    """Occlusion of Xplique, which adds up what the windows over a pixel give."""
    window = {"patch_size": (WINDOW, WINDOW), "patch_stride": (STRIDE, STRIDE)}
    places = xplique.attributions.Occlusion._get_masks(case.images.shape[1:], **window)
    covered = np.asarray(places, np.float32).sum(axis=0)
    return Recording(
        XPLIQUE,
        "Occlusion",
        "occlusion",
        ask(case, "Occlusion", **window) / covered,
        options={"window": WINDOW, "stride": STRIDE},
        usual="sum over the windows",
        then="divided by the number of windows over each pixel",
    )


def of_rise(case: Case) -> Iterator[Recording]:
    """RISE of Xplique under the masks of the case."""
    masks = case.masks[..., None]
    explainer = "xplique.attributions.Rise."
    with (
        patch(explainer + "_get_masks", lambda *_: masks),
        patch(explainer + "_apply_masks", lambda image, part, _: (part * image[None], part)),
    ):
        values = ask(case, "Rise", batch_size=len(masks))
    given = {"masks": len(masks), "keep": KEEP}
    known: dict[str, Any] = {"options": given, "changed": "the masks drawn"}
    yield Recording(
        XPLIQUE,
        "Rise",
        "rise",
        values,
        differs="divides by what the masks let through at each pixel, the paper by their number "
        "and the share kept",
        **known,
    )
    share = case.masks.sum(axis=0) / (KEEP * len(masks))
    then = "times the sum of the masks at each pixel, divided by their number and the share kept"
    yield Recording(XPLIQUE, "Rise", "rise", values * share, then=then, mark="paper", **known)


LIBRARIES = (of_tf_keras_vis, of_xplique)
