"""Lambdas are recognised by reading their byte code, and only what is known is."""

from __future__ import annotations

import base64
import json
import marshal
import sys
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from convlens.loading.marshalled import read_code
from convlens.loading.rewrites.lambdas import find_formula

SUPPORTED = sys.version_info[:2] in ((3, 11), (3, 12), (3, 13))
"""The versions of Python whose own byte code convlens reads, so that a test can make some."""

tf = K = None

FORMS = [
    (lambda x: x / 255, ["call", "math.truediv", [["input"], ["value", 255]], {}]),
    (
        lambda x: x / 127.5 - 1.0,
        [
            "call", "math.subtract",
            [["call", "math.truediv", [["input"], ["value", 127.5]], {}], ["value", 1.0]], {},
        ],
    ),
    (lambda x: tf.squeeze(x, axis=1), ["call", "squeeze", [["input"]], {"axis": 1}]),
    (lambda x: K.expand_dims(x, -1), ["call", "expand_dims", [["input"]], {"axis": -1}]),
    (
        lambda x: tf.image.resize(x, (64, 32)),
        ["call", "image.resize", [["input"]], {"size": [64, 32]}],
    ),
    (lambda x: K.l2_normalize(x, axis=1), ["call", "math.l2_normalize", [["input"]], {"axis": 1}]),
    (lambda x: tf.nn.softmax(x), ["call", "nn.softmax", [["input"]], {}]),
    (
        lambda t: K.abs(t[0] - t[1]),
        [
            "call", "math.abs",
            [["call", "math.subtract", [["input", 0], ["input", 1]], {}]], {},
        ],
    ),
]  # fmt: skip


def saved(function):
    return {"function": [base64.b64encode(marshal.dumps(function.__code__)).decode(), None, None]}


@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
@pytest.mark.parametrize(("function", "formula"), FORMS)
def test_known_forms(function, formula):
    assert find_formula(saved(function)) == formula


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
def test_everything_else_is_not_recognised(function):
    assert find_formula(saved(function)) is None


def test_code_of_python_3_5_as_keras_1_saved_it():
    text = (
        "\u00e3\x01\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0S\0\0\0s\x0c\0\0\0|\0\0d\x01\0\x1bd\x02\0"
        "\x18S)\x03Ng\0\0\0\0\0\u00e0o@g\0\0\0\0\0\0\u00e0?\u00a9\0)\x01\u00da\x01xr\x01\0\0\0"
        "r\x01\0\0\0\u00fa\x01f\u00da\x08<lambda>F\0\0\0\u00f3\0\0\0\0"
    )
    assert find_formula({"function": [text, None, None]}) == [
        "call", "math.subtract",
        [["call", "math.truediv", [["input"], ["value", 255.0]], {}], ["value", 0.5]], {},
    ]  # fmt: skip


CAPTURED = json.loads((Path(__file__).parent / "lambdas.json").read_text())
"""For each version of Python the code, defaults and closure of lambdas, as it marshals them."""


def part(place):
    return ["input", place]


def whole(**parts):
    return {"start": None, "stop": None, "step": None} | parts


MEANT = {
    "divsub": FORMS[1][1],
    "pow": ["call", "math.pow", [["input"], ["value", 2]], {}],
    "resize": FORMS[4][1],
    "nested": [
        "call", "math.sqrt",
        [[
            "call", "math.reduce_sum",
            [["call", "math.square", [["call", "math.subtract", [part(0), part(1)], {}]], {}]],
            {"axis": 1, "keepdims": True},
        ]], {},
    ],
    "slice": [
        "call", "__operators__.getitem", [["input"]],
        {"slice_spec": [whole(), whole(start=1), whole(), 0]},
    ],
    "closure": ["call", "math.truediv", [["input"], ["value", 255.0]], {}],
    "default": ["call", "math.truediv", [["input"], ["value", 255.0]], {}],
    "biglist": ["call", "reshape", [["input"]], {"shape": [1, 2, 3, 4]}],
    **dict.fromkeys(("bad_cond", "bad_loop", "bad_import", "bad_attr")),
}  # fmt: skip
"""What they compute; conditions, loops and other functions are no formulas."""


@pytest.mark.parametrize("version", CAPTURED)
@pytest.mark.parametrize("name", MEANT)
def test_code_of_every_version_of_python(version, name):
    assert find_formula({"function": CAPTURED[version][name]}) == MEANT[name]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data):
    read_code(b"\xe3" + data)
    find_formula({"function": [base64.b64encode(b"\xe3" + data).decode(), None, None]})


@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
@given(st.integers(0, 200), st.integers(0, 255))
def test_changed_bytes_are_read_without_an_error(place, value):
    code = bytearray(marshal.dumps((lambda x: tf.image.resize(x / 255, (64, 32))).__code__))
    code[place % len(code)] = value
    find_formula({"function": [base64.b64encode(bytes(code)).decode(), None, None]})
