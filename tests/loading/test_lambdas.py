"""Lambdas with known formulas are recognised by their byte code."""

from __future__ import annotations

import base64
import json
import marshal
import sys
import time
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from layersight.loading.marshalled import read_code
from layersight.loading.rewrites import upgrade
from layersight.loading.rewrites.lambdas import find_formula

SUPPORTED = sys.version_info[:2] in ((3, 11), (3, 12), (3, 13))
"""Versions of Python whose byte code layersight reads, so that tests can compile some."""

tf = K = None

X = ["input"]


def value(constant):
    return ["value", constant]


def step(number):
    return ["step", number]


def formula(*steps, **more):
    """A formula whose last step is its result; settings are constants."""
    written = [
        [name, list(given), {key: value(item) for key, item in settings.items()}]
        for name, *given, settings in steps
    ]
    return {"steps": written, "result": step(len(steps) - 1)} | more


FORMS = [
    (lambda x: x / 255, formula(("math.truediv", X, value(255), {}))),
    (
        lambda x: x / 127.5 - 1.0,
        formula(
            ("math.truediv", X, value(127.5), {}), ("math.subtract", step(0), value(1.0), {})
        ),
    ),
    (lambda x: tf.squeeze(x, axis=1), formula(("squeeze", X, {"axis": 1}))),
    (lambda x: K.expand_dims(x, -1), formula(("expand_dims", X, {"axis": -1}))),
    (
        lambda x: tf.image.resize(x, (64, 32)),
        formula(("image.resize", X, {"size": [64, 32]})),
    ),
    (lambda x: K.l2_normalize(x, axis=1), formula(("math.l2_normalize", X, {"axis": 1}))),
    (lambda x: tf.nn.softmax(x), formula(("nn.softmax", X, {}))),
    (
        lambda t: K.abs(t[0] - t[1]),
        formula(
            ("math.subtract", ["input", 0], ["input", 1], {}), ("math.abs", step(0), {})
        ),
    ),
]  # fmt: skip


def saved(function):
    return {"function": [base64.b64encode(marshal.dumps(function.__code__)).decode(), None, None]}


@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
@pytest.mark.parametrize(("function", "expected"), FORMS)
def test_known_forms(function, expected):
    assert find_formula(saved(function)) == expected


@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
@pytest.mark.parametrize(
    "function",
    [
        lambda x: __import__("os").system("true"),
        lambda x: open("/etc/passwd"),  # noqa: PTH123, SIM115
        lambda x: x.numpy(),
        lambda x: tf.io.read_file(x),
        lambda x: tf.py_function(x),
        lambda x: [y for y in x],  # noqa: C416
        lambda x: x if x else None,
        lambda: 3,
        lambda x: 3,
    ],
)
def test_other_functions_are_not_recognised(function):
    assert find_formula(saved(function)) is None


def test_code_of_python_3_5_as_keras_1_saved_it():
    text = (
        "\u00e3\x01\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0S\0\0\0s\x0c\0\0\0|\0\0d\x01\0\x1bd\x02\0"
        "\x18S)\x03Ng\0\0\0\0\0\u00e0o@g\0\0\0\0\0\0\u00e0?\u00a9\0)\x01\u00da\x01xr\x01\0\0\0"
        "r\x01\0\0\0\u00fa\x01f\u00da\x08<lambda>F\0\0\0\u00f3\0\0\0\0"
    )
    assert find_formula({"function": [text, None, None]}) == formula(
        ("math.truediv", X, value(255.0), {}), ("math.subtract", step(0), value(0.5), {})
    )


CAPTURED = json.loads((Path(__file__).parent / "lambdas.json").read_text())
"""Code, defaults and closures of lambdas, as each version of Python marshals them."""


WHOLE = ["slice", [value(None)] * 3]
TAIL = ["slice", [value(1), value(None), value(None)]]

MEANT = {
    "divsub": FORMS[1][1],
    "pow": formula(("math.pow", X, value(2), {})),
    "resize": FORMS[4][1],
    "nested": formula(
        ("math.subtract", ["input", 0], ["input", 1], {}),
        ("math.square", step(0), {}),
        ("math.reduce_sum", step(1), {"axis": 1, "keepdims": True}),
        ("math.sqrt", step(2), {}),
    ),
    "slice": {
        "steps": [
            [
                "__operators__.getitem", [X],
                {"slice_spec": ["list", [WHOLE, TAIL, WHOLE, value(0)]]},
            ]
        ],
        "result": step(0),
    },
    "closure": formula(("math.truediv", X, value(255.0), {})),
    "default": formula(("math.truediv", X, value(255.0), {})),
    "biglist": formula(("reshape", X, {"shape": [1, 2, 3, 4]})),
    "closed_slice": formula(("image.resize", X, {"size": [6, 4], "method": "bilinear"})),
    "closed_arithmetic": formula(
        ("math.multiply", X, value(3.0), {}), ("math.add", step(0), value(4.0), {})
    ),
    "unpacked": formula(
        ("math.subtract", ["input", 0], ["input", 1], {}),
        ("math.square", step(0), {}),
        ("math.reduce_sum", step(1), {"axis": 1, "keepdims": True}),
        ("math.maximum", step(2), value(1e-7), {}),
        ("math.sqrt", step(3), {}),
    ),
    "in_place": formula(
        ("math.reduce_mean", X, {"axis": 1, "keepdims": True}),
        ("math.subtract", X, step(0), {}),
        ("math.truediv", step(1), value(2.0), {}),
        ("math.multiply", step(2), value(3.0), {}),
        ("math.add", step(3), value(1.0), {}),
        ("keras.relu", step(4), {}),
        ("math.negative", step(4), {}),
        ("keras.relu", step(6), {}),
        ("concat", ["list", [step(5), step(7)]], {"axis": 1}),
    ),
    "imported": formula(("nn.relu", X, {})),
    "imported_deep": formula(("math.abs", X, {})),
    "imported_from": formula(
        ("math.abs", X, {}), ("math.square", X, {}), ("math.add", step(0), step(1), {})
    ),
    "swapped": formula(("math.truediv", ["input", 1], ["input", 0], {})),
    "keywords": formula(
        ("pad", X, {"paddings": [[0, 0], [1, 1], [1, 1], [0, 0]], "mode": "REFLECT"})
    ),
    "sampled": formula(
        ("math.multiply", value(0.5), ["input", 1], {}),
        ("math.exp", step(0), {}),
        ("math.multiply", step(1), value(0.0), {}),
        ("math.add", ["input", 0], step(2), {}),
        random=True,
    ),
    **dict.fromkeys(("bad_cond", "bad_loop", "bad_import", "bad_attr", "bad_random")),
    **dict.fromkeys(("bad_dropout", "bad_decoding", "bad_global")),
}  # fmt: skip
"""Their formulas; conditions, loops, random numbers and other functions have none."""

NAMED = {
    "shuffled": ["shape", "shape.item", "shape.item", "shape.item", "shape.item",
                 "number.floordiv", "reshape", "transpose", "reshape"],
    "compared": ["math.greater", "cast", "math.less_equal", "cast", "math.add"],
    "sized": ["shape", "shape.item", "shape.item", "number.multiply", "shape.item", "reshape"],
    "two_slices": ["__operators__.getitem"] * 2,
    "added_axis": ["__operators__.getitem", "__operators__.getitem", "math.multiply"],
}  # fmt: skip
"""The operations of others."""


@pytest.mark.parametrize("version", CAPTURED)
@pytest.mark.parametrize("name", MEANT)
def test_code_of_every_version_of_python(version, name):
    assert find_formula({"function": CAPTURED[version][name]}) == MEANT[name]


@pytest.mark.parametrize("version", CAPTURED)
@pytest.mark.parametrize("name", NAMED)
def test_operations_of_every_version_of_python(version, name):
    result = find_formula({"function": CAPTURED[version][name]})
    assert [entry[0] for entry in result["steps"]] == NAMED[name]
    assert result == find_formula({"function": CAPTURED["3.12"][name]})


def test_nothing_else_was_captured():
    assert all(set(forms) == {*MEANT, *NAMED} for forms in CAPTURED.values())


def doubling(line, rounds=60):
    """The code of a function that repeats a line on its previous result."""
    body = "\n ".join([line] * rounds)
    names: dict[str, object] = {}
    exec(f"def f(x):\n y = x\n z = [1, 2]\n {body}\n return y", names)
    return names["f"]


@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
def test_repeated_steps_are_written_once():
    result = find_formula(saved(doubling("y = y + y")))
    assert len(result["steps"]) == 60
    assert len(json.dumps(result)) < 5000


@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
@pytest.mark.parametrize(
    "line",
    [
        "y = y + y * 2; z = [*z, *z]",
        "z = [z, z]; y = K.reshape(x, z)",
        "z = z + z; y = K.reshape(x, z)",
        "z = z[0] + z[1], z[1] ** 3; y = y + z[1]",
        "z = [[z]]; y = K.reshape(x, z)",
        "z = K.nn.nn.nn.nn" + ".nn" * 100 + "; y = z.relu(y)",
    ],
)
def test_exponential_growth_is_not_recognised(line):
    start = time.process_time()
    assert find_formula(saved(doubling(line, 2000 if line.startswith("z = [[") else 60))) is None
    assert time.process_time() - start < 20


@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
def test_too_many_steps_are_not_recognised():
    assert find_formula(saved(doubling("y = y + x", 499))) is not None
    assert find_formula(saved(doubling("y = y + x", 501))) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data):
    read_code(b"\xe3" + data)
    find_formula({"function": [base64.b64encode(b"\xe3" + data).decode(), None, None]})


@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
@given(st.integers(0, 200), st.integers(0, 255))
def test_changed_bytes_are_read_without_an_error(position, value):
    code = bytearray(marshal.dumps((lambda x: tf.image.resize(x / 255, (64, 32))).__code__))
    code[position % len(code)] = value
    find_formula({"function": [base64.b64encode(bytes(code)).decode(), None, None]})


def named(module, name, **arguments):
    function = {"module": module, "class_name": "function", "config": name}
    return {"function": function, "arguments": arguments}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            named("keras.src.applications.mobilenet_v2", "preprocess_input"),
            formula(
                ("math.truediv", X, value(127.5), {}), ("math.subtract", step(0), value(1.0), {})
            ),
        ),
        (
            named("keras.src.applications.efficientnet", "preprocess_input"),
            {"steps": [], "result": X},
        ),
        (
            named("keras.src.ops.numpy", "mean", axis=1),
            formula(("math.reduce_mean", X, {"axis": 1})),
        ),
        (named("keras.src.applications.mine", "preprocess_input"), None),
        (named("keras.src.applications.vgg16", "decode_predictions"), None),
        (named("builtins", "preprocess_input"), None),
        (named("__main__", "abs"), None),
        (named("keras.src.ops.numpy", "load"), None),
        (named(7, None), None),
    ],
)
def test_functions_that_a_file_names(settings, expected):
    assert find_formula(settings) == expected


def test_replacing_random_numbers_by_their_mean_is_reported():
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [
        {"class_name": "Lambda", "config": {
            "name": "z", "function": CAPTURED["3.8"]["sampled"], "function_type": "lambda",
            "batch_input_shape": [None, 4],
        }},
    ]}}  # fmt: skip
    _, messages = upgrade(config, "2.4.0")
    assert any(text.startswith("random-lambda: ") and "mean" in text for text in messages)
