"""Several text fields of a product as one text, for encoders that read it as a whole."""

from __future__ import annotations

from shelfwise.core.catalog import Catalog


def joined_fields(catalog: Catalog, fields: str) -> list[str]:
    """The fields ("title+description") of N products, each as one text; "" where all are missing or blank."""
    columns = [catalog.column(name) for name in fields.split("+")]
    texts = []
    for values in zip(*columns, strict=True):
        stripped = [value.strip() for value in values if value]
        texts.append(". ".join(filter(None, stripped)))
    return texts
