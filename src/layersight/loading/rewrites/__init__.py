"""Upgrading old configurations to the form that Keras 3 takes, as data.

A rewrite is a cause and its remedy: a name, a sentence for the user and a function that changes a
configuration in place and counts its changes. They run in the order of :data:`REWRITES`, before any
object is created. A new cause is a new function and a new line.
"""

from __future__ import annotations

import copy

from layersight.data.saved import Config
from layersight.errors import LayersightError, ModelFileError
from layersight.loading.rewrites import (
    classes,
    keras1,
    lambdas,
    libraries,
    nodes,
    operations,
    sequential,
    settings,
)
from layersight.loading.rewrites.walking import Rewrite, Version, check_bounds

__all__ = ["REWRITES", "Rewrite", "upgrade"]

# In the order in which they run.
REWRITES: tuple[Rewrite, ...] = (
    sequential.name_sequential_layers,
    classes.drop_packages,
    classes.name_functional,
    classes.unwrap_optimised,
    classes.name_library_layers,
    classes.skip_random_sizes,
    classes.keep_own,
    libraries.name_contrib_groups,
    libraries.name_addons,
    libraries.name_contrib,
    classes.keep_foreign,
    keras1.rename_classes,
    keras1.rename_settings,
    keras1.drop_output_shape,
    keras1.check_normalisation_mode,
    sequential.join_branches,
    sequential.replace_merge,
    nodes.name_every_layer,
    nodes.replace_slashes,
    sequential.add_input_layer,
    settings.name_batch_shape,
    settings.free_batch,
    keras1.flatten_as_stored,
    nodes.spread_nodes,
    nodes.name_outputs,
    nodes.count_from_zero,
    nodes.check_references,
    operations.name_operations,
    operations.name_graph_nodes,
    lambdas.replace_known,
    lambdas.note_means,
    settings.name_policy,
    settings.unlist_axis,
    settings.name_activations,
    settings.rename_alpha,
    settings.keep_old_hard_sigmoid,
    settings.state_old_reset,
    classes.replace_cudnn,
    settings.drop_renorm,
    settings.drop_harmless,
    settings.drop_training,
)


def upgrade(config: Config, version: str | None = None) -> tuple[Config, tuple[str, ...]]:
    """Applies all rewrites that a configuration needs; the second result is what was done."""
    check_bounds(config)
    config = copy.deepcopy(config)
    classes.note_classes(config)
    written_by = parse_version(version, config)
    done = []
    for rewrite in REWRITES:
        if rewrite.before is not None and written_by >= rewrite.before:
            continue
        try:
            count = rewrite(config)
        except LayersightError:
            raise
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
            raise ModelFileError(
                f"the model's configuration is damaged: the step '{rewrite.name}' found "
                f"{type(error).__name__}: {str(error)[:100]}"
            ) from error
        if count and rewrite.message:
            times = f" ({count} places)" if count > 1 else ""
            done.append(f"{rewrite.name}: {rewrite.message}{times}")
    return config, tuple(done)


def parse_version(version: str | None, config: Config) -> Version:
    """The version of Keras that wrote a configuration, inferred from its form if not recorded.

    >>> parse_version("2.4.0", {}), parse_version(None, {"registered_name": None})
    ((2, 4), (3, 0))
    """
    major, *rest = (version or "").split(".")
    minor = int(rest[0]) if rest and rest[0].isdigit() else 0
    if major.isdigit():
        return int(major), minor
    return 3 if "registered_name" in config else 1, minor
