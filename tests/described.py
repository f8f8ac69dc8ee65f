"""Layers described as the framework of Keras describes them, without it."""

from __future__ import annotations

from typing import Any

from layersight.data.model import LayerInfo, ModelInfo, Role

DIGEST = "sha256:" + "0123456789abcdef" * 4
ROLES: dict[str, Role] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"), "convolution"),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D"), "pooling"),
    **dict.fromkeys(("BatchNormalization", "LayerNormalization"), "normalisation"),
    **dict.fromkeys(("Activation", "ReLU", "PReLU", "Softmax", "Sigmoid"), "activation"),
    **dict.fromkeys(("Flatten", "Reshape", "GetItem"), "reshape"),
    **dict.fromkeys(("Add", "Multiply", "Average", "Concatenate"), "merge"),
    **dict.fromkeys(("ZeroPadding2D", "UpSampling2D", "Cropping2D"), "resize"),
    **dict.fromkeys(("Dropout", "SpatialDropout2D", "Identity"), "identity"),
    **dict.fromkeys(("Rescaling", "Normalization", "RandomFlip"), "preprocessing"),
    "Dense": "dense",
    "MultiHeadAttention": "attention",
}


def described(name: str, kind: str, *args: Any, **known: Any) -> LayerInfo:
    """A layer of a class of Keras, with its role."""
    if kind in ("Softmax", "Sigmoid"):
        known["activation"] = kind.lower()
    role = ROLES.get(kind, "other")
    if kind == "Activation" and known.get("activation") == "linear":
        role = "identity"
    return LayerInfo(name, kind, *args, role=role, averages=kind == "Average", **known)


def model_info(**known: Any) -> ModelInfo:
    """A small model made by hand, with other facts where some are known."""
    facts: dict[str, Any] = {"name": "small", "source": "models/small.h5", "digest": DIGEST}
    facts |= {"framework": "numpy 2", "parameters": 12, "outputs": ("top",)}
    return ModelInfo(**{"inputs": (), "layers": (), **facts, **known})
