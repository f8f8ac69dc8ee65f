"""Settings that a class of Keras knows, and those that it need not know."""

from __future__ import annotations

import keras
import pytest

from convlens.errors import ModelFileError
from convlens.frameworks.keras.lookup import known_settings


@pytest.mark.parametrize("kind", ["LayerNormalization", "TextVectorization", "IntegerLookup"])
def test_what_a_layer_takes_from_its_keyword_arguments_and_saves_is_known(kind):
    settings = getattr(keras.layers, kind)().get_config()
    kept = known_settings(getattr(keras.layers, kind), settings, "here")
    assert kept == settings


@pytest.mark.parametrize("value", [False, True])
def test_a_setting_of_a_newer_keras_is_dropped_where_it_changes_nothing(value):
    """Other layers stand for those of an older Keras, which lack it too."""
    settings = {"units": 3, "use_gate": value}
    if value:
        with pytest.raises(
            ModelFileError, match=r"'use_gate' = True, which Keras .* does not know"
        ):
            known_settings(keras.layers.Dense, settings, "here")
    else:
        assert known_settings(keras.layers.Dense, settings, "here") == {"units": 3}
