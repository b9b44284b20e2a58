"""Labels products, all of a catalogue or a stream of portions, with a predictor.

Dimensions: N products of a chunk, L labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Bools, Context, Floats
from shelfwise.errors import ConfigError
from shelfwise.model.decision import Decision, LabelDecision
from shelfwise.model.field_use import field_uses
from shelfwise.model.model import require_members
from shelfwise.model.predictor import MemberPredictions, Predictor
from shelfwise.model.product_queues import (
    NO_QUEUE,
    NOVEL_PRODUCT,
    ProductQueues,
    QueuedProduct,
    decision_rule,
    product_queues,
)
from shelfwise.novelty.detector import NoveltyDetector

CHUNK_ROWS = 2048
"""Products decided at a time: bounds the memory for scores and features."""


@dataclass(frozen=True)
class LabelRequest:
    """What is wanted of every decision.

    Args:
        precision: the share of accepted labels that is promised to be right: 0.9, 0.95 or 0.99. Sorts labels
            and products into accept, review and reject.
        novelty_rate: the share of ordinary products that may be taken for novel. Novel products get no label.
        top: keep only so many scores of a product, its highest.
        members: tell each member's own score of the labels that are given.

    Raises:
        ConfigError: `top` is below 1, or one of the numbers is of another type.
    """

    precision: float | None = None
    novelty_rate: float | None = None
    top: int | None = None
    members: bool = False

    def __post_init__(self) -> None:
        for name in ("precision", "novelty_rate"):
            share = getattr(self, name)
            if not isinstance(share, float | int | np.floating | None):
                raise ConfigError(f"{name} is {share!r}; expected a number between 0 and 1")
        if not isinstance(self.top, int | np.integer | None):
            raise ConfigError(f"top is {self.top!r}; expected a whole number of scores to keep")
        # a negative number would leave out the lowest scores
        if self.top is not None and self.top < 1:
            raise ConfigError(f"top is {self.top}; expected how many scores to keep: 1 or more")


def label(
    predictor: Predictor, catalog: Catalog, context: Context, request: LabelRequest | None = None
) -> Iterator[Decision]:
    """Decide for every product of `catalog`, in its order; products are computed a few thousand at a time.

    Raises:
        ConfigError: the predictor has no limits for the precision, or no novelty detector.
        BundleError: an exported model, which has no novelty detector and no members, is asked for them.
    """
    return label_portions(predictor, _portions(catalog, context), context, request)


def label_portions(
    predictor: Predictor,
    portions: Iterable[Catalog],
    context: Context,
    request: LabelRequest | None = None,
) -> Iterator[Decision]:
    """As :func:`label`, for products that come in portions; no more than one of them is worked on.

    Portions of :data:`CHUNK_ROWS` products give the decisions that :func:`label` makes.

    Raises:
        ConfigError: as above.
        BundleError: as above.
    """
    request = request or LabelRequest()
    if request.members:
        require_members(predictor, "tell its members' scores")
    # both are checked here, not when the first decision is drawn
    if request.precision is not None:
        decision_rule(predictor).limits(request.precision)
    if request.novelty_rate is not None:
        novelty_detector(predictor).conformal.is_novel(np.empty(0), request.novelty_rate)
    return _decisions(predictor, portions, context, request)


def novelty_detector(predictor: Predictor) -> NoveltyDetector:
    """The predictor's novelty detector.

    Raises:
        BundleError: the predictor is an exported model, which has none.
        ConfigError: it was trained on too few products to tell, or by an older version.
    """
    if predictor.novelty is None:
        # the original of an exported model has one: to retrain would be the wrong advice
        require_members(predictor, "tell what is novel")
        reasons = "fewer than 20 training products, or an older version"
        raise ConfigError(f"this model has no novelty detector ({reasons}); retrain it")
    return predictor.novelty


def _portions(catalog: Catalog, context: Context) -> Iterator[Catalog]:
    """The products, some thousand at a time; one portion is done when the next is drawn."""
    with context.progress("labelling", len(catalog)) as progress:
        for start in range(0, len(catalog), CHUNK_ROWS):
            chunk = catalog.take(np.arange(start, min(start + CHUNK_ROWS, len(catalog))))
            yield chunk
            progress.advance(len(chunk))


def _decisions(
    predictor: Predictor, portions: Iterable[Catalog], context: Context, request: LabelRequest
) -> Iterator[Decision]:
    for chunk in portions:
        yield from _decide_chunk(predictor, chunk, context, request)


def _decide_chunk(
    predictor: Predictor,
    chunk: Catalog,
    context: Context,
    request: LabelRequest,
) -> Iterator[Decision]:
    names = predictor.labels.names
    answers = predictor.predict_members(chunk, context)
    scores = predictor.scores(answers)
    novelty, novel = _novelty(predictor, chunk, scores, context, request.novelty_rate)
    # a product that belongs to no category is given none, whatever its scores
    decided = predictor.decide(scores) & ~novel[:, None]
    queues = None
    if request.precision is not None:
        queues = product_queues(predictor, scores, decided, request.precision)
    labels_given = _label_decisions(names, predictor.label_paths, scores, decided, queues)
    if request.members:
        labels_given = _with_members(labels_given, predictor, answers)
    # drawn product by product: no more is in memory than a chunk's arrays
    columns = zip(
        chunk.ids,
        labels_given,
        _products_in_queues(queues, novel),
        novelty,
        _score_mappings(names, scores, request.top),
        field_uses(predictor.fields, chunk, answers.refused, answers.known_by(predictor.config)),
        strict=True,
    )
    for identity, labels, queued, novelty_score, scores_by_label, use in columns:
        yield Decision(
            id=identity,
            labels=labels,
            queue=queued.queue,
            accepted=queued.accepted,
            to_review=queued.to_review,
            novelty=novelty_score,
            scores=scores_by_label,
            used_modalities=use.used,
            missing_modalities=use.missing,
            rejected=use.rejected,
            warnings=use.warnings,
        )


def _novelty(
    predictor: Predictor,
    chunk: Catalog,
    scores: Floats,
    context: Context,
    novelty_rate: float | None,
) -> tuple[list[float] | list[None], Bools]:
    """The novelty of each product, (N,), and whether it is held back.

    None, and never, for a predictor without a novelty detector.
    """
    if predictor.novelty is None:
        return [None] * len(chunk), np.zeros(len(chunk), np.bool_)
    # a p-value is the share of known products that are at least as unusual
    p_values = predictor.novelty.p_values(chunk, scores, context)
    if novelty_rate is None:
        novel = np.zeros(len(chunk), np.bool_)
    else:
        novel = predictor.novelty.conformal.is_novel(p_values, novelty_rate)
    return (1 - p_values).round(4).tolist(), novel


def _label_decisions(
    names: Sequence[str],
    paths: Sequence[tuple[str, ...]],
    scores: Floats,
    decided: Bools,
    queues: ProductQueues | None,
) -> Iterator[tuple[LabelDecision, ...]]:
    """The labels that each of N products is given."""
    # the columns and scores of all products, one product after the other, and where each product's end
    # cells are listed row by row: a product's labels are one run of them
    columns = np.nonzero(decided)[1].tolist()
    given_scores = list(_shortest(scores[decided]))
    ends = np.cumsum(np.count_nonzero(decided, axis=1)).tolist()
    start = 0
    for row, end in enumerate(ends):
        labels = []
        for column, score in zip(columns[start:end], given_scores[start:end], strict=True):
            queue = None if queues is None else queues.of_label(row, column)
            labels.append(LabelDecision(names[column], paths[column], score, queue))
        start = end
        yield tuple(labels)


def _with_members(
    labels_given: Iterator[tuple[LabelDecision, ...]],
    predictor: Predictor,
    answers: MemberPredictions,
) -> Iterator[tuple[LabelDecision, ...]]:
    """The labels of each of N products, with what each of the product's members says of them."""
    members = predictor.members_of(predictor.decide_with)
    outputs = answers.outputs(members)
    # members were trained on these labels; a migrated model has others
    mapped = [predictor.map_labels(outputs.scores[:, place]) for place in range(len(members))]
    place_of = {name: column for column, name in enumerate(predictor.labels.names)}
    for row, labels in enumerate(labels_given):
        present = np.flatnonzero(outputs.present[row]).tolist()
        told = []
        for one in labels:
            column = place_of[one.name]
            own = {members[place]: float(mapped[place][row, column]) for place in present}
            told.append(replace(one, members=own))
        yield tuple(told)


def _products_in_queues(queues: ProductQueues | None, novel: Bools) -> Iterator[QueuedProduct]:
    """What becomes of each of N products; novel ones have a queue of their own."""
    for row, is_novel in enumerate(novel.tolist()):
        # whatever its scores would have made of it
        if is_novel:
            yield NOVEL_PRODUCT
        else:
            yield NO_QUEUE if queues is None else queues.products[row]


def _score_mappings(
    names: Sequence[str], scores: Floats, top: int | None
) -> Iterator[dict[str, float]]:
    """Each product's scores by label: all of them, or the `top` highest, falling."""
    if top is None:
        for row in scores:
            yield dict(zip(names, _shortest(row), strict=True))
        return
    # stable: of equal scores the first in the order of the labels is kept
    falling = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    for row, columns in zip(scores, falling, strict=True):
        chosen = [names[column] for column in columns]
        yield dict(zip(chosen, _shortest(row[columns]), strict=True))


def _shortest(scores: Floats) -> Iterator[float]:
    """The numbers with the fewest digits that read back as the same float32: 0.1, not 0.10000000149."""
    # two maps without a function of ours: most of a large prediction's time goes here
    return map(float, map(str, scores))
