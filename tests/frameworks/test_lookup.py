"""Which classes a configuration may name."""

from __future__ import annotations

import re

import keras

from layersight.frameworks.keras.lookup import FILE_SETTINGS, REFUSED

# The sources of these, up to Keras 3.15.1, were read: they do not run code, unpickle or open files,
# except for the files that settings of FILE_SETTINGS name.
REVIEWED = """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention AugMix
    AutoContrast Average BatchNormalization Bidirectional CategoryEncoding CenterCrop
    Concatenate ContrastLimitedAdaptiveHistogramEqualization CutMix Dense Discretization Dot
    Dropout ELU EinsumDense Embedding Equalization Flatten GRU GRUCell GaussianDropout
    GaussianNoise GroupNormalization GroupQueryAttention HashedCrossing Hashing Identity
    InputLayer InputSpec IntegerLookup LSTM LSTMCell Layer LayerNormalization LeakyReLU Masking
    MaxNumBoundingBoxes Maximum MelSpectrogram Minimum MixUp MultiHeadAttention Multiply
    Normalization PReLU Permute Pipeline RMSNormalization RNN RandAugment RandomBrightness
    RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform
    RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness
    RandomShear RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing
    ReversibleEmbedding STFTSpectrogram SimpleRNN SimpleRNNCell Softmax Solarization
    SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization
    TimeDistributed UnitNormalization Wrapper
"""
ALONG_AXES = """
    AdaptiveAveragePooling AdaptiveMaxPooling AveragePooling AvgPool Conv ConvTranspose ConvLSTM
    Convolution ConvolutionTranspose Cropping DepthwiseConv GlobalAveragePooling GlobalAvgPool
    GlobalMaxPool GlobalMaxPooling MaxPool MaxPooling SeparableConv SeparableConvolution
    SpatialDropout UpSampling ZeroPadding
"""


def test_every_layer_of_keras_was_reviewed():
    """A later Keras may add a layer that runs code: it must be listed here or refused."""
    names = {
        name for name in dir(keras.layers) if isinstance(getattr(keras.layers, name), type)
    } - REFUSED.keys()
    seen = set(REVIEWED.split())
    along = ALONG_AXES.split()
    assert not [
        name
        for name in sorted(names - seen)
        if re.sub(r"[123]D(?=Transpose$|$)", "", name) not in along
    ]
    assert FILE_SETTINGS.keys() <= seen
    assert not seen & REFUSED.keys()
