"""Prices in the notations of the world: right, or none; never a number cut short."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.reading.price_parsing import detect_decimal_sign, parse_price
from tests.catalog.reading.written_products import read, table


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("1.299 €", 1299, "€"),
        ("1 299,00 €", 1299, "€"),
        ("1\u00a0299,00 €", 1299, "€"),
        ("1\u202f299,00 €", 1299, "€"),
        ("1\u2009299", 1299, ""),
        ("CHF 1'299.00", 1299, "CHF"),
        ("CHF 1\u2019299.00", 1299, "CHF"),
        ("₹1,29,900", 129900, "₹"),
        ("Rs. 1,29,900.00", 129900, "Rs."),
        ("1.299.000 ₫", 1299000, "₫"),
        ("1 299 Kč", 1299, "Kč"),
        ("R$ 1.299,90", 1299.9, "R$"),
        ("¥12,800", 12800, "¥"),
        ("$1,234,567.89", 1234567.89, "$"),
        ("4.00 EUR", 4, "EUR"),
        ("€ 1.299,-", 1299, "€"),
        ("0.123", 0.123, ""),
        ("١٢٫٥", 12.5, ""),
        ("US $12.99", 12.99, "US $"),
        ("\uff11\uff12\uff0c\uff18\uff10\uff10円", 12800, "円"),
    ],
)
def test_notations(text: str, amount: float, currency: str) -> None:
    price = parse_price(text)
    assert price is not None
    assert (price.amount, price.currency) == (amount, currency)


@pytest.mark.parametrize(
    "text",
    [
        "-5",
        "free",
        "nan",
        "inf",
        "1E400",
        "12 for 3",
        "12 x 3.50",
        "1.2.3",
        "12 34",
        "1,2,3",
        "1,29,90",
        "2021-03-04",
        "1.299.00",
        "10%",
        "",
        "€",
        "1 29 900",
        "5 - 3",
        # each would be another number without its last word or sign
        "₹1.5 lakh",
        "3만원",
        "1.2万円",
        "Rp 1,5 jt",
        "5 тыс. руб",
        "1.2 bn",
        "−12.99",
        "12⁹⁹ €",
        "2½",
    ],
)
def test_what_is_no_price(text: str) -> None:
    assert parse_price(text) is None


def test_of_a_range_the_lower_end() -> None:
    assert parse_price("$3.99 - $5.99") == parse_price("$3.99")
    assert parse_price("from 3.99") == parse_price("3.99")


@pytest.mark.parametrize(
    ("column", "sign"),
    [
        (["1.299", "4.99"], "."),
        (["1.299", "2.500"], None),
        (["1.299", "1.299.000"], ","),
        (["1.299", "4,99"], ","),
        (["1,299", "1,299.50"], "."),
        (["free", ""], None),
    ],
)
def test_the_column_tells_the_decimal_sign(column: list[str], sign: str | None) -> None:
    assert detect_decimal_sign(column) == sign


def test_a_text_with_two_readings_is_decided_by_the_column() -> None:
    assert parse_price("1.299", ".").amount == 1.299  # type: ignore[union-attr]
    assert parse_price("1.299", ",").amount == 1299  # type: ignore[union-attr]
    assert parse_price("1.299", "mixed") is None
    assert parse_price("12.5", "mixed").amount == 12.5  # type: ignore[union-attr]


def test_a_column_that_contradicts_itself() -> None:
    with pytest.raises(ValueError, match=r"'12.5' has a dot .* '4,99' a comma"):
        detect_decimal_sign(["12.5", "4,99"])


STYLES = {
    "us": (",", "."),
    "de": (".", ","),
    "fr": ("\u202f", ","),
    "ch": ("'", "."),
    "none": ("", "."),
}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=20),
    st.sampled_from(sorted(STYLES)),
    st.sampled_from(["", "$", "EUR ", "€"]),
)
def test_what_is_written_is_read(cents: list[int], style: str, currency: str) -> None:
    thousands, decimal = STYLES[style]
    texts = [
        currency + f"{c / 100:,.2f}".translate(str.maketrans({",": thousands, ".": decimal}))
        for c in cents
    ]
    sign = detect_decimal_sign(texts)
    for text, cent in zip(texts, cents, strict=True):
        price = parse_price(text, sign)
        assert price is not None
        assert price.amount == pytest.approx(cent / 100)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12€50", 12.5),
        ("12 € 50", 12.5),
        ("4,50 € inkl. MwSt.", 4.5),
        ("4.000円(税込)", 4000.0),
        ("129:-", 129.0),
        ("Rs. 1,299/-", 1299.0),
        ("4,50 zł/szt.", 4.5),
        ("۴،۰۰۰ تومان", 4000.0),
        # these are no prices, or other ones than the number says
        ("4.0k", None),
        ("12 Tsd.", None),
        ("(4.50)", None),
    ],
)
def test_words_and_signs_around_a_price(text: str, amount: float | None) -> None:
    price = parse_price(text)
    assert (None if price is None else price.amount) == amount


def test_a_column_that_does_not_tell_its_decimals_is_told(tmp_path: Path) -> None:
    result = read(tmp_path, 'id,price\n1,"1.299 €"\n2,4.500\n')
    assert result.catalog.column("price") == [1299.0, 4500.0]
    assert any("whether '1.299 €' has decimals" in told for told in result.reading.evidence)


def test_prices_in_several_currencies_are_told(tmp_path: Path) -> None:
    rows = [(1, "4.50 EUR"), (2, "700 JPY"), (3, "$5"), (4, "5,00 €"), (5, "900 JPY")]
    told = read(tmp_path, table(("id", "price"), rows)).reading.evidence
    assert any("have prices in EUR and JPY" in sentence for sentence in told)


def test_prices_with_mark_up(tmp_path: Path) -> None:
    rows = [(1, "<b>4.50</b>&nbsp;&euro;"), (2, "<del>9.00</del> <ins>4.00</ins>")]
    assert read(tmp_path, table(("id", "price"), rows)).catalog.column("price") == [4.5, None]


def test_thousands_of_digits_are_no_price() -> None:
    assert parse_price("1" * 1_000_000) is None
    assert detect_decimal_sign(["1" * 1_000_000]) is None
