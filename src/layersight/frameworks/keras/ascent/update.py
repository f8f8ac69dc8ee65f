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

TINY = 1e-30
"""The least that a gradient is divided by before Adam sees it."""

State = dict[str, Any]


def names(parameters: Mapping[str, Any], update: str) -> list[str]:
    """What a state holds beside the parameters themselves."""
    if update != "adam":
        return []
    return [f"{moment}:{name}" for name in parameters for moment in ("first", "second")]


def climb(update: str, rates: Any, state: State, gradients: Mapping[str, Any]) -> State:
    """The state after one step of each slot's own size; ``age`` counts its steps.

    Adam gets each slot's gradient at one length: that of a channel which has just been woken
    is far shorter than the one that leaked to it, and would else count for nothing beside it.
    """
    age = state["age"] + 1.0
    after: State = {"age": age}
    scale = 1.0 / (slope(gradients) + TINY)
    young, old = 1 - ops.power(BETA_1, age), ops.sqrt(1 - ops.power(BETA_2, age))
    for name, gradient in gradients.items():
        spread = (-1,) + (1,) * (len(gradient.shape) - 1)
        if update == "adam":
            gradient = gradient * ops.reshape(scale, spread)
            first = BETA_1 * state[f"first:{name}"] + (1 - BETA_1) * gradient
            second = BETA_2 * state[f"second:{name}"] + (1 - BETA_2) * ops.square(gradient)
            after |= {f"first:{name}": first, f"second:{name}": second}
            root = ops.sqrt(second) + ops.reshape(EPSILON * old, spread)
            step = first / root
            size = rates * old / young
        else:
            axes = tuple(range(1, len(gradient.shape)))
            square = ops.mean(ops.square(gradient), axes, keepdims=True)
            step = gradient / (ops.sqrt(square) + FLOOR)
            size = rates
        after[name] = state[name] + ops.reshape(size, spread) * step
    return after


def slope(gradients: Mapping[str, Any]) -> Any:
    """The root mean square of each slot's gradient, ``(batch,)``."""
    squares = [
        ops.mean(ops.square(gradient), tuple(range(1, len(gradient.shape))))
        for gradient in gradients.values()
    ]
    return ops.sqrt(sum(squares[1:], squares[0]))
