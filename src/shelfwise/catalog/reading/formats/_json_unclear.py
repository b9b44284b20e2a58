"""What is said of a JSON file of which it is unclear where its products are."""

from __future__ import annotations

import re
from pathlib import Path

from shelfwise.catalog.reading.formats._json_shape import JsonShape
from shelfwise.errors import CatalogError

_MODEL = re.compile(rb'"model"\s*:\s*"(\w+\.\w+)"\s*,\s*"pk"\s*:')
"""What begins an object in a dump of Django, as it writes its keys."""


def refuse_unclear(shape: JsonShape, path: Path, sample: bytes) -> None:
    """Refuse a file whose records may be in several lists, or in none, or of which some are no products.

    Args:
        sample: the beginning of the file.

    Raises:
        CatalogError: it is such a file.
    """
    models = list(dict.fromkeys(name.decode() for name in _MODEL.findall(sample)))
    if len(models) > 1:
        raise CatalogError(
            f"{path} is a dump of Django with objects of {', '.join(models)}, of which not all are products; "
            "write those of the products alone, with the names of their categories in place of keys (such as "
            "dumpdata with the products' model and --natural-foreign)"
        )
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
