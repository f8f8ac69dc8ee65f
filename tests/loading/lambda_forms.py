# ruff: noqa: N812, UP020, UP030 (the code of others, in the Python of all versions)
"""Lambdas that use each kind of instruction; any version of Python from 2.7 on can run this file.

``python lambda_forms.py lambdas.json`` adds, for the version that runs it, the code, defaults and
closure of each to the file.
"""

import base64
import io
import json
import marshal
import sys

tf = K = None


def closed(size, scale):
    """Functions that take sizes from where they were made."""
    return {
        "closed_slice": lambda x: tf.image.resize(x, size[1:3], method="bilinear"),
        "closed_arithmetic": lambda x: x * (scale - 1) + scale,
    }


def unpacked(vectors):
    x, y = vectors
    total = K.sum(K.square(x - y), axis=1, keepdims=True)
    return K.sqrt(K.maximum(total, K.epsilon()))


def in_place(x):
    x -= K.mean(x, axis=1, keepdims=True)
    x /= 2.0
    x *= 3.0
    x += 1.0
    positive = K.relu(x)
    return K.concatenate([positive, K.relu(-x)], axis=1)


def shuffled(x):
    height, width, channels = x.get_shape().as_list()[1:]
    part = channels // 2
    x = K.reshape(x, [-1, height, width, 2, part])
    x = K.permute_dimensions(x, (0, 1, 2, 4, 3))
    return K.reshape(x, [-1, height, width, channels])


def imported(x):
    import tensorflow as tf

    return tf.nn.relu(x)


def imported_from(x):
    from keras import backend as K
    from tensorflow.keras import backend as B

    return K.abs(x) + B.square(x)


def imported_deep(x):
    import tensorflow.keras.backend as K

    return K.abs(x)


def swapped(pair):
    a, b = pair
    a, b = b, a
    return a / b


FORMS = {
    "unpacked": unpacked,
    "in_place": in_place,
    "shuffled": shuffled,
    "imported": imported,
    "imported_from": imported_from,
    "imported_deep": imported_deep,
    "swapped": swapped,
    "compared": lambda x: tf.cast(x > 0.5, tf.float32) + tf.cast(x <= 0.25, "float32"),
    "sized": lambda x: tf.reshape(x, (-1, tf.shape(x)[1] * tf.shape(x)[2], x.shape[3])),
    "two_slices": lambda x: [x[..., :1], x[..., 1:]],
    "sampled": lambda a: a[0] + K.exp(0.5 * a[1]) * K.random_normal(shape=K.shape(a[0])),
    "added_axis": lambda x: x[:, tf.newaxis] * x[0:, None],
    "keywords": lambda x: tf.pad(x, paddings=[[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT"),
    "bad_random": lambda x: x + K.random_uniform(K.shape(x)),
    "bad_dropout": lambda x: tf.nn.dropout(x, 0.5),
    "bad_decoding": lambda x: K.ctc_decode(x, K.shape(x)[1]),
    "bad_global": lambda x: x / SIZE,  # noqa: F821 (a name that the file does not hold)
}
FORMS.update(closed([None, 6, 4, 3], 4.0))


def saved(function):
    """A function as Keras saves it."""
    cells = function.__closure__
    return [
        base64.b64encode(marshal.dumps(function.__code__)).decode("ascii"),
        function.__defaults__,
        [cell.cell_contents for cell in cells] if cells else None,
    ]


if __name__ == "__main__":
    with io.open(sys.argv[1]) as file:
        captured = json.load(file)
    version = "{0}.{1}".format(*sys.version_info)
    captured[version].update({name: saved(FORMS[name]) for name in sorted(FORMS)})
    text = json.dumps(captured, indent=1, separators=(",", ": "), sort_keys=True)
    with io.open(sys.argv[1], "w") as file:
        file.write(text.encode().decode() + "\n")
