"""What people publish in Lambda layers, and what it computes, written otherwise in NumPy."""

import keras
import numpy as np

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
else:
    tf = None
K = backend = ops = np_ = imagenet_utils = None

DRAW = np.random.default_rng(0)
IMAGE = DRAW.random((2, 6, 4, 4), dtype="float32") * 2 - 0.7
COLOUR = DRAW.random((2, 6, 4, 3), dtype="float32") * 255
ROWS = DRAW.normal(size=(3, 5)).astype("float32")
OTHER = DRAW.normal(size=(3, 5)).astype("float32")
WORDS = DRAW.normal(size=(2, 4, 3)).astype("float32")
MORE = DRAW.normal(size=(2, 5, 3)).astype("float32")


def erf(x):
    """By its power series, which is exact enough for small numbers."""
    x = np.asarray(x, "float64")
    total, term = np.zeros_like(x), x.copy()
    for n in range(60):
        total += term / (2 * n + 1)
        term *= -x * x / (n + 1)
    return 2 / np.sqrt(np.pi) * total


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def unit(x, axis):
    return x / np.sqrt(np.maximum(np.square(x).sum(axis, keepdims=True), 1e-12))


def softmax(x, axis=-1):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def instance_norm(x):
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-5)


def gram(x):
    shape = K.int_shape(x)
    flat = K.reshape(x, (-1, shape[1] * shape[2], shape[3]))
    turned = K.permute_dimensions(flat, (0, 2, 1))
    return K.batch_dot(turned, flat) / (shape[1] * shape[2])


def gram_of(x):
    flat = x.reshape(2, 24, 4)
    return np.stack([one.T @ one for one in flat]) / 24


def shuffle(x, groups=2):
    _, height, width, channels = x.shape
    x = tf.reshape(x, [-1, height, width, groups, channels // groups])
    x = tf.transpose(x, [0, 1, 2, 4, 3])
    return tf.reshape(x, [-1, height, width, channels])


def euclidean(vectors):
    x, y = vectors
    total = K.sum(K.square(x - y), axis=1, keepdims=True)
    return K.sqrt(K.maximum(total, K.epsilon()))


def cosine(vectors):
    x, y = vectors
    x = K.l2_normalize(x, axis=-1)
    y = K.l2_normalize(y, axis=-1)
    return -K.mean(x * y, axis=-1, keepdims=True)


def antirectifier(x):
    x -= K.mean(x, axis=1, keepdims=True)
    x = K.l2_normalize(x, axis=1)
    return K.concatenate([K.relu(x), K.relu(-x)], axis=1)


def antirectified(x):
    x = unit(x - x.mean(1, keepdims=True), 1)
    return np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], 1)


def quantised(x, low, high, bits=8, narrow=False):
    """Number by number: a range that holds zero on one of its levels, then the nearest level."""
    least, most = int(narrow), 2**bits - 1
    scale = (high - low) / (most - least)
    zero = min(max(round(least - low / scale), least), most)
    bottom, top = (least - zero) * scale, (most - zero) * scale
    made = np.empty(x.shape)
    for index, value in np.ndenumerate(x.astype("float64")):
        steps = np.floor((min(max(value, bottom), top) - bottom) / scale + 0.5)
        made[index] = steps * scale + bottom
    return made


def responses(x, radius, bias, alpha, beta):
    made = np.empty(x.shape)
    for channel in range(x.shape[-1]):
        near = x[..., max(0, channel - radius) : channel + radius + 1].astype("float64")
        made[..., channel] = x[..., channel] / (bias + alpha * np.square(near).sum(-1)) ** beta
    return made


def blocks(x, size):
    n, h, w, c = x.shape
    x = x.reshape(n, h // size, size, w // size, size, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h // size, w // size, size * size * c)


def pooled(x, function):
    return function(x.reshape(2, 3, 2, 2, 2, 4), axis=(2, 4))


def cubic(size, wanted):
    """Weights by Keys's piecewise cubic, position by position, what lies outside left out."""
    rows = np.zeros((wanted, size))
    for row in range(wanted):
        position = (row + 0.5) * size / wanted - 0.5
        position = np.floor(position) + np.rint((position % 1) * 1024) / 1024
        for other in range(size):
            t = abs(other - position)
            if t < 1:
                rows[row, other] = 1.5 * t**3 - 2.5 * t**2 + 1
            elif t < 2:
                rows[row, other] = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return rows / rows.sum(1, keepdims=True)


BGR = [103.939, 116.779, 123.68]

FORMS = {
    "half": (lambda x: (x / 255.0 - 0.5) * 2, COLOUR, lambda x: (x / 255 - 0.5) * 2),
    "minus_mean": (lambda x: x - K.mean(x), IMAGE, lambda x: x - x.mean()),
    "advantage": (
        lambda a: a[0] + (a[1] - tf.reduce_mean(a[1], axis=1, keepdims=True)),
        [ROWS, OTHER],
        lambda x, y: x + y - y.mean(1, keepdims=True),
    ),
    "inverse": (lambda x: 1.0 - x, IMAGE, lambda x: 1 - x),
    "polynomial": (
        lambda x: 1 - 3 * x + 3 * x**2 - x**3, ROWS, lambda x: 1 - 3 * x + 3 * x**2 - x**3,
    ),
    "gate": (
        lambda a: a[0] * a[2] + a[1] * (1 - a[2]), [ROWS, OTHER, ROWS * OTHER],
        lambda x, y, z: x * z + y * (1 - z),
    ),
    "l1": (lambda t: K.abs(t[0] - t[1]), [ROWS, OTHER], lambda x, y: abs(x - y)),
    "l1_ops": (lambda t: ops.abs(t[0] - t[1]), [ROWS, OTHER], lambda x, y: abs(x - y)),
    "euclidean": (
        euclidean, [ROWS, OTHER],
        lambda x, y: np.sqrt(np.square(x - y).sum(1, keepdims=True)),
    ),
    "norm": (
        lambda t: tf.norm(t[0] - t[1], axis=1), [ROWS, OTHER],
        lambda x, y: np.linalg.norm(x - y, axis=1),
    ),
    "cosine": (
        cosine, [ROWS, OTHER],
        lambda x, y: -(unit(x, 1) * unit(y, 1)).mean(1, keepdims=True),
    ),
    "unit": (lambda x: tf.math.l2_normalize(x, axis=1), ROWS, lambda x: unit(x, 1)),
    "unit_nn": (lambda x: tf.nn.l2_normalize(x, 1, epsilon=1e-12), ROWS, lambda x: unit(x, 1)),
    "mean_map": (
        lambda x: K.mean(x, axis=3, keepdims=True), IMAGE, lambda x: x.mean(3, keepdims=True),
    ),
    "max_map": (
        lambda x: tf.reduce_max(x, axis=-1, keepdims=True), IMAGE,
        lambda x: x.max(-1, keepdims=True),
    ),
    "sum": (lambda x: K.sum(x, axis=1), ROWS, lambda x: x.sum(1)),
    "sum_all": (lambda x: tf.reduce_sum(x, axis=[1, 2, 3]), IMAGE, lambda x: x.sum((1, 2, 3))),
    "deviation": (lambda x: K.std(x, axis=[1, 2]), IMAGE, lambda x: x.std((1, 2))),
    "variance": (lambda x: tf.math.reduce_variance(x, 1), ROWS, lambda x: x.var(1)),
    "standardise": (
        lambda x: tf.image.per_image_standardization(x), COLOUR,
        lambda x: (x - x.mean((1, 2, 3), keepdims=True)) / x.std((1, 2, 3), keepdims=True),
    ),
    "instance_norm": (
        instance_norm, IMAGE,
        lambda x: (x - x.mean((1, 2), keepdims=True))
        / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5),
    ),
    "split": (
        lambda x: tf.split(x, 2, axis=-1), IMAGE, lambda x: (x[..., :2], x[..., 2:]),
    ),
    "split_sizes": (
        lambda x: tf.split(x, [1, -1], axis=3)[1], IMAGE, lambda x: x[..., 1:],
    ),
    "unstack": (lambda x: tf.unstack(x, axis=1)[2], WORDS, lambda x: x[:, 2]),
    "stack": (lambda x: tf.stack([x, x + 1], axis=1), ROWS, lambda x: np.stack([x, x + 1], 1)),
    "stack_inputs": (
        lambda x: ops.stack(x, axis=1), [ROWS, OTHER], lambda x, y: np.stack([x, y], 1),
    ),
    "concat": (
        lambda x: tf.concat([x[0], x[1]], 1), [ROWS, OTHER], lambda x, y: np.hstack([x, y]),
    ),
    "first": (lambda x: x[0], [ROWS, OTHER], lambda x, y: x),
    "last_step": (lambda x: x[:, -1, :], WORDS, lambda x: x[:, -1]),
    "channel": (lambda x: x[:, :, :, 1:3], IMAGE, lambda x: x[..., 1:3]),
    "half_of": (
        lambda x: x[..., : x.shape[-1] // 2], IMAGE, lambda x: x[..., :2],
    ),
    "slice": (
        lambda x: tf.slice(x, [0, 1, 0, 0], [-1, 2, -1, 3]), IMAGE, lambda x: x[:, 1:3, :, :3],
    ),
    "masked": (
        lambda x: x[0] * K.expand_dims(x[1]), [WORDS, WORDS[..., 0]],
        lambda x, y: x * y[..., None],
    ),
    "squeeze": (lambda x: K.squeeze(K.expand_dims(x, 1), 1), ROWS, lambda x: x),
    "flatten": (lambda x: K.batch_flatten(x), IMAGE, lambda x: x.reshape(2, -1)),
    "reshape": (
        lambda x: tf.reshape(x, (tf.shape(x)[0], 1, tf.shape(x)[1], tf.shape(x)[2], x.shape[3])),
        IMAGE, lambda x: x[:, None],
    ),
    "transpose": (
        lambda t: tf.transpose(t, perm=[0, 2, 1, 3]), IMAGE, lambda x: x.transpose(0, 2, 1, 3),
    ),
    "shuffle": (
        shuffle, IMAGE, lambda x: x.reshape(2, 6, 4, 2, 2).swapaxes(3, 4).reshape(2, 6, 4, 4),
    ),
    "repeat": (
        lambda x: K.repeat_elements(x, 3, axis=1), WORDS, lambda x: np.repeat(x, 3, 1),
    ),
    "tile": (lambda x: tf.tile(x, [1, 2, 1]), WORDS, lambda x: np.tile(x, (1, 2, 1))),
    "matmul": (
        lambda xx: tf.matmul(xx[0], xx[1], transpose_b=True), [WORDS, MORE],
        lambda x, y: x @ y.swapaxes(1, 2),
    ),
    "matmul_sign": (lambda x: x[0] @ x[1], [WORDS, MORE[:, :3]], lambda x, y: x @ y),
    "batch_dot": (
        lambda x: K.batch_dot(x[0], x[1], axes=[2, 2]) / np.sqrt(16), [WORDS, MORE],
        lambda x, y: x @ y.swapaxes(1, 2) / 4,
    ),
    "batch_dot_rows": (
        lambda x: K.batch_dot(x[0], x[1], axes=1), [ROWS, OTHER],
        lambda x, y: (x * y).sum(1, keepdims=True),
    ),
    "einsum": (
        lambda x: tf.einsum("bik,bjk->bij", x[0], x[1]), [WORDS, MORE],
        lambda x, y: x @ y.swapaxes(1, 2),
    ),
    "gram": (gram, IMAGE, gram_of),
    "signed_root": (
        lambda x: K.sign(x) * K.sqrt(K.abs(x) + 1e-10), ROWS,
        lambda x: np.sign(x) * np.sqrt(abs(x) + 1e-10),
    ),
    "relu": (lambda x: tf.nn.relu(x), ROWS, lambda x: np.maximum(x, 0)),
    "relu_of_keras": (
        lambda x: K.relu(x, alpha=0.1, max_value=1.0), ROWS,
        lambda x: np.minimum(np.where(x > 0, x, 0.1 * x), 1),
    ),
    "leaky": (
        lambda x: tf.maximum(0.2 * x, x), ROWS, lambda x: np.where(x > 0, x, 0.2 * x),
    ),
    "antirectifier": (antirectifier, ROWS, antirectified),
    "crelu": (
        lambda x: tf.nn.crelu(x), ROWS,
        lambda x: np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], 1),
    ),
    "swish": (lambda x: x * K.sigmoid(x), ROWS, lambda x: x * sigmoid(x)),
    "hard_swish": (
        lambda x: x * tf.nn.relu6(x + 3) / 6, ROWS, lambda x: x * np.clip(x + 3, 0, 6) / 6,
    ),
    "mish": (
        lambda x: x * tf.tanh(tf.math.log(1 + tf.exp(x))), ROWS,
        lambda x: x * np.tanh(np.log1p(np.exp(x))),
    ),
    "gelu": (
        lambda x: 0.5 * x * (1.0 + tf.math.erf(x / tf.sqrt(2.0))), ROWS,
        lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))),
    ),
    "softmax": (lambda x: K.softmax(x, axis=1), WORDS, lambda x: softmax(x, 1)),
    "clip": (lambda x: K.clip(x, -1, 0.5), ROWS, lambda x: np.clip(x, -1, 0.5)),
    "threshold": (
        lambda x: K.cast(K.greater(x, 0.5), "float32"), ROWS,
        lambda x: (x > 0.5).astype("float32"),
    ),
    "where": (
        lambda x: tf.where(x < 0, tf.zeros_like(x), x), ROWS, lambda x: np.maximum(x, 0),
    ),
    "not_a_number": (
        lambda x: tf.where(tf.math.is_nan(x), tf.zeros_like(x), x),
        np.where(ROWS > 1, np.nan, ROWS).astype("float32"), lambda x: np.nan_to_num(x),
    ),
    "argmax": (lambda x: K.argmax(x), ROWS, lambda x: x.argmax(-1)),
    "argmax_of_tensorflow": (lambda x: tf.argmax(x, axis=1), ROWS, lambda x: x.argmax(1)),
    "one_hot": (
        lambda x: tf.one_hot(tf.cast(x, tf.int32), 4), np.float32([[0, 3], [1, 9]]),
        lambda x: (x[..., None] == np.arange(4)).astype("float32"),
    ),
    "sampled": (
        lambda a: a[0] + tf.exp(0.5 * a[1]) * tf.random.normal(tf.shape(a[0])), [ROWS, OTHER],
        lambda x, y: x,
    ),
    "preprocess_vgg": (
        lambda x: tf.keras.applications.vgg16.preprocess_input(x * 255.0), COLOUR / 255,
        lambda x: x[..., ::-1] * 255 - BGR,
    ),
    "preprocess_mobilenet": (
        lambda x: keras.applications.mobilenet_v2.preprocess_input(x), COLOUR,
        lambda x: x / 127.5 - 1,
    ),
    "preprocess_torch": (
        lambda x: imagenet_utils.preprocess_input(x, data_format=None, mode="torch"), COLOUR,
        lambda x: (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    ),
    "preprocess_none": (
        lambda x: tf.keras.applications.efficientnet.preprocess_input(tf.cast(x, tf.float32)),
        COLOUR, lambda x: x,
    ),
    "means": (
        lambda x: x[..., ::-1] - np.array([103.939, 116.779, 123.68]), COLOUR,
        lambda x: x[..., ::-1] - BGR,
    ),
    "grey": (
        lambda x: tf.image.rgb_to_grayscale(x), COLOUR,
        lambda x: (x @ [0.2989, 0.587, 0.114])[..., None],
    ),
    "colour": (
        lambda x: tf.image.grayscale_to_rgb(x), IMAGE[..., :1], lambda x: np.repeat(x, 3, -1),
    ),
    "mirror": (lambda x: tf.image.flip_left_right(x), IMAGE, lambda x: x[:, :, ::-1]),
    "turn": (lambda x: tf.image.rot90(x), IMAGE, lambda x: np.rot90(x, 1, (1, 2))),
    "turn_thrice": (lambda x: tf.image.rot90(x, k=3), IMAGE, lambda x: np.rot90(x, 3, (1, 2))),
    "crop": (
        lambda x: tf.image.crop_to_bounding_box(x, 1, 0, 3, 2), IMAGE, lambda x: x[:, 1:4, :2],
    ),
    "crop_centre": (
        lambda x: tf.image.central_crop(x, 0.5), IMAGE, lambda x: x[:, 1:5, 1:3],
    ),
    "fit": (
        lambda x: tf.image.resize_with_crop_or_pad(x, 4, 7), IMAGE,
        lambda x: np.pad(x[:, 1:5], ((0, 0), (0, 0), (1, 2), (0, 0))),
    ),
    "enlarge_nearest": (
        lambda x: K.resize_images(x, 2, 3, "channels_last"), IMAGE,
        lambda x: x.repeat(2, 1).repeat(3, 2),
    ),
    "resize_as_before": (
        lambda x: tf.image.resize(x, [x.shape[1], x.shape[2]]), IMAGE, lambda x: x,
    ),
    "resize_half": (
        lambda x: tf.image.resize(x, (3, 2), method="nearest"), IMAGE, lambda x: x[:, 1::2, 1::2],
    ),
    "resize_cubic": (
        lambda x: tf.image.resize(x, [3, 9], method="bicubic"), IMAGE,
        lambda x: np.einsum("ih,bhwc,jw->bijc", cubic(6, 3), x, cubic(4, 9)),
    ),
    "reflect": (
        lambda x: tf.pad(x, [[0, 0], [3, 3], [2, 2], [0, 0]], "REFLECT"), IMAGE,
        lambda x: np.pad(x, ((0, 0), (3, 3), (2, 2), (0, 0)), "reflect"),
    ),
    "symmetric": (
        lambda x: tf.pad(x, paddings=[[0, 0], [2, 0], [1, 3], [0, 0]], mode="SYMMETRIC"), IMAGE,
        lambda x: np.pad(x, ((0, 0), (2, 0), (1, 3), (0, 0)), "symmetric"),
    ),
    "pad_value": (
        lambda x: tf.pad(x, [[0, 0], [1, 1], [0, 0]], "CONSTANT", constant_values=0.25), WORDS,
        lambda x: np.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=0.25),
    ),
    "space_to_depth": (lambda x: tf.nn.space_to_depth(x, 2), IMAGE, lambda x: blocks(x, 2)),
    "depth_to_space": (
        lambda x: tf.nn.depth_to_space(x, block_size=2, data_format="NHWC"), blocks(IMAGE, 2),
        lambda x: IMAGE,
    ),
    "max_pool": (
        lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"), IMAGE, lambda x: pooled(x, np.max),
    ),
    "mean_pool": (
        lambda x: K.pool2d(x, (2, 2), strides=(2, 2), pool_mode="avg"), IMAGE,
        lambda x: pooled(x, np.mean),
    ),
    "lrn": (
        lambda x: tf.nn.local_response_normalization(x, 2, bias=2.0, alpha=0.5, beta=0.75), IMAGE,
        lambda x: responses(x, 2, 2.0, 0.5, 0.75),
    ),
    "lrn_short": (lambda x: tf.nn.lrn(x), IMAGE, lambda x: responses(x, 5, 1, 1, 0.5)),
    "fake_quant": (
        lambda x: tf.quantization.fake_quant_with_min_max_vars(x, -0.31, 1.7, num_bits=4), IMAGE,
        lambda x: quantised(x, -0.31, 1.7, 4),
    ),
    "fake_quant_narrow": (
        lambda x: tf.quantization.fake_quant_with_min_max_args(
            x, min=-1.0, max=1.2, num_bits=3, narrow_range=True
        ), IMAGE, lambda x: quantised(x, -1.0, 1.2, 3, narrow=True),
    ),
    "fake_quant_channels": (
        lambda x: tf.quantization.fake_quant_with_min_max_vars_per_channel(
            x, [-0.45, 0.0, -1.0, -0.25], [0.5, 1.0, 1.5, 0.75]
        ), IMAGE,
        lambda x: np.stack(
            [quantised(x[..., c], low, high) for c, (low, high) in
             enumerate([(-0.45, 0.5), (0.0, 1.0), (-1.0, 1.5), (-0.25, 0.75)])], -1
        ),
    ),
}  # fmt: skip
"""A lambda, what it is given, and what that gives, computed otherwise."""

NOT_TENSORFLOW_2 = {"argmax", "sampled", "unit_nn", "preprocess_none", "preprocess_vgg"}
"""Forms that TensorFlow 2 itself cannot compute, or computes by chance."""
