"""The signs by which a text of categories is cut into paths, and these into levels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

ESCAPE = "\\"
"""Before a sign it makes the sign a letter of the name."""


@dataclass(frozen=True)
class CategorySigns:
    """What separates levels and paths in a text.

    Args:
        separator: between the levels of a path; empty for paths of one level.
        delimiter: between the paths of a product; empty for one path.
        escaped: whether a backslash before the delimiter makes it part of a name (WooCommerce).
        bare: whether only a delimiter without a blank behind it separates, as names hold it with one
            (``Shoes, Boots,Gifts``).
    """

    separator: str = ""
    delimiter: str = ""
    escaped: bool = False
    bare: bool = False

    def paths(self, text: str) -> list[list[str]]:
        r"""The paths of one text, names without surrounding space, empty ones left out.

        >>> CategorySigns(">", ",", escaped=True).paths(r"A > B\, C, D")
        [['A', 'B, C'], ['D']]
        """
        found = [
            self.levels(path) for path in split_at(text, self.delimiter, self.escaped, self.bare)
        ]
        return [path for path in found if path]

    def levels(self, path: str) -> list[str]:
        """The names of one path."""
        names = path.split(self.separator) if self.separator else [path]
        return [name.strip() for name in names if name.strip()]


def with_flags(signs: CategorySigns, texts: Sequence[str]) -> CategorySigns:
    """`signs` with what the texts show of its delimiter.

    Whether it is escaped, or stands in names with a blank.
    """
    escaped = bool(signs.delimiter) and any(ESCAPE + signs.delimiter in text for text in texts)
    return replace(signs, escaped=escaped, bare=has_both_spacings(texts, signs.delimiter))


def split_at(text: str, sign: str, escaped: bool = False, bare: bool = False) -> list[str]:
    r"""`text` cut at every `sign`; an escaped one stays, without its backslash.

    Args:
        bare: do not cut where a blank follows.

    >>> split_at(r"Boots\, Sandals,Gifts", ",", escaped=True)
    ['Boots, Sandals', 'Gifts']
    """
    if not sign:
        return [text]
    if not escaped and not bare:
        return text.split(sign)
    before = r"(?<!\\)" if escaped else ""
    behind = "(?! )" if bare else ""
    parts = re.split(f"{before}{re.escape(sign)}{behind}", text)
    return [part.replace(ESCAPE + sign, sign) for part in parts] if escaped else parts


def has_both_spacings(values: Sequence[str], sign: str) -> bool:
    """Whether a comma occurs both with and without a blank behind it: then the first stands in names."""
    if sign != ",":
        return False
    with_blank = any(re.search(r"(?<!\\), ", value) for value in values)
    # one at the end of a list stands in front of nothing
    without = any(re.search(r"(?<!\\),(?!\s|$)", value) for value in values)
    return with_blank and without
