"""Gradient-boosted stacking: one ensemble of trees that judges every (product, label) pair by what the members say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier

from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, Rows, State
from shelfwise.errors import NotFittedError

ABSENT = -1.0  # below every score: a split can tell absent members apart
PAIRS = 4096  # walked at a time: their places in all trees stay in the processor's cache
PRODUCTS = 1024


class BoostedSettings(PluginSettings):
    """The ensemble, and what it is fitted on."""

    trees: PositiveInt = Field(100, description="boosting steps, one tree each")
    learning_rate: PositiveFloat = 0.1
    leaves: int = Field(16, ge=2, description="at most so many a tree")
    depth: PositiveInt = Field(5, description="questions to a leaf, at most")
    least: PositiveInt = Field(20, description="pairs in a leaf, at least")
    l2: float = Field(1.0, ge=0, description="penalty on the leaves' values")
    negatives: PositiveInt = Field(
        20,
        description="pairs without the label that are kept for every pair with it, drawn at random and weighed up to the whole",
    )


@dataclass(frozen=True)
class Forest:
    """Regression trees as arrays over all their K nodes; a leaf leads to itself.

    Args:
        roots: (T,) each tree's first node.
        feature, threshold: (K,) a pair goes left where its feature is at most the threshold.
        left, right: (K,) the next node.
        value: (K,) what a leaf adds to the log-odds.
        steps: from any root to any leaf, at most.
        baseline: log-odds before any tree.
    """

    roots: Rows
    feature: Rows
    threshold: NDArray[np.float64]
    left: Rows
    right: Rows
    value: NDArray[np.float64]
    steps: int
    baseline: float

    def probabilities(self, features: Floats) -> NDArray[np.float64]:
        """Of pairs (P, F): (P,)."""
        parts = [self._log_odds(features[start : start + PAIRS]) for start in range(0, len(features), PAIRS)]
        return np.asarray(expit(np.concatenate(parts))) if parts else np.zeros(0)

    def _log_odds(self, features: Floats) -> NDArray[np.float64]:
        """All trees at once: (P, T) places, one step down a turn."""
        columns, pair = features.T.astype(np.float64), np.arange(len(features))[:, None]
        node = np.broadcast_to(self.roots, (len(features), len(self.roots)))
        for _ in range(self.steps):
            goes_left = columns[self.feature[node], pair] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        return np.asarray(self.baseline + self.value[node].sum(axis=1))


class Boosted(FusionPolicy):
    """Stacking with gradient-boosted trees (as the Rakuten challenge's third place fuses), shared by all labels.

    A pair is described by every member's score of the label (-1 where absent), their mean and maximum, how far the mean
    lies behind that of the product's first label, and the label's frequency.
    """

    Settings = BoostedSettings
    settings: BoostedSettings

    def __init__(self, settings: BoostedSettings) -> None:
        super().__init__(settings)
        self.forest_: Forest | None = None
        self.frequency_: Floats = np.zeros(0, np.float32)

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Grow the trees on all pairs with the label and some of those without it."""
        rows = np.flatnonzero(outputs.present.any(axis=1))
        known, wanted = outputs.take(rows), targets[rows] > 0
        self.frequency_ = wanted.mean(axis=0, dtype=np.float64).astype(np.float32)
        positive, negative = np.flatnonzero(wanted), np.flatnonzero(~wanted)
        kept = min(len(negative), self.settings.negatives * max(len(positive), 1))
        chosen = np.sort(np.random.default_rng(context.seed).choice(negative, kept, replace=False))
        weights = np.repeat([1.0, len(negative) / max(kept, 1)], [len(positive), kept])
        features = _described(known, self.frequency_, np.concatenate([positive, chosen]))
        self.forest_ = self._grown(features, np.repeat([1, 0], [len(positive), kept]), weights, context.seed)
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        forest, labels = self._fitted(), len(self.frequency_)
        fused = np.zeros((len(outputs), labels), np.float32)
        for rows, features in _portions(outputs, self.frequency_):
            fused[rows] = forest.probabilities(features.reshape(len(rows) * labels, -1)).reshape(-1, labels)
        return outputs.zero_where_absent(fused)

    def state(self) -> State:
        """The trees' nodes, and the labels' frequencies."""
        forest = vars(self._fitted())
        arrays = {name: value for name, value in forest.items() if isinstance(value, np.ndarray)}
        return State(
            {**arrays, "frequency": self.frequency_},
            {"steps": forest["steps"], "baseline": forest["baseline"]},
        )

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        arrays: dict[str, Any] = dict(state.arrays)
        self.frequency_ = arrays.pop("frequency")
        self.forest_ = Forest(**arrays, **state.facts)
        return self

    def facts(self) -> dict[str, Any]:
        """The size of the ensemble."""
        forest = self._fitted()
        return {"trees": len(forest.roots), "nodes": len(forest.value)}

    def _grown(self, features: Floats, wanted: Rows, weights: NDArray[np.float64], seed: int) -> Forest:
        if len(np.unique(wanted)) < 2:  # nothing to tell apart: every pair is the same
            nothing, none = np.zeros(0), np.zeros(0, np.int64)
            return Forest(
                none, none, nothing, none, none, nothing, 0, float(logit(wanted.mean().clip(1e-6, 1 - 1e-6)))
            )
        own = self.settings
        model = HistGradientBoostingClassifier(
            learning_rate=own.learning_rate,
            max_iter=own.trees,
            max_leaf_nodes=own.leaves,
            max_depth=own.depth,
            min_samples_leaf=own.least,
            l2_regularization=own.l2,
            early_stopping=False,
            random_state=seed,
        )
        return grown_forest(model.fit(features, wanted, sample_weight=weights))

    def _fitted(self) -> Forest:
        if self.forest_ is None:
            raise NotFittedError("this policy was never fitted; call fit, or restore a saved state, first")
        return self.forest_


def grown_forest(model: HistGradientBoostingClassifier) -> Forest:
    """The trees of a fitted two-class model without categorical features, as arrays that need no pickle."""
    trees = [tree.nodes for (tree,) in model._predictors]
    starts = np.cumsum([0, *map(len, trees)])[:-1]
    nodes = np.concatenate(trees)
    shift, itself, leaf = (
        np.repeat(starts, [len(t) for t in trees]),
        np.arange(len(nodes)),
        nodes["is_leaf"] > 0,
    )
    return Forest(
        roots=starts.astype(np.int64),
        feature=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        left=np.where(leaf, itself, nodes["left"] + shift),
        right=np.where(leaf, itself, nodes["right"] + shift),
        value=np.where(leaf, nodes["value"], 0.0),
        steps=int(nodes["depth"].max()),
        baseline=float(np.ravel(model._baseline_prediction)[0]),
    )


def _described(outputs: MemberOutputs, frequency: Floats, pairs: Rows) -> Floats:
    """The features (P, F) of `pairs`, numbers into the flattened (N, L)."""
    labels, described = len(frequency), np.zeros((len(pairs), outputs.present.shape[1] + 4), np.float32)
    for rows, features in _portions(outputs, frequency):
        mine = np.flatnonzero((pairs >= rows[0] * labels) & (pairs < (rows[-1] + 1) * labels))
        described[mine] = features.reshape(len(rows) * labels, -1)[pairs[mine] - rows[0] * labels]
    return described


def _portions(outputs: MemberOutputs, frequency: Floats) -> Iterator[tuple[Rows, Floats]]:
    """Some products at a time, with the features (B, L, M + 4) of their pairs."""
    for start in range(0, len(outputs), PRODUCTS):
        rows = np.arange(start, min(start + PRODUCTS, len(outputs)))
        part = outputs.take(rows)
        scores = part.fill_absent(ABSENT)
        mean = part.fill_absent(0).sum(axis=1) / np.maximum(part.present.sum(axis=1), 1)[:, None]
        behind = mean - mean.max(axis=1, keepdims=True)
        summary = [mean, scores.max(axis=1), behind, np.broadcast_to(frequency, mean.shape)]
        yield (
            rows,
            np.concatenate([scores.transpose(0, 2, 1), np.stack(summary, axis=2)], axis=2).astype(np.float32),
        )
