"""Settings that a class of Keras knows, and those that it does not need."""

from __future__ import annotations

import keras
import pytest

from layersight.errors import ModelFileError, UnsafeModelError
from layersight.frameworks.keras.lookup import check_policies, known_settings


@pytest.mark.parametrize("kind", ["LayerNormalization", "TextVectorization", "IntegerLookup"])
def test_settings_in_keyword_arguments_of_a_layer(kind):
    settings = getattr(keras.layers, kind)().get_config()
    result = known_settings(getattr(keras.layers, kind), settings, "here")
    assert result == settings


@pytest.mark.parametrize("value", [False, True])
def test_a_setting_of_a_newer_keras_is_dropped_where_it_changes_nothing(value):
    """Layers without it represent those of an older Keras."""
    settings = {"units": 3, "use_gate": value}
    if value:
        with pytest.raises(
            ModelFileError, match=r"'use_gate' = True, which Keras .* does not know"
        ):
            known_settings(keras.layers.Dense, settings, "here")
    else:
        assert known_settings(keras.layers.Dense, settings, "here") == {"units": 3}


@pytest.mark.parametrize("key", ["(a+)+b", ".*.*.*.*x", "a{9}", "a" * 1000, "a[b]", "a+"])
def test_policies_with_expensive_patterns_are_refused(key):
    with pytest.raises(UnsafeModelError, match="has a policy for"):
        check_policies({"policy_map": {key: "float32"}}, "here")
    check_policies({"policy_map": {"encoder/.*": "float32", "attention/query": "float32"}}, "here")
