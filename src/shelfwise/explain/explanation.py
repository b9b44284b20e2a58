"""Why a product got a label: which member, which words, which part of the picture, and which products it was learnt from.

Words and pictures are explained by leaving a piece out and asking the whole system again: it works for every plug-in
through its contract, and what is explained is the decision as it was given, not one member's part in it.

Dimensions: N products, M members, L labels, V variants of one product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Floats, Rows
from shelfwise.errors import PluginError
from shelfwise.explain.image_occlusion import importance
from shelfwise.explain.occlusion import Word, _fields, _texts, picture_drops, word_drops
from shelfwise.explain.shapley import contributions
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions

NEAR = 5
"""Most training products shown of a label."""

SEARCHED = 200
"""Nearest training products among which those with the label are looked for."""


@dataclass(frozen=True)
class Reason:
    """Why a product was given a label.

    Args:
        score: of the deciding system.
        members: what each member said.
        contributions: each member's exact Shapley value; they sum to the score.
        words: in the order they stand; below 0 where a word speaks against the label.
        picture: (8, 8) how far the score falls when that place of the picture is blurred; None where no picture was read.
        near: the nearest training products that carry the label, nearest first: {"id", "title", "similarity", "labels"}.
    """

    score: float
    members: Mapping[str, float]
    contributions: Mapping[str, float]
    words: tuple[Word, ...] = ()
    picture: Floats | None = None
    near: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        picture = None if self.picture is None else self.picture.round(4).tolist()
        return dataclasses.asdict(dataclasses.replace(self, picture=None)) | {
            "picture": picture,
            "near": list(self.near),
        }


@dataclass(frozen=True)
class Explanation:
    """One product's texts as they were read, and the reason for each of its labels."""

    id: str
    texts: Mapping[str, str]
    reasons: Mapping[str, Reason]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        reasons = {label: reason.to_dict() for label, reason in self.reasons.items()}
        return {"id": self.id, "texts": dict(self.texts), "reasons": reasons}


@dataclass(frozen=True)
class _Evidence:
    """What speaks for each of L labels in one product: W words with falls (W, L), maps (L, 8, 8), the K nearest products."""

    words: list[Word]
    falls: Floats
    maps: Floats | None
    near: tuple[Floats, Rows] | None

    def of(self, model: Model, label: int, name: str) -> dict[str, Any]:
        """The evidence for one label, as :class:`Reason` takes it; the product `name` is no evidence for itself."""
        weighed = zip(self.words, self.falls[:, label].tolist(), strict=True)
        return {
            "words": tuple(dataclasses.replace(word, weight=weight) for word, weight in weighed),
            "picture": None if self.maps is None else self.maps[label],
            "near": () if self.near is None else _carriers(model, *self.near, label, name),
        }


def explain_products(
    model: Model, catalog: Catalog, context: Context, wanted: Bools | None = None, evidence: bool = True
) -> list[Explanation]:
    """Why each of N products got its labels.

    Args:
        wanted: (N, L) which labels to explain, given or not; None: those that are given.
        evidence: whether to look for words, places and products too: one more prediction a word, and 37 a picture.
            Where the library `faiss` is missing, no products are named.
    """
    answers = model.predict_members(catalog, context)
    scores, members = model.scores(answers), model.members_of(model.decide_with)
    if wanted is None:
        wanted = model.decide(scores)
    said, shares = answers.outputs(members).scores, contributions(model, answers)
    quiet = dataclasses.replace(context, cache=None)  # variants are seen once: they would only fill the cache
    explained = []
    for row, name in enumerate(catalog.ids):
        product, alone = catalog.take([row]), _only(answers, row)
        found = _evidence(model, product, alone, quiet) if evidence and wanted[row].any() else None
        reasons = {
            model.labels.names[i]: Reason(
                float(scores[row, i]),
                dict(zip(members, said[row, :, i].tolist(), strict=True)),
                dict(zip(members, shares[row, :, i].tolist(), strict=True)),
                **(found.of(model, i, name) if found else {}),
            )
            for i in np.flatnonzero(wanted[row]).tolist()
        }
        explained.append(Explanation(name, _texts(product, _fields(model, members)), reasons))
    return explained


def _evidence(model: Model, product: Catalog, answers: MemberPredictions, context: Context) -> _Evidence:
    words, falls = word_drops(model, product, answers, context)
    places = picture_drops(model, product, answers, context)
    return _Evidence(words, falls, None if places is None else importance(places), _near(model, answers))


def _only(answers: MemberPredictions, row: int) -> MemberPredictions:
    return MemberPredictions({name: said.take(np.array([row])) for name, said in answers.predictions.items()})


def _near(model: Model, answers: MemberPredictions) -> tuple[Floats, Rows] | None:
    """The training products nearest to one product: similarities and rows, (K,) both."""
    if model.nearest_neighbours is None:
        return None
    features = {m: answers.predictions[m].features for m in model.members_of(model.decide_with)}
    try:
        similarities, rows = model.nearest_neighbours.nearest(features, SEARCHED)
    except PluginError:
        return None
    return similarities[0], rows[0]


def _carriers(
    model: Model, similarities: Floats, rows: Rows, label: int, name: str
) -> tuple[dict[str, Any], ...]:
    index, names = model.nearest_neighbours, model.labels.names
    assert index is not None
    others = [
        (s, r)
        for s, r in zip(similarities.tolist(), rows.tolist(), strict=True)
        if r >= 0 and index.ids[r] != name
    ]
    carriers = [(s, r) for s, r in others if label in index.labels_of(r)][:NEAR]
    return tuple(
        {
            "id": index.ids[r],
            "title": index.titles[r],
            "similarity": s,
            "labels": [names[i] for i in index.labels_of(r)],
        }
        for s, r in carriers
    )
