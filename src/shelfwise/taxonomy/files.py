"""Taxonomy files: Google's and Shopify's product taxonomies, and any list of paths.

Known are, one category a line: ``1 - Animals & Pet Supplies > Live Animals`` (Google, with ids), ``Animals & Pet Supplies > Live
Animals`` (Google, without), ``gid://shopify/TaxonomyCategory/ap-1 : Animals & Pet Supplies > Live Animals`` (Shopify), with
comment lines that begin with ``#``; and Shopify's JSON, ``{"verticals": [{"categories": [{"id", "name", "parent_id"}]}]}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from shelfwise.catalog.labels import SEPARATOR
from shelfwise.config import describe
from shelfwise.errors import TaxonomyError

_WITH_ID = (re.compile(r"(?P<id>\d+) - (?P<path>.+)"), re.compile(r"(?P<id>gid://\S+)\s+: (?P<path>.+)"))
_WITHOUT = re.compile(r"(?P<path>.+)")


@dataclass(frozen=True)
class Category:
    """One category: its names from the root down, and what the file calls it for good, where it says so."""

    path: tuple[str, ...]
    id: str | None = None


class _Node(BaseModel):
    id: str
    name: str
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
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise TaxonomyError(f"there is no taxonomy file {path}; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TaxonomyError(
            f"the taxonomy file {path} cannot be read ({error}); expected text in UTF-8"
        ) from None
    found = _from_json(text, path) if text.lstrip().startswith("{") else _from_lines(text.splitlines(), path)
    if not found:
        raise TaxonomyError(
            f"the taxonomy file {path} names no category; expected lines such as 'Pets > Birds'"
        )
    for what, seen in (
        ("path", [SEPARATOR.join(c.path) for c in found]),
        ("id", [c.id for c in found if c.id is not None]),
    ):
        if len(set(seen)) < len(seen):
            twice = next(value for value in seen if seen.count(value) > 1)
            raise TaxonomyError(
                f"the taxonomy file {path} has the {what} {twice!r} more than once; expected every {what} once"
            )
    return tuple(found)


def _from_lines(lines: Sequence[str], path: Path) -> list[Category]:
    numbered = [
        (number, line.strip())
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    shape = next((p for p in _WITH_ID if numbered and p.fullmatch(numbered[0][1])), _WITHOUT)
    found = []
    for number, line in numbered:
        match = shape.fullmatch(line)
        names = [name.strip() for name in match["path"].split(SEPARATOR)] if match else []
        if match is None or not all(names):
            raise TaxonomyError(
                f"line {number} of {path} is {line[:80]!r}; expected a category as in line {numbered[0][0]}"
            )
        found.append(Category(tuple(names), match.groupdict().get("id")))
    return found


def _from_json(text: str, path: Path) -> list[Category]:
    try:
        verticals = _Distribution.model_validate_json(text).verticals
    except ValidationError as error:
        wanted = '{"verticals": [{"categories": [{"id", "name", "parent_id"}, ...]}, ...]}'
        first = describe(error).partition("; ")[0]
        raise TaxonomyError(
            f"the taxonomy file {path} is not a taxonomy ({first}); expected {wanted}"
        ) from None
    nodes = [node for vertical in verticals for node in vertical.categories]
    return [
        Category(tuple(reversed(list(_upwards(node, {n.id: n for n in nodes}, path)))), node.id)
        for node in nodes
    ]


def _upwards(node: _Node, nodes: dict[str, _Node], path: Path) -> Iterable[str]:
    seen = {node.id}
    yield node.name
    while node.parent_id is not None:
        if node.parent_id not in nodes or node.parent_id in seen:
            fault = (
                "lies below itself"
                if node.parent_id in seen
                else f"names the parent {node.parent_id!r}, which is not there"
            )
            raise TaxonomyError(f"the category {node.id!r} of {path} {fault}; expected a tree")
        node = nodes[node.parent_id]
        seen.add(node.id)
        yield node.name
