"""Prices as people write them: 1,299.00 or 1.299,00 or 1 299 or 1'299.00 or 1,29,900, with a currency or not.

The whole text must be a price, so that a number is never cut short. Libraries for this (price-parser among
them) take ``1E400`` for 1 and ``0.123`` for 123, which a catalogue may not. One reading is open in a single
text: ``1.299`` may be 1299 or 1.299. The column tells, see :func:`detect_decimal_sign`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

DecimalSign = Literal[".", ",", "mixed"]
"""What stands before decimals; mixed: both do, so a text that may be either is no price."""

BLANKS = "\u0020\u00a0\u2007\u2009\u202f"
"""Blanks that separate thousands: plain, no-break, figure, thin and narrow no-break."""

APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}\N{PRIME}\N{MODIFIER LETTER APOSTROPHE}"

_DIGITS = str.maketrans(
    {chr(zero + i): str(i) for zero in (0x0660, 0x06F0, 0x0966, 0xFF10) for i in range(10)}
)
_SIGNS = str.maketrans(
    {
        "\N{ARABIC DECIMAL SEPARATOR}": ".",
        "\N{ARABIC THOUSANDS SEPARATOR}": ",",
        "\N{ARABIC COMMA}": ",",
        "\N{FULLWIDTH COMMA}": ",",
        "\N{FULLWIDTH FULL STOP}": ".",
    }
)

_NUMBER = rf"\d[\d.,{BLANKS}{APOSTROPHES}]*(?:[eE][+-]?\d+)?|\.\d+"
_CURRENCY = r"(?:[^\W\d_]{1,12}\.?|[^\w\s.,+\-%()]{1,3})"
_PRICE = re.compile(
    rf"(?:(?P<before>{_CURRENCY}(?:\s?{_CURRENCY})?)\s*)?(?P<number>{_NUMBER})"
    # 5,- and 5,-- and 5:- and 5/- are five of something
    r"(?:[.,:/]?[-\N{EN DASH}]{1,2})?"
    # € incl. VAT, and 円(税込)
    rf"\s*(?P<after>{_CURRENCY}(?:\s?{_CURRENCY}){{0,2}})?(?:\s*\([^()\d]*\))?"
)
_CENTS_BEHIND = re.compile(r"(\d+)\s?€\s?(\d\d)")
"""The French 12€50."""

_FROM = re.compile(r"(?i)^(?:from|ab|desde|dès|à partir de|starting at)\s+")
_BLANK = re.compile(f"[{BLANKS}]")
_APOSTROPHE = re.compile(f"[{APOSTROPHES}]")

_LONGEST = 200
"""Letters; what is longer is no price."""

_MULTIPLIER_WORDS = """
k m mm mn mln mio mrd bn thousand thousands million millions billion tsd tausend millionen
mil mille mila millones milhões tys tis tisíc тыс тысяч млн млрд тис χιλ εκ bin milyon
lakh lakhs lac lacs crore crores cr लाख करोड़ हज़ार rb ribu jt juta nghìn ngàn triệu tỷ
พัน หมื่น แสน ล้าน هزار میلیون ألف مليون
"""
_MULTIPLIERS = frozenset(_MULTIPLIER_WORDS.split())
"""Words behind a number that make it another one, and are no currency."""

_MULTIPLYING_SIGNS = frozenset("十百千万萬億亿천만억")
"""As :data:`_MULTIPLIERS`, with the currency behind them in the same word: 3万円, 5천원."""

_RANGE = re.compile(r"\s*(?:-|\N{EN DASH}|\N{EM DASH}|\bto\b|\bbis\b|~)\s*")

_GROUPED = re.compile(r"\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*")
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")


@dataclass(frozen=True)
class Price:
    """An amount, at least 0, and the currency as it is written, empty where there is none."""

    amount: float
    currency: str = ""


def parse_price(text: str, decimal: DecimalSign | None = None) -> Price | None:
    """The price that `text` is; of a range the lower end. None for anything else.

    Args:
        decimal: what the column uses before decimals; decides texts such as ``1.299``. Unset: three digits
            behind a single sign are thousands.

    >>> parse_price("1.299,00 €")
    Price(amount=1299.0, currency='€')
    >>> parse_price("1.299"), parse_price("1.299", decimal=".")
    (Price(amount=1299.0, currency=''), Price(amount=1.299, currency=''))
    >>> parse_price("12 for 3") is None
    True
    """
    whole = _parse_one(text, decimal)
    if whole is not None:
        return whole
    ends = _RANGE.split(text.strip())
    if len(ends) != 2:
        return None
    prices = [_parse_one(end, decimal) for end in ends]
    if prices[0] is None or prices[1] is None or prices[0].amount > prices[1].amount:
        return None
    return Price(prices[0].amount, prices[0].currency or prices[1].currency)


def detect_decimal_sign(texts: Iterable[str]) -> DecimalSign | None:
    """What a column of prices uses before decimals; None where no text tells.

    ``12.5`` tells a dot. ``1.299.000`` and ``1.299,00`` tell a comma. ``1.299`` alone tells nothing.

    Raises:
        ValueError: the texts contradict each other; says one text of either kind.
    """
    examples: dict[DecimalSign, str] = {}
    for text in texts:
        match = _match(text)
        sign = _own_decimal_sign(_compact(match["number"])) if match else None
        if sign is not None:
            examples.setdefault(sign, text)
        if len(examples) == 2:
            raise ValueError(
                f"{examples['.']!r} has a dot before its decimals, and {examples[',']!r} a comma"
            )
    return next(iter(examples), None)


def _parse_one(text: str, decimal: DecimalSign | None) -> Price | None:
    match = _match(text)
    if match is None:
        return None
    before, after = match["before"] or "", match["after"] or ""
    if _is_multiplied(after) or _changes_number(before + after):
        return None
    number = _amount(_compact(match["number"]), decimal)
    if number is None or not math.isfinite(number):
        return None
    return Price(number, (before or after).strip())


def unclear_text(texts: Iterable[str]) -> str | None:
    """The first text such as ``1.299``, which has decimals or thousands; None without one."""
    for text in texts:
        match = _match(text)
        number = _compact(match["number"]) if match else ""
        if _own_decimal_sign(number) is None and re.fullmatch(r"\d{1,3}[.,]\d{3}", number):
            return text
    return None


def _match(text: str) -> re.Match[str] | None:
    # the patterns take long for thousands of digits
    return _PRICE.fullmatch(_plain(text)) if len(text) <= _LONGEST else None


def _is_multiplied(behind: str) -> bool:
    """Whether the words behind a number make it another one."""
    words = set(behind.lower().replace(".", " ").split())
    return bool(words & _MULTIPLIERS) or not _MULTIPLYING_SIGNS.isdisjoint(behind)


def _changes_number(currency: str) -> bool:
    """Whether what looks like a currency belongs to the number: a raised 99, a half, a minus sign."""
    return "\N{MINUS SIGN}" in currency or any(sign.isnumeric() for sign in currency)


def _plain(text: str) -> str:
    """Digits of other scripts as ours; a leading "from" and the like is no part of a price."""
    plain = text.strip()
    # most prices are plain numbers, and need no further look
    if not plain.isascii():
        plain = plain.translate(_DIGITS).translate(_SIGNS)
    if not plain[:1].isdigit():
        plain = _FROM.sub("", plain)
    cents = _CENTS_BEHIND.fullmatch(plain) if "€" in plain else None
    return f"{cents[1]},{cents[2]} €" if cents else plain


def _compact(number: str) -> str:
    """The number with one kind of blank and one kind of apostrophe, and none at its end."""
    if not number.isascii():
        number = _BLANK.sub(" ", number)
        number = _APOSTROPHE.sub("'", number)
    return number.rstrip(" .,'")


def _own_decimal_sign(number: str) -> DecimalSign | None:
    """The decimal sign that the number shows by itself, whatever the column."""
    signs = [character for character in number if character in ".,"]
    if not signs:
        return None
    last = signs[-1]
    other = "," if last == "." else "."
    digits_behind = len(number) - 1 - number.rfind(last)
    if len(set(signs)) == 2 or "'" in number or " " in number:
        # a second kind of sign separates thousands, so the last one stands before decimals
        return last if signs.count(last) == 1 else None  # type: ignore[return-value]
    if len(signs) > 1:
        # one sign several times separates thousands, so decimals would have the other
        return other  # type: ignore[return-value]
    if digits_behind != 3 or number.startswith(("0", last)) or number.find(last) > 3:
        return last  # type: ignore[return-value]
    return None


def _amount(number: str, decimal: DecimalSign | None) -> float | None:
    """The number as a float; None where its groups fit no notation."""
    if re.fullmatch(r"\d*\.?\d+(?:[eE][+-]?\d+)", number):
        return float(number)
    if _INDIAN.fullmatch(number.partition(".")[0]):
        return float(number.replace(",", ""))
    sign = _own_decimal_sign(number)
    if sign is None:
        # "1.299" or "1,299": the column decides, else three digits are thousands
        single = next((character for character in number if character in ".,"), None)
        if single is not None and decimal == "mixed":
            return None
        sign = single if decimal == single else None
    whole, decimals = number, ""
    if sign is not None and number.count(sign) == 1:
        whole, _, decimals = number.partition(sign)
    if not re.fullmatch(r"\d*", decimals):
        return None
    if not (whole.isdigit() or whole == "" or _GROUPED.fullmatch(whole)):
        return None
    return float(
        re.sub(r"[.,' ]", "", whole) + "." + (decimals or "0") if whole else f"0.{decimals}"
    )
