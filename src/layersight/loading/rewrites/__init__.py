"""Bringing old configurations to the form that Keras 3 takes, as data.

A rewrite is one cause and its cure: a name, a sentence for the user and a function that
changes a configuration in place and says how often. They run in the order of
:data:`REWRITES`, before any object is made. A new cause is a new function and a new line.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from layersight.data.saved import Config
from layersight.errors import LayersightError, ModelFileError
from layersight.loading.rewrites import (
    activations,
    keras1,
    lambdas,
    libraries,
    merging,
    names,
    nodes,
    operations,
    recurrent,
    sequential,
    settings,
    wrappers,
)
from layersight.loading.rewrites.walking import check_bounds

__all__ = ["REWRITES", "Rewrite", "upgrade"]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One cause for which Keras 3 refuses a configuration, and its cure.

    Attributes:
        name: A short name for it.
        says: What was done, in words; empty for what changes the form alone.
        apply: Changes a configuration in place and returns in how many places.
        before: The first version of Keras that does not need it, ``None`` if any may.
    """

    name: str
    says: str
    apply: Callable[[Config], int]
    before: int | tuple[int, int] | None = None


def upgrade(config: Config, version: str | None = None) -> tuple[Config, tuple[str, ...]]:
    """Applies every rewrite that a configuration needs.

    Args:
        config: As saved; it is left as it is.
        version: The version of Keras that wrote it, as far as it says.

    Returns:
        The upgraded configuration and what was done, in words.

    Raises:
        ModelFileError: The configuration is damaged, or needs what no rewrite can give.
        UnsafeModelError: It is too deep or too long.
    """
    check_bounds(config)
    config = copy.deepcopy(config)
    names.note_classes(config)
    found = (major_version(version, config), _minor(version))
    done = []
    for rewrite in REWRITES:
        before = rewrite.before if isinstance(rewrite.before, tuple) else (rewrite.before, 0)
        if before[0] is not None and found >= before:
            continue
        try:
            count = rewrite.apply(config)
        except LayersightError:
            raise
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
            raise ModelFileError(
                f"the model's configuration is damaged: the step '{rewrite.name}' found "
                f"{type(error).__name__}: {str(error)[:100]}"
            ) from error
        if count and rewrite.says:
            places = f" ({count} places)" if count > 1 else ""
            done.append(f"{rewrite.name}: {rewrite.says}{places}")
    return config, tuple(done)


def major_version(version: str | None, config: Config) -> int:
    """The major version of Keras that wrote a configuration.

    >>> major_version("2.4.0", {})
    2
    """
    start = (version or "").partition(".")[0]
    if start.isdigit():
        return int(start)
    return 3 if "registered_name" in config else 1


def _minor(version: str | None) -> int:
    """The second part of a version, 0 if there is none."""
    parts = (version or "").split(".")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0


REWRITES: tuple[Rewrite, ...] = (
    Rewrite(
        "sequential-list",
        "the list of layers of an old Sequential was given a name",
        sequential.name_sequential_layers,
    ),
    Rewrite("packages", "", names.drop_packages),
    Rewrite("functional", "", names.name_functional),
    Rewrite(
        "optimised-wrapper",
        "layers wrapped for quantisation or pruning were taken alone, with their real weights",
        wrappers.unwrap_optimised,
    ),
    Rewrite(
        "library-layer",
        "layers of a library were replaced by the Keras layers that compute the same",
        names.name_library_layers,
    ),
    Rewrite(
        "random-size",
        "layers that change the size in training only were passed over",
        names.pass_over_random_sizes,
    ),
    Rewrite("own", "", names.keep_own),
    Rewrite(
        "contrib-groups",
        "GroupNormalization, which Keras did not have then, was taken for that of keras_contrib",
        libraries.name_contrib_groups,
        before=(2, 11),
    ),
    Rewrite(
        "addons",
        "layers of tensorflow_addons or AutoKeras were replaced by what computes the same",
        libraries.name_addons,
    ),
    Rewrite(
        "contrib",
        "layers with the names and settings of those of keras_contrib were taken for them",
        libraries.name_contrib,
    ),
    Rewrite("foreign", "", names.keep_foreign),
    Rewrite(
        "keras-1-classes", "layers were given the names of Keras 2", keras1.rename_classes, before=3
    ),
    Rewrite(
        "keras-1-settings",
        "settings were given the names of Keras 2",
        keras1.rename_settings,
        before=3,
    ),
    Rewrite("keras-1-deconvolution", "", keras1.fix_kernel_padding, before=3),
    Rewrite("keras-1-normalisation", "", keras1.check_normalisation_mode, before=3),
    Rewrite(
        "merged-branches",
        "the branches that a Sequential merges became one graph",
        merging.join_branches,
        before=3,
    ),
    Rewrite(
        "keras-1-merge",
        "Merge layers were replaced by the layers of their mode",
        merging.replace_merge,
        before=3,
    ),
    Rewrite("names", "", names.name_every_layer),
    Rewrite(
        "slashes", "'/', '.' and the like in the names of layers became '_'", names.replace_slashes
    ),
    Rewrite(
        "input-layer",
        "the input shape on the first layer became an input layer",
        sequential.add_input_layer,
    ),
    Rewrite("batch-shape", "", settings.name_batch_shape),
    Rewrite("free-batch", "a fixed number of images became any number", settings.free_batch),
    Rewrite("flatten", "", keras1.flatten_as_stored, before=3),
    Rewrite("nodes", "", nodes.spread_nodes),
    Rewrite(
        "single-output",
        "",
        nodes.name_outputs,
    ),
    Rewrite(
        "calls-from-zero",
        "calls of nested models that counted from 1 count from 0",
        nodes.count_from_zero,
    ),
    Rewrite("references", "", nodes.check_references),
    Rewrite(
        "tensorflow-operation",
        "operations of TensorFlow were replaced by layers that compute them",
        operations.name_operations,
    ),
    Rewrite(
        "tensorflow-node",
        "nodes of a TensorFlow graph were replaced by layers that compute them",
        operations.name_graph_nodes,
    ),
    Rewrite(
        "lambda",
        "Lambda layers were recognised as known formulas and replaced; their code was not run",
        lambdas.replace_known,
    ),
    Rewrite(
        "random-lambda",
        "random numbers in a Lambda layer were replaced by their mean: the same picture each time",
        lambdas.note_means,
    ),
    Rewrite("policies", "", settings.take_policy),
    Rewrite("axis", "", settings.take_axis),
    Rewrite("activations", "", activations.name_activations),
    Rewrite(
        "slopes",
        "settings of activation layers were given the names of Keras 3",
        activations.name_slopes,
    ),
    Rewrite(
        "hard-sigmoid",
        "hard_sigmoid is that of Keras 2, clip(0.2 x + 0.5)",
        activations.keep_old_hard_sigmoid,
        before=3,
    ),
    Rewrite(
        "reset-before",
        "GRU layers reset before the product, as they did when the file was saved",
        recurrent.state_old_defaults,
        before=3,
    ),
    Rewrite(
        "cudnn",
        "CuDNN layers were replaced by the plain ones",
        recurrent.replace_cudnn,
        before=3,
    ),
    Rewrite(
        "renormalisation",
        "batch renormalisation, which matters in training only, was dropped",
        settings.drop_renorm,
        before=3,
    ),
    Rewrite(
        "harmless-settings",
        "settings that Keras 3 does not know and that change no result were dropped",
        settings.drop_harmless,
    ),
    Rewrite("training-settings", "", settings.forget_training),
)
"""The chain, in the order in which it runs."""
