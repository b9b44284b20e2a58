"""Why the model suggests the labels of one product: members, words and similar training products."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.errors import BundleError
from shelfwise.explain.explanation import Explanation, explain_products
from shelfwise.export.loading import open_model
from shelfwise.model.model import Model, require_members
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.retraining.kept_models import digest_of
from shelfwise.service.answers.problems import Problem

Explain = Callable[[Catalog, Collection[str]], Explanation]
"""Explains labels of one product."""


class Reasons:
    """The reasons of the model in use, which is loaded when somebody asks for the first time.

    Args:
        model: its folder.
        context: seed and cache.
        load: makes what explains, from that folder.
    """

    def __init__(
        self,
        model: Path,
        context: Context,
        load: Callable[[Path, Context], Explain] | None = None,
    ) -> None:
        self._model = model
        self._context = context
        self._load = load or load_explain
        self._loaded: tuple[str, Explain] | None = None
        # one product at a time: an explanation is many predictions
        self._lock = threading.Lock()

    def of(self, products: ReviewProducts, row: int) -> Explanation:
        """Why a product gets the labels that are suggested for it, and how its given ones do.

        Raises:
            Problem: another program has replaced the model, or it is an exported one without members.
        """
        names = {one.name for one in products.shown(row) if one.suggested or one.given}
        with self._lock:
            explain = self._explain(products.model_digest)
            return explain(products.catalog.take([row]), names & set(products.names))

    def _explain(self, digest: str) -> Explain:
        if self._loaded is not None and self._loaded[0] == digest:
            return self._loaded[1]
        # the reasons of another model would explain other suggestions
        if digest_of(self._model) != digest:
            raise Problem(
                409, "model-replaced", "another program has replaced the model: load it first"
            )
        try:
            explain = self._load(self._model, self._context)
        except BundleError as error:
            raise Problem(501, "no-reasons", str(error)) from None
        self._loaded = (digest, explain)
        return explain


def load_explain(folder: Path, context: Context) -> Explain:
    """What explains with the model in `folder`.

    Raises:
        BundleError: there is none, or it is an exported one.
    """
    model: Model = require_members(open_model(folder), "explain labels")

    def explain(product: Catalog, names: Collection[str]) -> Explanation:
        wanted = np.array([[name in names for name in model.labels.names]], np.bool_)
        [found] = explain_products(model, product, context, wanted)
        return found

    return explain
