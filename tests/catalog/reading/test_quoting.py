"""Quotes are scanned as the obvious automaton does, letter by letter."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.reading.quoting import scan_quotes


def slow_scan(line: bytes, inside: bool) -> tuple[int, bool] | None:
    """RFC 4180 letter by letter: the obvious automaton that scan_quotes must agree with."""
    delimiters, state = 0, "inside" if inside else "start"
    for letter in line.rstrip(b"\r\n").decode():
        if state == "inside":
            state = "quote" if letter == '"' else "inside"
        elif state == "quote" and letter == '"':
            state = "inside"
        elif letter == ",":
            delimiters, state = delimiters + 1, "start"
        elif state == "quote" or (state == "bare" and letter == '"'):
            return None
        else:
            state = "inside" if letter == '"' else "bare"
    return delimiters, state == "inside"


@given(st.text('a,"', max_size=14), st.sampled_from(["", "\n", "\r\n"]), st.booleans())
@settings(max_examples=500)
def test_quotes_are_scanned_as_letter_by_letter(text: str, ending: str, inside: bool) -> None:
    line = (text + ending).encode()
    assert scan_quotes(line, b",", inside) == slow_scan(line, inside)
