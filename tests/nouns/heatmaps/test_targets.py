"""What a person types becomes a target, or one line that says what would."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from described import described
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.target import MEAN, PREDICTED, Target
from layersight.errors import SelectionError, UsageError
from layersight.nouns.heatmaps.targets import parse_target, parse_targets

ANIMALS = ("tench", "tiger", "cat", "African elephant", "crane", "crane", "not hotdog", "hotdog")
LAYERS = (
    described("conv", "Conv2D", (None, 20, 30, 6), 10, inputs=("input",), activation="relu"),
    described("twin@0/body", "Conv2D", (None, 10, 15, 4), 10, inputs=("conv",)),
    described("twin@1/body", "Conv2D", (None, 10, 15, 4), 10, inputs=("twin@0/body",)),
    described("odd:name", "Conv2D", (None, 4, 15, 10), 10, "channels_first", inputs=("conv",)),
    described("unknown", "Lambda", None, inputs=("conv",)),
    described("number", "Lambda", (None,), inputs=("conv",)),
)


def words_of(target):
    """A target as it can be typed."""
    text = f"{'not ' if target.sign < 0 else ''}{target.layer}:{target.unit}"
    where = target.where
    if where == PREDICTED:
        text += "@predicted"
    elif len(where) == 2:
        text += f"@{where[0]},{where[1]}"
    elif not isinstance(where, str):
        top, left, bottom, right = where
        text += f"@{top}:{bottom},{left}:{right}"
    return text if target.against is None else f"{text} vs {target.against}"


def info(
    labels=ANIMALS,
    *,
    units=8,
    outputs=(),
    activation="softmax",
):
    top = described("top", "Dense", (None, units), 5, inputs=("odd:name",), activation=activation)
    ends = outputs or (top,)
    return ModelInfo(
        name="m",
        source="a test",
        digest="",
        framework="",
        inputs=(InputInfo("picture", (None, 40, 60, 3)),),
        outputs=tuple(layer.name for layer in ends),
        layers=(*LAYERS, *ends),
        parameters=0,
        labels=labels,
        output_layers=tuple(layer.name for layer in ends),
    )


MASK = described("mask", "Conv2D", (None, 40, 60, 3), 5, inputs=("conv",), activation="softmax")


ELEPHANT = Target("top", 3, label="African elephant")
BOTH = Target("top", 1, against=2, label="tiger", against_label="cat")
FIFTH = Target("conv", 5, before=False, label="channel 5")
FIFTH_AND_THIRD = dataclasses.replace(FIFTH, against=3, against_label="channel 3")


def at(target, where):
    return dataclasses.replace(target, where=where)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("3", ELEPHANT),
        (" class  3 ", ELEPHANT),
        (3, ELEPHANT),
        ("african_ELEPHANT", ELEPHANT),
        ("African  Elephant", ELEPHANT),
        ("not tiger", Target("top", 1, sign=-1, label="tiger")),
        ("NOT  not tiger", Target("top", 1, label="tiger")),
        ("not hotdog", Target("top", 6, label="not hotdog")),
        ("not not hotdog", Target("top", 6, sign=-1, label="not hotdog")),
        ("hotdog", Target("top", 7, label="hotdog")),
        ("tiger vs cat", BOTH),
        ("1 vs. 2", BOTH),
        ("tiger rather than 2", BOTH),
        ("not tiger versus cat", dataclasses.replace(BOTH, sign=-1)),
        ("top:3", ELEPHANT),
        ("top:tiger vs 2", BOTH),
        ("conv:5", FIFTH),
        ("conv:5@4,7", at(FIFTH, (4, 7))),
        ("conv:5@10:20,0:30", at(FIFTH, (10, 0, 20, 30))),
        ("conv:5 @ 10: , :12", at(FIFTH, (10, 0, 20, 12))),
        ("conv:5@predicted vs 3", at(FIFTH_AND_THIRD, PREDICTED)),
        ("conv:5@4,7 vs conv:3@4,7", at(FIFTH_AND_THIRD, (4, 7))),
        ("conv:5@mean", FIFTH),
        (
            "twin@1/body:2@0,1",
            Target("twin@1/body", 2, where=(0, 1), before=False, label="channel 2"),
        ),
        ("odd:name:3@14,9", Target("odd:name", 3, where=(14, 9), before=False, label="channel 3")),
        ("-1:3", ELEPHANT),
        ("Dense:cat", Target("top", 2, label="cat")),
    ],
)
def test_what_can_be_typed(text, target):
    assert parse_target(info(), text) == target


def test_two_sides_of_one_unit_with_names():
    one = info(("cat", "dog"), units=1, activation="sigmoid")
    dog = Target("top", 0, label="dog", opposite="cat")
    cat = dataclasses.replace(dog, sign=-1)
    assert (dog.name, cat.name) == ("dog", "cat")
    for text in ("dog", "1", 1, "class 1", "not cat", "top:0", "dog vs cat", "not 0", "top:dog"):
        assert parse_target(one, text) == dog, text
    for text in ("cat", "0", 0, "not dog", "not 1", "cat vs dog", "not top:0", "top:cat"):
        assert parse_target(one, text) == cat, text
    with pytest.raises(SelectionError, match="expected 0 to 1"):
        parse_target(one, 2)
    with pytest.raises(UsageError, match="another class than the first"):
        parse_target(one, "dog vs 1")


def test_one_unit_without_names():
    one = info(None, units=1, activation="sigmoid")
    unit = Target("top", 0, label="class 1", opposite="class 0")
    other = dataclasses.replace(unit, sign=-1)
    for text in ("1", 1, "class 1", "output", "top:0", "not 0"):
        assert parse_target(one, text) == unit, text
    for text in ("0", 0, "class 0", "not output", "not 1"):
        assert parse_target(one, text) == other, text
    assert (unit.name, other.name) == ("class 1", "class 0")
    with pytest.raises(SelectionError, match="expected 0 to 1"):
        parse_target(one, "2")
    with pytest.raises(SelectionError, match=r"--labels, as 'cat,dog' or in a file, or give 0 or"):
        parse_target(one, "dog")


def test_one_value_has_one_side():
    one = info(None, units=1, activation="linear")
    assert parse_target(one, "0") == Target("top", 0, label="output")
    assert parse_target(one, "not 0").name == "not output"
    with pytest.raises(SelectionError, match=r"or give 0, or 'not 0'"):
        parse_target(one, "dog")


def test_names_of_the_files_of_imagenet():
    labels = ("n01440764 tench, Tinca tinca", "n02504458 African_elephant, Loxodonta africana")
    result = [
        parse_target(info(labels, units=2), text).unit
        for text in ("n02504458", "loxodonta africana", "african elephant", labels[1])
    ]
    assert result == [1, 1, 1, 1]


def test_names_that_are_numbers():
    digits = tuple("3456789012")
    model = info(digits, units=10)
    with pytest.raises(
        SelectionError,
        match="'5' is the name of class 2 and the number of the "
        "class '8': say 'class 2' or 'class 5'",
    ):
        parse_target(model, "5")
    assert parse_target(model, "class 5").unit == 5
    assert parse_target(model, 5).unit == 5
    same = info(tuple("0123456789"), units=10)
    assert parse_target(same, "5").unit == 5
    years = info(("1990", "2000"), units=2)
    assert parse_target(years, "2000").unit == 1


def test_a_segmentation():
    model = info(("sky", "tree", "road"), outputs=(MASK,))
    assert parse_target(model, "tree@predicted").where == PREDICTED
    assert parse_target(model, "mask:road@10:20,30:60").where == (10, 30, 20, 60)
    assert parse_target(model, "2@39,59").where == (39, 59)
    assert parse_target(model, "sky").where == MEAN


def test_several_outputs():
    top = described("kind", "Dense", (None, 4), 5, inputs=("conv",), activation="softmax")
    model = info(None, outputs=(MASK, top))
    targets, notes = parse_targets(model, "2")
    assert targets == (Target("kind", 2),)
    assert "of the 2 outputs 'kind' is explained" in notes[0]
    assert "mask" in notes[0]
    assert parse_targets(model, ["mask:1@predicted", "kind:2"])[1] == ()
    with pytest.raises(SelectionError, match=r"none of them a vector.*say of which, for example"):
        parse_target(info(None, outputs=(MASK, dataclasses.replace(MASK, name="b"))), "1")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("tigre", SelectionError, "no class 'tigre' of the output 'top'. Did you mean tiger"),
        ("qqqqq", SelectionError, "It has 8: tench, tiger, cat, African elephant ... hotdog."),
        ("8", SelectionError, "no class or channel 8: expected 0 to 7, layer 'top' has 8"),
        (-1, SelectionError, "no class or channel -1"),
        ("crane", SelectionError, r"the name of 2 classes \(4, 5\): give the number"),
        ("conv", SelectionError, "'conv' is a layer: say which of its channels.*'conv:0'"),
        ("covn:3", SelectionError, "no layer 'covn'. Did you mean conv"),
        ("conv:6", SelectionError, "expected 0 to 5, layer 'conv' has 6"),
        ("conv:", SelectionError, "no channel or class '' of layer 'conv'"),
        ("conv:x", SelectionError, "no channel or class 'x' of layer 'conv'"),
        ("twin:3", SelectionError, "'twin' stands for 2 layers: name one of twin@0/body"),
        ("conv:1@20,0", SelectionError, "layer 'conv' has 20 rows, 0 to 19: found 20"),
        ("conv:1@0,30", SelectionError, "has 30 columns, 0 to 29: found 30"),
        ("conv:1@5:4,0:2", SelectionError, "found 5 to 4"),
        ("conv:1@0:21,0:2", SelectionError, "found 0 to 21"),
        ("conv:1@here", UsageError, "the position 'here' of layer 'conv' cannot be read"),
        ("3@1,2", SelectionError, "layer 'top' has no maps of rows and columns: leave @ out"),
        ("3@predicted", UsageError, "layer 'top' has no maps: 'predicted' is of a map"),
        ("tiger vs tiger", UsageError, "another class than the first"),
        ("tiger vs conv:2", UsageError, "a contrast is of one layer: found 'top' and 'conv'"),
        ("conv:1 vs 2@1,1", UsageError, "give the position of the first only"),
        ("conv:1 vs conv:2@1,1", UsageError, "give the position of the first only"),
        ("conv:1@1,1 vs 2@1,2", UsageError, "give the position of the first only"),
        ("not hotdog vs not cat", SelectionError, "no class 'not cat'"),
        ("a vs b vs c", UsageError, "expected one class, or two as 'A vs B', found 3"),
        ("tiger vs not cat", SelectionError, "no class 'not cat'"),
        ("", UsageError, "expected a target of 1 to 300 characters"),
        ("x" * 301, UsageError, "found 301"),
        ("unknown:0", SelectionError, "layer 'unknown' has no units or channels"),
        ("number:0", SelectionError, r"its output has the shape \(None,\)"),
        (True, UsageError, "expected a target as a class"),
        (1.5, UsageError, "found 1.5"),
    ],
)
def test_what_cannot_is_said_in_one_line(text, error, message):
    with pytest.raises(error, match=message) as caught:
        parse_target(info(), text)
    assert "\n" not in str(caught.value)


def test_labels_that_are_not_there_or_do_not_fit():
    with pytest.raises(SelectionError, match=r"--labels, as 'cat,dog' or in a file.*0 to 7"):
        parse_target(info(None), "tiger")
    with pytest.raises(SelectionError, match="the 2 class names given do not fit the output 'top'"):
        parse_target(info(("a", "b")), "tiger")


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (Target("nowhere", 0), SelectionError, "no layer 'nowhere'"),
        (Target("top", 8), SelectionError, "no class or channel 8"),
        (Target("top", 1, against=9), SelectionError, "no class or channel 9"),
        (Target("top", 1, against=1), UsageError, "two different classes"),
        (Target("top", 1, sign=2), UsageError, "a sign of 1 or -1"),
        (Target("top", "tiger"), UsageError, "expected the number of a class or channel"),
        (Target("conv", 1, where="there"), UsageError, "expected where='mean'"),
        (Target("conv", 1, where=(1, 2, 3)), UsageError, "expected where='mean'"),
        (Target("conv", 1, where=(1.5, 2)), UsageError, "in whole numbers"),
        (Target("conv", 1, where=(0, 0, 99, 2)), SelectionError, "found 0 to 99"),
        (Target("top", 1, where=PREDICTED), UsageError, "'predicted' is of a map"),
    ],
)
def test_targets_as_data_are_checked(target, error, message):
    with pytest.raises(error, match=message):
        parse_target(info(), target)


def test_targets_as_data_pass_through_and_get_their_label():
    target = Target("top", 1, against=2, before=False)
    result = parse_target(info(), target)
    assert result == dataclasses.replace(target, label="tiger", against_label="cat")
    named = Target("conv", 1, where=(1, 2), label="an eye", before=True)
    assert parse_target(info(), named) == named


def test_several_are_taken_once_each_and_none_is_an_error():
    targets, _ = parse_targets(info(), ["tiger", 1, "class 1", "cat", Target("top", 2)])
    assert [target.unit for target in targets] == [1, 2]
    assert len(parse_targets(info(), (str(unit) for unit in range(4)))[0]) == 4
    with pytest.raises(UsageError, match="at least one target"):
        parse_targets(info(), [])


MARKS = [
    "top",
    "not",
    "vs",
    ":",
    "@",
    ",",
    "predicted",
    "mean",
    "0",
    "3",
    "12",
    "99999999999",
    "class",
    "*",
    "-1",
    "/",
]
PARTS = st.sampled_from(
    [*ANIMALS, *(layer.name for layer in LAYERS), *MARKS, " ", "rather than", "\n"]
)
MODELS = st.sampled_from(
    [
        info(),
        info(None),
        info(("cat", "dog"), units=1),
        info(tuple("9876543210"), units=10),
        info(("sky", "tree", "road"), outputs=(MASK,)),
        info(None, outputs=(MASK, LAYERS[-1])),
        info(None, outputs=(LAYERS[-1],)),
        info(None, outputs=(LAYERS[-2],)),
    ]
)


@settings(max_examples=600)
@given(
    MODELS,
    st.one_of(
        st.text(max_size=40),
        st.lists(PARTS, max_size=9).map("".join),
        st.lists(PARTS, max_size=7).map(" ".join),
    ),
)
@example(info(), "not " * 75)
@example(info(), ":" * 300)
@example(info(), "@" * 300)
@example(info(), "\0")
def test_no_text_crashes_and_what_is_read_can_be_written_down(model, text):
    try:
        target = parse_target(model, text)
    except (SelectionError, UsageError) as error:
        if not 0 < len(str(error)) < 900:
            raise
        return
    assert parse_target(model, words_of(target)) == target
    assert parse_target(model, target) == target


@settings(max_examples=200)
@given(
    st.integers(0, 7),
    st.none() | st.integers(0, 7),
    st.sampled_from([1, -1]),
)
def test_the_name_of_a_class_can_be_typed(unit, against, sign):
    assume(unit != against)
    labels = ("a", "B c", "d_e", "fé", "g-h", "i.j", "k(l)", "m'n")
    target = parse_target(info(labels), Target("top", unit, against, sign))
    assert parse_target(info(labels), target.name) == target
    bare = parse_target(info(None), Target("top", unit, against, sign))
    assert parse_target(info(None), bare.name) == bare
