"""The hostile files that are opened each time: one or two of every kind.

``LAYERSIGHT_ALL_HOSTILE=1`` opens all of them, and more mutated files, which takes long.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from hostile import (
    archive_attacks,
    code_attacks,
    config_attacks,
    folder_attacks,
    graph_attacks,
    hdf5_attacks,
    image_attacks,
    link_attacks,
    pickle_attacks,
)
from hostile.number_attacks import all_kinds, attacks_on
from hostile.registry import ATTACKS

MODULES = (
    *(code_attacks, pickle_attacks, link_attacks, hdf5_attacks, archive_attacks),
    *(config_attacks, graph_attacks, folder_attacks, image_attacks),
)
"""Where the attacks are; importing them registers what they make."""

ALL = os.environ.get("LAYERSIGHT_ALL_HOSTILE", "") not in ("", "0")
"""Whether all hostile files are opened."""

SAMPLE = (
    # Code, each advisory in both formats where there are two
    *("lambda_byte_code_h5", "lambda_byte_code_keras", "lambda_first_h5", "unsafe_switch_keras"),
    *("lambda_raw_characters_h5", "lambda_in_nested_model_keras", "lambda_gadget_get_file_keras"),
    *("activation_gadget_get_file_h5", "torch_module_wrapper_keras", "tfsm_layer_h5"),
    *("setting_activation_h5", "setting_kernel_initializer_keras", "call_arguments", "model_class"),
    "layer_classes_keras",
    *("training_config", "build_config", "stringlookup_keras", "lookup_weights_file_h5"),
    *("asset_archive", "pickle_as_model_h5", "pickle_in_archive", "pickle_in_numpy_archive"),
    # Archives and files that are none
    *("traversal", "config_bomb", "weights_bomb", "directory_that_lies", "lzma_dictionary"),
    *("names_in_archive", "truncated_archive", "fifo_as_model", "device_as_model", "name_of_file"),
    *("text_as_model", "onnx_external"),
    # HDF5
    *("external_link_h5", "external_link_keras", "external_storage_h5", "virtual_dataset_keras"),
    *("soft_link_loop_h5", "unknown_filter_h5", "declared_six_gibibytes_keras", "giant_attribute"),
    *("compressed_bomb_h5", "hard_link_doubling", "weights_of_variable_text_h5", "truncated"),
    *("family_driver", "external_store_of_keras_2_13"),
    # Configurations
    *("many_units_keras", "input_of_1000000_by_1000000", "enlarged", "many_layers", "deep_json"),
    *("long_number", "wrong_conv2d_filters_3", "wrong_reshape_target_shape_5", "odd_config_7"),
    *("loop", "to_nowhere", "self_nested", "name_0_good", "name_1_class", "json_of_nothing_keras"),
    # Folders
    *("tfjs_shard_up", "tfjs_shard_absolute", "tfjs_shard_link", "tfjs_shape_huge", "tfjs_lambda"),
    *("tfjs_packed_odd", "tfjs_shard_sparse", "saved_model_link_variables", "saved_model_blocks"),
    *("saved_model_overlapping", "saved_model_metadata_pickle", "saved_model_reads_a_file"),
    *("saved_model_py_function", "saved_model_lambda", "labels_beside_link", "tar_as_model"),
    *("last_engine_operation_of_python", "last_engine_vocabulary"),
    # Pictures and class names
    *("png_huge", "png_text_bomb", "tiff_strips_bomb", "gif_many_frames", "webp_huge", "jpeg_huge"),
    *("truncated_images", "postscript", "fifo_as_image", "pickled_array", "array_header_code"),
    *("array_claims", "labels_with_codes", "labels_device"),
)
"""The names of the attacks that stand for the others."""

CHOSEN = tuple(ATTACKS) if ALL else SAMPLE
"""The names of those that are opened."""

MUTATED = 1_000 if ALL else 60
"""How many mutated files are opened."""

NUMBERS = 2_000 if ALL else 40
"""How many files with one changed number are opened."""

NUMBERS_SAMPLE = (
    ("Dense", "units_1000000000_int8", "summary"),
    ("Embedding", "input_dim_1000000000_int8", "activations"),
    ("IntegerLookup", "num_oov_indices_1000000000_0", "summary"),
    ("UpSampling2D", "size_20000_0", "heatmap"),
    ("Resizing", "height_1000000000_0", "patterns"),
    ("RepeatVector", "n_1000000000_0", "convert"),
    ("AveragePooling2D", "pool_size_20000_2", "activations"),
    ("MaxPooling2D", "pool_size_20000_2", "heatmap"),
    ("op_Tile", "constants_1000000000", "summary"),
    ("op_Diagflat", "k_20000_0", "activations"),
    ("op_Repeat", "repeats_20000_0", "activations"),
    ("op_OneHot", "num_classes_1000000000_0", "patterns"),
    ("op_Pad", "pad_width_1000000000_0", "convert"),
)
"""One number each of a few layers and operations, and the command that meets it."""


def every_number() -> Iterator[tuple[str, str, str]]:
    """All numbers of all layers and operations, for the command that only builds them."""
    for kind in all_kinds():
        for name in attacks_on(kind):
            yield kind, name.removeprefix(f"{kind}_"), "summary"


CHOSEN_NUMBERS = tuple(dict.fromkeys((*NUMBERS_SAMPLE, *every_number()))) if ALL else NUMBERS_SAMPLE
"""Those that are opened; the others are not even made."""
