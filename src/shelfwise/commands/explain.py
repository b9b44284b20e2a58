"""``shelfwise predict --explain``: explain products of a catalogue file, on a page and as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.output_places import check_output_folder
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import keep_input, write_json_lines
from shelfwise.errors import CatalogError
from shelfwise.explain.disagreement import contradictions
from shelfwise.explain.explanation import explain_products
from shelfwise.model.model import Model, require_members
from shelfwise.model.predictor import Predictor

DATA = "explanations.jsonl"

MAX_PRODUCTS = 12
"""Products explained where none are named. An image takes 37 predictions, and every word one."""


@dataclass(frozen=True)
class ChosenProducts:
    """Products that a model can explain, and the folder that their page goes to.

    Whatever forbids it is found when they are chosen, so that other work need not be done in vain before.
    """

    model: Model
    products: Catalog
    out: Path

    @classmethod
    def of(
        cls,
        predictor: Predictor,
        source: Path,
        out: Path,
        context: Context,
        ids: Sequence[str] = (),
    ) -> Self:
        """The products of `source` to explain.

        Args:
            ids: of the products to explain; empty: the first 12 of the catalogue.

        Raises:
            BundleError: `predictor` is an exported model.
            CatalogError: `source` cannot be read, or has no product of that id.
            StorageError: `out` holds something else, or `source` would be written over.
        """
        model = require_members(predictor, "explain labels")
        check_output_folder(out, [DATA], ["index.html"])
        keep_input(source, out / DATA)
        catalog = read_catalog(source, model.config.catalog, context).catalog
        return cls(model, _choose(catalog, ids, source), out)

    def explain(self, context: Context) -> dict[str, Any]:
        """Write ``index.html`` and ``explanations.jsonl`` into `out`: why products got their labels.

        Each product has what its modalities disagree about. Each of its labels has the members'
        contributions, the words and the part of the image that carried it, and similar training products
        that have it (:mod:`shelfwise.explain.explanation`).

        Returns:
            How many were explained, and where the files are.

        Raises:
            StorageError: another run is writing to `out`.
        """
        # jinja2 and matplotlib are not for those who only predict
        from shelfwise.reports.explanation_report import write_explanations

        explained = _explain(self.model, self.products, context)
        images = dict(zip(self.products.ids, self.products.image_sources(), strict=True))
        with claimed(self.out):
            # first what tells a later run that the folder is of explanations
            write_json_lines(self.out / DATA, explained)
            page = write_explanations(explained, self.out, images.get)
        return {"products": len(explained), "page": str(page), "data": str(self.out / DATA)}


def _choose(catalog: Catalog, ids: Sequence[str], source: Path) -> Catalog:
    """The products of those ids, or the first ones."""
    if not ids:
        return catalog.take(np.arange(min(MAX_PRODUCTS, len(catalog))))
    # a product that is named twice is explained once
    ids = list(dict.fromkeys(ids))
    row_of = {name: row for row, name in enumerate(catalog.ids)}
    unknown = [name for name in ids if name not in row_of]
    if unknown:
        expected = "--id takes one of the catalogue's ids"
        raise CatalogError(
            f"there is no product with the id {unknown[0]!r} in {source}; {expected}"
        )
    return catalog.take([row_of[name] for name in ids])


def _explain(model: Model, products: Catalog, context: Context) -> list[dict[str, Any]]:
    """The explanation of each product, with what its members disagree about, JSON-ready."""
    answers = model.predict_members(products, context)
    # every product's disagreement is wanted, not only the strongest of all
    found = contradictions(model, answers, top=len(products))
    sides_of = {row: sides for row, _, sides in found}
    explained = []
    for row, explanation in enumerate(explain_products(model, products, context)):
        explained.append({**explanation.to_dict(), "sides": sides_of.get(row, [])})
    return explained
