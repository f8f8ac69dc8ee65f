"""Layers of add-on libraries that are plain arithmetic.

The rule of this module: a layer belongs to a library if the file says so, by the package that
registered it or by the module of its class. keras_contrib did not register its layers; those that
no other library has with the same name and exactly the same settings are recognised, and the
message of the rewrite says so. All others are left unchanged.

Sources for what they compute: tensorflow_addons 0.23 (``layers``), keras_contrib
(``layers/normalization``, ``layers/advanced_activations``, ``layers/convolutional``), AutoKeras 1.0
(``keras_layers``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from layersight.data.saved import Config
from layersight.loading.formulas import INPUT, Ref, Writer
from layersight.loading.rewrites.classes import note_inside
from layersight.loading.rewrites.walking import layer_rewrite, name_of, replace_class, settings_of

ADDONS = "Addons"
CONTRIB = "keras_contrib"

# The packages that libraries register, or are given here, by the modules of their classes.
MODULES = {"tensorflow_addons": ADDONS, "keras_contrib": CONTRIB, "autokeras": "autokeras"}

# Settings that all layers have.
COMMON = {"name", "trainable", "dtype", "batch_input_shape", "input_shape", "batch_shape"}


def _settings(*weights: str) -> set[str]:
    kinds = ("initializer", "regularizer", "constraint")
    return {f"{weight}_{kind}" for weight in weights for kind in kinds}


NORMALISATION = {"axis", "epsilon", "center", "scale"} | _settings("beta", "gamma")

# The settings by which layers of keras_contrib are recognised; files do not name the library.
OF_CONTRIB = {
    "InstanceNormalization": NORMALISATION,
    "PELU": {"shared_axes"} | _settings("alpha", "beta"),
    "SReLU": {
        "shared_axes",
        *(f"{weight}_initializer" for weight in ("t_left", "a_left", "t_right", "a_right")),
    },
    "SubPixelUpscaling": {"scale_factor", "data_format"},
}

# Layers of tensorflow_addons that have weights and no equivalent in Keras.
OF_ADDONS = ("FilterResponseNormalization", "TLU", "Snake")

RENAMED = {
    "InstanceNormalization": "GroupNormalization",
    "GroupNormalization": "GroupNormalization",
    "Sparsemax": "Activation",
}


@layer_rewrite(
    "addons", "layers of tensorflow_addons or AutoKeras were replaced by what computes the same"
)
def name_addons(layer: Config, settings: Config) -> bool:
    """A layer of tensorflow_addons or AutoKeras with an equivalent layer or formula."""
    package, name = _package_and_name(layer)
    if package == ADDONS and name == "SpectralNormalization":
        return _unwrap(layer)
    if package == ADDONS and name in RENAMED:
        return _rename(layer, name)
    if package == ADDONS and name in OF_ADDONS:
        replace_class(layer, f"{ADDONS}>{name}")
        return True
    builder = FORMULAS.get((package, name))
    return builder is not None and _as_formula(layer, builder)


@layer_rewrite(
    "contrib", "layers with the names and settings of those of keras_contrib were taken for them"
)
def name_contrib(layer: Config, settings: Config) -> bool:
    """A layer of keras_contrib, recognised by its name and its settings."""
    package, name = _package_and_name(layer)
    if package not in ("", CONTRIB) or set(settings) - COMMON != OF_CONTRIB.get(name):
        return False
    if name == "SubPixelUpscaling":
        return _as_formula(layer, _depth_to_space)
    replace_class(layer, f"{CONTRIB}>{name}")
    return True


@layer_rewrite(
    "contrib-groups",
    "GroupNormalization, which Keras did not have then, was taken for that of keras_contrib",
    before=(2, 11),
)
def name_contrib_groups(layer: Config, settings: Config) -> bool:
    """A GroupNormalization of keras_contrib, from before Keras had a layer of that name (2.11)."""
    package, name = _package_and_name(layer)
    if name != "GroupNormalization" or package not in ("", CONTRIB):
        return False
    exact = set(settings) - COMMON == NORMALISATION | {"groups"}
    replace_class(layer, f"{CONTRIB if exact else 'file'}>{name}")
    return True


def _package_and_name(layer: Config) -> tuple[str, str]:
    """The package of a layer's class, empty if there is none, and the name of the class."""
    name, module = layer.get("class_name"), layer.get("module")
    registered = layer.get("registered_name")
    if not isinstance(name, str):
        return "?", ""
    package, _, bare = name.rpartition(">")
    if not package and isinstance(registered, str) and ">" in registered:
        package = registered.rpartition(">")[0]
    if isinstance(module, str) and module.partition(".")[0] in MODULES:
        package = MODULES[module.partition(".")[0]]
    elif not package and isinstance(module, str):
        package = module
    return package, bare


def _rename(layer: Config, name: str) -> bool:
    settings = settings_of(layer)
    if name == "InstanceNormalization":
        settings["groups"] = -1  # one group for each channel, whatever the file says
    if name == "Sparsemax":
        if settings.pop("axis", -1) != -1:
            return False
        settings["activation"] = "addons_sparsemax"
    replace_class(layer, RENAMED[name])
    return True


def _unwrap(layer: Config) -> bool:
    """Replaces a wrapper that changes the kernel of its layer in training only by the layer."""
    wrapped = settings_of(layer).get("layer")
    if not isinstance(wrapped, dict) or not isinstance(wrapped.get("config"), dict):
        return False
    shape = {k: v for k, v in settings_of(layer).items() if k == "batch_input_shape"}
    settings = {**wrapped["config"], "name": name_of(layer), **shape}
    replace_class(layer, layer["class_name"], settings)
    for key in ("class_name", "module", "registered_name"):
        if key in wrapped:
            layer[key] = wrapped[key]
    note_inside(layer)
    return True


Builder = Callable[[Writer, Config], Any]


def _as_formula(layer: Config, builder: Builder) -> bool:
    """Replaces a layer by a formula, unless its settings are unknown."""
    settings = settings_of(layer)
    writer = Writer()
    try:
        formula = writer.finish(builder(writer, settings))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return False
    common = {k: v for k, v in settings.items() if k in ("name", "dtype", "batch_input_shape")}
    replace_class(layer, "Formula", common | {"expression": formula})
    return True


def _depth_to_space(writer: Writer, settings: Config) -> Any:
    order = {None: "NHWC", "channels_last": "NHWC", "channels_first": "NCHW"}
    named = {
        "block_size": int(settings["scale_factor"]),
        "data_format": order[settings.get("data_format")],
    }
    return writer.step("nn.depth_to_space", [INPUT], named)


def _stochastic_depth(writer: Writer, settings: Config) -> Any:
    """The shortcut plus the other branch times its probability."""
    probability = float(settings.get("survival_probability", 0.5))
    shortcut, branch = writer.unpack(INPUT, 2)
    return writer.operate("add", [shortcut, writer.operate("multiply", [branch, probability])])


def _maxout(writer: Writer, settings: Config) -> Any:
    """The maximum over channels that are ``num_units`` apart, on the last axis."""
    units = int(settings["num_units"])
    if settings.get("axis", -1) != -1:
        raise ValueError("axis")
    shape = writer.step("shape", [INPUT], kind="shape")
    groups = writer.operate("floordiv", [writer.index(shape, -1), units])
    before = writer.index(shape, slice(None, -1))
    grouped = writer.operate("add", [before, [groups, units]])
    reshaped = writer.step("reshape", [INPUT], {"shape": grouped})
    return writer.step("math.reduce_max", [reshaped], {"axis": -2})


def _adaptive(reduction: str) -> Builder:
    """Pools a picture to a size that divides its own."""

    def make(writer: Writer, settings: Config) -> Any:
        channels_first = settings.get("data_format") == "channels_first"
        bins = _pair(settings["output_size"])
        return _pooled(writer, INPUT, bins, reduction, channels_first=channels_first)

    return make


def _pair(size: Any) -> tuple[int, int]:
    rows, columns = size if isinstance(size, list) else (size, size)
    return int(rows), int(columns)


def _pooled(
    writer: Writer, x: Ref, bins: tuple[int, int], reduction: str, *, channels_first: bool = False
) -> Any:
    shape = writer.step("shape", [x], kind="shape")
    row = 2 if channels_first else 1
    sides = [
        part
        for axis, count in zip((row, row + 1), bins, strict=True)
        for part in (count, writer.operate("floordiv", [writer.index(shape, axis), count]))
    ]
    channels = [writer.index(shape, 1 if channels_first else 3)]
    binned = [-1, *channels, *sides] if channels_first else [-1, *sides, *channels]
    reshaped = writer.step("reshape", [x], {"shape": binned})
    axes = [row + 1, row + 3]
    return writer.step(f"math.reduce_{reduction}", [reshaped], {"axis": axes})


def _pyramid(writer: Writer, settings: Config) -> Any:
    """Means over grids of several sizes, concatenated; remainders at the edge are cut off."""
    if settings.get("data_format") not in (None, "channels_last"):
        raise ValueError("data_format")
    shape = writer.step("shape", [INPUT], kind="shape")
    levels = []
    for bins in map(_pair, settings["bins"]):
        cuts = []
        for axis, count in zip((1, 2), bins, strict=True):
            size = writer.operate("floordiv", [writer.index(shape, axis), count])
            cuts.append(slice(None, writer.operate("multiply", [size, count])))
        cut = writer.index(INPUT, (slice(None), *cuts))
        pooled = _pooled(writer, cut, bins, "mean")
        flat = [-1, bins[0] * bins[1], writer.index(shape, 3)]
        levels.append(writer.step("reshape", [pooled], {"shape": flat}))
    return writer.step("concat", [levels], {"axis": 1})


def _cast(writer: Writer, _: Config) -> Any:
    return writer.step("cast", [INPUT], {"dtype": "float32"})


def _numeric_columns(writer: Writer, settings: Config) -> Any:
    """``MultiCategoryEncoding`` of numeric columns only: missing numbers become 0."""
    encoding = settings["encoding"]
    if isinstance(encoding, dict):
        encoding = encoding["items"]
    if not encoding or any(item != "none" for item in encoding):
        raise ValueError("encoding")
    x = _cast(writer, settings)
    missing = writer.step("math.is_nan", [x])
    return writer.step("where", [missing, writer.step("zeros_like", [x]), x])


# Layers without weights by package and name.
FORMULAS: dict[tuple[str, str], Builder] = {
    (ADDONS, "GELU"): lambda writer, settings: writer.step(
        "nn.gelu", [INPUT], {"approximate": bool(settings.get("approximate", True))}
    ),
    (ADDONS, "StochasticDepth"): _stochastic_depth,
    (ADDONS, "Maxout"): _maxout,
    (ADDONS, "AdaptiveAveragePooling2D"): _adaptive("mean"),
    (ADDONS, "AdaptiveMaxPooling2D"): _adaptive("max"),
    (ADDONS, "SpatialPyramidPooling2D"): _pyramid,
    **{
        (package, name): builder
        for package in ("Custom", "autokeras")
        for name, builder in (
            ("CastToFloat32", _cast),
            (
                "ExpandLastDim",
                lambda writer, _: writer.step("expand_dims", [INPUT], {"axis": -1}),
            ),
            ("MultiCategoryEncoding", _numeric_columns),
        )
    },
}
