"""Columns that are a field by a word in their names and by what they hold, such as ``Preis in €``.

They count where no column has a usual name. Both must agree: a column called ``price group`` that holds
letters is no price.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from shelfwise.catalog.reading.categories.category_columns import (
    are_of_two_words,
    column_text,
    is_on_or_off,
)
from shelfwise.catalog.reading.columns.column_mapping import plain_names
from shelfwise.catalog.reading.columns.field_words import FIELD_WORDS, OTHER_WORDS, WHOLE_NAMES
from shelfwise.catalog.reading.columns.group_names import holds_codes, is_group_name
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.price_parsing import parse_price
from shelfwise.catalog.reading.row_kinds import TYPES_OF_PRODUCTS
from shelfwise.catalog.reading.value_parsing import SCIENTIFIC

MOSTLY = 0.5
"""Share of a column's values that must be what the field holds; others may be words such as "on request"."""

_REPEATED = 0.9
_NEARLY_ALL = 0.95
_ENOUGH = 10
"""Values from which on names of categories must repeat."""

_LONGEST_ID = 64
_SHORT = 4
"""Letters up to which a word has to stand by itself: ``vk``, but ``preis`` in ``Verkaufspreis``."""

_LONGEST_NAME = 60
_LONGEST_TITLE = 200
_MARKUP = re.compile(r"[\n<]")
_NO_NAME = re.compile(r'[{}]|^"|":')

_TYPES = frozenset(("type", "typ", "tipo"))

_RECOMMENDED = frozenset(("mrp", "msrp", "rrp", "uvp", "定价"))
"""Prices that makers recommend; shops sell for others."""

_BARCODES = frozenset(("barcode", "barkod", "ean", "ean13", "gtin", "upc"))

_PRODUCT = (
    "(?:product|produkt|produit|producto|produto|prodotto"
    "|artikel|article|art[ií]culo|articolo|artigo|item)"
)
_PRODUCT_ID = re.compile(
    rf"(?:(?:seller|merchant|vendor|shop|store)_)?{_PRODUCT}_?(?:id|nr|sku|code)|(?:id|code?)_?{_PRODUCT}"
)
"""Names that join a word for products to one for ids: ``idproduit``, ``SellerProductId``."""

_IMAGE = re.compile(r"(?i)(?:https?:)?//\S+|\S.*\.(?:jpe?g|png|webp|gif|avif|bmp|tiff?)")
_LETTERS = re.compile(r"[^\W\d_]{2}")

_EAST_ASIAN = "\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af"
_WORD_ENDS = re.compile(f"_|(?<=[{_EAST_ASIAN}])(?=[a-z0-9])|(?<=[a-z0-9])(?=[{_EAST_ASIAN}])")
"""Where words end in plain names; those of East Asia have no blank before a Latin word, as in 商品ID."""


def described_column(
    field: str,
    names: Sequence[str],
    used: Collection[str],
    sample: Callable[[str], Sequence[Any]],
) -> str | None:
    """The first column that is described as the field and holds what it does, of codes if there is no other.

    None without one.

    Args:
        names: all columns of the file.
        used: those that are a field already.
        sample: the first values of a column.
    """
    found = _described_columns(field, names, used, sample)
    if field == "categories":
        # one type that all products have is no category, of however few products
        found = [n for n in found if not (_is_weak_category(n) and _has_one_value(sample(n)))]
        if are_of_two_words([_filled(sample(name)) for name in found]):
            return None
        # stable: those of one kind stay in the order of the file
        found.sort(key=lambda n: (_is_weak_category(n), holds_codes(sample(n))))
    if field == "id":
        # what stands on the package may be one for all sizes of a product, and several words are a title
        found.sort(key=lambda n: any(_has(one, _BARCODES) for one in plain_names(n)))
        found.sort(key=lambda n: _have_blanks(sample(n)))
        found.sort(key=lambda n: any(map(is_missing, sample(n))))
    if field == "price":
        # "Fiyat" is the price, and "Eski Fiyat" another one
        found.sort(key=lambda n: not _says_price_only(n))
    # names of categories say more than their codes, which stand beside them
    wordy = (name for name in found if field == "categories" and _are_texts(_filled(sample(name))))
    return next(wordy, found[0] if found else None)


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
    return len(filled) == len(values) > 0 and short and _are_titles(filled)


def _described_columns(
    field: str,
    names: Sequence[str],
    used: Collection[str],
    sample: Callable[[str], Sequence[Any]],
) -> list[str]:
    if field not in _HOLDS:
        return []
    found = []
    for name in names:
        if name in used or not _is_described(name, field):
            continue
        values = sample(name)
        filled = _filled(values)
        # an id must be everywhere, but for a row of totals or two
        complete = field != "id" or len(filled) >= _NEARLY_ALL * len(values)
        if field == "title" and holds_codes(filled):
            continue
        if filled and complete and _HOLDS[field](filled):
            found.append(name)
    return found


def _says_price_only(name: str) -> bool:
    """Whether a name is nothing but a word for prices, and not for those that makers recommend.

    >>> _says_price_only("Fiyat"), _says_price_only("Eski Fiyat"), _says_price_only("MRP")
    (True, False, False)
    """
    return not (FIELD_WORDS["price"] - _RECOMMENDED).isdisjoint(plain_names(name))


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


def _have_blanks(values: Sequence[Any]) -> bool:
    """Whether most values are several words."""
    texts = [column_text(value) for value in values]
    return 2 * sum(" " in text for text in texts) > len(texts)


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


def _are_ids(values: Sequence[Any]) -> bool:
    texts = [column_text(value) for value in values]
    short = all(text.isprintable() and len(text) <= _LONGEST_ID for text in texts)
    # what Excel has cut short is refused later, and may well stand there twice
    whole = [text for text in texts if not SCIENTIFIC.fullmatch(text)]
    return short and len(set(whole)) == len(whole) >= MOSTLY * len(texts)


def _are_texts(values: Sequence[Any]) -> bool:
    # an object names something, and is no text
    texts = [value for value in values if not isinstance(value, Mapping)]
    return len(texts) == len(values) and _mostly(
        texts, lambda text: _LETTERS.search(str(text)) is not None
    )


def _are_titles(values: Sequence[Any]) -> bool:
    distinct = {column_text(value) for value in values}
    return _are_texts(values) and 2 * len(distinct) >= len(values)


def _are_prices(values: Sequence[Any]) -> bool:
    return _mostly(values, lambda value: parse_price(str(value)) is not None)


def _are_images(values: Sequence[Any]) -> bool:
    return _mostly(values, lambda value: _IMAGE.match(str(value).strip()) is not None)


def _are_categories(values: Sequence[Any]) -> bool:
    """Whether values repeat, and say more than yes and no or which kind of row it is."""
    texts = [column_text(value) for value in values]
    distinct = set(texts)
    # WooCommerce writes several, "variation, virtual"
    words = {word.strip().lower() for text in distinct for word in text.split(",")}
    if all(map(is_on_or_off, distinct)) or words <= TYPES_OF_PRODUCTS:
        return False
    # what all products have says nothing about any
    if len(distinct) == 1 and len(texts) >= _ENOUGH:
        return False
    repeated = len(distinct) <= _REPEATED * len(texts)
    return len(texts) < _ENOUGH or repeated


def _mostly(values: Sequence[Any], is_one: Callable[[Any], bool]) -> bool:
    return sum(map(is_one, values)) >= MOSTLY * len(values)


_HOLDS: Mapping[str, Callable[[Sequence[Any]], bool]] = {
    "id": _are_ids,
    "title": _are_titles,
    "description": _are_texts,
    "image": _are_images,
    "categories": _are_categories,
    "price": _are_prices,
    "brand": _are_texts,
}
"""Our field -> whether the filled values of a column may be it."""
