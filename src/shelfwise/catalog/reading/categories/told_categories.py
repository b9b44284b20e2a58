"""What a user is told of a column of categories that may mean something else than it is read as."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from shelfwise.catalog.reading.categories.beside_names import (
    beside_names,
    name_above_others,
    told_beside,
)
from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.categories.category_text import signs_only
from shelfwise.catalog.reading.categories.continued_rows import told_continued_rows
from shelfwise.catalog.reading.categories.filled_once import told_filled_once
from shelfwise.catalog.reading.categories.flat_lists import question_of_flat_lists
from shelfwise.catalog.reading.categories.told_joined import (
    told_joined_names,
    told_parted_levels,
    told_parted_names,
)
from shelfwise.catalog.reading.categories.told_names import told_names
from shelfwise.catalog.reading.categories.written_lists import UnorderedNames, unpacked
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.objects.category_values import category_values

_ENOUGH = 500
"""Products whose titles are looked at, as cutting is slow."""

_SOME = 0.2
"""Share of paths up to which a category may by chance be called like its product."""

_NUMBERED = re.compile(r"\s*\d+(?: - |\s*[:#|=])\s*[^\W\d]")
"""A number before a name, and nothing that could be a measure (``2-seater sofas``)."""

_WORD_IN_FRONT = re.compile(r"\s*(?:[^\W\d_]+\s*:\s*(?=[^\s:/])|__[^\W_]+__)")
"""A word that says what follows, also as fastText writes it, ``__label__Mugs``.

What Pimcore writes before a slash is left out where it is read.
"""

_OF_PROGRAMS = re.compile(r"/\S*\b(?:api|rest|wp-json|v\d+)/\S+")
"""Where a program answers for an object, ``/api/v2/taxons/mugs``."""

_NO_CATEGORY = frozenset(
    (
        *("uncategorized", "uncategorised", "not categorized", "no category", "unassigned"),
        *("unkategorisiert", "nicht kategorisiert", "ohne kategorie", "non classé", "non classe"),
        *("sin categoría", "sin categoria", "sin categorizar", "senza categoria", "sem categoria"),
        *(
            "geen categorie",
            "ongecategoriseerd",
            "bez kategorii",
            "bez kategorie",
            "okategoriserad",
        ),
        *("без категории", "未分类", "未分類", "kategorisiz", "미분류", "なし", "无", "нет"),
        *("unknown", "unbekannt", "inconnu", "desconocido", "sconosciuto", "not specified"),
        *("tbd", "tbc", "to be defined", "sin clasificar", "non classificato", "no aplica"),
    )
)
"""Names, in lower case, that shops give to what is in no category."""


def told_categories(
    column: str,
    values: Sequence[Any],
    ids: Sequence[Any],
    titles: Sequence[Any],
    signs: CategorySigns,
) -> list[str]:
    """A sentence for each thing that a user may want otherwise; mostly none.

    Args:
        column: that of the categories.
        values, ids, titles: of the first N records, empty where the file has no such column.
        signs: by which the values are cut.
    """
    lists = [one for one in map(unpacked, values) if not isinstance(one, str)]
    lists = [one for one in lists if not is_missing(one)]
    listed = [category_values(one) for one in lists]
    # a set has no order, so it is no path
    ordered = [
        said for one, said in zip(lists, listed, strict=True) if not isinstance(one, UnorderedNames)
    ]
    paths = _paths(values, listed, signs)
    last: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for path, count in paths.items():
        # a list may be empty
        if not path:
            continue
        last[path[-1]] += count
        every.update(dict.fromkeys(path, count))
    question = question_of_flat_lists(column, ordered, signs.separator)
    told = (
        question,
        told_filled_once(column, values),
        told_continued_rows(column, ids, titles, values),
        _told_no_category(column, last),
        told_joined_names(column, last, signs),
        told_parted_names(column, _texts(values), signs),
        told_parted_levels(column, paths, signs),
        _told_numbered_paths(column, values, signs),
        _told_word_in_front(column, values, signs),
        _told_upwards(column, paths, may_be_labels=question is not None),
        _told_places_of_programs(column, values),
        _told_own_titles(column, values, titles, signs),
        *told_names(column, every, last),
    )
    return [sentence for sentence in told if sentence is not None]


def _paths(
    values: Sequence[Any], listed: Sequence[Any], signs: CategorySigns
) -> Counter[tuple[str, ...]]:
    """The paths, and how often each stands there.

    Args:
        values: as the file has them.
        listed: those that are no texts, as :func:`category_values`.
    """
    paths: Counter[tuple[str, ...]] = Counter()
    # most products share their texts with others, and cutting is slow
    for text, count in Counter(_texts(values)).items():
        if isinstance(unpacked(text), str):
            for path in signs.paths(signs_only(text)):
                paths[tuple(path)] += count
    paths.update(tuple(path) for value in listed for path in _listed_paths(value, signs))
    return paths


def _listed_paths(value: Any, signs: CategorySigns) -> Iterator[Sequence[str]]:
    """The paths of a list: of lists, of written paths, or of the names of one path."""
    if isinstance(value, str):
        yield signs.levels(value)
    elif isinstance(value, list) and _are_texts(value):
        written = bool(signs.separator) and any(signs.separator in one for one in value)
        yield from map(signs.levels, value) if written else [value]
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, list) and _are_texts(one))


def _are_texts(values: Sequence[Any]) -> bool:
    return set(map(type, values)) <= {str}


def _texts(values: Sequence[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str) and not is_missing(value)]


def _told_places_of_programs(column: str, values: Sequence[Any]) -> str | None:
    """
    >>> _told_places_of_programs("taxon", ["/api/v2/taxons/mugs", "/api/v2/taxons/gifts"]) is None
    False
    >>> _told_places_of_programs("cat", ["/home/mugs", "/home/rest"]) is None
    True
    """
    texts = [str(value) for value in values if not is_missing(value)]
    if not texts or not all(map(_OF_PROGRAMS.fullmatch, texts)):
        return None
    return (
        f"{column}: {texts[0]!r} is where a program answers for a category, and its parts are no names; "
        "write the names of the categories in its place"
    )


def _told_own_titles(
    column: str, values: Sequence[Any], titles: Sequence[Any], signs: CategorySigns
) -> str | None:
    """Breadcrumbs that lead to the product itself, which is no category.

    >>> _told_own_titles("crumb", ["Home > Mug"], ["mug"], CategorySigns(" > ")) is None
    False
    """
    ends = [
        (path[-1].casefold(), str(title).strip().casefold())
        for value, title in islice(zip(values, titles, strict=False), _ENOUGH)
        for path in _levels_of(value, signs)
    ]
    # by chance a category may be called like one of its products
    own = sum(last == title for last, title in ends)
    if own <= _SOME * len(ends):
        return None
    return (
        f"{column}: the last name of {own:,} of {len(ends):,} paths is the product's own title, which is no "
        "category; write the paths without it"
    )


def _levels_of(value: Any, signs: CategorySigns) -> Sequence[Sequence[str]]:
    """The paths of several levels that a value holds."""
    value = category_values(unpacked(value))
    if isinstance(value, str):
        paths = [] if is_missing(value) else signs.paths(signs_only(value))
    else:
        texts = isinstance(value, list) and all(isinstance(name, str) for name in value)
        paths = [value] if texts else []
    return [path for path in paths if len(path) > 1]


def _told_upwards(
    column: str, paths: Counter[tuple[str, ...]], may_be_labels: bool = False
) -> str | None:
    """
    Args:
        may_be_labels: whether a user is told so already.

    >>> upwards = Counter((kind, "Home") for kind in ("Mugs", "Lamps", "Rugs", "Pans", "Pots", "Caps"))
    >>> _told_upwards("cat", upwards) is None
    False
    """
    found = beside_names(paths)
    if found is None and not may_be_labels:
        found = name_above_others(paths)
    return None if found is None else f"{column}: {told_beside(found)}"


def _told_no_category(column: str, names: Counter[str]) -> str | None:
    """
    >>> _told_no_category("cat", Counter({"Mugs": 5, "Uncategorized": 3})) is None
    False
    """
    found = next((name for name in names if name.lower() in _NO_CATEGORY), None)
    if found is None:
        return None
    return (
        f"{column}: {found!r} is a category like others, of {names[found]:,} of the first records; if it "
        "says that a product has none, leave it out of the file"
    )


def _told_numbered_paths(column: str, values: Sequence[Any], signs: CategorySigns) -> str | None:
    """Paths and names behind their number, which is part of the first name; Google lists its taxonomy so.

    >>> _told_numbered_paths("cat", ["1 - Animals", "3 - Animals > Pets"], CategorySigns(" > ")) is None
    False
    >>> _told_numbered_paths("cat", ["100:Mugs", "101:Lamps"], CategorySigns()) is None
    False
    """
    texts = _texts(values)
    # mostly the first has none, and asking is fast
    if not texts or not all(map(_NUMBERED.match, texts)):
        return None
    first = signs.paths(texts[0])[0][0]
    # the sign behind the number separates, so the number is a name of its own
    if not _NUMBERED.match(first):
        return None
    if not signs.separator:
        return (
            f"{column}: each value begins with a number, which is part of the name, {first!r}; write the "
            "names without it if it is an id"
        )
    return (
        f"{column}: each value begins with a number, which is part of the first name, {first!r}; write the "
        "paths without it, or products of one category have no name above it in common with others"
    )


def _told_word_in_front(column: str, values: Sequence[Any], signs: CategorySigns) -> str | None:
    """One word in front of each value, with a colon or lines (``Category: Home > Mugs``).

    >>> _told_word_in_front("cat", ["In: A > B", "In: C > D"], CategorySigns(" > ")) is None
    False
    """
    texts = _texts(values)
    found = _WORD_IN_FRONT.match(texts[0]) if texts else None
    if found is None or len(set(texts)) == 1:
        return None
    word = found[0]
    # the sign behind the word separates, so the word is a name of its own
    is_in_names = all(text.startswith(word) for text in texts) and signs.paths(texts[0])[0][
        0
    ].startswith(word.strip())
    if not is_in_names:
        return None
    return (
        f"{column}: each value begins with {word!r}, which is part of the first name; write the names "
        "without it"
    )
