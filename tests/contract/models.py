"""Small models of every kind, with random but fixed weights."""

import keras
import numpy as np


def randomise(model, seed=0):
    """Gives every weight a fixed random value, moving variances a positive one."""
    draw = np.random.default_rng(seed)
    for variable in model.weights:
        values = draw.normal(0, 0.5, tuple(variable.shape)).astype("float32")
        if variable.dtype == "float32":
            variable.assign(np.abs(values) + 0.1 if "variance" in variable.path else values)
    return model


def conv(filters, name, **options):
    return keras.layers.Conv2D(filters, 3, activation="relu", padding="same", name=name, **options)


def sequential():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            conv(4, "conv"),
            keras.layers.MaxPooling2D(name="pool"),
            keras.layers.BatchNormalization(name="norm"),
            conv(6, "conv_1"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dropout(0.5, name="drop"),
            keras.layers.Dense(5, activation="softmax", name="top"),
        ],
        name="plain",
    )


def unbuilt():
    return keras.Sequential(
        [conv(4, "conv"), keras.layers.GlobalAveragePooling2D(name="gap")], name="unbuilt"
    )


def functional():
    inputs = keras.Input((16, 16, 3), name="picture")
    left = conv(4, "left")(inputs)
    right = keras.layers.SeparableConv2D(4, 3, padding="same", name="right")(inputs)
    joined = keras.layers.Concatenate(name="joined")([left, right])
    added = keras.layers.Add(name="added")([left, right])
    strided = keras.layers.Conv2D(3, 3, strides=2, dilation_rate=1, name="strided")(joined)
    pooled = keras.layers.GlobalMaxPooling2D(name="pooled")(added)
    flat = keras.layers.Flatten(name="flat")(strided)
    outputs = keras.layers.Dense(3, name="scores")(
        keras.layers.Concatenate(name="both")([pooled, flat])
    )
    return keras.Model(inputs, outputs, name="branches")


def backbone(name="backbone", size=16):
    inputs = keras.Input((size, size, 3))
    hidden = conv(4, "stem")(inputs)
    hidden = keras.layers.MaxPooling2D(name="pool")(hidden)
    return keras.Model(inputs, conv(5, "body")(hidden), name=name)


def nested():
    """A functional model inside a sequential one inside a functional one."""
    inputs = keras.Input((16, 16, 3))
    inner = keras.Sequential(
        [keras.Input((16, 16, 3)), backbone(), conv(3, "after")], name="middle"
    )
    outputs = keras.layers.GlobalAveragePooling2D(name="gap")(inner(inputs))
    return keras.Model(inputs, outputs, name="outer")


def nested_any_size():
    """A backbone of unknown size inside a model of a known one."""
    inputs = keras.Input((16, 16, 3))
    hidden = backbone(size=None)(inputs)
    return keras.Model(inputs, keras.layers.Flatten(name="flat")(hidden), name="transfer")


def shared():
    """One convolution called twice, and one model called twice."""
    inputs = keras.Input((16, 16, 3))
    again = conv(3, "again")
    twin = backbone("twin")
    first = twin(again(inputs))
    second = twin(again(again(inputs)))
    outputs = keras.layers.Subtract(name="difference")([first, second])
    return keras.Model(inputs, outputs, name="siamese")


def two_inputs():
    left = keras.Input((16, 16, 3), name="left")
    right = keras.Input((8, 8, 1), name="right")
    a = keras.layers.GlobalAveragePooling2D(name="gap_a")(conv(4, "conv_a")(left))
    b = keras.layers.GlobalAveragePooling2D(name="gap_b")(conv(3, "conv_b")(right))
    outputs = keras.layers.Dense(2, name="top")(keras.layers.Concatenate(name="both")([a, b]))
    return keras.Model([left, right], outputs, name="pair")


def two_outputs():
    inputs = keras.Input((16, 16, 3))
    hidden = conv(4, "conv")(inputs)
    mask = keras.layers.Conv2D(1, 1, activation="sigmoid", name="mask")(hidden)
    gap = keras.layers.GlobalAveragePooling2D(name="gap")(hidden)
    return keras.Model(inputs, [keras.layers.Dense(3, name="label")(gap), mask], name="heads")


def one_in_list():
    """A model whose output is a list of one."""
    inputs = keras.Input((16, 16, 3))
    return keras.Model([inputs], [conv(4, "conv")(inputs)], name="listed")


def channels_first():
    order = {"data_format": "channels_first"}
    inputs = keras.Input((3, 16, 12))
    hidden = keras.layers.Activation("linear", name="before")(inputs)
    hidden = conv(4, "conv", **order)(hidden)
    hidden = keras.layers.BatchNormalization(axis=1, name="norm")(hidden)
    hidden = keras.layers.ReLU(name="relu")(hidden)
    hidden = keras.layers.MaxPooling2D(name="pool", **order)(hidden)
    outputs = keras.layers.GlobalAveragePooling2D(name="gap", **order)(hidden)
    return keras.Model(inputs, outputs, name="first")


def any_size():
    inputs = keras.Input((None, None, 3))
    hidden = conv(4, "conv")(inputs)
    outputs = keras.layers.GlobalAveragePooling2D(name="gap")(hidden)
    return keras.Model(inputs, outputs, name="any_size")


def one_axis():
    inputs = keras.Input((20, 2))
    hidden = keras.layers.Conv1D(5, 3, activation="relu", name="conv")(inputs)
    return keras.Model(inputs, keras.layers.MaxPooling1D(name="pool")(hidden), name="signal")


def three_axes():
    inputs = keras.Input((5, 8, 8, 1))
    hidden = keras.layers.Conv3D(3, 3, activation="relu", name="conv")(inputs)
    return keras.Model(inputs, keras.layers.MaxPooling3D((1, 2, 2), name="pool")(hidden), name="v")


class Block(keras.layers.Layer):
    """A layer with layers inside, as users write them: a residual block."""

    def __init__(self, filters, **options):
        super().__init__(**options)
        self.first = conv(filters, "first")
        self.second = conv(filters, "second")

    def build(self, shape):
        self.first.build(shape)
        self.second.build(self.first.compute_output_shape(shape))
        self.built = True

    def call(self, inputs, training=False):
        return keras.ops.relu(self.second(self.first(inputs)) + self.first(inputs))


class Subclassed(keras.Model):
    """A model that only its author's code knows, with a graph model and a block inside."""

    def __init__(self):
        super().__init__(name="subclassed")
        self.stem = conv(4, "stem")
        self.block = Block(4, name="block")
        self.blocks = [conv(2, "twin"), conv(2, "twin")]
        self.tail = keras.Sequential(
            [keras.layers.MaxPooling2D(name="pool"), conv(3, "last")], name="tail"
        )
        self.gap = keras.layers.GlobalAveragePooling2D(name="gap")

    def call(self, inputs, training=False):
        hidden = self.block(self.stem(inputs))
        for block in self.blocks:
            hidden = block(hidden)
        return self.gap(self.tail(hidden))


def subclassed():
    model = Subclassed()
    model(np.zeros((1, 16, 16, 3), "float32"))
    return model


def custom_layer():
    """A functional model with a layer of the author's own, and plain operators."""
    inputs = keras.Input((16, 16, 3))
    hidden = Block(3, name="block")(inputs)
    outputs = keras.ops.mean(hidden * 2.0 + inputs, axis=(1, 2))
    return keras.Model(inputs, outputs, name="custom")


def dead_channels():
    """Channels that never fire, that are constant, and that live."""
    model = keras.Sequential([keras.Input((16, 16, 3)), conv(3, "conv")], name="dead")
    kernel = np.zeros((3, 3, 3, 3), "float32")
    kernel[1, 1, :, 2] = 1
    model.layers[0].set_weights([kernel, np.array([-1.0, 0.3, 0.0], "float32")])
    return model


KINDS = {
    make.__name__: make
    for make in (
        sequential,
        unbuilt,
        functional,
        nested,
        nested_any_size,
        shared,
        two_inputs,
        two_outputs,
        one_in_list,
        channels_first,
        any_size,
        one_axis,
        three_axes,
        subclassed,
        custom_layer,
        dead_channels,
    )
}
