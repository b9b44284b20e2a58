"""Accept, review, reject: what may be decided without a person looking, with promises that hold for finite samples.

Each *label* of a product is accepted from one score on, rejected below another, and goes to review in between. Each *product* is
accepted, with all labels it is given, from one confidence on (the mean score of these labels); it is rejected if all of its
labels are; else it goes to review. The three limits are the boldest for which the calibration products prove, each with
probability 1 - delta over the draw of these products:
    * of all labels that will be accepted, at least the share `precision` is right;
    * of all right labels, at least the share `recall` will be accepted or reviewed;
    * of all labels given to products that will be accepted, at least the share `precision` is right.

Shares are pooled over products and labels; of a single label nothing is promised. Products are the units: they must be drawn alike
(exchangeably), while the labels of one may hang together in any way. A pooled precision is a ratio, and
E[right] / E[accepted] >= precision is E[Z] <= 0 for one number a product, Z = wrong - (1 - precision) * accepted, which is bounded
because of one product at most `most` labels are accepted. Limits are tested one after another towards the bold until one
fails, so that the error budget is not split over them (Learn then Test: Angelopoulos, Bates, Candes, Jordan and Lei 2021, fixed
sequences with several starts). The test is a bet on E[Z] < 0, whose gain is a valid p-value at any sample size (Waudby-Smith and
Ramdas 2024, "Estimating means of bounded random variables by betting").

Dimensions: N products, L labels, E scored pairs, G limits that are tried.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from shelfwise.core.types import Bools, Float64Array, Int64Array, State
from shelfwise.errors import ConfigError
from shelfwise.metrics.scored_pairs import Matrix, ScoredPairs
from shelfwise.metrics.selective import Queues

ACCEPT, REVIEW, REJECT = 1, 0, -1
MAX_ACCEPTED_LABELS = 8
NO_LIMIT = 2.0
"""A limit of acceptance where none keeps the promise: no score reaches it."""
LIMITS: Float64Array = expit(np.arange(70, -71, -1) / 10)
"""(G,) what is tried, from 0.9991 down to 0.0009 in even steps of the logit; fixed beforehand, as the promises demand."""
STARTS = (1.0, 0.0, -1.0)
"""Where searches for what to accept start, in logits above the promised precision: calibrated scores are right that often."""
MAX_STAKE = 0.9  # of the stake at which the worst product would take all that was won
PRIOR_VARIANCE = 0.25  # what is taken for the variance of Z before any was seen


@dataclass(frozen=True)
class AcceptanceLimits:
    """Fitted limits. Fit and use them on calibrated scores: searches start near the promised precision.

    Args:
        accept: labels scored at least this are accepted; :data:`NO_LIMIT` where no limit keeps the promise.
        reject: labels scored below this are rejected; 0 where no limit keeps the promise. A score of 0 is always rejected, and
            what is accepted is not, even where this lies above `accept`.
        whole: products of at least this confidence are accepted; :data:`NO_LIMIT` where no limit keeps the promise.
        precision, recall: what is promised.
        delta: the probability with which each of the three promises may be broken.
        most: labels of one product that can be accepted, those scored highest, the others go to review; products that are given
            more are never accepted whole. The more, the more calibration products a proof takes, above all for precisions near 1.
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

        The promises hold exactly for products that had no part in the model, its calibration and its thresholds. Out-of-fold scores
        with a calibration that is crossed likewise (:meth:`~shelfwise.decision.calibration.Calibration.out_of_fold`) come near.

        Args:
            scores, targets, decided: (N, L), dense or scipy sparse; decided are the labels that a product is given.

        Raises:
            ConfigError: a precision, recall or delta that is not between 0 and 1, or `most` below 1.
        """
        for name, value in {"precision": precision, "recall": recall, "delta": delta}.items():
            if not 0 < value < 1:
                raise ConfigError(
                    f"{name} is {value:g} but must lie between 0 and 1, both excluded; usual are 0.95, for delta 0.1"
                )
        if most < 1:
            raise ConfigError(
                f"most is {most}, but at least 1 label of a product must be acceptable; 8 is usual"
            )
        pairs, given = ScoredPairs.of(scores, targets), ScoredPairs.of(scores, decided).hits
        turn = np.random.default_rng(0).permutation(
            pairs.shape[0]
        )  # a catalogue may be sorted, bets must not be
        pairs = replace(pairs, rows=turn[pairs.rows], true_rows=turn[pairs.true_rows])
        bound = min(most, pairs.shape[1])
        limits = (
            _accept(pairs, precision, delta, bound),
            _reject(pairs, recall, delta, bound),
            _whole(pairs, given, precision, delta, bound),
        )
        return cls(*limits, precision, recall, delta, most)

    def sort(self, scores: NDArray[np.floating]) -> Queues:
        """Which queue each label of each product goes to, (N, L): :data:`ACCEPT`, :data:`REVIEW` or :data:`REJECT`."""
        # limits as arrays: a bare Python float would be rounded to the scores' float32
        queues = np.where((scores > 0) & (scores >= np.asarray(self.reject)), REVIEW, REJECT).astype(np.int8)
        accepted = scores >= np.asarray(self.accept)
        queues[accepted] = ACCEPT
        crowded = np.flatnonzero(np.count_nonzero(accepted, axis=1) > self.most)
        further = np.argsort(-scores[crowded], axis=1, kind="stable")[:, self.most :]
        queues[crowded[:, None], further] = np.minimum(queues[crowded[:, None], further], REVIEW)
        return queues

    def sort_products(self, scores: NDArray[np.floating], decided: Bools) -> Queues:
        """Which queue each product goes to, (N,), with the labels (N, L) that it is given.

        An accepted product needs no person; a rejected one has no plausible label.
        """
        count = np.asarray(np.count_nonzero(decided, axis=1), np.float64)
        total = np.asarray(np.sum(scores, axis=1, where=decided, dtype=np.float64))
        confident = _confidence(total, count, self.most) >= self.whole
        hopeless = (count == 0) & (self.sort(scores) == REJECT).all(axis=1)
        return np.where(confident, ACCEPT, np.where(hopeless, REJECT, REVIEW)).astype(np.int8)

    def state(self) -> State:
        """Everything :meth:`from_state` needs."""
        return State(facts=asdict(self))

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The limits that `state` was taken from."""
        return cls(**state.facts)


def betting_p_value(harms: Float64Array, largest: float, delta: float) -> float:
    """A p-value of "the mean harm is 0 or above": small where N independent `harms` (N,), each at most `largest`, are below on average.

    Every harm is bet against, with a stake that only the earlier ones settle. While the mean is not below 0, the gain reaches
    ``1 / p`` with probability at most p (Ville's inequality). Stakes are the usual ones, best for a `delta` as given.

    >>> betting_p_value(np.full(1000, -0.1), largest=1, delta=0.1) < 0.01 < betting_p_value(np.tile([-0.1, 0.1], 500), largest=1, delta=0.1)
    True
    """
    number = np.arange(1, len(harms) + 1)
    mean = np.cumsum(harms) / (number + 1)
    variance = (np.cumsum(np.square(harms - mean)) + PRIOR_VARIANCE) / (number + 1)
    stakes = np.sqrt(2 * np.log(1 / delta) / (len(harms) * np.append(PRIOR_VARIANCE, variance)[:-1]))
    gains = np.cumsum(np.log1p(-np.minimum(stakes, MAX_STAKE / largest) * harms))
    return float(np.exp(-gains.max(initial=0)))


def _accept(pairs: ScoredPairs, precision: float, delta: float, most: int) -> float:
    """The lowest limit for labels that is proven to keep the precision."""
    order = np.lexsort((pairs.labels, -pairs.scores, pairs.rows))
    rows = pairs.rows[order]
    taken = order[np.arange(len(rows)) - np.searchsorted(rows, rows) < most]
    harms = np.where(pairs.hits[taken], 0.0, 1.0) - (1 - precision)
    return _lowest(
        pairs.scores[taken], pairs.rows[taken], harms, pairs.shape[0], precision * most, (precision, delta)
    )


def _whole(pairs: ScoredPairs, given: Bools, precision: float, delta: float, most: int) -> float:
    """The lowest limit for the confidence of products that is proven to keep the precision."""
    products, rows = pairs.shape[0], pairs.rows[given]
    values = (given[given], pairs.hits[given], pairs.scores[given])
    count, right, total = (
        np.bincount(rows, value.astype(np.float64), products).astype(np.float64) for value in values
    )
    harms = count - right - (1 - precision) * count
    confidence = _confidence(total, count, most)
    return _lowest(confidence, np.arange(products), harms, products, precision * most, (precision, delta))


def _lowest(
    scores: Float64Array,
    rows: Int64Array,
    harms: Float64Array,
    products: int,
    largest: float,
    promise: tuple[float, float],
) -> float:
    """The lowest limit at which what is scored at least this is proven to do no harm; :data:`NO_LIMIT` if none is."""
    precision, level = promise[0], promise[1] / len(STARTS)
    values = _p_values(_reached(scores), rows, harms, np.zeros(products), largest, level)
    starts = _reached(expit(logit(precision) + np.array(STARTS)))
    ends = [_chain(values <= level, start) for start in starts.tolist()]
    return float(LIMITS[max(ends)]) if max(ends) >= 0 else NO_LIMIT


def _reject(pairs: ScoredPairs, recall: float, delta: float, most: int) -> float:
    """The highest limit that is proven to keep the recall; 0 if none is. Of more true labels than `most` each weighs less."""
    products, rows = pairs.shape[0], pairs.rows[pairs.hits]
    true = np.bincount(pairs.true_rows, minlength=products)
    weights = np.minimum(1, most / np.maximum(true, 1))
    unscored = true - np.bincount(rows, minlength=products)
    start = weights * (unscored - (1 - recall) * true)
    turns = len(LIMITS) - _reached(
        pairs.scores[pairs.hits]
    )  # from the lowest limit upwards: from when on the label is missed
    end = _chain(_p_values(turns, rows, weights[rows], start, recall * most, delta) <= delta, 0)
    return float(LIMITS[::-1][end]) if end >= 0 else 0.0


def _confidence(total: Float64Array, count: Float64Array, most: int) -> Float64Array:
    """The mean score (N,) of the labels given, from their sum and number; 0 for products that are given none or more than `most`."""
    return np.divide(total, count, out=np.zeros(len(count)), where=(count > 0) & (count <= most))


def _reached(scores: Float64Array) -> Int64Array:
    """(E,) the first, and so the highest, of the limits that each score reaches; G if none."""
    return np.searchsorted(-LIMITS, -scores)


def _p_values(
    turns: Int64Array,
    rows: Int64Array,
    harms: Float64Array,
    start: Float64Array,
    largest: float,
    delta: float,
) -> Float64Array:
    """The p-value (G,) of every limit: products harm as `start` (N,) says, and each of E `harms` from its turn in 0 .. G on (G: never)."""
    order, total = np.argsort(turns, kind="stable"), start
    ends = np.searchsorted(turns[order], np.arange(len(LIMITS)), side="right")
    values = np.empty(len(LIMITS))
    for i, new in enumerate(np.split(order, ends)[:-1]):
        total = total + np.bincount(rows[new], harms[new], len(start))
        values[i] = betting_p_value(total, largest, delta)
    return values


def _chain(proven: Bools, start: int) -> int:
    """The last of the proven ones from `start` on without a gap; -1 if there is none."""
    length = int(np.append(proven[start:], False).argmin())
    return start + length - 1 if length else -1
