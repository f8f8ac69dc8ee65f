"""Attacks by configurations: sizes, types, shapes of graphs, names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hostile.files import (
    Config,
    as_version_3,
    conv,
    functional,
    input_layer,
    keras_tensor,
    layer,
    sequential,
    write_h5,
    write_keras,
)
from hostile.registry import Attack, Traps, attack, register_attack

NAMES = (
    "\x1b[2J\x1b[31m\x1b]0;evil\x07",
    "line\nlayersight: all is well\r",
    "\u202egnp.exe\u2066\u200f",
    "\x9b31m\x00\x7f\u2028\u2029",
    "../../evil",
    "..",
    "<script>alert(1)</script>",
    "\udcff\ud800",
    "a" * 30_000,
    "%s%n{0}{self}",
)
"""Names that must not reach a terminal, a path or a page as they are."""


def _both(
    name: str, says: str, *layers: Config, heavy: bool = False, refused: bool = False
) -> None:
    """Registers layers, as both versions take them, as attacks in both formats."""

    def old(path: Path, traps: Traps) -> None:
        write_h5(path, sequential(*layers))

    def new(path: Path, traps: Traps) -> None:
        write_keras(path, sequential(*map(as_version_3, layers), version=3))

    register_attack(Attack(f"{name}_h5", "model.h5", says, old, heavy=heavy, refused=refused))
    register_attack(Attack(f"{name}_keras", "model.keras", says, new, heavy=heavy, refused=refused))


def _heavy(name: str, says: str, *layers: Config, first: Config | None = None) -> None:
    """Registers layers behind a convolution, or behind another first layer."""

    def writer(path: Path, traps: Traps) -> None:
        write_keras(path, sequential(first or conv(), *layers, version=3))

    register_attack(Attack(name, "model.keras", says, writer, heavy=True))


# Sizes

_both(
    "many_units",
    "A dense layer of 10^9 units.",
    conv(),
    layer("Flatten", "flat"),
    layer("Dense", "dense", units=10**9),
    heavy=True,
)
_both("wide_kernel", "A kernel of 10^6 x 10^6.", conv(kernel_size=[10**6, 10**6]), heavy=True)
_both("many_filters", "10^10 filters.", conv(filters=10**10), heavy=True)
_both(
    "wide_depth",
    "A depth multiplier of 10^9.",
    conv(),
    layer("DepthwiseConv2D", "deep", kernel_size=3, depth_multiplier=10**9),
    heavy=True,
)
_heavy(
    "many_words",
    "An embedding of 10^9 words.",
    first=layer("Embedding", "words", input_dim=10**9, output_dim=64),
)
_heavy(
    "wide_state",
    "A recurrent layer of 10^6 units.",
    layer("Reshape", "rows", target_shape=[8, 16]),
    layer("LSTM", "lstm", units=10**6),
)


@attack("model.keras", heavy=True)
def many_heads(path: Path, traps: Traps) -> None:
    """An attention of 10^5 heads of 10^5 keys."""
    heads = layer("MultiHeadAttention", "heads", num_heads=10**5, key_dim=10**5)
    config = functional(conv(), layer("Reshape", "r", target_shape=[8, 16]), heads, version=3)
    node = config["config"]["layers"][3]["inbound_nodes"][0]
    node["args"] = node["args"] * 2
    write_keras(path, config)


for _shape in ([10**6, 10**6, 3], [2**31, 1, 3], [10**30, 8, 3], [0, 0, 3], [-5, 8, 3]):

    def _writer(path: Path, traps: Traps, shape: Any = _shape) -> None:
        write_keras(path, sequential(input_layer(*shape, version=3), conv(), version=3))

    register_attack(
        Attack(
            f"input_of_{'_by_'.join(map(str, _shape[:2])).replace('-', 'minus_')}",
            "model.keras",
            f"An input of the shape {_shape}.",
            _writer,
            heavy=True,
        )
    )

_heavy("enlarged", "Enlarged by 10^5 x 10^5.", layer("UpSampling2D", "up", size=[10**5] * 2))
_heavy(
    "enlarged_in_steps",
    "Enlarged twice by 200 x 200, each step within bounds.",
    layer("UpSampling2D", "up", size=[200, 200]),
    layer("UpSampling2D", "again", size=[9, 9]),
    layer("GlobalAveragePooling2D", "less"),
)
_heavy(
    "just_within_bounds",
    "Five layers of 2^28 numbers each, every one of them allowed.",
    layer("UpSampling2D", "up", size=[1024, 1024]),
    *(layer("ReLU", f"relu_{number}") for number in range(5)),
)
_heavy(
    "padded",
    "Padded by 10^6 on each side.",
    layer("ZeroPadding2D", "pad", padding=[[10**6] * 2] * 2),
)
_heavy(
    "repeated",
    "Repeated 10^9 times.",
    layer("Flatten", "flat"),
    layer("RepeatVector", "repeat", n=10**9),
)
_heavy(
    "resized",
    "Resized to 10^6 x 10^6.",
    layer("Resizing", "size", height=10**6, width=10**6),
)
_heavy(
    "many_categories",
    "An encoding of 10^9 categories.",
    layer("Flatten", "flat"),
    layer("CategoryEncoding", "encode", num_tokens=10**9, output_mode="one_hot"),
)
_heavy(
    "many_bins",
    "A discretisation of 10^9 bins.",
    layer("Discretization", "bins", num_bins=10**9, output_mode="one_hot"),
)
_heavy(
    "hashed",
    "A hashing to 10^9 bins, one hot.",
    layer("Flatten", "flat"),
    layer("Hashing", "hash", num_bins=10**9, output_mode="one_hot"),
)
LONG = (
    layer("UpSampling2D", "up", size=[28, 28]),
    layer("Reshape", "long", target_shape=[224 * 224 * 2]),
)
_heavy(
    "spectrogram",
    "A spectrogram whose kernel is computed: 32 GiB.",
    *LONG,
    layer("Reshape", "longer", target_shape=[224 * 224 * 2, 1]),
    layer("STFTSpectrogram", "stft", frame_length=2**16, frame_step=2**12, fft_length=2**17),
)
_heavy(
    "mel_spectrogram",
    "A spectrogram whose matrix is computed: 4 GiB.",
    *LONG,
    layer("MelSpectrogram", "mel", fft_length=2**16, sequence_stride=2**12, num_mel_bins=2**15),
)
_heavy(
    "response_over_channels",
    "A response over 25,088 channels, whose reach is their square: 5 GB.",
    *LONG,
    layer("Reshape", "deep", target_shape=[4, 1, 25088]),
    layer("Formula", "lrn", expression=["call", "nn.lrn", [["input"]], {}]),
)


@attack("model.h5", heavy=True)
def response_of_tensorflow(path: Path, traps: Traps) -> None:
    """The same as tf.keras writes it, so that a rewrite brings the layer in."""
    deep = layer("Reshape", "deep", target_shape=[4, 1, 25088])
    lrn = layer("TFOpLambda", "lrn", function="nn.local_response_normalization")
    write_h5(path, functional(conv(), *LONG, deep, lrn))


@attack("model.h5", heavy=True)
def operations_within(path: Path, traps: Traps) -> None:
    """Operations of TensorFlow with giant settings, as tf.keras writes them."""
    config = functional(
        conv(),
        layer("TFOpLambda", "size", function="image.resize"),
        layer("TFOpLambda", "tile", function="tile"),
        layer("TFOpLambda", "pad", function="pad"),
    )
    settings = ({"size": [9000, 9000]}, {"multiples": [1, 9, 9, 1]}, {"paddings": [[0, 10**9]] * 4})
    for entry, more in zip(config["config"]["layers"][2:], settings, strict=True):
        entry["inbound_nodes"] = [[*entry["inbound_nodes"][0][0][:3], more]]
    write_h5(path, config)


def _mean(operation: str, **settings: Any) -> Config:
    """A formula that takes the mean of what an operation gives."""
    inner = ["call", operation, [["input"]], settings]
    whole = ["call", "math.reduce_mean", [inner], {"axis": [1, 2]}]
    return layer("Formula", "formula", expression=whole)


def _doubled(depth: int) -> list[Any]:
    if not depth:
        return ["input"]
    return ["call", "math.add", [_doubled(depth - 1), _doubled(depth - 1)], {}]


_heavy(
    "formula_within",
    "A formula that is small, with 10^10 numbers on the way.",
    _mean("image.resize_nearest", size=[10**5, 10**5]),
)
_heavy(
    "formula_tiles",
    "A formula that repeats 10^10 times and takes the mean.",
    _mean("tile", multiples=[1, 10**5, 10**5, 1]),
)
_heavy(
    "formula_deep",
    "A formula nested as deep as allowed, each part twice.",
    layer("Formula", "formula", expression=_doubled(18)),
)
_heavy(
    "formula_of_nothing",
    "Formulas that are none.",
    *(
        layer("Formula", f"formula_{number}", expression=expression)
        for number, expression in enumerate(
            [
                *(None, [], "x", ["call"], ["value", 3], ["input", "x"], ["call", 3, 3, 3]),
                *(["input", 10**9], ["call", "reshape", [["input"]], {"shape": [10**9, -1]}]),
            ]
        )
    ),
)


@attack("model.keras", heavy=True)
def array_of_giant_type(path: Path, traps: Traps) -> None:
    """An array in a call, tiny as text, whose type makes it 40 GB."""
    config = functional(conv(), layer("ReLU", "relu"), version=3)
    config["config"]["layers"][2]["inbound_nodes"][0]["args"] += [
        {"class_name": "__numpy__", "config": {"value": 1.0, "dtype": "(100000,100000)f4"}}
    ]
    write_keras(path, config)


@attack("model.keras", heavy=True)
def array_of_giant_text(path: Path, traps: Traps) -> None:
    """Arrays in settings whose types are text and raw bytes of 2 GB for each item."""
    layers = [
        layer(
            "Rescaling",
            f"scale_{number}",
            scale={"class_name": "__numpy__", "config": {"value": [1, 2], "dtype": kind}},
        )
        for number, kind in enumerate(
            ("U500000000", "S2000000000", "V2000000000", "O", "datetime64")
        )
    ]
    write_keras(path, sequential(conv(), *layers, version=3))


@attack("model.keras", heavy=True)
def tensor_of_giant_shape(path: Path, traps: Traps) -> None:
    """References to tensors that claim giant shapes, and types that are none."""
    config = functional(conv(), layer("ReLU", "relu"), version=3)
    reference = keras_tensor("conv")
    reference["config"] |= {"shape": [10**6] * 4, "dtype": "(9999,9999)f8"}
    config["config"]["layers"][2]["inbound_nodes"] = [{"args": [reference], "kwargs": {}}]
    write_keras(path, config)


@attack("model.keras", heavy=True)
def many_layers(path: Path, traps: Traps) -> None:
    """100,000 layers one after the other."""
    layers = [layer("ReLU", f"relu_{number}") for number in range(100_000)]
    write_keras(path, sequential(conv(), *layers, version=3))


@attack("model.h5", heavy=True)
def many_calls(path: Path, traps: Traps) -> None:
    """One layer that is called 50,000 times in a row."""
    config = functional(conv(), layer("ReLU", "relu"))
    nodes = [[["conv", 0, 0, {}]]] + [[["relu", call, 0, {}]] for call in range(50_000)]
    config["config"]["layers"][2]["inbound_nodes"] = nodes
    write_h5(path, config)


@attack("model.h5", heavy=True)
def doubling_models(path: Path, traps: Traps) -> None:
    """Models that call the model inside them twice, 30 deep: 10^9 calls of one layer."""
    inner: Config = functional(layer("ReLU", "relu"))
    for number in range(30):
        inner["config"]["name"] = f"model_{number}"
        nested = {**inner, "name": inner["config"]["name"]}
        nodes = [[["entry", 0, 0, {}]], [[nested["name"], 0, 0, {}]]]
        inner = functional()
        inner["config"]["layers"].append({**nested, "inbound_nodes": nodes})
        inner["config"]["output_layers"] = [[nested["name"], 1, 0]]
    write_h5(path, inner, weights={})


@attack("model.h5", heavy=True, refused=True)
def deep_json(path: Path, traps: Traps) -> None:
    """JSON nested 100,000 deep."""
    write_h5(path, '{"class_name": "Sequential", "config": ' + "[" * 100_000 + "]" * 100_000 + "}")


@attack("model.keras", refused=True)
def deep_models(path: Path, traps: Traps) -> None:
    """Models nested 200 deep, within what a reader of JSON takes."""
    config: Config = conv()
    for number in range(200):
        config = {"class_name": "Sequential", "config": {"name": f"m{number}", "layers": [config]}}
    write_keras(path, config)


@attack("model.keras", heavy=True)
def long_lists(path: Path, traps: Traps) -> None:
    """A list of 3,000,000 numbers as a shape."""
    text = json.dumps(sequential(conv(), layer("Reshape", "r", target_shape="@"), version=3))
    write_keras(path, text.replace('"@"', "[" + "1," * 3_000_000 + "1]"))


@attack("model.keras", refused=True)
def long_number(path: Path, traps: Traps) -> None:
    """A number of 100,000 digits."""
    text = json.dumps(sequential(conv(filters="@"), version=3))
    write_keras(path, text.replace('"@"', "9" * 100_000))


# Types

WRONG: tuple[Any, ...] = (
    *(-1, 0, 1.5, float("nan"), float("inf"), 1e308, 2**31, 2**63, True, None, "3", ""),
    *([], [[]], {}, [-3, 0], ["a", None], {"class_name": "x"}, {"a": 1}),
)


def _wrong(kind: str, setting: str, **more: Any) -> None:
    """Registers every wrong value for one setting as one attack on a chain of files."""
    for number, value in enumerate(WRONG):
        entry = (
            conv(**{setting: value})
            if kind == "Conv2D"
            else layer(kind, "layer", **(more | {setting: value}))
        )

        def writer(path: Path, traps: Traps, entry: Config = entry) -> None:
            before = [] if kind in ("Conv2D", "InputLayer") else [conv()]
            write_keras(path, sequential(*before, entry, version=3))

        name = f"wrong_{kind.lower()}_{setting}_{number}"
        says = f"{kind} with {setting} = {value!r}."
        register_attack(Attack(name, "model.keras", says, writer))


for _setting in ("filters", "kernel_size", "strides", "dtype"):
    _wrong("Conv2D", _setting)
for _kind, _setting in (("InputLayer", "batch_shape"), ("UpSampling2D", "size")):
    _wrong(_kind, _setting)
for _kind, _setting in (("Reshape", "target_shape"), ("BatchNormalization", "axis")):
    _wrong(_kind, _setting)


def _config(name: str, says: str, config: Any, *, heavy: bool = False) -> None:
    def writer(path: Path, traps: Traps) -> None:
        write_h5(path, config if isinstance(config, str) else json.dumps(config))

    register_attack(Attack(name, "model.h5", says, writer, heavy=heavy))


for _number, _text in enumerate(
    (
        *("null", "[]", "{}", '"x"', "3", "NaN", "", "{"),
        '{"class_name": null, "config": null}',
        '{"class_name": ["Sequential"], "config": {}}',
        '{"class_name": {}, "config": {}}',
        '{"class_name": "Sequential"}',
        '{"class_name": "Sequential", "config": 3}',
        '{"class_name": "Sequential", "config": []}',
        '{"class_name": "Sequential", "config": {"layers": 3}}',
        '{"class_name": "Sequential", "config": {"layers": [1, null, "x", [], {}]}}',
        '{"class_name": "Sequential", "config": {"name": 3, "layers": [{"class_name": "Dense"}]}}',
        '{"class_name": "Functional", "config": {}}',
        '{"class_name": "Functional", "config": {"layers": []}}',
        '{"class_name": "Functional", "config": {"layers": [], "input_layers": [],'
        ' "output_layers": []}}',
        '{"class_name": "Functional", "config": {"layers": [[]], "input_layers": 3,'
        ' "output_layers": {}}}',
        '{"class_name": "Model", "config": {"layers": {"a": 1}}}',
        '{"class_name": "Dense", "config": {"units": 3}}',
        '{"class_name": "Functional", "class_name": "Sequential", "config": {},'
        ' "config": {"layers": []}}',
    )
):
    _config(f"odd_config_{_number}", f"The whole configuration is {_text}", _text)


# Names


def _named(number: int, name: str) -> None:
    says = f"A name of {len(name)} characters that begins with {name[:12]!r}, in every place."

    def layers() -> list[Config]:
        return [conv(name), layer("ReLU", f"{name}2"), layer(name, f"{name}3", **{name: name})]

    def good(path: Path, traps: Traps) -> None:
        write_keras(path, sequential(*layers()[:2], name=name, version=3))

    def bad(path: Path, traps: Traps) -> None:
        write_keras(path, sequential(*layers(), name=name, version=3), version=name)

    def weights(path: Path, traps: Traps) -> None:
        arrays: dict[str, dict[str, Any]] = {
            name.encode("utf-8", "replace").decode().replace("\0", "") or "x": {}
        }
        write_h5(path, sequential(*layers()[:2], name=name), weights=arrays)

    def setting(path: Path, traps: Traps) -> None:
        write_keras(path, sequential(conv(activation=name, padding=name), version=3))

    def model(path: Path, traps: Traps) -> None:
        write_keras(path, {"class_name": name, "config": {"name": name}})

    writers = {"good": good, "bad": bad, "weights": weights, "setting": setting, "class": model}
    for part, writer in writers.items():
        file = "model.h5" if writer is weights else "model.keras"
        register_attack(Attack(f"name_{number}_{part}", file, says, writer))


for _number, _name in enumerate(NAMES):
    _named(_number, _name)
