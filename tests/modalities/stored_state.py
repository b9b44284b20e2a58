"""What a member's state is once it was written and read again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from shelfwise.core.types import Context, State


def stored(state: State) -> State:
    """Copies of the arrays, and the facts as JSON gives them back."""
    arrays = {name: value.copy() for name, value in state.arrays.items()}
    return State(arrays, json.loads(json.dumps(dict(state.facts))))


def restored(member: Any) -> Any:
    """A new member that has nothing but the settings and the stored state of `member`."""
    return type(member)(member.settings, member.field).restore(stored(member.state()))


def assert_same_predictions(one: Any, other: Any, inputs: Any) -> None:
    """Probabilities and features of two members are the same, to the last bit."""
    for before, after in zip(
        one.predict(inputs, Context()), other.predict(inputs, Context()), strict=True
    ):
        assert np.array_equal(before, after)
