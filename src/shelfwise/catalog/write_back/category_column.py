"""Where a file has its categories, and what is to become of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Change = Callable[[Any, Any], Any]
"""What a record has as its id and as its categories -> the categories that it is to have.

Categories are as the format has them: a text, or what JSON can hold; None where the record has none. The same
value again: the record stays as it is, to the last byte.
"""


@dataclass(frozen=True)
class CategoryColumn:
    """The one column that is changed.

    Args:
        identity: the name of the column of ids.
        column: the name of the column of categories; a file without it gets it.
        change: see :data:`Change`.
    """

    identity: str
    column: str
    change: Change
