"""Arrays and gradients by the backend alone, to compare with."""

import functools
import importlib

import keras
import numpy as np


def as_array(tensor):
    """A tensor of any backend as an array; Keras's own conversion warns with NumPy 2.4."""
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    return tensor.numpy() if hasattr(tensor, "numpy") else np.asarray(tensor)


@functools.lru_cache(maxsize=4)
def compiled(function):
    """On JAX: as one program, which is made sooner than one for each operation."""
    import jax

    return jax.jit(jax.value_and_grad(function))


def gradient_of(function, array):
    """The value and gradient of a function of one array, by the backend alone."""
    backend = keras.backend.backend()
    framework = importlib.import_module(backend)
    if backend == "jax":
        value, gradient = compiled(function)(array)
    elif backend == "tensorflow":
        tensor = framework.convert_to_tensor(array)
        with framework.GradientTape() as tape:
            tape.watch(tensor)
            value = function(tensor)
        gradient = tape.gradient(value, tensor)
    else:
        tensor = framework.tensor(array, requires_grad=True)
        value = function(tensor)
        (gradient,) = framework.autograd.grad(value, tensor)
        value = value.detach()
    return float(value), as_array(gradient)
