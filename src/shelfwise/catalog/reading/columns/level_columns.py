"""Columns whose names say that they are the levels of a category path, or labels beside each other."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from shelfwise.catalog.reading.categories.category_columns import CategoryColumns
from shelfwise.catalog.reading.columns.column_mapping import normal_name, plain_names
from shelfwise.catalog.reading.columns.column_synonyms import SYNONYMS
from shelfwise.catalog.reading.columns.goods_systems import system_levels
from shelfwise.catalog.reading.columns.level_names import (
    ABOVE_SUBS,
    CATEGORY,
    OF_NAMES,
    OF_SHOPS,
    PARENT,
    SUB,
    SUBTYPE,
    TOP,
    TYPE,
    Place,
    Rank,
    level_place,
)

_LEVEL = r"(?:level|lvl|l|ebene|niveau|niv|nivel|nível|livello|poziom|seviye|nivå)"

_NUMBERED = re.compile(
    rf"((?:\w+_)?(?:{CATEGORY}|{_LEVEL}|(?:ic|product|item)_group|hierarchy|department)(?:_{_LEVEL}|_?1?_?name)?)_?(\d)(?:_name|명)?"
)
_NUMBER_FIRST = re.compile(rf"^(?:l|lvl|level)_?(\d)_({CATEGORY}.*)$")
_ORDINAL = re.compile(rf"^(primary|secondary|tertiary)_({CATEGORY}.*)$")
_ORDINALS = ("primary", "secondary", "tertiary")
_FIRST = re.compile(rf"({CATEGORY})_1")
_LANGUAGE = re.compile(r"^(?:en|us|uk|de|fr|es|it|nl|pt|pl|sv|da)_")
"""In front of the names of columns that shops have in several languages."""

_SUBS = ("sub", "sub_")

_OF_OTHERS = re.compile(
    r"(?:^|_)(?:price|tax|customer|user|stock|discount|shipping|skill|access|risk|energy|age|reorder|quality)_"
)
"""In front of levels and classes that are no categories."""

_LABEL = re.compile(r"(labels?|tags?|étiquettes|etiketten|etiquetas)_?\d{1,2}")
"""Columns that hold one label each."""

_SECOND = 2


def find_level_columns(names: Sequence[str]) -> CategoryColumns | None:
    """Columns named like levels or labels.

    These are ``level1`` to ``levelN``, ``Category`` with ``Sub Category``, and ``label1`` to ``labelN``.

    >>> find_level_columns(["id", "Unterkategorie", "Hauptkategorie"]).names
    ('Hauptkategorie', 'Unterkategorie')
    """
    first = _first_pair(names)
    if first:
        return CategoryColumns(first, "levels")
    numbered = _numbered_levels(names)
    named = system_levels(names) or _named_levels(names)
    # Kategori is above Alt Kategori 1 and Alt Kategori 2
    levels = named if set(numbered) < set(named) else numbered
    levels = levels or _types(names)
    if levels:
        return CategoryColumns(levels, "levels")
    labels = _label_columns(names)
    return CategoryColumns(labels, "labels") if len(labels) > 1 else None


def told_left_level(names: Sequence[str], found: CategoryColumns) -> str | None:
    """What a user is told of a column that is called like a level, and is not among those that were found.

    >>> names = ("Familia", "Grupo", "Subgrupo")
    >>> told_left_level(names, find_level_columns(names)) is None
    False
    """
    if found.names == _numbered_from(names, (_SECOND,)):
        return (
            f"categories: {found.names[0]} is the highest level that the file has; if another column is the "
            "level above it, call the columns level1, level2, ..."
        )
    if found.kind != "levels" or set(found.names) == set(_numbered_levels(names)):
        return None
    left = (name for name in names if name not in found.names)
    other = next((one for one in left if any(map(level_place, _possible(one)))), None)
    # a column of codes stands beside that of the names
    if other is None or any(_is_one_level(other, name) for name in found.names):
        return None
    return (
        f"categories: {other} is called like a level, too, and is left out; if it is one, call the columns "
        "level1, level2, ..."
    )


def told_other_levels(names: Sequence[str], taken: str) -> str | None:
    """What a user is told of columns called like levels above or below the only one that is taken.

    >>> told_other_levels(("Hauptgruppe", "Gruppe"), "Gruppe") is None
    False
    >>> told_other_levels(("Category", "Level 2", "Level 3"), "Category") is None
    False
    """
    below = _numbered_from(names, (_SECOND,))
    if below and taken not in below:
        return (
            f"categories: {taken} is taken, and {', '.join(below)} may be the levels below it; if they are, "
            "call the columns level1, level2, ..."
        )
    places = {name: next(filter(None, map(level_place, _possible(name))), None) for name in names}
    ranks = {name: place.rank for name, place in places.items() if place is not None}
    above = next((name for name in ranks if ranks[name] < Rank.MIDDLE), None)
    if above is None or ranks.get(taken) != Rank.MIDDLE:
        return None
    return (
        f"categories: {taken} is taken, and {above} may be the level above it; if it is, call the columns "
        "level1 and level2"
    )


def _is_one_level(name: str, other: str) -> bool:
    """Whether two columns are one level, of which one has the codes or the name of the other."""
    first, second = (OF_NAMES.sub("", normal_name(one)) for one in (name, other))
    return first.startswith(second) or second.startswith(first)


def _label_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Columns of a label each: ``label1``, ``label2``; the first of several of one name has no number."""
    found = {name: _LABEL.fullmatch(normal_name(name)) for name in names}
    words = {match[1] for match in found.values() if match}
    return tuple(name for name, match in found.items() if match or normal_name(name) in words)


def is_label_name(name: str) -> bool:
    """Whether several columns of this name hold a label each, as Jira writes them.

    >>> is_label_name("Labels"), is_label_name("category")
    (True, False)
    """
    return _LABEL.fullmatch(f"{normal_name(name)}_1") is not None


def _first_pair(names: Sequence[str]) -> tuple[str, ...]:
    """The first of several categories that each have a column and one for what lies below it.

    >>> _first_pair(["NL_Category_1", "NL_Subcategory_1", "NL_Category_2", "NL_Subcategory_2"])
    ('NL_Category_1', 'NL_Subcategory_1')
    """
    plain = {_without_language(name): name for name in reversed(names)}
    tops = ((_FIRST.fullmatch(one), name) for one, name in plain.items())
    pairs = ((name, f"{sub}{match[1]}_1") for match, name in tops if match for sub in _SUBS)
    return next(((name, plain[below]) for name, below in pairs if below in plain), ())


def _possible(name: str) -> tuple[str, ...]:
    return (*plain_names(name), _without_language(name))


def _without_language(name: str) -> str:
    return _LANGUAGE.sub("", normal_name(name))


def _numbered_levels(names: Sequence[str]) -> tuple[str, ...]:
    """Columns with one name and consecutive numbers from 0 or 1 on; the first may have no number.

    From 2 on where no other column is called like categories, which may be the level above.
    """
    found = _numbered_from(names, (0, 1))
    if found or any(normal_name(name) in SYNONYMS["categories"] for name in names):
        return found
    return _numbered_from(names, (_SECOND,))


def _numbered_from(names: Iterable[str], first: Collection[int]) -> tuple[str, ...]:
    """Columns with one name and consecutive numbers, of which the lowest is one of `first`."""
    numbered: dict[str, dict[int, str]] = {}
    plain = {normal_name(name): name for name in names}
    top = next((name for one, name in plain.items() if TOP.fullmatch(one)), None)
    for name in plain.values():
        # CategoryLevel1Name has its words joined; SubCategory_1 is below Category_1
        own = normal_name(name)
        possible = (own,) if SUB.fullmatch(own) else plain_names(name)
        # L1 Category is Category 1
        ordered = [_NUMBER_FIRST.sub(r"\2_\1", _counted(one)) for one in possible]
        match = next(filter(None, map(_NUMBERED.fullmatch, ordered)), None)
        if match and not any(map(_OF_OTHERS.search, plain_names(name))):
            numbered.setdefault(match[1], {})[int(match[2])] = name
    for base, levels in numbered.items():
        # Category_2 with SubCategory_2 is another path, and no level below Category_1
        if any(f"{sub}{base}_{number}" in plain for sub in _SUBS for number in levels):
            continue
        # item_category, item_category2 (Google Analytics)
        if base in plain and levels.keys().isdisjoint((0, 1)):
            levels[1] = plain[base]
        # Categoria principal, Categoria nível 2, Categoria nível 3
        elif top is not None and min(levels) == _SECOND:
            levels[1] = top
        numbers = sorted(levels)
        consecutive = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        if len(numbers) > 1 and numbers[0] in first and consecutive:
            return tuple(levels[number] for number in numbers)
    return ()


def _counted(plain: str) -> str:
    """A name that counts in words with the number in their place.

    >>> _counted("secondary_category"), _counted("category")
    ('category_2', 'category')
    """
    found = _ORDINAL.match(plain)
    return plain if found is None else f"{found[2]}_{_ORDINALS.index(found[1]) + 1}"


def _named_levels(names: Iterable[str]) -> tuple[str, ...]:
    """A column of categories, those that say that they are below it, and one that says it is above."""
    levels: dict[Place, str] = {}
    for name in names:
        places = map(level_place, plain_names(name))
        place = next((one for one in places if one is not None), None)
        # of several with one meaning the first counts, unless a further one says that it has the names
        if place is not None and (place not in levels or _has_names(name, levels[place])):
            levels[place] = name
    if not _one_is_above_another(levels):
        return ()
    return tuple(levels[place] for place in sorted(levels))


def _one_is_above_another(levels: Mapping[Place, str]) -> bool:
    """Whether names say of two columns that one of them stands above the other."""
    ranks = {place.rank for place in levels}
    middle = levels.get(Place(Rank.MIDDLE, 0), "")
    if Rank.TOP in ranks and middle:
        top = levels[Place(Rank.TOP, 0)]
        # a main category may be one of another kind, a parent category is above
        if any(map(PARENT.fullmatch, plain_names(top))):
            return True
    # of other kinds of categories nobody knows whether they stand below a department
    if Rank.ABOVE in ranks and any(map(OF_SHOPS.fullmatch, plain_names(middle))):
        return True
    if Rank.SUB in ranks and ranks & ABOVE_SUBS:
        return True
    # a department, and a part of it
    above = [place for place in levels if place.rank == Rank.ABOVE and place.depth > 0]
    return len(above) > 1


def _types(names: Iterable[str]) -> tuple[str, ...]:
    """A column of types and one of those below them; beside other categories they may be anything."""
    found = {one: name for name in names for one in reversed(plain_names(name))}
    if any(map(level_place, found)):
        return ()
    tops = [name for one, name in found.items() if TYPE.fullmatch(one)]
    subs = [name for one, name in found.items() if SUBTYPE.fullmatch(one)]
    return (tops[0], subs[0]) if tops and subs else ()


def _has_names(name: str, other: str) -> bool:
    """Whether a column has the names of what another one has codes for, as ``Dept Name`` and ``Dept #``."""
    return bool(OF_NAMES.search(normal_name(name))) and not OF_NAMES.search(normal_name(other))
