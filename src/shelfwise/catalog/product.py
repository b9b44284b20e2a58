"""One source record, checked: what a field may hold, and the reason when it holds something else."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from shelfwise.catalog.sources import Fault
from shelfwise.text.html import plain_text

Paths = list[list[str]]

_URL = re.compile(r"(?i)(?:https?:)?//|data:")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NUMBER = re.compile(
    r"[^\d\s,+-]{0,4}?\s?(?:(?P<commas>\d{1,3}(?:,\d{3})+(?:\.\d+)?)|(?P<points>\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}(?!\d))"
    r"|(?P<plain>\d+(?:\.\d+)?|(?<![A-Za-z])\.\d+))"
)
"""A currency sign or name, then 1,234.50 or 1.234,50 or 1234.50; a dot right after a letter ends the currency's name (Rs.899)."""


@dataclass(frozen=True)
class Rules:
    """How values written as text are read, and the count of what was set aside without refusing the product.

    Args:
        separator: between the levels of a category path; empty for paths of one level.
        delimiter: between several paths of one product; empty for one path.
        notes: plain words -> number of products; filled while products are checked.
    """

    separator: str = " > "
    delimiter: str = "|"
    notes: Counter[str] = field(default_factory=Counter)


def _rules(info: ValidationInfo) -> Rules:
    return info.context if isinstance(info.context, Rules) else Rules()


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or value in ([], {}, ()) or (isinstance(value, float) and math.isnan(value))


def _scalar(value: Any, expected: str) -> str:
    """Text of a string or number; a whole float is an integer that a spreadsheet spoilt."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(expected)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _texts(values: Sequence[Any], expected: str) -> list[str]:
    """The texts of a list, empty ones left out; quick where all are texts already, as lists of related ids are."""
    if set(map(type, values)) == {str}:
        return [value for value in values if value.strip()]
    return [_scalar(value, expected) for value in values if not _is_missing(value)]


def _identifier(value: Any) -> str:
    expected = "a non-empty text or number on one line"
    if _is_missing(value):
        raise ValueError(expected)
    text = _scalar(value, expected).strip()
    if not text.isprintable():
        raise ValueError(f"{expected}, without control characters")
    return text


def _text(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        value = " ".join(_texts(value, "a text, or a list of texts"))
    return None if _is_missing(value) else plain_text(_scalar(value, "a text, or a list of texts")) or None


def _image(value: Any, info: ValidationInfo) -> str | None:
    expected = "a path below the catalogue's folder, such as images/1.jpg"
    candidates = [v for v in (value if isinstance(value, list | tuple) else [value]) if not _is_missing(v)]
    if not all(isinstance(v, str) for v in candidates):
        raise ValueError(expected)
    local = [v.strip().replace("\\", "/") for v in candidates if not _URL.match(v.strip().replace("\\", "/"))]
    if not local:
        _rules(info).notes["the picture is a URL, so there is no local picture"] += bool(candidates)
        return None
    parts = [part for part in local[0].split("/") if part not in ("", ".")]
    if local[0].startswith("/") or ".." in parts or not parts or _SCHEME.match(local[0]) or not local[0].isprintable():
        raise ValueError(f"{expected}: relative, without '..' and without control characters")
    return "/".join(parts)


@lru_cache(maxsize=65_536)
def _name(value: str) -> str:
    return plain_text(value)


def _paths(value: Any, info: ValidationInfo) -> Paths | None:
    """Paths of names from a list of paths, one path as a flat list, a list of written paths, or one text."""
    expected = "a list of paths (lists of names), one list of names, or a text such as 'A > B | A > C'"
    rules = _rules(info)
    value = _unpacked(value)
    if isinstance(value, str):
        value = value.split(rules.delimiter) if rules.delimiter.strip() else [value]
        value = [_levels(path, rules) for path in value]
    elif isinstance(value, list | tuple) and value and all(isinstance(v, str | None) for v in value):
        written = bool(rules.separator.strip()) and any(rules.separator in v for v in value if v)
        value = [_levels(v, rules) for v in value if v] if written else [value]
    elif _is_missing(value):
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(p, list | tuple) for p in value):
        raise ValueError(expected)
    names = [[_name(n) for n in _texts(path, expected)] for path in value]
    return [kept for path in names if (kept := [n for n in path if n])] or None


def _levels(path: str, rules: Rules) -> list[str]:
    return path.split(rules.separator) if rules.separator.strip() else [path]


def _price(value: Any, info: ValidationInfo) -> float | None:
    """A price as a number; of a range the lower end. What is no price leaves the product without one."""
    if _is_missing(value):
        return None
    number = _amount(_scalar(value, "a number, or a text such as '$12.34'"))
    if number is None:
        _rules(info).notes["the price is not a price, so there is none"] += 1
    return number


def _amount(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        found = _NUMBER.match(text.strip())
        if found is None:
            return None
        digits = found.group(found.lastgroup or 0)
        number = float(digits.replace(".", "").replace(",", ".") if found.lastgroup == "points" else digits.replace(",", ""))
    return number if math.isfinite(number) and number >= 0 else None


def _related(value: Any) -> dict[str, list[str]] | None:
    """Relation -> ids, from an object, a list of pairs (Parquet maps), a plain list of ids, or JSON text of one of these."""
    expected = "an object of lists of ids, such as {'also_bought': ['B01', 'B02']}"
    value = _unpacked(value)
    if _is_missing(value):
        return None
    if isinstance(value, list) and not any(isinstance(v, list | tuple | dict) for v in value):
        value = {"related": value}
    try:
        relations = {str(name): _unpacked(ids) for name, ids in dict(value).items()}
    except (TypeError, ValueError):
        raise ValueError(expected) from None
    if not all(_is_missing(ids) or isinstance(ids, list | tuple) for ids in relations.values()):
        raise ValueError(expected)
    named = {name: _texts(ids, expected) for name, ids in relations.items() if not _is_missing(ids)}
    return {name: ids for name, ids in named.items() if ids} or None


def _unpacked(value: Any) -> Any:
    """JSON lists and objects that a table had to hold as text; other text, even with a bracket in front, stays as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            pass
    return value


def _further(value: Any) -> dict[str, str]:
    """Further columns as text: strings as they are, anything else as JSON; missing values are left out."""
    kept = {str(k): v for k, v in value.items() if not _is_missing(v)}
    return {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False, default=str) for k, v in kept.items()}


class Product(BaseModel):
    """One product, cleaned. Every field but the id may be None; empty texts, empty lists and NaN become None.

    Args:
        id: what the source calls the product; kept as written, without surrounding space.
        title: plain text, without mark-up or entities.
        description: plain text; a list of paragraphs is joined.
        image: relative path below the catalogue's folder, with forward slashes; whether the file exists is not checked.
        categories: paths from the root to the leaf, each a list of names.
        price: in the source's currency, 0 or more.
        brand: plain text.
        related: relation name -> ids of other products.
        further: the source's other columns, as text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, BeforeValidator(_identifier)]
    title: Annotated[str | None, BeforeValidator(_text)] = None
    description: Annotated[str | None, BeforeValidator(_text)] = None
    image: Annotated[str | None, BeforeValidator(_image)] = None
    categories: Annotated[Paths | None, BeforeValidator(_paths)] = None
    price: Annotated[float | None, BeforeValidator(_price)] = None
    brand: Annotated[str | None, BeforeValidator(_text)] = None
    related: Annotated[dict[str, list[str]] | None, BeforeValidator(_related)] = None
    further: Annotated[dict[str, str], BeforeValidator(_further)] = Field(default_factory=dict)


def why(error: ValidationError, values: Mapping[str, Any]) -> Fault:
    """Why a record was refused, in plain words: product, field, what was found, what is expected.

    >>> try:
    ...     Product.model_validate({"id": "B01", "title": {"en": "Mug"}})
    ... except ValidationError as error:
    ...     why(error, {"id": "B01", "title": {"en": "Mug"}}).reason
    "product 'B01': the title is {'en': 'Mug'}; expected a text, or a list of texts"
    """
    faults = error.errors(include_url=False)
    product = "a product without an id" if _is_missing(values.get("id")) else f"product {_short(values['id'])}"
    first = str(faults[0]["loc"][0])
    kind = f"{'missing' if _is_missing(values.get(first)) else 'unusable'} {first}"
    return Fault(kind, f"{product}: " + "; ".join(_sentence(fault, values) for fault in faults))


def _sentence(error: Any, values: Mapping[str, Any]) -> str:
    name = str(error["loc"][0])
    expected = error["msg"].removeprefix("Value error, ") if error["type"] == "value_error" else _first_lower(error["msg"])
    if name not in values or _is_missing(values[name]):
        return f"the {name} is missing; expected {'a column named ' + name if name not in values else expected}"
    return f"the {name} is {_short(values[name])}; expected {expected}"


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text):,} characters)"
