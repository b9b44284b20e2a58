"""Prices inside objects, as shops' programs answer: ``{"offers": {"price": "4.5", "priceCurrency": "EUR"}}``.

A product of several offers or variants costs what the cheapest costs, as shops say "from 4.50".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shelfwise.catalog.reading.categories.written_lists import unpacked
from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.columns.written_words import words_of
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.price_parsing import DecimalSign, parse_price

COLUMNS = words_of(
    """
    offers offer variants prices price_range pricerange price_range_v2 pricerangev2 mastervariant
    priceinfo price_info pricing product_price article_price
    """
)
"""Columns that hold prices inside objects, likeliest first."""

_AMOUNTS = words_of(
    """
    amount value money price final_price current_price price_amount priceamount valore valor importe
    montant betrag bedrag belopp kwota text numberdecimal numberdouble numberint numberlong
    """
)
"""Keys of the amount, or of an object with it, likeliest first."""

_ENDS = (
    ("lowprice", "highprice"),
    ("minprice", "maxprice"),
    ("min", "max"),
    ("minvariantprice", "maxvariantprice"),
    ("minimum_price", "maximum_price"),
)
"""Keys of the two ends of a range."""

_INNER = words_of("prices pricespecification offers offer variants variant edges nodes node")
"""Keys of what may hold the price of an object that has none itself."""

_CURRENCIES = words_of(
    """
    pricecurrency currencycode currency_code currency price_currency valuta moneda devise währung
    waluta moeda
    """
)

SEVERAL_PRICES = "the product has several prices; the lowest is taken"
"""Counted for each product of which this is true."""

SEVERAL_CURRENCIES = "the product has prices in several currencies, so there is none"
"""Counted for each product of which this is true."""

_MOST = 1000

MOSTLY = 0.5
"""From this share of the values with a price inside on, a column is taken for the price."""


@dataclass(frozen=True)
class NestedPrice:
    """One price inside an object.

    Args:
        amount: a number, or the text of one.
        currency: as written; empty where there is none.
        divisor: what the amount is to be divided by, where it counts cents.
    """

    amount: Any
    currency: str = ""
    divisor: int = 1

    def parsed(self, decimal: DecimalSign | None) -> float | None:
        """The amount, at least 0; None where it is none.

        Args:
            decimal: what the column uses before decimals.
        """
        if isinstance(self.amount, str):
            price = parse_price(self.amount, decimal)
            amount = math.nan if price is None else price.amount
        else:
            amount = float(self.amount)
        usable = math.isfinite(amount) and amount >= 0
        return amount / self.divisor if usable else None


def nested_prices(value: Any, currency: str = "") -> Iterator[NestedPrice]:
    """The prices of an object or a list, from the outside in.

    >>> list(nested_prices({"@type": "Offer", "price": "4.50", "priceCurrency": "EUR"}))
    [NestedPrice(amount='4.50', currency='EUR', divisor=1)]

    Args:
        currency: of what has none itself.
    """
    if isinstance(value, Mapping):
        yield from _of_object(
            {normal_name(str(key)): item for key, item in value.items()}, currency
        )
    elif isinstance(value, list | tuple):
        for item in value:
            yield from nested_prices(item, currency)
    elif not is_missing(value) and not isinstance(value, bool):
        yield NestedPrice(value, currency)


def lowest_price(
    prices: Sequence[NestedPrice], decimal: DecimalSign | None, notes: Counter[str]
) -> float | None:
    """The lowest of a product's prices; None, and noted, where there is none or currencies differ.

    Args:
        decimal: what the column uses before decimals.
        notes: plain words -> number of products.
    """
    currencies = {price.currency.upper() for price in prices if price.currency}
    if len(currencies) > 1:
        notes[SEVERAL_CURRENCIES] += 1
        return None
    amounts = {price.parsed(decimal) for price in prices} - {None}
    if not amounts:
        notes["the price is not a price, so there is none"] += 1
        return None
    if len(amounts) > 1:
        notes[SEVERAL_PRICES] += 1
    return min(amount for amount in amounts if amount is not None)


def price_texts(values: Iterable[Any]) -> Iterator[str]:
    """The texts that a column's prices are written in, those inside objects too."""
    for value in map(unpacked, values):
        if isinstance(value, Mapping | list):
            amounts = [price.amount for price in nested_prices(value)]
            yield from (amount for amount in amounts if isinstance(amount, str))
        elif isinstance(value, str):
            yield value


def find_nested_price(names: Sequence[str], sample: Callable[[str], Sequence[Any]]) -> str | None:
    """The column that has the price inside objects; None without one.

    Args:
        names: all columns of the file.
        sample: the first values of a column.
    """
    plain = {normal_name(name): name for name in reversed(names)}
    for column in COLUMNS:
        if column not in plain:
            continue
        values = [unpacked(value) for value in sample(plain[column]) if not is_missing(value)]
        priced = sum(map(_has_price, values))
        if values and priced >= MOSTLY * len(values):
            return plain[column]
    return None


def _of_object(value: Mapping[str, Any], currency: str) -> Iterator[NestedPrice]:
    """The prices of an object, whose keys are in their plain form."""
    written = (value[key] for key in _CURRENCIES if isinstance(value.get(key), str))
    currency = next(written, currency)
    if "centamount" in value:
        digits = _whole(value.get("fractiondigits"), 2)
        yield NestedPrice(value["centamount"], currency, 10**digits)
        return
    for keys in (*((key,) for key in _AMOUNTS), *_ENDS, *((key,) for key in _INNER)):
        inside = [value[key] for key in keys if not is_missing(value.get(key))]
        found = [price for one in inside for price in nested_prices(one, currency)]
        if found:
            # WooCommerce's shop interface counts in the smallest coin, Etsy's names what to divide by
            divisor = 10 ** _whole(value.get("currency_minor_unit"), 0)
            divisor *= _whole(value.get("divisor"), 1)
            yield from (replace(price, divisor=price.divisor * divisor) for price in found)
            return


def _whole(value: Any, otherwise: int) -> int:
    """A number from 1 to a thousand; anything else is none of digits or of cents."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 < value <= _MOST else otherwise


def _has_price(value: Any) -> bool:
    """Whether a value is an object, or a list of such, with a price inside."""
    items = value if isinstance(value, list) else [value]
    return any(isinstance(item, Mapping) and any(nested_prices(item)) for item in items)
