"""One record, read exactly: its values, or the reason why it has none."""

from __future__ import annotations

import ast
import csv
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from shelfwise.catalog.reading.byte_stream import RawRecord, RecordError

Values = Mapping[str, Any]
Record = tuple[RawRecord, Values | RecordError]
"""A piece of the source, and the values it holds or the reason why it holds none."""

BOM = b"\xef\xbb\xbf"
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
SURROGATE = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")
"""The escape of half a character, in JSON or in a Python literal."""


def parse_json(text: str) -> Values:
    """One JSON object. Raises ValueError for anything else."""
    # a comma behind an object is left of an array whose brackets are gone
    bare = text.rstrip()
    text = bare.removesuffix(",") if bare.endswith("},") else text
    # not strict: a tab within a text does no harm
    value = json.loads(text, strict=False)
    if not isinstance(value, dict):
        raise ValueError(f"found a JSON {type(value).__name__}, not an object")
    return value


def parse_literal(text: str) -> Values:
    """One dictionary as JSON or as a Python literal (the 2014 dumps).

    Raises ValueError or SyntaxError for anything else.
    """
    try:
        return parse_json(text)
    except ValueError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # text such as "\d" is not the reader's business
            value = ast.literal_eval(text.strip())
    # a dictionary of Python may have any keys
    if not isinstance(value, dict) or set(map(type, value)) - {str}:
        raise ValueError("found a Python literal that is not a dictionary with texts as keys")
    return value


def parsed(piece: RawRecord, literal: bool) -> Values | RecordError:
    """The values of one line of JSON, or of a Python literal too where `literal`; or why there are none."""
    text, fault = decoded(piece)
    if fault is not None:
        return fault
    try:
        values = parse_literal(text) if literal else parse_json(text)
        if SURROGATE.search(text):
            # two halves make a character, one alone cannot be encoded
            json.dumps([values, _pairs(text)], ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        found = "half of a surrogate pair stands alone in an escape"
        return RecordError("half a character", f"{found}; expected characters that UTF-8 can hold")
    except (RecursionError, MemoryError):
        found = "the record is nested too deeply"
        return RecordError(
            "nested too deeply", f"{found}; expected an object of texts, numbers and lists"
        )
    except (ValueError, SyntaxError, TypeError) as error:
        kind = "a JSON object or a Python dictionary" if literal else "a JSON object"
        found = f"the line is not {kind} ({first_line(error)})"
        return RecordError("not a record", f"{found}; expected one record a line")
    return values


def _pairs(text: str) -> Any:
    """All keys of JSON with their values, of a key that stands twice both; None of what is no JSON."""
    try:
        return json.loads(text, strict=False, object_pairs_hook=list)
    except ValueError:
        return None


def decoded(piece: RawRecord) -> tuple[str, RecordError | None]:
    """The text of a piece, or why it has none."""
    if piece.fault is not None:
        return "", piece.fault
    # valid in UTF-8, and yet a sign of another encoding or of damage
    if b"\0" in piece.raw:
        found = f"a NUL byte stands at byte {piece.raw.index(0)}"
        return "", RecordError("NUL byte", f"{found}; expected text in UTF-8")
    try:
        return piece.raw.removeprefix(BOM).decode(), None
    except UnicodeDecodeError as error:
        place = error.start
        byte = piece.raw[place]
        found = f"byte {byte:#04x} at byte {place} is not UTF-8"
        return "", RecordError("not UTF-8", f"{found}; expected text in UTF-8")


def split_row(text: str, delimiter: str) -> list[str] | RecordError:
    """The fields of one record, or why there are none.

    >>> split_row('1, "Mug, blue"', ",")
    ['1', 'Mug, blue']
    """
    line = text.rstrip("\r\n")
    # where a blank stands between a delimiter and a quote, the quote opens a field all the same
    if f'{delimiter} "' in line:
        with suppress(csv.Error):
            (row,) = csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True)
            return row
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        reason = f"the row cannot be read ({error}); expected fields with quotes inside doubled"
        return RecordError("unreadable row", reason)
    # a line break within the row, which no quotes surround
    if len(rows) != 1:
        return RecordError("unreadable row", f"the row falls into {len(rows)} rows; expected one")
    return rows[0]


def split_escaped(text: str, delimiter: str) -> list[str] | None:
    r"""The fields of a record in which a backslash stands before quotes; None where none does.

    >>> split_escaped(r'1,"5\" nail"', ",")
    ['1', '5" nail']
    """
    line = text.rstrip("\r\n")
    if '\\"' not in line:
        return None
    # other backslashes stay: the csv module would take them away
    kept = re.sub(r'\\(?!")', r"\\\\", line)
    try:
        rows = list(
            csv.reader([kept], delimiter=delimiter, strict=True, doublequote=False, escapechar="\\")
        )
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def nonblank_lines(data: bytes) -> Iterator[bytes]:
    """The lines that hold more than white space."""
    return (line for line in data.split(b"\n") if line.strip())


def raw_json(values: Values) -> bytes:
    """The bytes that stand for a record without any; of bytes in it the number is told."""
    return json.dumps(values, ensure_ascii=False, default=_in_words).encode()


def _in_words(value: Any) -> str:
    """What JSON does not know."""
    return f"({len(value):,} bytes)" if isinstance(value, bytes) else str(value)


def first_line(error: BaseException) -> str:
    """The message of an error, in one line and without addresses in memory."""
    lines = str(error).splitlines() or [""]
    # some errors have no message
    return _ADDRESS.sub("", lines[0]) or type(error).__name__
