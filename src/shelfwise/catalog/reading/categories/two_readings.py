"""The question to a user whose column of categories can be read in two ways."""

from __future__ import annotations

import json

from shelfwise.catalog.reading.categories.category_signs import CategorySigns

SHOWN = 2
"""Products shown of each reading, where two are possible."""


def question_of_two_readings(
    texts: list[str], column: str, one: CategorySigns, other: CategorySigns
) -> str:
    """The question, with the first products that the two readings tell apart."""
    differing = [text for text in texts if one.paths(text) != other.paths(text)][:SHOWN]
    shown = "; ".join(
        f"{text!r} is {_said(one, text)} or {_said(other, text)}" for text in differing
    )
    return (
        f"the column {column!r} can be read in two ways: {shown}. "
        "Say which, under [catalog] of a settings file: "
        f"{_as_toml(one)} or {_as_toml(other)}"
    )


def _said(signs: CategorySigns, text: str) -> str:
    paths = signs.paths(text)
    count = "1 category" if len(paths) == 1 else f"{len(paths)} categories"
    return " and ".join(" > ".join(path) for path in paths) + f" ({count})"


def _as_toml(signs: CategorySigns) -> str:
    separator, delimiter = json.dumps(signs.separator), json.dumps(signs.delimiter)
    return f"category_separator = {separator}, category_delimiter = {delimiter}"
