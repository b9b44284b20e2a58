"""What a model suggests for every product of a catalogue, as the review page shows it.

Dimensions: N products of the catalogue, C of a chunk, L labels, K candidates, M members.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shelfwise.catalog.labels import flatten
from shelfwise.catalog.near_copies import near_copies
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.audited_products import AuditedProducts
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Float64Array, Floats, Int64Array
from shelfwise.decision.label_errors import LabelErrorDetector, suspicion
from shelfwise.disk.files import sha256_of_file
from shelfwise.explain.disagreement import contradictions
from shelfwise.model.bundle_reader import MANIFEST
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions, Predictor
from shelfwise.model.product_queues import product_queues
from shelfwise.review.database.products import ReviewProducts

CHUNK_ROWS = 2048
CANDIDATES = 12
"""Labels of a product that are kept, if the model does not give it more."""

PROMISE = 0.95
"""The precision that automatic acceptance promises."""

POSSIBLE = 0.2
"""Scores below it say no: what only one field says against the whole model is no contradiction."""

SETTLED = 0.8
"""From here on a label is likely: a product may have both labels that two fields speak for."""

LIKELY = 0.05
"""Scores below it are left out of the expected number of mistakes: very many add up."""


@dataclass(frozen=True)
class _Chunk:
    """What is kept of C products; see :class:`ReviewProducts`."""

    candidates: Int64Array
    scores: Floats
    members: dict[str, Floats]
    suggested: Bools
    automatic: Bools
    uncertainty: Float64Array
    contradictions: dict[int, tuple[float, str]]


def review_products(
    model_folder: Path, model: Predictor, source: Path, context: Context
) -> ReviewProducts:
    """Read a catalogue, and let a model suggest labels for all of it.

    Args:
        model_folder: where `model` was loaded from.

    Raises:
        CatalogError: `source` cannot be read.
    """
    read = read_catalog(source, model.config.catalog, context)
    catalog = read.catalog
    mode = model.labels.mode
    given = [
        None if paths is None else frozenset(flatten(paths, mode))
        for paths in catalog.column("categories")
    ]
    chunks = []
    with context.progress("suggesting labels", len(catalog)) as progress:
        for start in range(0, len(catalog), CHUNK_ROWS):
            rows = np.arange(start, min(start + CHUNK_ROWS, len(catalog)))
            chunks.append(_suggest(model, catalog.take(rows), context))
            progress.advance(len(rows))
    sides = {}
    disagreement = np.zeros(len(catalog))
    for number, chunk in enumerate(chunks):
        for row, (strength, sentence) in chunk.contradictions.items():
            sides[number * CHUNK_ROWS + row] = sentence
            disagreement[number * CHUNK_ROWS + row] = strength
    # each chunk is as wide as its product with the most candidates
    width = max(chunk.candidates.shape[1] for chunk in chunks)
    members = {}
    for name in chunks[0].members:
        of_chunks = [_widened(chunk.members[name], width, np.nan) for chunk in chunks]
        members[name] = np.concatenate(of_chunks)
    return ReviewProducts(
        catalog=catalog,
        model_digest=sha256_of_file(model_folder / MANIFEST),
        names=tuple(model.labels.names),
        paths=model.label_paths,
        given=given,
        candidates=np.concatenate([_widened(c.candidates, width, -1) for c in chunks]),
        scores=np.concatenate([_widened(c.scores, width, 0) for c in chunks]),
        members=members,
        suggested=np.concatenate([_widened(c.suggested, width, False) for c in chunks]),
        automatic=np.concatenate([c.automatic for c in chunks]),
        uncertainty=np.concatenate([c.uncertainty for c in chunks]),
        suspicion=_suspicion(model, catalog, context),
        disagreement=disagreement,
        contradictions=sides,
        # by their texts: decided together, and kept out of learning with the sample
        look_alikes=np.asarray(near_copies(catalog), np.int64),
        promise=PROMISE if _has_limits(model) else None,
        mode=mode,
        settings=read.settings,
        training_ids=_training_ids(model),
        in_sample=_in_sample(model, catalog),
    )


def _training_ids(model: Predictor) -> frozenset[str]:
    """The products that the model was trained on, as far as it remembers them."""
    found: set[str] = set()
    for part in (model.nearest_neighbours, model.out_of_fold):
        if part is not None:
            found.update(part.ids)
    return frozenset(found)


def _in_sample(model: Predictor, catalog: Catalog) -> Bools:
    """(N,) which products the model was trained on without out-of-fold scores of them."""
    known = set(_training_ids(model))
    if model.out_of_fold is not None:
        known -= set(model.out_of_fold.ids)
    return np.array([identity in known for identity in catalog.ids], np.bool_)


def _has_limits(model: Predictor) -> bool:
    return model.decision_rule is not None and PROMISE in model.decision_rule.acceptances


def _suggest(model: Predictor, chunk: Catalog, context: Context) -> _Chunk:
    """What the model makes of a few products."""
    answers = model.predict_members(chunk, context)
    scores = model.scores(answers)
    # the members have learned training products by heart: how the model did without them is fairer
    trained = np.full(len(chunk), False)
    if model.out_of_fold is not None:
        places = model.out_of_fold.rows(chunk.ids)
        trained = places >= 0
        scores[trained] = model.out_of_fold.scores[places[trained]].toarray()
    decided = model.decide(scores)
    # all labels that any of the products is given have to find room
    most_given = int(decided.sum(axis=1).max(initial=0))
    width = min(len(model.labels), max(CANDIDATES, most_given))
    # what is given comes first, whatever its score
    order = np.argsort(-(scores + 2 * decided), axis=1, kind="stable")[:, :width]
    automatic = np.zeros(len(chunk), np.bool_)
    if _has_limits(model):
        queues = product_queues(model, scores, decided, PROMISE)
        automatic = np.array([one.queue == "accept" for one in queues.products], np.bool_)
    mistakes = np.where(decided, 1 - scores, np.where(scores >= LIKELY, scores, 0))
    return _Chunk(
        candidates=order.astype(np.int64),
        scores=np.take_along_axis(scores, order, 1),
        members=_member_scores(model, answers, order, trained),
        suggested=np.take_along_axis(decided, order, 1),
        automatic=automatic,
        uncertainty=mistakes.sum(axis=1).astype(np.float64),
        contradictions=_contradictions(model, answers, scores),
    )


def _member_scores(
    model: Predictor, answers: MemberPredictions, order: Int64Array, trained: Bools
) -> dict[str, Floats]:
    """(C, K) what each member predicts for the candidates; NaN for products that it was trained on."""
    found: dict[str, Floats] = {}
    if not isinstance(model, Model):
        return found
    for name in model.members_of(model.decide_with):
        prediction = answers.predictions[name]
        scores = np.take_along_axis(model.map_labels(prediction.probabilities), order, 1)
        # a member knows the labels of what it was trained on by heart
        absent = ~prediction.present | trained
        found[name] = np.where(absent[:, None], np.nan, scores).astype(np.float32)
    return found


def _contradictions(
    model: Predictor, answers: MemberPredictions, scores: Floats
) -> dict[int, tuple[float, str]]:
    """By row, how strongly two fields contradict each other, and in which words.

    Only where the model as a whole is in doubt about a side, and denies neither. A weak member contradicts
    the others on most products, and the model has learned to pass over it. A product may also have both.

    Args:
        scores: (C, L) of the final system.
    """
    if not isinstance(model, Model):
        return {}
    column_of = {name: column for column, name in enumerate(model.labels.names)}
    found = {}
    for row, strength, sides in contradictions(model, answers, len(scores)):
        # a label that a migrated model has no more is no doubt of its own
        columns = [column_of[side["label"]] for side in sides if side["label"] in column_of]
        if columns and not POSSIBLE <= scores[row, columns].min() < SETTLED:
            continue
        said = []
        for side in sides:
            fields = model.config.members[side["member"]].field.split("+")
            verb = "says" if len(fields) == 1 else "say"
            said.append(f"{' and '.join(fields)} {verb} {side['label']}")
        words = ", ".join(said)
        # only the first letter: labels keep theirs
        found[row] = (strength, words[:1].upper() + words[1:])
    return found


def _suspicion(model: Predictor, catalog: Catalog, context: Context) -> Float64Array:
    """(N,) the probability that a product's given labels hold a mistake; 0 for those without any."""
    result = np.zeros(len(catalog))
    known = model.labels.encode(catalog.column("categories")).any(axis=1)
    rows = np.flatnonzero(known)
    if not len(rows):
        return result
    audited = AuditedProducts.of(model, catalog.take(rows), context)
    # without kept scores it learns from the products that it judges, each by the others
    if model.out_of_fold is None:
        detector = LabelErrorDetector.fit(audited.scores, audited.given)
    else:
        scores, targets = model.out_of_fold.dense()
        detector = LabelErrorDetector.fit(scores, targets > 0)
    errors = detector.error_probabilities(audited.scores, audited.given, audited.places)
    scored = audited.scores.any(axis=1)
    result[rows] = np.where(scored, 1 - np.exp(-suspicion(errors)), 0)
    return result


def _widened(values: np.ndarray, width: int, fill: float) -> np.ndarray:
    """(C, K) columns, with more of `fill` up to `width`."""
    missing = width - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=fill)
