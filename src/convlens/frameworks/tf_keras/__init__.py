"""The contract for the Keras 2 that TensorFlow users keep beside Keras 3, as a last engine.

It opens what Keras 3 cannot build. Importing this package imports TensorFlow and tf_keras;
:mod:`convlens.loading` does so by name, when nothing else helped.
"""

from convlens.frameworks.tf_keras.model import TfKerasModel, from_saved

__all__ = ["TfKerasModel", "from_saved"]
