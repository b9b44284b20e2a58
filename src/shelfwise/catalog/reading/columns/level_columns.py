"""Columns whose names say that they are the levels of a category path, or labels beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from shelfwise.catalog.reading.categories.category_columns import CategoryColumns
from shelfwise.catalog.reading.columns.column_mapping import normal_name, plain_names
from shelfwise.catalog.reading.columns.goods_systems import system_levels

CATEGORY = (
    r"(?:cat|category|categories|kategorie|kategori|kategoria|catégorie|categorie|categoria|categoría"
    r"|категория|warengruppe|produktgruppe|gruppe|groep|productgroep|artikelgroep|familia|famille|family|class|rubriek|カテゴリー?|分类|分類|품목그룹|상품그룹|varegruppe|varugrupp|artikelgruppe)"
)
"""What a column of categories is called in the languages of shops."""

_LEVEL = r"(?:level|lvl|l|ebene|niveau|niv|nivel|nível|livello|poziom|seviye|nivå)"

_NUMBERED = re.compile(
    rf"((?:\w+_)?(?:{CATEGORY}|{_LEVEL}|(?:ic|product|item)_group|hierarchy|department)(?:_{_LEVEL}|_?1?_?name)?)_?(\d)(?:_name|명)?"
)
_NUMBER_FIRST = re.compile(rf"^(?:l|lvl|level)_?(\d)_({CATEGORY}.*)$")
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

_KIND = (
    rf"(?:{CATEGORY}|group|grupo|gruppo|groupe|grupp|grupa|группа|rubro|rubrique|раздел|section|sección|reparto"
    r"|rayon|famiglia|varugrupp|varegruppe|tuoteryhmä|κατηγορία)"
)
"""The same, with words that say so beside a column whose name says that it lies below only."""

_DEPARTMENT = (
    r"(?:department|dept|departamento|section|sección|seccion|sezione|seção|setor|sector|rayon|reparto|afdeling"
    r"|avdelning|раздел)"
)
"""What parts of a shop are called; groups, families and classes of goods stand below them."""

_TOP = re.compile(
    rf"(?:main|master|parent|general|top|haupt|huvud|hoved|ana|hoofd)_?{_KIND}(?:_name)?|大{CATEGORY}|대분류"
    rf"|{CATEGORY}_(?:main|principal|principale|główna|hlavní)|корневая(?:_категория)?"
)
_PARENT = re.compile(rf"parent_?{_KIND}(?:_name)?")
"""What says that it is the level above; a main category may be one of another kind."""

_PRODUCT = r"(?:product_|item_|ürün_)?"
_GOODS = r"(?:(?:waren|artikel|produkt|product|vare|varu)_?)?"
"""In front of ``untergruppe``, as languages write that join their words."""
_OF_PRODUCTS = "merceologica|prodotto|prodotti|producto|productos|produto|produit|produktu|товара"
_MIDDLE = re.compile(
    rf"{_PRODUCT}{_KIND}(?:_name|_desc|(?:_de|_del)?_(?:{_OF_PRODUCTS}))?|class_description"
)
_SUB = re.compile(
    rf"{_PRODUCT}{_GOODS}((?:(?:sub|sous|unter|pod|alt|sotto|onder|under|под|υπο)_?)+)"
    rf"(?:({_DEPARTMENT})|{_KIND})_?(\d?)(?:_name|_desc)?"
)
_TYPE = re.compile(
    rf"{_PRODUCT}(?:type|typ|tipo)(?:(?:_de|_di)?_(?:{_OF_PRODUCTS}))?|classification|main"
)
_SUBTYPE = re.compile(
    rf"{_PRODUCT}(?:sub|sous|unter|sotto)_?(?:type|typ|tipo)(?:(?:_de|_di)?_(?:{_OF_PRODUCTS}))?"
    r"|classification_sub|sub_?classification|sub"
)
"""A type of products, and what stands below it."""

_SUB_BEHIND = re.compile(rf"{CATEGORY}_sub")
"""``cat.sub``, beside ``cat.main``."""

_EAST = re.compile(rf"([中小]){CATEGORY}|([중소])분류")
"""Levels that say in the scripts of East Asia that they are the middle or the small ones."""

_CHINESE = re.compile("([一二三四五末])级(?:类目|分类|品类)(?:名称)?")
"""Levels that are counted in Chinese, or say that they are the last."""

_BELOW = ("article_type", "articletype", "세분류")
"""What stands below a sub-category (Myntra)."""

_ABOVE = re.compile(
    rf"(?:(division|univers|universo)|{_DEPARTMENT})(?:_(?:name|desc|description))?"
)
"""What stands above a class or a family of goods (retail), a division at the top."""

_OF_SHOPS = re.compile(r"(?:class|familia|famille|famiglia)(?:_(?:name|desc|description))?")
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
    first = _first_pair(names)
    if first:
        return CategoryColumns(first, "levels")
    numbered, named = _numbered_levels(names), system_levels(names) or _named_levels(names)
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
    if found.kind != "levels" or set(found.names) == set(_numbered_levels(names)):
        return None
    left = (name for name in names if name not in found.names)
    other = next((one for one in left if any(map(_place, _possible(one)))), None)
    # a column of codes stands beside that of the names
    if other is None or any(_is_one_level(other, name) for name in found.names):
        return None
    return (
        f"categories: {other} is called like a level, too, and is left out; if it is one, call the columns "
        "level1, level2, ..."
    )


def told_level_above(names: Sequence[str], taken: str) -> str | None:
    """What a user is told of a column that is called like the level above the only one that is taken.

    >>> told_level_above(("Hauptgruppe", "Gruppe"), "Gruppe") is None
    False
    """
    places = {name: next(filter(None, map(_place, _possible(name))), None) for name in names}
    ranks = {name: place[0] for name, place in places.items() if place is not None}
    above = next((name for name in ranks if ranks[name] < _MIDDLE_RANK), None)
    if above is None or ranks.get(taken) != _MIDDLE_RANK:
        return None
    return (
        f"categories: {taken} is taken, and {above} may be the level above it; if it is, call the columns "
        "level1 and level2"
    )


def _is_one_level(name: str, other: str) -> bool:
    """Whether two columns are one level, of which one has the codes or the name of the other."""
    first, second = (_OF_NAMES.sub("", normal_name(one)) for one in (name, other))
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


def _numbered_levels(names: Iterable[str]) -> tuple[str, ...]:
    """Columns with one name and consecutive numbers from 0 or 1 on; the first may have no number."""
    numbered: dict[str, dict[int, str]] = {}
    plain = {normal_name(name): name for name in names}
    top = next((name for one, name in plain.items() if _TOP.fullmatch(one)), None)
    for name in plain.values():
        # CategoryLevel1Name has its words joined; SubCategory_1 is below Category_1
        own = normal_name(name)
        possible = (own,) if _SUB.fullmatch(own) else plain_names(name)
        # L1 Category is Category 1
        ordered = [_NUMBER_FIRST.sub(r"\2_\1", one) for one in possible]
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
    has_sub = _SUB_RANK in ranks and bool(ranks & _ABOVE_SUBS)
    has_sub |= sum(rank == _ABOVE_RANK and depth > 0 for rank, depth, _ in levels) > 1
    if not is_class and not has_sub:
        return ()
    return tuple(levels[place] for place in sorted(levels))


def _types(names: Iterable[str]) -> tuple[str, ...]:
    """A column of types and one of those below them; beside other categories they may be anything."""
    found = {one: name for name in names for one in reversed(plain_names(name))}
    if any(map(_place, found)):
        return ()
    tops = [name for one, name in found.items() if _TYPE.fullmatch(one)]
    subs = [name for one, name in found.items() if _SUBTYPE.fullmatch(one)]
    return (tops[0], subs[0]) if tops and subs else ()


def _has_names(name: str, other: str) -> bool:
    """Whether a column has the names of what another one has codes for, as ``Dept Name`` and ``Dept #``."""
    return bool(_OF_NAMES.search(normal_name(name))) and not _OF_NAMES.search(normal_name(other))


_ABOVE_RANK, _TOP_RANK, _MIDDLE_RANK, _SUB_RANK, _BELOW_RANK = range(5)
_ABOVE_SUBS = frozenset((_ABOVE_RANK, _TOP_RANK, _MIDDLE_RANK))


def _place(name: str) -> Place | None:
    """Where a column of this plain name stands among levels; None of other columns."""
    chinese = _CHINESE.fullmatch(name)
    if chinese:
        depth = "一二三四五末".index(chinese[1])
        return (_SUB_RANK, depth, "") if depth else (_TOP_RANK, 0, "")
    east = _EAST.fullmatch(name)
    if east:
        return _SUB_RANK, "中중小소".index(east[1] or east[2]), ""
    sub = _SUB.fullmatch(name)
    if sub:
        # what is below a department still is above the groups of goods in it
        rank = _ABOVE_RANK if sub[2] else _SUB_RANK
        return rank, len(sub[1]) + bool(sub[2]), sub[3] or ""
    if _SUB_BEHIND.fullmatch(name):
        return _SUB_RANK, 1, ""
    above = _ABOVE.fullmatch(name)
    if above:
        return _ABOVE_RANK, 0 if above[1] else 1, ""
    for rank, pattern in ((_TOP_RANK, _TOP), (_MIDDLE_RANK, _MIDDLE)):
        if pattern.fullmatch(name):
            return rank, 0, ""
    return (_BELOW_RANK, 0, "") if name in _BELOW else None
