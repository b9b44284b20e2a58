"""Why a product got a label: which member, which words, which part of the picture, and which products it was learnt from.

Words and pictures are explained by leaving a piece out and asking the whole system again: it works for every plug-in
through its contract, and what is explained is the decision as it was given, not one member's part in it.

Dimensions: N products, M members, L labels, V variants of one product.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from shelfwise.catalog.store import Catalog
from shelfwise.contracts import Bools, Context, Floats, MemberOutputs, Rows
from shelfwise.errors import PluginError
from shelfwise.model import Answers, Model
from shelfwise.vision.occlusion import covered_files, importance
from shelfwise.vision.pictures import PictureRefused

NEAR = 5
"""Most training products shown of a label."""

SEARCHED = 200
"""Nearest training products among which those with the label are looked for."""

_WORD = re.compile(r"[^\W_]+(?:[-'\N{RIGHT SINGLE QUOTATION MARK}][^\W_]+)*")


@dataclass(frozen=True)
class Word:
    """A word where it stands, ``text[start:end]`` of a field, and how far the score falls when it is left out everywhere."""

    field: str
    start: int
    end: int
    text: str
    weight: float


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
        return dataclasses.asdict(dataclasses.replace(self, picture=None)) | {"picture": picture, "near": list(self.near)}


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
    answers = model.ask(catalog, context)
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


def contributions(model: Model, answers: Answers) -> Floats:
    """Exact Shapley values (N, M, L) of the deciding system's members: 2 ** M fusions; they sum to its scores."""
    outputs = answers.outputs(model.members_of(model.decide_with))
    if model.decide_with not in model.policies:
        return outputs.scores
    policy, count = model.policies[model.decide_with], outputs.present.shape[1]
    values = {}
    for subset in itertools.product([False, True], repeat=count):
        present = outputs.present & np.array(subset)
        masked = MemberOutputs(
            np.where(present[:, :, None], outputs.scores, np.float32(0)),
            present,
            tuple(np.where(present[:, i, None], f, np.float32(0)) for i, f in enumerate(outputs.features)),
        )
        values[subset] = model.final(masked.silenced(policy.fuse(masked)))
    shares = np.zeros_like(outputs.scores)
    for subset, value in values.items():
        size = sum(subset)
        for i in range(count):
            weight = math.factorial(size - subset[i]) * math.factorial(count - 1 - size + subset[i]) / math.factorial(count)
            shares[:, i] += np.float32(weight if subset[i] else -weight) * value
    return shares


def word_drops(model: Model, product: Catalog, answers: Answers, context: Context) -> tuple[list[Word], Floats]:
    """How far the scores of one product fall without each of its words.

    A word is left out of all texts and wherever it stands in them, as one mention would stand in for another.

    Returns:
        The W words, of weight 0, in the order of the fields and texts; the falls (W, L).
    """
    members = [m for m in model.members_of(model.decide_with) if _texts(product, _fields(model, [m]))]
    texts = _texts(product, _fields(model, members))
    found = [Word(name, m.start(), m.end(), m.group(), 0.0) for name, text in texts.items() for m in _WORD.finditer(text)]
    places = {key: number for number, key in enumerate(dict.fromkeys(word.text.casefold() for word in found))}
    if not places:
        return [], np.zeros((0, len(model.labels.names)), np.float32)
    columns = {}
    for name, text in texts.items():
        spots = [word for word in found if word.field == name]
        columns[name] = [_without(text, [w for w in spots if w.text.casefold() == key]) for key in places]
    falls = _drops(model, answers, _variants(product, columns), members, context)
    return found, falls[[places[word.text.casefold()] for word in found]]


def picture_drops(model: Model, product: Catalog, answers: Answers, context: Context) -> Floats | None:
    """How far the scores of one product fall (PLACES, L) when a window of its picture is blurred; None where no member reads one."""
    path = product.image_paths()[0]
    members = [m for m in model.members_of(model.decide_with) if "image" in _fields(model, [m])]
    if path is None or not members:
        return None
    with TemporaryDirectory() as folder:
        try:
            names = covered_files(path, Path(folder))
        except PictureRefused:
            return None
        variants = dataclasses.replace(_variants(product, {"image": names}), root=Path(folder))
        falls = _drops(model, answers, variants, members, context)
    return np.asarray(falls[1:] - falls[0])  # the first copy is not covered: what rescaling alone does is not counted


def _evidence(model: Model, product: Catalog, answers: Answers, context: Context) -> _Evidence:
    words, falls = word_drops(model, product, answers, context)
    places = picture_drops(model, product, answers, context)
    return _Evidence(words, falls, None if places is None else importance(places), _near(model, answers))


def _only(answers: Answers, row: int) -> Answers:
    return Answers({name: said.take(np.array([row])) for name, said in answers.predictions.items()})


def _drops(model: Model, answers: Answers, variants: Catalog, members: list[str], context: Context) -> Floats:
    """How far the scores fall (V, L) from one product to its variants, of which only `members` can tell the difference."""
    rows = np.zeros(len(variants), np.int64)
    changed = model.ask(variants, context, members).predictions
    kept = {name: said.take(rows) for name, said in answers.predictions.items()}
    return model.scores(answers) - model.scores(Answers({**kept, **changed}))


def _variants(product: Catalog, columns: Mapping[str, list[str]]) -> Catalog:
    """The product V times, with other values in some columns; blank ones are missing."""
    count = len(next(iter(columns.values())))
    table = product.take(np.zeros(count, np.int64)).table
    table = table.set_column(table.column_names.index("id"), "id", pa.array([str(i) for i in range(count)], pa.string()))
    for name, values in columns.items():
        given = pa.array([value if value.strip() else None for value in values], pa.string())
        table = table.set_column(table.column_names.index(name), name, given)
    return Catalog(table, product.root, product.source)


def _fields(model: Model, members: Iterable[str]) -> list[str]:
    """The columns that `members` read, each once."""
    return list(dict.fromkeys(name for member in members for name in model.config.members[member].field.split("+")))


def _texts(product: Catalog, fields: Iterable[str]) -> dict[str, str]:
    """Those fields of one product that are texts; JSON stands for something else (a vector, say)."""
    wanted = [name for name in fields if name in product and name not in ("id", "image")]
    values = {name: product.column(name)[0] for name in wanted if product.table.schema.field(name).type == pa.string()}
    return {name: text for name, text in values.items() if text and text[0] not in "[{"}


def _without(text: str, words: list[Word]) -> str:
    for word in reversed(words):
        text = text[: word.start] + text[word.end :]
    return text


def _near(model: Model, answers: Answers) -> tuple[Floats, Rows] | None:
    """The training products nearest to one product: similarities and rows, (K,) both."""
    if model.neighbours is None:
        return None
    features = {m: answers.predictions[m].features for m in model.members_of(model.decide_with)}
    try:
        similarities, rows = model.neighbours.nearest(features, SEARCHED)
    except PluginError:
        return None
    return similarities[0], rows[0]


def _carriers(model: Model, similarities: Floats, rows: Rows, label: int, name: str) -> tuple[dict[str, Any], ...]:
    index, names = model.neighbours, model.labels.names
    assert index is not None
    others = [(s, r) for s, r in zip(similarities.tolist(), rows.tolist(), strict=True) if r >= 0 and index.ids[r] != name]
    carriers = [(s, r) for s, r in others if label in index.labels_of(r)][:NEAR]
    return tuple(
        {"id": index.ids[r], "title": index.titles[r], "similarity": s, "labels": [names[i] for i in index.labels_of(r)]}
        for s, r in carriers
    )
