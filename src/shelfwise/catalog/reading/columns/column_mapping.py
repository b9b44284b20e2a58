"""Whose column is whose: a source's names and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from shelfwise.catalog.reading.columns.column_synonyms import RELATIONS, SYNONYMS
from shelfwise.catalog.reading.row_kinds import RowKind, find_row_kinds
from shelfwise.core.image_sources import IMAGE_BYTES, IMAGE_ROOT

_LANGUAGE = (
    r"(?:en|de|fr|es|it|nl|pt|pl|sv|da|fi|cs|sk|hu|ro|bg|hr|tr|ru|uk|ja|zh|ko|ar|he|el|us|gb"
    r"|nb|nn|et|lt|lv|sl|sr|vi"
    r"|english|german|french|spanish|italian)"
)
"""Not those of Norway and Indonesia: no and id mean other things in names."""

_LOCALE = re.compile(rf"_(?:{_LANGUAGE}|[a-z]{{2}}_[a-z]{{2}}(?:_\w+)?)$")
"""The language behind a column's name, and the sales channel that may follow (Akeneo, OpenCart)."""

_DEFAULT = "translations_default_"
"""In front of the names of Shopware 6."""

_SIGNS = re.compile(r"[^\w\u0900-\u0eff]+")
"""What joins words; marks of vowels in the scripts of India and Thailand are no letters to Python."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
"""Where a word begins in ``unitPrice``."""


_PREPOSITION = re.compile(r"\s[A-Z][a-z]$")
"""A word of two letters at the end that is written as others are, and not as tags of languages."""

_ADDRESS_OF = "@"
"""In front of keys of JSON-LD, of which ``@id`` is an address."""

_TAG = re.compile(rf"{_LANGUAGE}|[a-z]{{2}}[-_][A-Z]{{2}}|x-default")
"""What texts in several languages stand under."""


@dataclass(frozen=True)
class ColumnPlan:
    """How the columns of a record become ours.

    Args:
        ours: our name -> the source's.
        relations: relation name -> the source's column.
        further: our name for a further column -> the source's.
        row_kinds: columns that say whether a row is part of another row's product.
    """

    ours: Mapping[str, str]
    relations: Mapping[str, str]
    further: Mapping[str, str]
    row_kinds: tuple[RowKind, ...] = ()

    def apply(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The record under our names."""

        def under_our_names(columns: Mapping[str, str]) -> dict[str, Any]:
            return {name: values[source] for name, source in columns.items()}

        named = under_our_names(self.ours)
        if self.relations:
            related = under_our_names(self.relations)
            for name, ids in related.items():
                # an empty list is no relation
                related[name] = ids or None
            named["related"] = related
        named["further"] = under_our_names(self.further)
        return named

    def is_part(self, values: Mapping[str, Any]) -> bool:
        """Whether a record is part of another record's product, and no product of its own."""
        return any(kind.is_part(values) for kind in self.row_kinds)

    def without(self, column: str) -> ColumnPlan:
        """The plan but for one of the source's columns."""

        def kept(columns: Mapping[str, str]) -> dict[str, str]:
            return {name: source for name, source in columns.items() if source != column}

        return ColumnPlan(
            ours=kept(self.ours),
            relations=kept(self.relations),
            further=kept(self.further),
            row_kinds=self.row_kinds,
        )


def normal_name(name: str) -> str:
    """A column's name as synonyms are written: lower case, words joined by underscores, no decoration.

    >>> normal_name("Body (HTML)"), normal_name("*Category"), normal_name("g:image_link")
    ('body_html', 'category', 'image_link')
    """
    # in lower case the Turkish capital would be two characters, of which one is no letter
    bare = (
        name.strip()
        .replace("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "i")
        .lower()
        .removeprefix("g:")
    )
    return _SIGNS.sub("_", bare).strip("_")


def plan_columns(names: tuple[str, ...], columns: Mapping[str, str]) -> ColumnPlan:
    """Which of a record's columns is which of ours: by the setting `columns`, then by
    :data:`~shelfwise.catalog.reading.columns.column_synonyms.SYNONYMS`.

    Upper and lower case do not matter.

    >>> plan_columns(("ASIN", "name", "colour", "pic"), {"image": "pic"}).ours
    {'id': 'ASIN', 'title': 'name', 'image': 'pic'}
    """
    return _planned(names, tuple(columns.items()))


@lru_cache(maxsize=128)
def _planned(names: tuple[str, ...], columns: tuple[tuple[str, str], ...]) -> ColumnPlan:
    """As :func:`plan_columns`; a program asks about products with the same columns again and again."""
    configured = {name: source for name, source in columns if source in names}
    free = _by_plain_name([name for name in names if name not in configured.values()])
    ours: dict[str, str] = {}
    for name, synonyms in SYNONYMS.items():
        # an empty name in the settings names no column
        found = configured.get(name) or _first_of(synonyms, free)
        if found is not None:
            ours[name] = found
    relations: dict[str, str] = {}
    if "related" not in ours:
        for column, relation in RELATIONS.items():
            if column in free:
                relations[relation] = free[column]
    used = set(configured.values())
    used.update(ours.values(), relations.values())
    further = {name: name for name in names if name not in used}
    # the settings may name further columns too
    for name, source in configured.items():
        if name not in SYNONYMS:
            further[name] = source
    apart = {_free_name(name): source for name, source in further.items()}
    unused = {plain: name for plain, name in free.items() if name not in used}
    return ColumnPlan(ours, relations, apart, find_row_kinds(unused))


def is_language(tag: str) -> bool:
    """Whether a word says a language, with a country or without.

    >>> is_language("de"), is_language("en-US"), is_language("id")
    (True, True, False)
    """
    return _TAG.fullmatch(tag) is not None


def on_one_line(name: str) -> str:
    """A column's name without surrounding blanks; spreadsheets break long ones into lines.

    >>> on_one_line(" Price\\n(EUR) ")
    'Price (EUR)'
    """
    return " ".join(name.split())


@lru_cache(maxsize=1 << 15)
def plain_names(name: str) -> tuple[str, ...]:
    """The plain names that a column may go by, the likeliest first.

    >>> plain_names("unitPrice"), plain_names("Name (EN)")
    (('unitprice', 'unit_price'), ('name_en', 'name'))
    """
    plain = normal_name(name)
    in_words = normal_name(_HUMP.sub("_", name))
    if name.startswith(_ADDRESS_OF):
        # what JSON-LD says of an object counts after what the object has itself
        return name, plain
    # Preço De is a price from which there is a discount, and none in German
    is_tagged = _PREPOSITION.search(name) is None
    bare = [_LOCALE.sub("", one).removeprefix(_DEFAULT) for one in (plain, in_words) if is_tagged]
    return tuple(dict.fromkeys((plain, in_words, *bare)))


def _by_plain_name(names: Sequence[str]) -> dict[str, str]:
    """The names that a column may go by -> as the source has them.

    A likelier name counts before others: ``name-en_US`` is a name where nothing else is. Of several columns
    with one name, such as those of several languages, the first counts.
    """
    plain: dict[str, str] = {}
    candidates = list(map(plain_names, names))
    for place in range(max(map(len, candidates), default=0)):
        for name, own in zip(names, candidates, strict=True):
            if place < len(own):
                plain.setdefault(own[place], name)
    return plain


def _first_of(synonyms: tuple[str, ...], free: Mapping[str, str]) -> str | None:
    """The source's name of the first synonym that it has."""
    for synonym in synonyms:
        if synonym in free:
            return free[synonym]
    return None


def _free_name(name: str) -> str:
    """A further column that is called like one of ours keeps apart from it."""
    if name in SYNONYMS or name in (IMAGE_BYTES, IMAGE_ROOT):
        return f"{name}_2"
    return name
