"""Columns whose names say that they are the levels of a category path, or labels beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from shelfwise.catalog.reading.categories.category_columns import CategoryColumns
from shelfwise.catalog.reading.columns.column_mapping import normal_name, plain_names

CATEGORY = (
    r"(?:cat|category|categories|kategorie|kategori|kategoria|catégorie|categorie|categoria|categoría"
    r"|категория|warengruppe|produktgruppe|gruppe|groep|productgroep|artikelgroep|familia|famille|family|class|rubriek|カテゴリー?|分类|分類|품목그룹|상품그룹|varegruppe|varugrupp|artikelgruppe)"
)
"""What a column of categories is called in the languages of shops."""

_LEVEL = r"(?:level|lvl|l|ebene|niveau|nivel|nível|livello|poziom|seviye|nivå)"

_NUMBERED = re.compile(
    rf"((?:\w+_)?(?:{CATEGORY}|{_LEVEL}|(?:ic|product|item)_group|hierarchy|department)(?:_{_LEVEL}|_?1_?name)?)_?(\d)(?:_name|명)?"
)
_SUBS = ("sub", "sub_")

_OF_OTHERS = re.compile(
    r"(?:^|_)(?:price|tax|customer|user|stock|discount|shipping|skill|access|risk|energy|age|reorder|quality)_"
)
"""In front of levels and classes that are no categories."""

_LABEL = re.compile(r"(?:label|tag)_?\d{1,2}")
"""Columns that hold one label each."""

_KIND = (
    rf"(?:{CATEGORY}|group|grupo|gruppo|groupe|grupa|группа|rubro|rubrique|раздел|section|sección|reparto"
    r"|rayon|famiglia|varugrupp|varegruppe|tuoteryhmä|κατηγορία)"
)
"""The same, with words that say so beside a column whose name says that it lies below only."""

_TOP = re.compile(
    rf"(?:main|master|parent|general|top|haupt|ana|hoofd)_?{_KIND}(?:_name)?|大{CATEGORY}|대분류"
    rf"|{CATEGORY}_(?:principal|principale|główna|hlavní)|корневая(?:_категория)?"
)
_PARENT = re.compile(rf"parent_?{_KIND}(?:_name)?")
"""What says that it is the level above; a main category may be one of another kind."""

_OF_PRODUCTS = "merceologica|prodotto|prodotti|producto|productos|produto|produit|produktu|товара"
_MIDDLE = re.compile(rf"{_KIND}(?:_name|_desc|(?:_de|_del)?_(?:{_OF_PRODUCTS}))?|class_description")
_SUB = re.compile(
    r"((?:(?:sub|sous|unter|pod|alt|sotto|onder|under|под|υπο)_?)+)"
    rf"(?:{_KIND}|department|dept)_?(\d?)(?:_name|_desc)?"
)
_EAST = re.compile(rf"([中小]){CATEGORY}|([중소])분류")
"""Levels that say in the scripts of East Asia that they are the middle or the small ones."""

_CHINESE = re.compile("([一二三四五])级(?:类目|分类|品类)(?:名称)?")
"""Levels that are counted in Chinese."""

_BELOW = ("article_type", "articletype", "세분류")
"""What stands below a sub-category (Myntra)."""

_ABOVE = re.compile(r"(?:(division)|department|dept)(?:_(?:name|desc|description))?")
"""What stands above a class (retail), a division at the top."""

_OF_SHOPS = re.compile(r"class(?:_(?:name|desc|description))?")
"""What shops have below a department; of other kinds of categories nobody knows what is above."""

_OF_NAMES = re.compile(r"_(?:name|desc|description)$")
"""At the end of columns that have what others have codes for."""

_SECOND = 2

Place = tuple[int, int, str]
"""Where a level stands among the others: its rank, how often it says that it is below, and its number."""


def find_level_columns(names: Sequence[str]) -> CategoryColumns | None:
    """Columns named like levels or labels.

    These are ``level1`` to ``levelN``, ``Category`` with ``Sub Category``, and ``label1`` to ``labelN``.

    >>> find_level_columns(["id", "Unterkategorie", "Hauptkategorie"]).names
    ('Hauptkategorie', 'Unterkategorie')
    """
    levels = _numbered_levels(names) or _named_levels(names)
    if levels:
        return CategoryColumns(levels, "levels")
    labels = tuple(name for name in names if _LABEL.fullmatch(normal_name(name)))
    return CategoryColumns(labels, "labels") if len(labels) > 1 else None


def _numbered_levels(names: Iterable[str]) -> tuple[str, ...]:
    """Columns with one name and consecutive numbers from 0 or 1 on; the first may have no number."""
    numbered: dict[str, dict[int, str]] = {}
    plain = {normal_name(name): name for name in names}
    top = next((name for one, name in plain.items() if _TOP.fullmatch(one)), None)
    for name in plain.values():
        # CategoryLevel1Name has its words joined; SubCategory_1 is below Category_1
        own = normal_name(name)
        possible = (own,) if _SUB.fullmatch(own) else plain_names(name)
        match = next(filter(None, map(_NUMBERED.fullmatch, possible)), None)
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
        if len(numbers) > 1 and numbers[0] in (0, 1) and consecutive:
            return tuple(levels[number] for number in numbers)
    return ()


def _named_levels(names: Iterable[str]) -> tuple[str, ...]:
    """A column of categories, those that say that they are below it, and one that says it is above."""
    levels: dict[Place, str] = {}
    for name in names:
        places = map(_place, plain_names(name))
        place = next((one for one in places if one is not None), None)
        # of several with one meaning the first counts, unless a further one says that it has the names
        if place is not None and (place not in levels or _has_names(name, levels[place])):
            levels[place] = name
    ranks = {rank for rank, _, _ in levels}
    middle = levels.get((_MIDDLE_RANK, 0, ""), "")
    is_class = _ABOVE_RANK in ranks and any(map(_OF_SHOPS.fullmatch, plain_names(middle)))
    has_parent = _TOP_RANK in ranks and any(
        map(_PARENT.fullmatch, plain_names(levels[_TOP_RANK, 0, ""]))
    )
    if has_parent and middle:
        return tuple(levels[place] for place in sorted(levels))
    if not is_class and (_SUB_RANK not in ranks or not ranks & _ABOVE_SUBS):
        return ()
    return tuple(levels[place] for place in sorted(levels))


def _has_names(name: str, other: str) -> bool:
    """Whether a column has the names of what another one has codes for, as ``Dept Name`` and ``Dept #``."""
    return bool(_OF_NAMES.search(normal_name(name))) and not _OF_NAMES.search(normal_name(other))


_ABOVE_RANK, _TOP_RANK, _MIDDLE_RANK, _SUB_RANK, _BELOW_RANK = range(5)
_ABOVE_SUBS = frozenset((_ABOVE_RANK, _TOP_RANK, _MIDDLE_RANK))


def _place(name: str) -> Place | None:
    """Where a column of this plain name stands among levels; None of other columns."""
    chinese = _CHINESE.fullmatch(name)
    if chinese:
        depth = "一二三四五".index(chinese[1])
        return (_SUB_RANK, depth, "") if depth else (_TOP_RANK, 0, "")
    east = _EAST.fullmatch(name)
    if east:
        return _SUB_RANK, "中중小소".index(east[1] or east[2]), ""
    sub = _SUB.fullmatch(name)
    if sub:
        return _SUB_RANK, len(sub[1] or ""), sub[2] or ""
    for rank, pattern in ((_TOP_RANK, _TOP), (_MIDDLE_RANK, _MIDDLE)):
        if pattern.fullmatch(name):
            return rank, 0, ""
    above = _ABOVE.fullmatch(name)
    if above:
        return _ABOVE_RANK, 0 if above[1] else 1, ""
    return (_BELOW_RANK, 0, "") if name in _BELOW else None
