"""How a column of prices writes its numbers, and what a user is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from shelfwise.catalog.reading.columns.nested_prices import price_texts
from shelfwise.catalog.reading.columns.written_words import word_set
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.price_parsing import (
    DecimalSign,
    detect_decimal_sign,
    parse_price,
    unclear_text,
)
from shelfwise.errors import CatalogError

_SIGNS_OF = {"€": "eur", "$": "usd", "us$": "usd", "£": "gbp", "¥": "jpy", "円": "jpy", "zł": "pln"}
"""Other ways to write a currency."""

_CURRENCIES = word_set(
    "eur usd gbp chf jpy cny inr krw pln czk sek nok dkk huf ron bgn try rub uah brl cad aud nzd mxn"
)
_ENOUGH = 2
"""Prices in a currency below which it is a slip."""


def check_named_price(column: str, values: Sequence[Any]) -> None:
    """Refuse a column that the settings name as the price, and that holds none.

    Args:
        values: its first values.

    Raises:
        CatalogError: there are values, and not one is a price.
    """
    filled = [value for value in values if not is_missing(value)]
    # numbers are prices, and so may be what is inside objects
    texts = [value for value in filled if isinstance(value, str)]
    if not texts or len(texts) < len(filled) or any(map(parse_price, price_texts(texts))):
        return
    raise CatalogError(
        f"the settings name {column!r} as the price, and none of its values is one, such as "
        f"{texts[0][:60]!r}; correct columns under [catalog], or leave price out there"
    )


def decimal_sign(texts: Sequence[str], evidence: list[str]) -> DecimalSign | None:
    """What stands before the decimals of some prices; None where nothing tells.

    Args:
        texts: the first prices.
        evidence: gets a sentence for each thing that a user is told.
    """
    evidence.extend(_told_currencies(texts))
    try:
        sign = detect_decimal_sign(texts)
    except ValueError as error:
        evidence.append(f"price: {error}; a price that may be either is left out")
        return "mixed"
    unclear = unclear_text(texts) if sign is None else None
    if sign is not None:
        evidence.append(f"price: {sign!r} stands before decimals")
    elif unclear is not None:
        evidence.append(
            f"price: no price tells whether {unclear!r} has decimals or thousands; it is read as thousands"
        )
    return sign


def _told_currencies(texts: Sequence[str]) -> list[str]:
    """A sentence where products have their prices in different currencies.

    >>> len(_told_currencies(["4.50 EUR", "5 €", "700 JPY", "900 JPY"])), _told_currencies(["4 EUR", "5 €"])
    (1, [])
    """
    found: Counter[str] = Counter()
    for text in texts:
        # most columns have numbers only, and reading a price is slow
        price = (
            None
            if text.strip()[:1].isdigit() and text.strip()[-1:].isdigit()
            else parse_price(text)
        )
        currency = price.currency.lower().rstrip(".") if price is not None else ""
        found[_SIGNS_OF.get(currency, currency)] += 1
    several = [one for one, count in found.items() if one in _CURRENCIES and count >= _ENOUGH]
    if len(several) < _ENOUGH:
        return []
    listed = " and ".join(one.upper() for one in several[:_ENOUGH])
    return [
        f"price: products have prices in {listed}, whose numbers are compared as they are; write them in one "
        "currency"
    ]
