"""Sums over products that are the same whatever part of a catalogue is counted first, to the last digit.

Adding fractions rounds, and then their order shows in the last digits. So a fraction is rounded once, to a
multiple of 2**-50, and these multiples are added as whole numbers, which have no end in Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

import numpy as np

from shelfwise.core.types import Float64Array, Int64Array

UNITS = 1 << 50
"""Units that make 1."""

_ADDED_AT_A_TIME = 1 << 8
"""So many values below 16, in units, have a sum that fits 64 bits."""


def in_units(values: Float64Array) -> int:
    """The sum of values (E,), at least 0 and below 16, in units; each is rounded to a whole one.

    >>> in_units(np.array([0.5, 0.25])) / UNITS
    0.75
    """
    units = np.rint(np.asarray(values, np.float64) * UNITS).astype(np.int64)
    starts = np.arange(0, len(units), _ADDED_AT_A_TIME)
    if not len(starts):
        return 0
    # some together as machine numbers, these sums as Python's, which cannot overflow
    return sum(np.add.reduceat(units, starts).tolist())


def mean_of(units: int, count: int) -> float:
    """The mean of `count` values whose sum is so many units; 0 of none."""
    # two whole numbers are divided with one rounding
    return units / (UNITS * count) if count else 0.0


Part = int | dict[str, int] | Int64Array
"""What can be added up: a number, numbers by name, an array."""


class Sums:
    """Base of frozen dataclasses whose fields are all a :data:`Part`: what is counted of some products.

    ``a + b`` is what is counted of both together.
    """

    def __add__(self, other: Self) -> Self:
        parts = {name: _added(part, getattr(other, name)) for name, part in vars(self).items()}
        return type(self)(**parts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            name: part.tolist() if isinstance(part, np.ndarray) else part
            for name, part in vars(self).items()
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What :meth:`to_dict` gave."""
        names = [one.name for one in fields(cls)]  # type: ignore[arg-type]
        parts = {name: content[name] for name in names}
        # JSON has arrays as lists
        return cls(
            **{
                name: np.array(part, np.int64) if isinstance(part, list) else part
                for name, part in parts.items()
            }
        )


def _added(one: Any, other: Any) -> Any:
    if not isinstance(one, dict):
        return one + other
    # a name that one of them lacks was counted 0 times
    names = dict.fromkeys([*one, *other])
    return {name: one.get(name, 0) + other.get(name, 0) for name in names}
