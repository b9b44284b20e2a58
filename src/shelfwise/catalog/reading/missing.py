"""Texts that stand for a missing value."""

from __future__ import annotations

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
