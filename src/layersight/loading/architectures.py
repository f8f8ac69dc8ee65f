"""The architectures of ``keras.applications`` and how each was trained, without importing Keras.

The preprocessing of each is that of its ``preprocess_input`` in Keras 3.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from layersight.data.preprocessing import SCALES, Preprocessing


@dataclass(frozen=True, slots=True)
class Architecture:
    """A family of ``keras.applications``."""

    title: str  # its name for a reader
    functions: tuple[str, ...]  # the functions that build it
    scale: str  # the preprocessing that its weights were trained with
    pattern: str  # a regular expression for the name of such a model
    # Names of layers by which a copy under another name is recognised; all must be present.
    layers: tuple[str, ...] = ()

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of its images, with the reason for it."""
        return SCALES[self.scale].because(f"as {self.title} was trained", "name")


def _family(title: str, functions: str, scale: str, pattern: str, layers: str = "") -> Architecture:
    return Architecture(title, tuple(functions.split()), scale, pattern, tuple(layers.split()))


_MIXED = "mixed0 mixed9_0 mixed10"
_SEPARABLE = "block1_conv1_bn block2_sepconv1 block14_sepconv2"
_EXPANDED = "bn_Conv1 expanded_conv_depthwise block_1_expand"
_B0_TO_B7 = " ".join(f"EfficientNetB{size}" for size in range(8))
_V2 = " ".join(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L"))
_CONVNEXT = " ".join(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge"))
_RESNET = "ResNet50 ResNet101 ResNet152"
_RESNET_V2 = "ResNet50V2 ResNet101V2 ResNet152V2"
_RESNET_LAYERS = "conv1_conv conv1_bn conv2_block1_1_conv"
_RESNET_V2_LAYERS = "conv1_conv conv2_block1_preact_bn post_bn"
_VGG_LAYERS = "block1_conv1 block1_conv2 block5_conv3"
_DENSENET = "DenseNet121 DenseNet169 DenseNet201"

ARCHITECTURES: tuple[Architecture, ...] = (
    _family("VGG", "VGG16 VGG19", "caffe", r"vgg1[69]", _VGG_LAYERS),
    _family("ResNetV2", _RESNET_V2, "-1..1", r"resnet(50|101|152)v2", _RESNET_V2_LAYERS),
    _family("ResNet", _RESNET, "caffe", r"resnet(50|101|152)", _RESNET_LAYERS),
    _family("InceptionV3", "InceptionV3", "-1..1", r"inception_v3", _MIXED),
    _family("InceptionResNetV2", "InceptionResNetV2", "-1..1", r"inception_resnet_v2"),
    _family("Xception", "Xception", "-1..1", r"xception", _SEPARABLE),
    _family(
        "MobileNetV3", "MobileNetV3Small MobileNetV3Large", "none", r"mobilenetv3(small|large)\w*"
    ),
    _family("MobileNetV2", "MobileNetV2", "-1..1", r"mobilenetv2_[\d.]+_\w+", _EXPANDED),
    _family(
        "MobileNet", "MobileNet", "-1..1", r"mobilenet_[\d.]+_\w+", "conv_dw_1 conv_pw_1 conv_pw_13"
    ),
    _family("DenseNet", _DENSENET, "torch", r"densenet\d*", "conv2_block1_0_bn pool2_conv"),
    _family("NASNet", "NASNetMobile", "-1..1", r"nasnet(_mobile)?"),
    _family("NASNetLarge", "NASNetLarge", "-1..1", r"nasnet_large"),
    _family("EfficientNetV2", _V2, "none", r"efficientnetv2-\w+"),
    _family("EfficientNet", _B0_TO_B7, "none", r"efficientnetb\d"),
    _family("ConvNeXt", _CONVNEXT, "none", r"convnext_\w+"),
    # Not of keras.applications, but its published weights come from Caffe in the same way.
    _family("SqueezeNet", "", "caffe", r"squeezenet\w*"),
)


# Follows the name of an architecture to leave out its classification layers.
WITHOUT_TOP = ":notop"


# The names from ``keras.applications`` that are accepted instead of a file.
FUNCTIONS = tuple(name for family in ARCHITECTURES for name in family.functions)


def is_function(name: str) -> bool:
    """Whether ``keras.applications`` has an architecture of a name, with its top or without.

    >>> is_function("VGG16:notop"), is_function("vgg16")
    (True, False)
    """
    return name.removesuffix(WITHOUT_TOP) in FUNCTIONS


def find_by_model_name(name: str) -> Architecture | None:
    """The architecture that the name of a model claims.

    >>> find_by_model_name("mobilenet_0.25_224").title
    'MobileNet'
    """
    matches = (f for f in ARCHITECTURES if re.fullmatch(f.pattern, name, re.IGNORECASE))
    return next(matches, None)


def find_by_layers(names: Collection[str]) -> Architecture | None:
    """The architecture that has layers of these names.

    >>> find_by_layers({"bn_Conv1", "expanded_conv_depthwise", "block_1_expand"}).title
    'MobileNetV2'
    """
    matches = (f for f in ARCHITECTURES if f.layers and all(name in names for name in f.layers))
    return next(matches, None)
