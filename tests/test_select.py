"""Choosing layers and channels: by example, and against a slow second writing."""

import contextlib
import fnmatch
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layersight.data.model import LayerInfo
from layersight.errors import SelectionError
from layersight.select import choose_channels, parse_channels, select_layers, split_channels

NAMES = {
    "stem": "Conv2D",
    "body/conv_1": "Conv2D",
    "body/pool_1": "MaxPooling2D",
    "body/deep/conv_2": "Conv2D",
    "twin@0": "Conv2D",
    "twin@1": "Conv2D",
    "siamese@0/conv_3": "DepthwiseConv2D",
    "siamese@1/conv_3": "DepthwiseConv2D",
    "odd,name": "Activation",
    "7": "ReLU",
    "1:2": "Softmax",
    "top": "Dense",
}
LAYERS = [LayerInfo(name, kind, None) for name, kind in NAMES.items()]


def names(specs, layers=LAYERS):
    return [layer.name for layer in select_layers(layers, specs)]


@pytest.mark.parametrize(
    ("specs", "wanted"),
    [
        (None, list(NAMES)),
        ("stem", ["stem"]),
        ("  stem ", ["stem"]),
        ("body/conv_1", ["body/conv_1"]),
        ("body", ["body/conv_1", "body/pool_1", "body/deep/conv_2"]),
        ("body/deep", ["body/deep/conv_2"]),
        ("conv_2", ["body/deep/conv_2"]),
        ("conv_3", ["siamese@0/conv_3", "siamese@1/conv_3"]),
        ("twin", ["twin@0", "twin@1"]),
        ("twin@1", ["twin@1"]),
        ("siamese", ["siamese@0/conv_3", "siamese@1/conv_3"]),
        ("siamese@1", ["siamese@1/conv_3"]),
        ("siamese/conv_3", ["siamese@0/conv_3", "siamese@1/conv_3"]),
        ("odd,name", ["odd,name"]),
        ("7", ["7"]),
        ("1:2", ["1:2"]),
        (":2", ["stem", "body/conv_1"]),
        ("-2:", ["1:2", "top"]),
        ("::6", ["stem", "siamese@0/conv_3"]),
        ("2:0:-1", ["body/conv_1", "body/pool_1"]),
        ("0", ["stem"]),
        ("-1", ["top"]),
        (0, ["stem"]),
        (-1, ["top"]),
        (np.int64(1), ["body/conv_1"]),
        (slice(0, 2), ["stem", "body/conv_1"]),
        ("conv*", ["body/conv_1", "body/deep/conv_2", "siamese@0/conv_3", "siamese@1/conv_3"]),
        ("body/*", ["body/conv_1", "body/pool_1", "body/deep/conv_2"]),
        ("*/pool_?", ["body/pool_1"]),
        ("[st]*m", ["stem"]),
        ("[!a-z]*", ["7", "1:2"]),
        ("Dense", ["top"]),
        ("dense", ["top"]),
        ("DepthwiseConv2D", ["siamese@0/conv_3", "siamese@1/conv_3"]),
        ("top,stem", ["stem", "top"]),
        ("top, stem ,", ["stem", "top"]),
        (["top", "stem", "stem"], ["stem", "top"]),
        (("body", 0, slice(-1, None)), [*list(NAMES)[:4], "top"]),
    ],
)
def test_what_a_spec_chooses(specs, wanted):
    assert names(specs) == wanted


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        (
            "stm",
            r"no layer 'stm'\. Did you mean stem\? 'layersight summary MODEL' lists them all\.$",
        ),
        (
            "zzz",
            r"no layer 'zzz'\. The model has 12: stem, body/conv_1, body/pool_1, body/deep/conv",
        ),
        ("", "no layer ''"),
        (",", "no layer ','"),
        ("stem,nope", "no layer 'nope'"),
        ([], r"expected at least one layer, found none\. Leave it out for all\."),
        ("99", "layers '99' choose nothing: the model has 12 layers that compute, 0 to 11"),
        ("5:5", "layers '5:5' choose nothing"),
        ("::0", "layers '::0': slice step cannot be zero"),
        (slice(None, None, 0), "layers '::0': slice step cannot be zero"),
        (slice(20, None), "layers '20:' choose nothing"),
        (slice("a", None), "layers 'a:': slice indices must be integers"),
        ("9" * 5000, "no layer '9999999"),
        ("-:", "no layer '-:'"),
        (2.5, "expected a layer as a name, a glob, a type, a slice or a number, found float 2.5"),
        ([2.5], "found float 2.5"),
        ([None], "found NoneType None"),
    ],
)
def test_a_choice_that_matches_nothing_names_what_is_near(specs, words):
    with pytest.raises(SelectionError, match=words):
        names(specs)


def test_a_model_without_layers():
    assert names(None, []) == []
    for spec in (":8", 0, "conv"):
        with pytest.raises(SelectionError):
            names(spec, [])
    with pytest.raises(SelectionError, match="the model has no layers that compute"):
        names(":8", [])


# The second writing: by the words of the docstring, without an expression.


def whole_number(text):
    digits = text.removeprefix("-")
    plain = digits != "" and all(character in "0123456789" for character in digits)
    return int(text) if plain and len(digits) <= 18 else None


def slow_slice(text):
    parts = text.split(":")
    if len(parts) not in (2, 3):
        return None
    bounds = [None if part == "" else whole_number(part) for part in parts]
    if any(bound is None and part for bound, part in zip(bounds, parts, strict=True)):
        return None
    return slice(*bounds)


def without_calls(path):
    parts = []
    for part in path.split("/"):
        name, at, call = part.rpartition("@")
        parts.append(name if at and call.isdecimal() else part)
    return "/".join(parts)


def slow_select(layers, text):
    text = text.strip()
    paths = [layer.name for layer in layers]

    def those(test):
        return {index for index, path in enumerate(paths) if test(path)}

    for test in (
        lambda path: path == text,
        lambda path: any(
            "/".join(whole.split("/")[:depth]) == text
            for whole in (path, without_calls(path))
            for depth in range(1, len(whole.split("/")))
        ),
        lambda path: without_calls(path) == text,
        lambda path: path.split("/")[-1] == text,
    ):
        if result := those(test):
            return result
    chosen = slow_slice(text)
    if chosen is not None:
        if chosen.step == 0:
            return None
        return set(range(len(layers))[chosen]) or None
    number = whole_number(text)
    if number is not None:
        return {number % len(layers)} if -len(layers) <= number < len(layers) else None
    if "," in text and text.replace(",", "").replace(" ", ""):
        every = [slow_select(layers, part) for part in text.split(",") if part.strip()]
        return None if None in every else set().union(*every)
    glob = re.compile(fnmatch.translate(text))
    result = those(
        lambda path: glob.match(path) or ("/" not in text and glob.match(path.split("/")[-1]))
    )
    if result:
        return result
    return {
        index for index, layer in enumerate(layers) if layer.type.casefold() == text.casefold()
    } or None


def agree(text, layers):
    result = None
    with contextlib.suppress(SelectionError):
        result = {layers.index(layer) for layer in select_layers(layers, text)}
    assert result == slow_select(layers, text), repr(text)


SIGNS = [*"@/*?[]!-:, \n", "@0", "0", "1", "12", "-3", "é", "²", "٣"]
PIECES = st.sampled_from([*NAMES, "body", "conv", "conv_", "Conv2D", "dense", *SIGNS])
SPECS = st.text() | st.lists(PIECES, max_size=6).map("".join)


@settings(max_examples=400)
@given(SPECS)
def test_any_text_chooses_layers_or_is_refused_as_the_second_writing_says(text):
    agree(text, LAYERS)


PATHS = st.lists(
    st.sampled_from(["a", "b", "a@0", "a@1", "a,b", "0", "1:", "*"]), min_size=1, max_size=3
).map("/".join)


@settings(max_examples=300)
@given(
    st.lists(PATHS, min_size=1, max_size=6, unique=True),
    st.lists(
        st.sampled_from(["a", "b", "@0", "@1", "/", ",", "0", "1", ":", "*", "-"]), max_size=5
    ),
)
def test_models_of_any_names_too(paths, pieces):
    agree("".join(pieces), [LayerInfo(path, "ab"[len(path) % 2], None) for path in paths])


@pytest.mark.parametrize(
    ("spec", "count", "wanted"),
    [
        (None, 4, [0, 1, 2, 3]),
        (None, 0, []),
        ("3", 4, [3]),
        ("3,5,25,29,30", 32, [3, 5, 25, 29, 30]),
        ("0,3,5-9", 32, [0, 3, 5, 6, 7, 8, 9]),
        ("9,3-4, 0", 32, [0, 3, 4, 9]),
        ("2-2", 4, [2]),
        ("0:3", 4, [0, 1, 2]),
        (":2", 4, [0, 1]),
        ("2:", 4, [2, 3]),
        (":", 4, [0, 1, 2, 3]),
        ("0:4", 4, [0, 1, 2, 3]),
        ("1,1,0:2", 4, [0, 1]),
        (2, 4, [2]),
        (np.int64(2), 4, [2]),
        (np.array([3, 1]), 4, [1, 3]),
        ([3, 1, 1], 4, [1, 3]),
        (range(2), 4, [0, 1]),
        (slice(None, 2), 4, [0, 1]),
        (slice(-2, None), 4, [2, 3]),
    ],
)
def test_what_channels_a_spec_chooses(spec, count, wanted):
    assert parse_channels(spec, count) == tuple(wanted)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("4", "^no channel 4: expected 0 to 3, the layer has 4$"),
        ("99", "^no channel 99: expected 0 to 3"),
        ("2-9", "^no channel 9: expected 0 to 3"),
        ("7-9", "^no channel 7: expected 0 to 3"),
        ("0:5", "^no channel 4: expected 0 to 3"),
        ("4:", "^no channel 4: expected 0 to 3"),
        ("0-999999999999999999", "^no channel 999999999999999999: "),
        (-1, "^no channel -1: expected 0 to 3"),
        ([0, 7], "^no channel 7"),
        (
            "",
            "^channels '': expected numbers, ranges and slices such as 0,3,5-9 or 0:16, found ''$",
        ),
        ("1,,2", "found ''$"),
        ("1,", "found ''$"),
        ("a", "found 'a'$"),
        ("-1", "found '-1'$"),
        ("1-", "found '1-'$"),
        ("1:2:3", "found '1:2:3'$"),
        ("9" * 5000, r"found '9{57}\.\.\.'$"),
        ("3-1", "^channels '3-1': '3-1' is empty, its end comes first$"),
        ("2:2", "'2:2' is empty"),
        ([], "^channels '.*' choose none of the 4 channels$"),
        (slice(3, 1), "^channels '3:1' choose none of the 4 channels$"),
        (slice(0, 4, 0), "slice step cannot be zero"),
        ([1.5], r"^expected channels as 0,3,5-9, 0:16 or whole numbers, found \[1\.5\] \('float'"),
        (2.5, "expected channels as 0,3,5-9, 0:16 or whole numbers, found 2.5"),
        (["1"], "expected channels as"),
    ],
)
def test_channels_that_cannot_be(spec, words):
    with pytest.raises(SelectionError, match=words):
        parse_channels(spec, 4)


def test_an_error_names_the_layer_where_it_is_known():
    with pytest.raises(SelectionError, match=r"^layer 'conv': no channel 9: expected 0 to 3"):
        parse_channels("9", 4, layer="conv")
    with pytest.raises(SelectionError, match=r"^layer 'conv': no channel 0: the layer has none"):
        parse_channels("0", 0, layer="conv")


def slow_channels(text, count):
    chosen = set()
    for part in text.split(","):
        part = part.strip()
        for sign in (":", "-"):
            if sign in part:
                start, _, stop = part.partition(sign)
                break
        else:
            sign, start, stop = "-", part, part
        bounds = [whole_number(bound) for bound in (start, stop)]
        if sign == ":":
            bounds = [0 if start == "" else bounds[0], count if stop == "" else bounds[1]]
        low, high = bounds
        if low is None or high is None or "-" in start or "-" in stop or ":" in stop:
            return None
        last = high - 1 if sign == ":" else high
        if low > last or last >= count:
            return None
        chosen |= set(range(low, last + 1))
    return chosen


NUMBERS = st.lists(
    st.sampled_from(["0", "1", "2", "7", "31", "99", "-", ":", ",", " ", "x", "²", "٣"]), max_size=8
)


@settings(max_examples=500)
@given(st.text() | NUMBERS.map("".join), st.integers(0, 40))
def test_any_text_chooses_channels_or_is_refused(text, count):
    result = None
    with contextlib.suppress(SelectionError):
        result = parse_channels(text, count)
    wanted = slow_channels(text, count)
    assert result == (None if wanted is None else tuple(sorted(wanted))), repr(text)


@given(st.sets(st.integers(0, 63), min_size=1))
def test_what_is_written_as_a_list_is_read_back(chosen):
    assert parse_channels(",".join(map(str, chosen)), 64) == tuple(sorted(chosen))


@pytest.mark.parametrize(
    ("specs", "wanted", "channels"),
    [
        (["stem:0,4", "top:1"], ["stem", "top"], {"stem": "0,4", "top": "1"}),
        ("stem:0,4,top:1", ["stem", "top"], {"stem": "0,4", "top": "1"}),
        ("stem: 0 , 4, top: 1", ["stem", "top"], {"stem": "0 , 4", "top": "1"}),
        ("stem:0, 4, top", ["stem", "top"], {"stem": "0, 4"}),
        ("body/conv_1:5-9", ["body/conv_1"], {"body/conv_1": "5-9"}),
        ("stem::16", ["stem"], {"stem": ":16"}),
        ("stem:2:", ["stem"], {"stem": "2:"}),
        ("stem:all,top:1", ["stem", "top"], {"stem": "all", "top": "1"}),
        ("body/*:3", ["body/conv_1", "body/pool_1", "body/deep/conv_2"], None),
        ("Conv2D:0", ["stem", "body/conv_1", "body/deep/conv_2", "twin@0", "twin@1"], None),
        (["stem:0", "stem:7"], ["stem"], {"stem": "0,7"}),
        ({"stem": [0, 4], 1: None}, ["stem", "body/conv_1"], {"stem": [0, 4]}),
        (":2", ["stem", "body/conv_1"], {}),
        ("1:3", ["body/conv_1", "body/pool_1"], {}),
        ("1:2", ["1:2"], {}),
        ("stem,top", ["stem", "top"], {}),
        (slice(0, 1), ["stem"], {}),
        (0, ["stem"], {}),
    ],
)
def test_layers_with_channels_of_their_own(specs, wanted, channels):
    without, result = split_channels(LAYERS, specs)
    assert names(without) == wanted
    assert result == (
        dict.fromkeys(wanted, specs.partition(":")[2]) if channels is None else channels
    )


def test_a_pair_of_a_layer_that_is_not_there():
    with pytest.raises(SelectionError, match=r"^no layer 'sten'\. Did you mean stem\?"):
        split_channels(LAYERS, "sten:0,4")
    with pytest.raises(SelectionError, match=r"^layer 'stem': no channel 9: expected 0 to 3"):
        choose_channels({"stem": 4}, None, {"stem": "0,9"})


def test_channels_of_their_own_leave_the_others_alone():
    counts = {"stem": 4, "body": 32, "top": 8}
    assert choose_channels(counts, "2,6", {"body": "30"}) == {
        "stem": (2,),
        "body": (30,),
        "top": (2, 6),
    }
    with pytest.raises(SelectionError, match=r"^layer 'top': no channel 9: expected 0 to 7"):
        choose_channels(counts, 9, {"body": "30"})
