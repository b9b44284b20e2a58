"""What is said of a JSON file of which it is unclear where its products are."""

from __future__ import annotations

from pathlib import Path

from shelfwise.catalog.reading.formats._json_shape import JsonShape
from shelfwise.errors import CatalogError


def refuse_unclear(shape: JsonShape, path: Path) -> None:
    """Refuse a file whose records may be in several lists, or in none.

    Raises:
        CatalogError: it is such a file.
    """
    key = shape.prefix.removesuffix(".item")
    if shape.rivals:
        raise CatalogError(
            f"{path} holds products in several lists: {', '.join((shape.prefix, *shape.rivals))}; write "
            "them into one list, with the key as a field where it says something about them"
        )
    if shape.no_products:
        raise CatalogError(
            f"{path} lists categories under {key!r}, and nothing beside them looks like products "
            f"({', '.join(map(repr, shape.no_products))}); write one list of products, each with its id, its "
            "texts and the names of its categories"
        )
    if shape.rows:
        raise CatalogError(
            f"{path} has objects without texts under {key!r}, and rows beside them "
            f"({', '.join(map(repr, shape.rows))}), whose columns they may describe; write one list of "
            "products, each an object with its id, its texts and its categories"
        )
