"""The libraries for PyTorch: pytorch-grad-cam, torch-cam and Captum."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import captum.attr
import numpy as np
import pytorch_grad_cam
import torch
import torchcam.methods
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from heatmap_peers.recording import (
    FACTOR,
    FINE,
    MIN_MAX,
    NOISE,
    NONE,
    PIXELS,
    RELU,
    SIGN,
    STEADY,
    STEPS,
    STRIDE,
    WINDOW,
    Array,
    Case,
    Recording,
)

GRAD_CAM, TORCH_CAM, CAPTUM = "grad-cam", "torchcam", "captum"

CORNERS = "enlarges masks with their corners, not their edges, on those of the image"
EARLIER = "puts masks between 0 and 1 before it enlarges them, the paper afterwards"
GREATEST = "the greatest absolute value over the colours"
COLOURS = "sum over the colours"
DIVISOR = "adds 1e-6 to the divisor of the alphas, which shows where gradients are small"
LAYERS = ("conv1", "conv2", "conv3")


def part(case: Case, layer: str) -> torch.nn.Module:
    """The module that gives what a layer of the Keras model gives, rectified."""
    return case.torch.get_submodule(relu(layer))


def relu(layer: str) -> str:
    """Its name."""
    return f"relu{layer[-1]}"


def of_pytorch_grad_cam(case: Case) -> Iterator[Recording]:
    """What pytorch-grad-cam says: what ``get_cam_image`` gave it."""
    for called, method in (
        ("GradCAM", "grad-cam"),
        ("HiResCAM", "hirescam"),
        ("XGradCAM", "xgrad-cam"),
        ("LayerCAM", "layercam"),
    ):
        yield taken(case, called, method, "conv3")
    yield taken(case, "GradCAMPlusPlus", "grad-cam++", "conv3", note=DIVISOR)
    note = "the sign is that of the decomposition, so that a map can be its own opposite"
    yield taken(case, "EigenCAM", "eigencam", "conv3", compared=SIGN, note=note)
    note = (
        "where the least value of a layer is not 0, a channel is set 1e7 below it, not to 0; "
        "divides by the logit and not by its size, which turns the map where it is below 0"
    )
    yield taken(case, "AblationCAM", "ablation-cam", "conv3", note=note)
    yield taken(case, "ScoreCAM", "score-cam", "conv1", compared=FACTOR)
    yield taken(case, "ScoreCAM", "score-cam", "conv3", compared=FACTOR, differs=CORNERS)
    with patch("torch.nn.UpsamplingBilinear2d", edges):
        changed = "masks enlarged with their edges on those of the image"
        yield taken(
            case, "ScoreCAM", "score-cam", "conv3", compared=FACTOR, changed=changed, mark="edges"
        )
    yield refined(case)
    if case.network == PIXELS:
        yield guided(case)


def guided(case: Case) -> Recording:
    """Guided backpropagation of pytorch-grad-cam, of a copy: it leaves other rectifiers behind."""
    explain = pytorch_grad_cam.GuidedBackpropReLUModel(copy.deepcopy(case.torch))
    maps = [
        explain(case.tensor[number : number + 1], chosen)
        for number, chosen in enumerate(case.classes)
    ]
    return Recording(
        GRAD_CAM,
        "GuidedBackpropReLUModel",
        "guided-backprop",
        np.abs(maps).max(axis=-1),
        then=GREATEST,
    )


def taken(
    case: Case, called: str, method: str, layer: str, *, compared: str = RELU, **known: Any
) -> Recording:
    """What a class of pytorch-grad-cam computed before it rectified and enlarged it."""
    kept: list[Array] = []
    with getattr(pytorch_grad_cam, called)(case.torch, [part(case, layer)]) as explain:
        compute = explain.get_cam_image

        def keep(*arguments: Any) -> Array:
            kept.append(compute(*arguments))
            return kept[-1]

        explain.get_cam_image = keep
        explain(case.tensor, [ClassifierOutputTarget(number) for number in case.classes])
    return Recording(
        GRAD_CAM,
        called,
        method,
        kept[0].copy(),
        (layer,),
        compared=compared,
        usual="rectified, min-max, enlarged",
        **known,
    )


def edges(size: tuple[int, ...]) -> torch.nn.Module:
    """Enlarges with the edges of both on each other."""
    return torch.nn.Upsample(size=tuple(size), mode="bilinear", align_corners=False)


def refined(case: Case) -> Recording:
    """RefineCAM of pytorch-grad-cam, over Grad-CAM++."""
    explain = pytorch_grad_cam.RefineCAM(case.torch, [part(case, layer) for layer in LAYERS])
    targets = [ClassifierOutputTarget(number) for number in case.classes]
    values = explain(case.tensor, targets)
    for base in explain.base_cam_per_layer:
        base.activations_and_grads.release()
    return Recording(
        GRAD_CAM,
        "RefineCAM",
        "refine-cam",
        values,
        LAYERS,
        compared=MIN_MAX,
        usual="min-max",
        note=DIVISOR,
    )


def of_torchcam(case: Case) -> Iterator[Recording]:
    """What torch-cam says."""
    if case.network == "gap":
        yield mapped(case, "CAM", "cam", "conv3", fc_layer="top")
    yield mapped(case, "GradCAM", "grad-cam", "conv3")
    yield mapped(
        case,
        "GradCAMpp",
        "grad-cam++",
        "conv3",
        compared=FACTOR,
        differs="its division of the alphas changes a copy that is thrown away, so that each "
        "channel counts by the sum of its positive gradients cubed",
    )
    yield mapped(case, "XGradCAM", "xgrad-cam", "conv3")
    yield mapped(case, "LayerCAM", "layercam", "conv3")
    yield mapped(case, "ScoreCAM", "score-cam", "conv1", compared=FACTOR)
    yield mapped(case, "ScoreCAM", "score-cam", "conv3", compared=FACTOR, differs=EARLIER)
    names = [relu(layer) for layer in LAYERS]
    with torchcam.methods.RefineCAM(
        case.torch, names, input_shape=tuple(case.tensor.shape[1:])
    ) as explain:
        logits = case.torch(case.tensor)
        (values,) = explain(list(case.classes), logits)
    yield Recording(
        TORCH_CAM,
        "RefineCAM",
        "refine-cam",
        values.numpy(),
        LAYERS,
        compared=MIN_MAX,
        usual="min-max",
        differs="its Grad-CAM++ is another; puts each map between 0 and 1 before it enlarges it, "
        "not again afterwards",
    )


def mapped(
    case: Case,
    called: str,
    method: str,
    layer: str,
    *,
    compared: str = NONE,
    differs: str = "",
    **options: Any,
) -> Recording:
    """What a class of torch-cam gives with ``normalized=False``."""
    kind = getattr(torchcam.methods, called)
    shape = tuple(case.tensor.shape[1:])
    with kind(case.torch, relu(layer), input_shape=shape, **options) as explain:
        logits = case.torch(case.tensor)
        (values,) = explain(list(case.classes), logits, normalized=False)
    return Recording(
        TORCH_CAM,
        called,
        method,
        values.numpy(),
        (layer,),
        compared=compared,
        usual="min-max",
        differs=differs,
    )


def of_captum(case: Case) -> Iterator[Recording]:
    """What Captum says."""
    yield from of_layers(case)
    if case.network == STEADY:
        yield integrated(case, "riemann_middle", STEPS)
        yield integrated(case, "gausslegendre", FINE)
    if case.network == PIXELS:
        for called, method, how in (
            ("Saliency", "gradient", GREATEST),
            ("InputXGradient", "gradient-x-input", COLOURS),
            ("GuidedBackprop", "guided-backprop", GREATEST),
        ):
            values = attribute(case, getattr(captum.attr, called)(case.torch))
            yield Recording(CAPTUM, called, method, reduced(values, how), then=how)
        yield smoothed(case)
        yield occluded(case, WINDOW, STRIDE)
        differs = "the last windows are cut by the edge, not laid flush with it"
        yield occluded(case, WINDOW - 1, STRIDE - 1, mark="cut", differs=differs)


def integrated(case: Case, rule: str, steps: int) -> Recording:
    """Integrated gradients of Captum by one of its rules."""
    explain = captum.attr.IntegratedGradients(case.torch)
    values = attribute(case, explain, method=rule, n_steps=steps, internal_batch_size=500)
    return Recording(
        CAPTUM,
        f"IntegratedGradients(method='{rule}')",
        "integrated-gradients",
        reduced(values, COLOURS),
        options={"steps": steps},
        then=COLOURS,
        mark=rule,
    )


def of_layers(case: Case) -> Iterator[Recording]:
    """What Captum makes of a layer."""
    layer = part(case, "conv3")
    grad_cam = attribute(case, captum.attr.LayerGradCam(case.torch, layer))
    yield Recording(CAPTUM, "LayerGradCam", "grad-cam", grad_cam[..., 0], ("conv3",), compared=RELU)
    product = attribute(case, captum.attr.LayerGradientXActivation(case.torch, layer))
    yield Recording(
        CAPTUM,
        "LayerGradientXActivation",
        "hirescam",
        product.sum(axis=-1),
        ("conv3",),
        compared=RELU,
        then="sum over the channels",
    )


def attribute(case: Case, explain: Any, **options: Any) -> Array:
    """What an explainer of Captum gives, channels last."""
    found = explain.attribute(case.tensor, target=list(case.classes), **options)
    values: Array = found.detach().numpy().transpose(0, 2, 3, 1)
    return values


def reduced(values: Array, how: str) -> Array:
    """One value for each pixel."""
    maps: Array = values.sum(axis=-1) if how == COLOURS else np.abs(values).max(axis=-1)
    return maps


def smoothed(case: Case) -> Recording:
    """SmoothGrad of Captum with the noise of the case."""
    explain = captum.attr.NoiseTunnel(captum.attr.Saliency(case.torch))
    drawn = torch.from_numpy(case.noise.transpose(0, 3, 1, 2).copy())
    rows = drawn.repeat(len(case.images), 1, 1, 1)
    count = len(case.noise)
    with patch("torch.normal", lambda _, spread: spread * rows):
        values = attribute(
            case, explain, nt_type="smoothgrad", nt_samples=count, stdevs=NOISE, abs=False
        )
    return Recording(
        CAPTUM,
        "NoiseTunnel(Saliency)",
        "smoothgrad",
        reduced(values, GREATEST),
        options={"samples": count, "noise": NOISE},
        changed="the noise drawn",
        then=GREATEST,
    )


def occluded(case: Case, window: int, stride: int, **known: Any) -> Recording:
    """Occlusion of Captum, all colours at once."""
    values = attribute(
        case,
        captum.attr.Occlusion(case.torch),
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
    )
    options = {"window": window, "stride": stride}
    return Recording(CAPTUM, "Occlusion", "occlusion", values[..., 0], options=options, **known)


LIBRARIES = (of_pytorch_grad_cam, of_torchcam, of_captum)
