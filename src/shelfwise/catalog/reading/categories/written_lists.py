"""Lists that a table had to hold as text: as JSON, Python, numpy and PostgreSQL write them."""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Callable
from typing import Any

_OPENING = ("[", "{", "(", "array(")
_ITEM = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
"""A quoted text."""

_CALL = re.compile(r"[A-Za-z_][\w.]*\(([\[{(\"'].*)\)", re.DOTALL)
"""A list behind the name of its type, as Python and R write it."""

_ARRAY = re.compile(r"\b(?:array|list)\((\[.*?\])\s*(?:,\s*dtype=[^()]*?)?\)", re.DOTALL)
_LISTS_SIDE_BY_SIDE = re.compile(r"\]\s+\[")
_QUOTED_OPENING = re.compile(r"[\[{(]+\s*['\"]")


class UnorderedNames(list[str]):
    """The texts of a set in the order of the alphabet: it has none itself, so they are levels of no path."""


def unpacked(value: Any) -> Any:
    """The list or object that a text is; other text, even with a bracket in front, stays as it is.

    >>> unpacked("('A', 'B')"), unpacked('["A"]'), unpacked("['A' 'B']"), unpacked("[1] off")
    (['A', 'B'], ['A'], ['A', 'B'], '[1] off')
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text.startswith(_OPENING) and not _CALL.fullmatch(text):
        return value
    # most texts with a bracket are lists of one of these languages; the rest are texts
    for read in _READERS:
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError, csv.Error):
            continue
    return value


def is_written_list(value: Any) -> bool:
    """Whether a text may be a list: it begins and ends with a bracket."""
    if not isinstance(value, str):
        return False
    text = value.strip()
    return text.startswith("[") and text.endswith("]")


def is_cut_list(text: str) -> bool:
    """Whether a text that is no list begins like one of quoted texts, as a cell that was cut short does."""
    return _QUOTED_OPENING.match(text.lstrip()) is not None


def unbracketed(text: str) -> str:
    """The inside of a list whose texts have no quotes, ``[A, B]``; other text as it is."""
    bare = text.strip()
    inside = bare[1:-1]
    whole = bare.startswith("[") and bare.endswith("]")
    return inside if whole and "[" not in inside and "]" not in inside else text


def _from_python(text: str) -> Any:
    """A literal of Python."""
    found = ast.literal_eval(text)
    if isinstance(found, set | frozenset):
        # Python writes blanks behind its commas, and databases keep the order of {"A","B"}
        if '","' in text:
            raise ValueError("an array of a database")
        return UnorderedNames(sorted(map(str, found)))
    if isinstance(found, tuple):
        return list(found)
    # "(1)" and "('A')" are no lists
    if not isinstance(found, list | dict):
        raise ValueError("no list")
    return found


def _from_numpy(text: str) -> list[Any]:
    """The texts of a numpy array as pandas writes it: quoted, with blanks or line breaks between them.

    >>> _from_numpy("['A' 'B C']")
    ['A', 'B C']
    """
    inside = text.removeprefix("[").removesuffix("]")
    between = _ITEM.sub("", inside)
    if inside == between or between.strip():
        raise ValueError("no array of texts")
    return [ast.literal_eval(item) for item in _ITEM.findall(inside)]


def _from_arrays(text: str) -> Any:
    """Arrays and lists that numpy writes with their names, alone or within an array or a list.

    >>> _from_arrays("[list(['A', 'B']) list(['C'])]")
    [['A', 'B'], ['C']]
    """
    bare = _ARRAY.sub(r"\1", text)
    if bare == text:
        raise ValueError("no named array")
    return _from_python(_LISTS_SIDE_BY_SIDE.sub("], [", bare))


def _from_rows(text: str) -> Any:
    """An array of several rows as numpy writes it, without commas between rows and texts.

    >>> _from_rows("[['A' 'B']\\n ['C']]")
    [['A', 'B'], ['C']]
    """
    if not text.startswith("[["):
        raise ValueError("no array of rows")
    rows = _LISTS_SIDE_BY_SIDE.split(text[1:-1].strip())
    return [_from_numpy(f"[{row.strip('[]')}]") for row in rows]


def _from_call(text: str) -> Any:
    """A list behind its type, ``frozenset({'A', 'B'})``, or the vector of R, ``c("A", "B")``.

    >>> _from_call("frozenset({'B', 'A'})"), _from_call('c("A", "B")'), _from_call('c("A")')
    (['A', 'B'], ['A', 'B'], ['A'])
    """
    called = _CALL.fullmatch(text)
    if called is None:
        raise ValueError("no call")
    inside = called[1]
    if text.startswith("c("):
        inside += ","
    # another name with one quoted word behind it is no list
    return _from_python(inside if inside[0] in "[{(" else f"({inside})")


def _from_postgres(text: str) -> list[str]:
    """An array of PostgreSQL, ``{"A","B, C",D}``."""
    inside = text.removeprefix("{").removesuffix("}")
    # an object has colons behind its names, and a deeper array braces
    if len(inside) != len(text) - 2 or re.search(r"[{}:]", _ITEM.sub("", inside)):
        raise ValueError("no array of PostgreSQL")
    return next(csv.reader([inside], escapechar="\\", strict=True), [])


# numpy's list comes before Python's literals, which would make one text of two that stand side by side
_READERS: tuple[Callable[[str], Any], ...] = (
    json.loads,
    _from_numpy,
    _from_rows,
    _from_python,
    _from_arrays,
    _from_call,
    _from_postgres,
)
