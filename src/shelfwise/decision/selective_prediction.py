"""Accept, review, reject: what may be decided without a person, with promises that hold for finite samples.

Each *label* of a product is accepted from one score on, rejected below another, and goes to review in
between. Each *product* is accepted, with all labels it is given, from one confidence on (the mean score of
these labels). It is rejected if all of its labels are; else it goes to review. The three limits are the most
permissive that the calibration products prove, each with probability 1 - delta over the draw of these
products:
    * of all labels that will be accepted, at least the share `precision` is right;
    * of all right labels, at least the share `recall` will be accepted or reviewed;
    * of all labels given to products that will be accepted, at least the share `precision` is right.

Shares are pooled over products and labels; of a single label nothing is promised. Products are the units:
they must be drawn alike (exchangeably), while the labels of one may depend on each other in any way. A pooled
precision is a ratio, and E[right] / E[accepted] >= precision is E[Z] <= 0 for one number a product, its harm
Z = wrong - (1 - precision) * accepted, which is bounded because of one product at most `most` labels are
accepted.

How limits are proven: :mod:`shelfwise.decision.risk_control`.

Dimensions: N products, L labels, E scored pairs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from shelfwise.core.types import Bools, Float64Array, Int64Array, Matrix, State
from shelfwise.decision.risk_control import highest_limit_of_misses, lowest_limit
from shelfwise.errors import ConfigError
from shelfwise.metrics.highest_pairs import HighestPairs
from shelfwise.metrics.scored_pairs import positive_cells, values_at
from shelfwise.metrics.selective import ACCEPT, REJECT, REVIEW, Queues

MAX_ACCEPTED_LABELS = 8
"""Labels of one product that can be accepted."""


@dataclass(frozen=True)
class AcceptanceLimits:
    """Fitted limits. Fit and use them on calibrated scores: searches start near the promised precision.

    Args:
        accept: labels scored at least this are accepted; 2.0, which no score reaches, where no limit keeps
            the promise.
        reject: labels scored below this are rejected; 0 where no limit keeps the promise. A score of 0 is
            always rejected. What is accepted is not rejected, even where this lies above `accept`.
        whole: products of at least this confidence are accepted; 2.0, which no score reaches, where no limit
            keeps the promise.
        precision, recall: what is promised.
        delta: the probability with which each of the three promises may be broken.
        most: labels of one product that can be accepted, those scored highest; the others go to review.
            Products that are given more are never accepted whole. The more labels, the more calibration
            products a proof takes, above all for precisions near 1.
    """

    accept: float
    reject: float
    whole: float
    precision: float
    recall: float
    delta: float
    most: int = MAX_ACCEPTED_LABELS

    @classmethod
    def fit(
        cls,
        scores: Matrix,
        targets: Matrix,
        decided: Matrix,
        precision: float = 0.95,
        recall: float = 0.9,
        delta: float = 0.1,
        most: int = MAX_ACCEPTED_LABELS,
    ) -> Self:
        """Find the limits on N products; the order of the bets is random, but the same every time.

        The promises hold exactly for products that had no part in the model, its calibration and its
        thresholds. Out-of-fold scores with an out-of-fold calibration
        (:meth:`~shelfwise.decision.calibration.Calibration.out_of_fold`) come near.

        Args:
            scores, targets, decided: (N, L), dense or scipy sparse; decided are the labels that a product is
                given.

        Raises:
            ConfigError: a precision, recall or delta that is not between 0 and 1, or `most` below 1.
        """
        _check_promise(precision, recall, delta, most)
        evidence = _Evidence.of(scores, targets, decided, min(most, scores.shape[1]))
        return cls(
            accept=_accept_limit(evidence, precision, delta),
            reject=_reject_limit(evidence, recall, delta),
            whole=_whole_limit(evidence, precision, delta),
            precision=precision,
            recall=recall,
            delta=delta,
            most=most,
        )

    def sort(self, scores: NDArray[np.floating]) -> Queues:
        """Which queue each label of each product goes to, (N, L): ACCEPT, REVIEW or REJECT."""
        # limits as arrays: a bare Python float would be rounded to the scores' float32
        plausible = (scores > 0) & (scores >= np.asarray(self.reject))
        queues = np.where(plausible, REVIEW, REJECT).astype(np.int8)
        accepted = scores >= np.asarray(self.accept)
        queues[accepted] = ACCEPT
        # of a product with too many accepted labels only the highest stay so
        crowded = np.flatnonzero(np.count_nonzero(accepted, axis=1) > self.most)
        by_score = np.argsort(-scores[crowded], axis=1, kind="stable")
        place = (crowded[:, None], by_score[:, self.most :])
        queues[place] = np.minimum(queues[place], REVIEW)
        return queues

    def sort_products(self, scores: NDArray[np.floating], decided: Bools) -> Queues:
        """Which queue each product goes to, (N,), with the labels (N, L) that it is given.

        An accepted product needs no person; a rejected one has no plausible label.
        """
        count = np.asarray(np.count_nonzero(decided, axis=1), np.float64)
        # summed in double precision, as the limits were fitted
        total = np.asarray(np.sum(scores, axis=1, where=decided, dtype=np.float64))
        confident = _confidence(total, count, self.most) >= self.whole
        hopeless = (count == 0) & (self.sort(scores) == REJECT).all(axis=1)
        queues = np.where(hopeless, REJECT, REVIEW)
        return np.where(confident, ACCEPT, queues).astype(np.int8)

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        return State(facts=asdict(self))

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The limits that `state` was taken from.

        Raises:
            ValueError: it holds something else than numbers.
        """
        return TypeAdapter(cls).validate_python(state.facts)


def _check_promise(precision: float, recall: float, delta: float, most: int) -> None:
    """Refuse what cannot be promised."""
    for name, value in {"precision": precision, "recall": recall, "delta": delta}.items():
        if not 0 < value < 1:
            raise ConfigError(
                f"{name} is {value:g} but must lie between 0 and 1, both excluded; "
                "usual are 0.95, for delta 0.1"
            )
    if most < 1:
        raise ConfigError(
            f"most is {most}, but at least 1 label of a product must be acceptable; 8 is usual"
        )


@dataclass(frozen=True)
class _Evidence:
    """What limits are proven with: of the N products the pairs that some limit lets through.

    Args:
        products: N.
        most: labels of one product that can be accepted.
        rows, scores, hits: of the pairs that can be accepted, the `most` highest of each product.
        true_rows, true_scores: of the labels that products have, 0 where these are not scored.
        given_rows, given_scores, given_hits: of the labels that products are given.
    """

    products: int
    most: int
    rows: Int64Array
    scores: Float64Array
    hits: Bools
    true_rows: Int64Array
    true_scores: Float64Array
    given_rows: Int64Array
    given_scores: Float64Array
    given_hits: Bools

    @classmethod
    def of(cls, scores: Matrix, targets: Matrix, decided: Matrix, most: int) -> _Evidence:
        """That of `scores`, `targets` and labels that are given, all (N, L); products in random order."""
        # a catalogue may be sorted, bets must not be
        turn = np.random.default_rng(0).permutation(scores.shape[0])
        top = HighestPairs.of(scores, most)
        true_rows, true_labels, _ = positive_cells(targets)
        given_rows, given_labels, _ = positive_cells(decided)
        given_scores = values_at(scores, given_rows, given_labels).astype(np.float64)
        # what is scored 0 is never given
        scored = given_scores > 0
        given_rows = given_rows[scored]
        return cls(
            products=scores.shape[0],
            most=most,
            rows=turn[top.rows],
            scores=top.scores,
            hits=values_at(targets, top.rows, top.labels) > 0,
            true_rows=turn[true_rows],
            true_scores=values_at(scores, true_rows, true_labels).astype(np.float64),
            given_rows=turn[given_rows],
            given_scores=given_scores[scored],
            given_hits=values_at(targets, given_rows, given_labels[scored]) > 0,
        )


def _accept_limit(evidence: _Evidence, precision: float, delta: float) -> float:
    """The lowest limit for labels that is proven to keep the precision."""
    # each accepted label that is wrong does harm; all are allowed the share 1 - precision
    harms = np.where(evidence.hits, 0.0, 1.0) - (1 - precision)
    return lowest_limit(
        evidence.scores,
        evidence.rows,
        harms,
        products=evidence.products,
        largest=precision * evidence.most,
        promise=(precision, delta),
    )


def _whole_limit(evidence: _Evidence, precision: float, delta: float) -> float:
    """The lowest limit for the confidence of products that is proven to keep the precision."""
    products = evidence.products
    most = evidence.most
    rows = evidence.given_rows
    count = np.bincount(rows, minlength=products).astype(np.float64)
    right = np.bincount(rows, evidence.given_hits.astype(np.float64), products)
    total = np.asarray(np.bincount(rows, evidence.given_scores, products), np.float64)
    harms = count - right - (1 - precision) * count
    confidence = _confidence(total, count, most)
    # each product is taken or left as a whole
    everyone = np.arange(products)
    return lowest_limit(confidence, everyone, harms, products, precision * most, (precision, delta))


def _reject_limit(evidence: _Evidence, recall: float, delta: float) -> float:
    """The highest limit that is proven to keep the recall; 0 if none is.

    Of more true labels than `most` each weighs less, so that one product's harm is bounded.
    """
    products = evidence.products
    scored = evidence.true_scores > 0
    rows = evidence.true_rows[scored]
    true = np.bincount(evidence.true_rows, minlength=products)
    weights = np.minimum(1, evidence.most / np.maximum(true, 1))
    # what is scored 0 is missed whatever the limit
    unscored = true - np.bincount(rows, minlength=products)
    start = weights * (unscored - (1 - recall) * true)
    return highest_limit_of_misses(
        evidence.true_scores[scored],
        rows,
        harms=weights[rows],
        start=start,
        largest=recall * evidence.most,
        delta=delta,
    )


def _confidence(total: Float64Array, count: Float64Array, most: int) -> Float64Array:
    """The mean score (N,) of the labels given, from their sum and number.

    It is 0 for products that are given none or more than `most`.
    """
    used = (count > 0) & (count <= most)
    return np.divide(total, count, out=np.zeros(len(count)), where=used)
