"""What the name of one column says of its place among the levels of a category path.

Names are plain: in lower case, with ``_`` between their words.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

CATEGORY = (
    r"(?:cat|category|categories|kategorie|kategori|kategoria|catégorie|categorie|categoria|categoría"
    r"|категория|warengruppe|produktgruppe|gruppe|groep|productgroep|artikelgroep|familia|famille|family|class|rubriek|カテゴリー?|分类|分類|품목그룹|상품그룹|varegruppe|varugrupp|artikelgruppe)"
)
"""What a column of categories is called in the languages of shops."""

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

TOP = re.compile(
    rf"(?:main|master|parent|general|top|haupt|huvud|hoved|ana|hoofd)_?{_KIND}(?:_name)?|大{CATEGORY}|대분류"
    rf"|{CATEGORY}_(?:main|principal|principale|główna|hlavní)|корневая(?:_категория)?"
)
"""What says that it is at the top."""

PARENT = re.compile(rf"parent_?{_KIND}(?:_name)?")
"""What says that it is the level above; a main category may be one of another kind."""

_PRODUCT = r"(?:product_|item_|ürün_)?"
_GOODS = r"(?:(?:waren|artikel|produkt|product|vare|varu)_?)?"
"""In front of ``untergruppe``, as languages write that join their words."""

_OF_PRODUCTS = "merceologica|prodotto|prodotti|producto|productos|produto|produit|produktu|товара"
"""Behind the names of categories that say of what they are."""

_MIDDLE = re.compile(
    rf"{_PRODUCT}{_KIND}(?:_name|_desc|(?:_de|_del)?_(?:{_OF_PRODUCTS}))?|class_description"
)
"""What says nothing but that it is a category; others are above and below it."""

SUB = re.compile(
    rf"{_PRODUCT}{_GOODS}((?:(?:sub|sous|unter|pod|alt|sotto|onder|under|под|υπο)_?)+)"
    rf"(?:({_DEPARTMENT})|{_KIND})_?(\d?)(?:_name|_desc)?"
)
"""What says that it is below: how often it says so, a part of a shop, and a number."""

TYPE = re.compile(
    rf"{_PRODUCT}(?:type|typ|tipo)(?:(?:_de|_di)?_(?:{_OF_PRODUCTS}))?|classification|main"
)
"""A type of products."""

SUBTYPE = re.compile(
    rf"{_PRODUCT}(?:sub|sous|unter|sotto)_?(?:type|typ|tipo)(?:(?:_de|_di)?_(?:{_OF_PRODUCTS}))?"
    r"|classification_sub|sub_?classification|sub"
)
"""What stands below a type."""

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

OF_SHOPS = re.compile(r"(?:class|familia|famille|famiglia)(?:_(?:name|desc|description))?")
"""What shops have below a department; of other kinds of categories nobody knows what is above."""

OF_NAMES = re.compile(r"_(?:name|desc|description)$")
"""At the end of columns that have what others have codes for."""


class Rank(IntEnum):
    """The kinds of levels, from the top of a path down."""

    ABOVE = 0
    """Parts of a shop, which stand above its classes of goods."""
    TOP = 1
    """Categories that say that they are at the top."""
    MIDDLE = 2
    """Categories that say nothing of their place."""
    SUB = 3
    """Categories that say that they are below."""
    BELOW = 4
    """What stands below a sub-category."""


class Place(NamedTuple):
    """Where a level stands among others; places are in the order of their levels.

    Args:
        rank: what kind of level it is.
        depth: how often it says that it is below.
        number: the number it has among those of one depth; empty without one.
    """

    rank: Rank
    depth: int
    number: str = ""


ABOVE_SUBS = frozenset((Rank.ABOVE, Rank.TOP, Rank.MIDDLE))
"""Ranks below which a sub-category may stand."""


def level_place(name: str) -> Place | None:
    """Where a column of this plain name stands among levels; None of other columns.

    >>> level_place("haupt_kategorie"), level_place("brand")
    (Place(rank=<Rank.TOP: 1>, depth=0, number=''), None)
    """
    chinese = _CHINESE.fullmatch(name)
    if chinese:
        depth = "一二三四五末".index(chinese[1])
        return Place(Rank.SUB, depth) if depth else Place(Rank.TOP, 0)
    east = _EAST.fullmatch(name)
    if east:
        return Place(Rank.SUB, "中중小소".index(east[1] or east[2]))
    sub = SUB.fullmatch(name)
    if sub:
        # what is below a department still is above the groups of goods in it
        rank = Rank.ABOVE if sub[2] else Rank.SUB
        return Place(rank, len(sub[1]) + bool(sub[2]), sub[3] or "")
    if _SUB_BEHIND.fullmatch(name):
        return Place(Rank.SUB, 1)
    above = _ABOVE.fullmatch(name)
    if above:
        is_division = above[1] is not None
        return Place(Rank.ABOVE, 0 if is_division else 1)
    if TOP.fullmatch(name):
        return Place(Rank.TOP, 0)
    if _MIDDLE.fullmatch(name):
        return Place(Rank.MIDDLE, 0)
    return Place(Rank.BELOW, 0) if name in _BELOW else None
