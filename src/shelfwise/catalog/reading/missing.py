"""What stands for a missing value."""

from __future__ import annotations

import math
from typing import Any

MISSING = frozenset(
    (
        "nan",
        "NaN",
        "NAN",
        "none",
        "None",
        "NONE",
        "null",
        "Null",
        "NULL",
        "n/a",
        "N/A",
        "#N/A",
        "<NA>",
        "n.a.",
        "-",
        "--",
        "\N{EN DASH}",
        "\N{EM DASH}",
    )
)
"""What people and programs write where there is nothing."""


def is_missing(value: Any) -> bool:
    """None, NaN, empty lists and objects, text of white space only, and the texts of :data:`MISSING`."""
    if value is None:
        return True
    if isinstance(value, str):
        text = value.strip()
        return not text or text in MISSING
    if isinstance(value, float):
        return math.isnan(value)
    return value in ([], {}, ())
