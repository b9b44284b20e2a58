"""Columns that are a field by a word in their names and by what they hold, such as ``Preis in €``.

They count where no column has a usual name. Both must agree: a column called ``price group`` that holds
letters is no price.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from shelfwise.catalog.reading.categories.category_columns import (
    are_of_two_words,
    column_text,
)
from shelfwise.catalog.reading.columns.column_mapping import plain_names
from shelfwise.catalog.reading.columns.field_values import HOLDS, are_texts, are_titles
from shelfwise.catalog.reading.columns.field_words import FIELD_WORDS, OTHER_WORDS, WHOLE_NAMES
from shelfwise.catalog.reading.columns.group_names import is_group_name
from shelfwise.catalog.reading.columns.property_types import is_property_type
from shelfwise.catalog.reading.columns.value_kinds import WITHOUT_BLANKS, are_codes, are_words
from shelfwise.catalog.reading.missing import is_missing

_NEARLY_ALL = 0.95
_SHORT = 4
"""Letters up to which a word has to stand by itself: ``vk``, but ``preis`` in ``Verkaufspreis``."""

_LONGEST_NAME = 60
_LONGEST_TITLE = 200
_MARKUP = re.compile(r"[\n<]")
_NO_NAME = re.compile(r'[{}]|^"|":')

_TYPES = frozenset(("type", "typ", "tipo"))

_RECOMMENDED = frozenset(("mrp", "msrp", "rrp", "uvp", "定价"))
"""Prices that makers recommend; shops sell for others."""

_OTHER_PRICE = re.compile(
    r"(?:^|_)(?:net|netto|nettopreis|ht|normal|normale|regular|list|lista|до_скидки|piyasa)(?:_|$)|_de$"
)
"""Words of a price without taxes, or before a discount, as ``Preço De`` beside ``Preço Por``."""

_BARCODES = frozenset(("barcode", "barkod", "ean", "ean13", "gtin", "upc"))

_PRODUCT = (
    "(?:product|produkt|produit|producto|produto|prodotto"
    "|artikel|article|art[ií]culo|articolo|artigo|item)"
)
_PRODUCT_ID = re.compile(
    rf"(?:(?:seller|merchant|vendor|shop|store)_)?{_PRODUCT}_?(?:id|nr|sku|code)|(?:id|code?)_?{_PRODUCT}"
)
"""Names that join a word for products to one for ids: ``idproduit``, ``SellerProductId``."""

_WORD_ENDS = re.compile(
    f"_|(?<=[{WITHOUT_BLANKS}])(?=[a-z0-9])|(?<=[a-z0-9])(?=[{WITHOUT_BLANKS}])"
)
"""Where words end in plain names; those of East Asia have no blank before a Latin word, as in 商品ID."""


def described_column(
    field: str,
    names: Sequence[str],
    used: Collection[str],
    sample: Callable[[str], Sequence[Any]],
) -> str | None:
    """The likeliest of :func:`described_columns`; None without one."""
    return next(iter(described_columns(field, names, used, sample)), None)


def described_columns(
    field: str,
    names: Sequence[str],
    used: Collection[str],
    sample: Callable[[str], Sequence[Any]],
) -> list[str]:
    """The columns that are described as the field and hold what it does, likeliest first, of codes last.

    Args:
        names: all columns of the file.
        used: those that are a field already.
        sample: the first values of a column.
    """
    found = _that_hold(field, names, used, sample)
    if field == "categories":
        # one type that all products have is no category, of however few products
        found = [n for n in found if not (_is_weak_category(n) and _has_one_value(sample(n)))]
        if are_of_two_words([_filled(sample(name)) for name in found]):
            return []
        # stable: those of one kind stay in the order of the file
        found.sort(key=lambda n: (_is_weak_category(n), are_codes(sample(n))))
        # names of categories say more than their codes, which stand beside them
        found.sort(key=lambda n: not are_texts(_filled(sample(n))))
    if field == "id":
        # what stands on the package may be one for all sizes of a product, and several words are a title
        found.sort(key=lambda n: any(_has(one, _BARCODES) for one in plain_names(n)))
        found.sort(key=lambda n: are_words(sample(n)))
        found.sort(key=lambda n: any(map(is_missing, sample(n))))
    if field == "image":
        # further ones show the back, and thumbnails are small
        found.sort(key=lambda n: ("thumb" in n.lower(), _last_number(n)))
    if field == "price":
        # "Fiyat" is the price, and "Eski Fiyat" another one
        found.sort(key=lambda n: (not _says_price_only(n), _is_other_price(n)))
    return found


def fields_by_words(names: Collection[str]) -> set[str]:
    """Our fields of which one of the names has a word.

    >>> sorted(fields_by_words(["UrunKodu", "UrunAdi", "Stok"]))
    ['id', 'title']
    """
    return {field for field in FIELD_WORDS if any(_is_described(name, field) for name in names)}


def may_hold_ids(name: str) -> bool:
    """Whether a column is called like ids, as ``商品ID`` or ``pairCode`` is."""
    return _is_described(name, "id")


def category_beside_tags(
    names: Sequence[str], used: Collection[str], sample: Callable[[str], Sequence[Any]]
) -> str | None:
    """A column that says categories, and not only a type, where the usual one says tags; None without one.

    Args:
        names, used, sample: as of :func:`described_column`.
    """
    found = described_column("categories", names, used, sample)
    return None if found is None or _is_weak_category(found) else found


def are_names(values: Sequence[Any]) -> bool:
    """Whether texts are as short, and as different from each other, as names of products."""
    filled = _filled(values)
    short = all(
        len(str(value)) <= _LONGEST_TITLE and not _MARKUP.search(str(value)) for value in filled
    )
    return len(filled) == len(values) > 0 and short and are_titles(filled)


def _that_hold(
    field: str,
    names: Sequence[str],
    used: Collection[str],
    sample: Callable[[str], Sequence[Any]],
) -> list[str]:
    if field not in HOLDS:
        return []
    found = []
    for name in names:
        if name in used or not _is_described(name, field):
            continue
        values = sample(name)
        filled = _filled(values)
        # an id must be everywhere, but for a row of totals or two
        complete = field != "id" or len(filled) >= _NEARLY_ALL * len(values)
        if field == "title" and are_codes(filled):
            continue
        if filled and complete and HOLDS[field](filled):
            found.append(name)
    return found


def _last_number(name: str) -> int:
    """The last number in a name; 0 where it has none.

    >>> _last_number("image_2"), _last_number("Product Image File - 1"), _last_number("Photo")
    (2, 1, 0)
    """
    return int(next(iter(re.findall(r"\d{1,9}", name)[::-1]), 0))


def _says_price_only(name: str) -> bool:
    """Whether a name is nothing but a word for prices, and not for those that makers recommend.

    >>> _says_price_only("Fiyat"), _says_price_only("Eski Fiyat"), _says_price_only("MRP")
    (True, False, False)
    """
    return not (FIELD_WORDS["price"] - _RECOMMENDED).isdisjoint(plain_names(name))


def _is_other_price(name: str) -> bool:
    """Whether a name says that others than the buyer pay the price, or that it is one before a discount."""
    return any(map(_OTHER_PRICE.search, plain_names(name)))


def says_one_type(name: str, values: Sequence[Any]) -> bool:
    """Whether a column is called a type, and has the same one in all rows."""
    is_type = any(_has(one, _TYPES) for one in plain_names(name))
    return is_type and _is_weak_category(name) and _has_one_value(values)


def _is_weak_category(name: str) -> bool:
    """Whether a name says of categories no more than that it is a type, or an id of one.

    Systems of accounts write in ``type`` whether an item is kept in stock.

    >>> _is_weak_category("type"), _is_weak_category("itemCategoryId"), _is_weak_category("itemCategoryCode")
    (True, True, False)
    """
    plain = plain_names(name)
    if any(map(is_group_name, plain)):
        return False
    says_more = any(_has(one, FIELD_WORDS["categories"] - _TYPES) for one in plain)
    return not says_more or any("id" in one.split("_") for one in plain)


def _has_one_value(values: Sequence[Any]) -> bool:
    return len(values) > 1 and len({column_text(value) for value in _filled(values)}) == 1


def _filled(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if not is_missing(value)]


def _is_described(name: str, field: str) -> bool:
    """Whether a name has a word of the field, and none that makes it something about the field."""
    # a piece of JSON is no name, and @type of JSON-LD says what kind of object it is
    if _NO_NAME.search(name) or len(name) > _LONGEST_NAME or name.startswith("@"):
        return False
    plain = plain_names(name)
    if not WHOLE_NAMES.get(field, frozenset()).isdisjoint(plain):
        return True
    if field == "categories" and any(map(is_property_type, plain)):
        return False
    if field == "categories" and any(map(is_group_name, plain)):
        return True
    if field == "id" and any(map(_PRODUCT_ID.fullmatch, plain)):
        return True
    has_word = any(_has(one, FIELD_WORDS[field]) for one in plain)
    return has_word and not any(_has(one, OTHER_WORDS[field]) for one in plain)


def _has(plain: str, words: Collection[str]) -> bool:
    parts = _WORD_ENDS.split(plain)
    return any(
        word in parts or (word in plain if _is_stem(word) else _ends_one(word, parts))
        for word in words
    )


def _ends_one(word: str, parts: Sequence[str]) -> bool:
    """Whether a word of some letters ends one that is made of several, such as ``productcode``."""
    return len(word) == _SHORT and any(part.endswith(word) for part in parts)


def _is_stem(word: str) -> bool:
    """Whether a word may stand inside a longer one: languages without blanks need it, short words do not."""
    return len(word) > _SHORT or not word.isascii()
