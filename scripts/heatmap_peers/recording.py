"""The networks and images that the libraries are asked about, and what is kept of an answer.

The rule of this module: everything random comes from ``numpy.random.RandomState``, whose
streams never change, so that the file can be made again.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray

from contract.twins import CLASSES, FILTERS, NETWORKS, SIZE, build, pooled

Array = NDArray[Any]

NONE, RELU, MIN_MAX, FACTOR, SIGN = "none", "relu", "min-max", "factor", "sign"
"""What is done to both sides before they are compared: nothing; values below 0 become 0; each map
is put between 0 and 1; each is divided by its greatest value; the recording is given the sign
that fits, and then values below 0 become 0."""

SPREAD = {"gap": (0.1, 30.0), "flat": (1.0, 0.3)}
"""For each network the factor of the last kernels and the spread of the dense weights: logits
of a few units."""

SMALL = 1 / 64
"""What every map is made smaller by, and every gradient by the same made larger, so that what a
library adds to a divisor does not show. The logits stay as they are."""

PIXELS, STEADY = "flat", "gap"
"""The network whose pixels are explained; and that for integrated gradients, whose gradients
jump least on the way from black, so that rules of integration meet."""

SAMPLES, NOISE = 4, 0.15
MASKS, KEEP = 16, 0.5
STEPS, FINE = 300, 6000
WINDOW, STRIDE = 8, 4
"""With which layersight and the libraries are asked alike; noise as a share of 0 to 1."""


@dataclass(frozen=True, eq=False)
class Case:
    """A network in both frameworks, and what it is asked about.

    Attributes:
        network: Its name.
        keras: The model in Keras.
        torch: The same in PyTorch.
        images: ``(image, height, width, channel)``, 0 to 1.
        classes: For each image which logit is explained: of the first its greatest, of the
            second its second.
        noise: ``(sample, height, width, channel)``: what SmoothGrad adds, of spread 1.
        masks: ``(mask, height, width)``, 0 to 1: what RISE multiplies by.
    """

    network: str
    keras: keras.Model
    torch: torch.nn.Module
    images: Array
    classes: tuple[int, ...]
    noise: Array
    masks: Array

    @property
    def tensor(self) -> torch.Tensor:
        """The images for PyTorch."""
        return torch.from_numpy(np.ascontiguousarray(self.images.transpose(0, 3, 1, 2)))

    def keras_logits(self) -> Array:
        """``(image, class)``."""
        return np.asarray(self.keras(self.images))

    def torch_logits(self) -> Array:
        """``(image, class)``."""
        with torch.no_grad():
            logits: Array = self.torch(self.tensor).numpy()
        return logits


@dataclass(frozen=True, eq=False)
class Recording:
    """What one library gave.

    Attributes:
        library: Its name in the registry.
        called: What was called.
        method: What layersight calls the method.
        values: ``(image, height, width)``.
        layers: The layers whose maps it used.
        options: What layersight is asked with, beside the layers.
        compared: What is done to both sides before they are compared.
        usual: What the library does to a map unless told otherwise.
        changed: What of the library was replaced while it ran.
        then: What was done to its answer.
        differs: Why layersight gives something else; empty where it gives the same.
        note: Where the library and layersight part elsewhere.
        mark: Tells recordings of one method apart.
    """

    library: str
    called: str
    method: str
    values: Array
    layers: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    compared: str = NONE
    usual: str = "nothing"
    changed: str = ""
    then: str = ""
    differs: str = ""
    note: str = ""
    mark: str = ""

    def describe(self, case: Case) -> dict[str, Any]:
        """The entry of the table, JSON-ready."""
        known = {
            entry.name: getattr(self, entry.name)
            for entry in dataclasses.fields(self)
            if entry.name not in ("values", "mark")
        }
        known["layers"] = list(self.layers)
        known["options"] = dict(self.options)
        parts = (case.network, self.library, self.method, *self.layers[:1], self.mark)
        return {
            "key": "/".join(part for part in parts if part),
            "network": case.network,
            "version": version(self.library),
            **known,
        }

    def check(self, case: Case) -> Array:
        """The values as float32; ends the script if they cannot be a heatmap for each image."""
        values = np.asarray(self.values, np.float32)
        if values.ndim != 3 or len(values) != len(case.images):
            raise SystemExit(f"{self.library} {self.called}: {values.shape}")
        if not np.isfinite(values).all() or not np.ptp(values, axis=(1, 2)).all():
            raise SystemExit(f"{self.library} {self.called}: a map is flat or not finite")
        return values


def make_weights() -> dict[str, Array]:
    """The weights of all networks, the images, the noise and the masks, by name."""
    draw = np.random.RandomState(20)
    arrays: dict[str, Array] = {}
    for network in NETWORKS:
        last, spread = SPREAD[network]
        before = 3
        for name, filters in FILTERS.items():
            scale = np.sqrt(2 / (9 * before)) * (last if name == "conv3" else 1)
            scale *= SMALL if name == "conv1" else 1
            arrays[f"{network}/{name}/kernel"] = draw.normal(0, scale, (3, 3, before, filters))
            arrays[f"{network}/{name}/bias"] = draw.normal(0, 0.02 * SMALL, filters)
            before = filters
        units = before if network == "gap" else before * SIZE[0] * SIZE[1] // 16
        arrays[f"{network}/top/kernel"] = draw.normal(0, spread / SMALL, (units, CLASSES))
        arrays[f"{network}/top/bias"] = draw.normal(0, 0.1, CLASSES)
    coarse = draw.uniform(0, 1, (2, SIZE[0] // 4, SIZE[1] // 4, 3)).repeat(4, 1).repeat(4, 2)
    arrays["images"] = 0.7 * coarse + 0.3 * draw.uniform(0, 1, coarse.shape)
    arrays["noise"] = draw.normal(0, 1, (SAMPLES, *SIZE, 3))
    cells = draw.randint(0, 5, (MASKS, SIZE[0] // 4, SIZE[1] // 4)) / 4
    arrays["masks"] = cells.repeat(4, 1).repeat(4, 2)
    return {name: values.astype(np.float32) for name, values in arrays.items()}


def make_case(network: str, arrays: Mapping[str, Array]) -> Case:
    """A network in both frameworks, with the images."""
    model = build(network, arrays)
    images = arrays["images"]
    logits = np.asarray(model(images))
    orders = np.argsort(-logits, axis=1)
    classes = tuple(int(order[place]) for place, order in enumerate(orders))
    if len(set(classes)) < len(classes) or min(logits[range(len(images)), classes]) <= 0:
        raise SystemExit(f"{network}: {classes} of {logits.tolist()}: classes or signs are alike")
    twin = make_twin(network, arrays)
    return Case(network, model, twin, images, classes, arrays["noise"], arrays["masks"])


def make_twin(network: str, arrays: Mapping[str, Array]) -> torch.nn.Module:
    """The network in PyTorch: ``relu1`` to ``relu3`` are what ``conv1`` to ``conv3`` give."""
    parts: OrderedDict[str, torch.nn.Module] = OrderedDict()
    before = 3
    for name, filters in FILTERS.items():
        parts[name] = torch.nn.Conv2d(before, filters, 3, padding="same")
        kernel = arrays[f"{network}/{name}/kernel"].transpose(3, 2, 0, 1)
        fill(parts[name], kernel, arrays[f"{network}/{name}/bias"])
        parts[f"relu{name[-1]}"] = torch.nn.ReLU()
        if pooled(network, name):
            parts[f"pool{name[-1]}"] = torch.nn.MaxPool2d(2)
        before = filters
    kernel = arrays[f"{network}/top/kernel"]
    if network == "gap":
        parts["gap"] = torch.nn.AdaptiveAvgPool2d(1)
    else:
        laid_out = kernel.reshape(SIZE[0] // 4, SIZE[1] // 4, before, CLASSES)
        kernel = laid_out.transpose(2, 0, 1, 3).reshape(kernel.shape)
    parts["flat"] = torch.nn.Flatten()
    parts["top"] = torch.nn.Linear(len(kernel), CLASSES)
    fill(parts["top"], kernel.T, arrays[f"{network}/top/bias"])
    return torch.nn.Sequential(parts).eval()


def fill(part: Any, kernel: Array, bias: Array) -> None:
    """Gives a layer its weights."""
    with torch.no_grad():
        part.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
        part.bias.copy_(torch.from_numpy(bias))
