"""Taxonomy files: Google's and Shopify's product taxonomies, and any list of paths.

Text files have one category a line, and comment lines that begin with ``#``:

    ====================================================================  ====================
    ``1 - Animals & Pet Supplies > Live Animals``                         Google, with ids
    ``Animals & Pet Supplies > Live Animals``                             Google, without
    ``gid://shopify/TaxonomyCategory/ap-1 : Animals > Live Animals``      Shopify
    ====================================================================  ====================

Shopify's JSON is ``{"verticals": [{"categories": [{"id", "name", "parent_id"}]}]}``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, StringConstraints, ValidationError

from shelfwise.catalog.labels import SEPARATOR
from shelfwise.config import describe
from shelfwise.config.written_files import read_written_text
from shelfwise.errors import TaxonomyError

SUFFIXES = (".txt", ".json")
"""Endings of taxonomy files, as Google and Shopify publish them."""

_WITH_ID = (
    re.compile(r"(?P<id>\d+) - (?P<path>.+)"),
    re.compile(r"(?P<id>gid://\S+)\s+: (?P<path>.+)"),
)
_WITHOUT_ID = re.compile(r"(?P<path>.+)")

_CategoryName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True)
class Category:
    """One category.

    Args:
        path: its names from the root down.
        id: what the file calls it in every edition, or None in a file without ids.
    """

    path: tuple[str, ...]
    id: str | None = None


class _Node(BaseModel):
    id: str
    name: _CategoryName
    parent_id: str | None = None


class _Vertical(BaseModel):
    categories: list[_Node]


class _Distribution(BaseModel):
    verticals: list[_Vertical]


def read_taxonomy(path: Path | str) -> tuple[Category, ...]:
    """The categories of a taxonomy file, in its order.

    Raises:
        TaxonomyError: there is no such file, a line does not fit the others, or a path or an id occurs twice.
    """
    path = Path(path)
    text = _read_text(path)
    # by the content: files of either kind are often called .txt
    is_json = text.lstrip().startswith("{")
    found = _from_json(text, path) if is_json else _from_lines(text.splitlines(), path)
    if not found:
        expected = "expected lines such as 'Pets > Birds'"
        raise TaxonomyError(f"the taxonomy file {path} names no category; {expected}")
    _check_distinct("path", [SEPARATOR.join(category.path) for category in found], path)
    _check_distinct("id", [category.id for category in found if category.id is not None], path)
    return tuple(found)


def _read_text(path: Path) -> str:
    try:
        # Google's files begin with a byte order mark
        return read_written_text(path, "utf-8-sig")
    except FileNotFoundError:
        raise TaxonomyError(f"there is no taxonomy file {path}; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        expected = "expected text in UTF-8"
        raise TaxonomyError(
            f"the taxonomy file {path} cannot be read ({error}); {expected}"
        ) from None


def _check_distinct(what: str, values: Sequence[str], path: Path) -> None:
    """Refuse a file in which a path or an id occurs twice."""
    # counted once: a file has ten thousand categories
    counts = Counter(values)
    repeated = next((value for value in values if counts[value] > 1), None)
    if repeated is not None:
        fault = f"has the {what} {repeated!r} more than once"
        raise TaxonomyError(f"the taxonomy file {path} {fault}; expected every {what} once")


def _from_lines(lines: Sequence[str], path: Path) -> list[Category]:
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    numbered = [(number, line) for number, line in numbered if line and not line.startswith("#")]
    if not numbered:
        return []
    # the first category tells the shape of all
    first_number, first_line = numbered[0]
    shape = next((pattern for pattern in _WITH_ID if pattern.fullmatch(first_line)), _WITHOUT_ID)
    found = []
    for number, line in numbered:
        match = shape.fullmatch(line)
        parts = match["path"].split(SEPARATOR) if match else []
        names = [name.strip() for name in parts]
        # an empty name is a fault of the file: "Pets >  > Birds"
        if match is None or not all(names):
            expected = f"expected a category as in line {first_number}"
            raise TaxonomyError(f"line {number} of {path} is {line[:80]!r}; {expected}")
        found.append(Category(tuple(names), match.groupdict().get("id")))
    return found


def _from_json(text: str, path: Path) -> list[Category]:
    try:
        verticals = _Distribution.model_validate_json(text).verticals
    except ValidationError as error:
        expected = '{"verticals": [{"categories": [{"id", "name", "parent_id"}, ...]}, ...]}'
        first = describe(error).partition("; ")[0]
        raise TaxonomyError(
            f"the taxonomy file {path} is not a taxonomy ({first}); expected {expected}"
        ) from None
    # verticals only group the roots; the tree is in the parent ids
    nodes = [node for vertical in verticals for node in vertical.categories]
    by_id = {node.id: node for node in nodes}
    return [Category(_path_of(node, by_id, path), node.id) for node in nodes]


def _path_of(node: _Node, by_id: Mapping[str, _Node], file: Path) -> tuple[str, ...]:
    """The names from the root down to `node`."""
    names = [node.name]
    seen = {node.id}
    while node.parent_id is not None:
        fault = None
        # a file may name a circle, which would be followed for ever
        if node.parent_id in seen:
            fault = "lies below itself"
        elif node.parent_id not in by_id:
            fault = f"names the parent {node.parent_id!r}, which is not there"
        if fault is not None:
            raise TaxonomyError(f"the category {node.id!r} of {file} {fault}; expected a tree")
        node = by_id[node.parent_id]
        names.append(node.name)
        seen.add(node.id)
    return tuple(reversed(names))
