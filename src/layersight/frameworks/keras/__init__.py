"""The contract for Keras 3, on JAX, TensorFlow or PyTorch.

Importing this package imports Keras; :mod:`layersight.loading` does so by name, late.
"""

from layersight.frameworks.keras.build import from_application, from_live, from_saved
from layersight.frameworks.keras.model import KerasModel

__all__ = ["KerasModel", "from_application", "from_live", "from_saved"]
