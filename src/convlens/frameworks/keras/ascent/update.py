"""How the parameters follow a gradient upwards.

Adam is that of Kingma and Ba, arXiv 1412.6980; the normalised gradient that of Chollet, "Deep
Learning with Python", 2017, section 5.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
"""The constants of Adam."""

FLOOR = 1e-5
"""Added to the root mean square that a gradient is divided by."""

State = dict[str, Any]


def names(parameters: Mapping[str, Any], update: str) -> list[str]:
    """What a state holds beside the parameters themselves."""
    if update != "adam":
        return []
    return [f"{moment}:{name}" for name in parameters for moment in ("first", "second")]


def climb(update: str, rate: float, state: State, gradients: Mapping[str, Any]) -> State:
    """The state after one step; ``age`` counts the steps of each slot."""
    age = state["age"] + 1.0
    after: State = {"age": age}
    for name, gradient in gradients.items():
        if update == "adam":
            first = BETA_1 * state[f"first:{name}"] + (1 - BETA_1) * gradient
            second = BETA_2 * state[f"second:{name}"] + (1 - BETA_2) * ops.square(gradient)
            ages = ops.reshape(age, (-1,) + (1,) * (len(gradient.shape) - 1))
            unbiased = first / (1 - ops.power(BETA_1, ages))
            scale = ops.sqrt(second / (1 - ops.power(BETA_2, ages))) + EPSILON
            after |= {f"first:{name}": first, f"second:{name}": second}
            step = unbiased / scale
        else:
            axes = tuple(range(1, len(gradient.shape)))
            square = ops.mean(ops.square(gradient), axes, keepdims=True)
            step = gradient / (ops.sqrt(square) + FLOOR)
        after[name] = state[name] + rate * step
    return after


def slope(gradients: Mapping[str, Any]) -> Any:
    """The root mean square of each slot's gradient, ``(batch,)``."""
    squares = [
        ops.mean(ops.square(gradient), tuple(range(1, len(gradient.shape))))
        for gradient in gradients.values()
    ]
    return ops.sqrt(sum(squares[1:], squares[0]))
