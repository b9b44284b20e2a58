"""Why a product got a label: which member, which words, which part of the image, which training products.

Words and images are explained by leaving a piece out and predicting again with the whole system. That works
for every plug-in through its contract, and it explains the decision as it was given, not one member's part.

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
from shelfwise.explain.occlusion import Word, image_drops, texts_of, word_drops
from shelfwise.explain.shapley import contributions
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions

MAX_SHOWN = 5
"""Training products shown of a label."""

MAX_SEARCHED = 200
"""Nearest training products among which those with the label are looked for."""


@dataclass(frozen=True)
class Reason:
    """Why a product was given a label.

    Args:
        score: of the final system.
        members: each member's own score.
        contributions: each member's exact Shapley value; they sum to the score.
        words: in the order they stand; below 0 where a word speaks against the label.
        picture: (8, 8) how far the score falls when that place of the image is blurred; None where no image
            was read.
        near: the nearest training products that carry the label, nearest first: {"id", "title", "similarity",
            "labels"}.
    """

    score: float
    members: Mapping[str, float]
    contributions: Mapping[str, float]
    words: tuple[Word, ...] = ()
    picture: Floats | None = None
    near: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        # asdict would copy the array as it is, so it is left out first
        values = dataclasses.asdict(dataclasses.replace(self, picture=None))
        values["picture"] = None if self.picture is None else self.picture.round(4).tolist()
        values["near"] = list(self.near)
        return values


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
    """The evidence for each of L labels of one product.

    Args:
        words: the W words of its texts.
        falls: (W, L) how far each label's score falls without each word.
        maps: (L, 8, 8) how far it falls without each part of the image; None without one.
        near: similarities and rows (K,) of the nearest training products; None where they cannot be searched.
    """

    words: list[Word]
    falls: Floats
    maps: Floats | None
    near: tuple[Floats, Rows] | None

    def of(self, model: Model, label: int, name: str) -> dict[str, Any]:
        """The evidence for one label, as :class:`Reason` takes it.

        Args:
            name: the product's id; it is no evidence for itself.
        """
        # a word is found once; how far the score falls without it is another number for each label
        weights = self.falls[:, label].tolist()
        weighted = [
            dataclasses.replace(word, weight=weight)
            for word, weight in zip(self.words, weights, strict=True)
        ]
        return {
            "words": tuple(weighted),
            "picture": None if self.maps is None else self.maps[label],
            "near": () if self.near is None else _carriers(model, *self.near, label, name),
        }


def explain_products(
    model: Model,
    catalog: Catalog,
    context: Context,
    wanted: Bools | None = None,
    evidence: bool = True,
) -> list[Explanation]:
    """Why each of N products got its labels.

    Args:
        wanted: (N, L) which labels to explain, given or not; None: those that are given.
        evidence: whether to look for words, parts of the image and training products too: one more prediction
            a word, and 37 an image. Where the library `faiss` is missing, no products are named.
    """
    answers = model.predict_members(catalog, context)
    scores = model.scores(answers)
    members = model.members_of(model.decide_with)
    if wanted is None:
        wanted = model.decide(scores)
    member_scores = answers.outputs(members).scores
    shares = contributions(model, answers)
    # variants of a product are predicted once: their embeddings would only fill the cache
    uncached = dataclasses.replace(context, cache=None)
    explained = []
    for row, name in enumerate(catalog.ids):
        product = catalog.take([row])
        found = None
        # without a label there is nothing to find words for
        if evidence and wanted[row].any():
            found = _evidence(model, product, _only(answers, row), uncached)
        reasons: dict[str, Reason] = {}
        for label in np.flatnonzero(wanted[row]).tolist():
            own = member_scores[row, :, label].tolist()
            parts = shares[row, :, label].tolist()
            reasons[model.labels.names[label]] = Reason(
                float(scores[row, label]),
                dict(zip(members, own, strict=True)),
                dict(zip(members, parts, strict=True)),
                **(found.of(model, label, name) if found else {}),
            )
        explained.append(Explanation(name, texts_of(product, model.fields), reasons))
    return explained


def _evidence(
    model: Model, product: Catalog, answers: MemberPredictions, context: Context
) -> _Evidence:
    """The evidence for all labels of one product."""
    words, falls = word_drops(model, product, answers, context)
    drops = image_drops(model, product, answers, context)
    maps = None if drops is None else importance(drops)
    return _Evidence(words, falls, maps, _near(model, answers))


def _only(answers: MemberPredictions, row: int) -> MemberPredictions:
    """The members' predictions for one product."""
    rows = np.array([row])
    return MemberPredictions({name: one.take(rows) for name, one in answers.predictions.items()})


def _near(model: Model, answers: MemberPredictions) -> tuple[Floats, Rows] | None:
    """The training products nearest to one product: similarities and rows, (K,) both."""
    if model.nearest_neighbours is None:
        return None
    members = model.members_of(model.decide_with)
    features = {member: answers.predictions[member].features for member in members}
    try:
        similarities, rows = model.nearest_neighbours.nearest(features, MAX_SEARCHED)
    except PluginError:
        # without faiss the other evidence is still worth showing
        return None
    return similarities[0], rows[0]


def _carriers(
    model: Model, similarities: Floats, rows: Rows, label: int, name: str
) -> tuple[dict[str, Any], ...]:
    """The nearest training products that carry a label, at most :data:`MAX_SHOWN`."""
    index = model.nearest_neighbours
    assert index is not None
    carriers: list[dict[str, Any]] = []
    for similarity, row in zip(similarities.tolist(), rows.tolist(), strict=True):
        # a row below 0 stands for no product; a training product is its own nearest
        if row < 0 or index.ids[row] == name or label not in index.labels_of(row):
            continue
        carriers.append(index.describe(row, similarity, model.labels.names))
        if len(carriers) == MAX_SHOWN:
            break
    return tuple(carriers)
