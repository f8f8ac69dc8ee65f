"""The role of a layer or operation of Keras, by its class.

A class of the user's own counts as the class of Keras that it derives from; otherwise parts of its
name decide, since an author who writes ``MyMaxPooling`` means a pooling.
"""

from __future__ import annotations

import re

import keras

from layersight.data.model import Role

_NAMES: dict[Role, str] = {
    "convolution": "Conv ConvTranspose Convolution ConvolutionTranspose DepthwiseConv "
    "SeparableConv SeparableConvolution LocallyConnected",
    "pooling": "MaxPooling AveragePooling GlobalMaxPooling GlobalAveragePooling "
    "AdaptiveMaxPooling AdaptiveAveragePooling MaxPool AveragePool AdaptiveMaxPool "
    "AdaptiveAveragePool",
    "normalisation": "BatchNormalization GroupNormalization LayerNormalization RMSNormalization "
    "UnitNormalization InstanceNormalization FilterResponseNormalization BatchNorm LayerNorm "
    "RMSNorm Normalize",
    "activation": "Activation ReLU LeakyReLU PReLU ELU Softmax TLU Snake PELU SReLU Relu Relu6 "
    "Sigmoid SparseSigmoid Softplus Softsign SoftShrink SparsePlus Silu Squareplus LogSigmoid "
    "LeakyRelu HardSigmoid HardSilu Elu Selu Gelu Celu Glu Tanh TanhShrink HardTanh HardShrink "
    "Threshold LogSoftmax Sparsemax",
    "attention": "Attention AdditiveAttention MultiHeadAttention GroupedQueryAttention "
    "DotProductAttention",
    "dense": "Dense EinsumDense MaxoutDense Highway",
    "recurrent": "RNN SimpleRNN LSTM GRU ConvLSTM Bidirectional",
    "embedding": "Embedding ReversibleEmbedding",
    "merge": "Add Subtract Multiply Average Maximum Minimum Concatenate Dot Divide TrueDivide "
    "Power Stack Hstack Vstack Dstack Matmul Einsum Tensordot Where",
    "reshape": "Reshape Flatten Permute RepeatVector Squeeze ExpandDims GetItem Transpose Moveaxis "
    "Swapaxes Slice Split Unstack Ravel Flip Fliplr Flipud Rot90 Roll Take Tile Repeat",
    "resize": "UpSampling ZeroPadding Cropping Pad Resize PadImages CropImages DepthToSpace "
    "SpaceToDepth",
    "identity": "Identity Dropout SpatialDropout AlphaDropout GaussianDropout GaussianNoise "
    "Masking ActivityRegularization Cast SaturateCast Copy StopGradient",
    # Formulas mostly scale or move their input: they are not features of their own.
    "preprocessing": "BaseImagePreprocessingLayer Lambda Rescaling Normalization "
    "CategoryEncoding Discretization HashedCrossing Hashing IntegerLookup StringLookup "
    "TextVectorization MelSpectrogram STFTSpectrogram",
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}

_FRAGMENTS: dict[str, Role] = {
    "Pool": "pooling",
    "Normalization": "normalisation",
    "Dropout": "identity",
    "Noise": "identity",
    "Padding": "resize",
    "Cropping": "resize",
    "UpSampling": "resize",
    "Random": "preprocessing",
    "Attention": "attention",
}

_AXES = re.compile(r"[123]D(?=Transpose$|$)")


def role_of(layer: object) -> Role:
    """The role of a layer or operation; for a wrapper that of the layer in it."""
    if isinstance(layer, keras.layers.Wrapper):
        return role_of(layer.layer)
    if isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.linear:
        return "identity"
    names = [_AXES.sub("", cls.__name__) for cls in type(layer).__mro__]
    for name in names:
        if name in _ROLES:
            return _ROLES[name]
    return next((role for part, role in _FRAGMENTS.items() if part in names[0]), "other")


def activation_of(layer: object) -> str | None:
    """The name of the activation function at the end of a layer; ``None`` without one.

    For a layer that is an activation function itself, the name of that function in Keras.

    >>> activation_of(keras.layers.LeakyReLU()), activation_of(keras.layers.Dense(2))
    ('leaky_relu', 'linear')
    """
    function = getattr(layer, "activation", None)
    name = getattr(function, "__name__", None) or getattr(function, "name", None)
    if name is None and role_of(layer) == "activation":
        words = type(layer).__name__.replace("ReLU", "Relu").replace("ELU", "Elu")
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", words).lower()
    return name if isinstance(name, str) else None
