"""What labels products: a trained model, or the graph that one was exported to.

Both score products by their final system and decide by the same thresholds, calibration and taxonomy.
They differ in what computes the scores, and only a :class:`~shelfwise.model.model.Model` has members.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from shelfwise.catalog.labels import LabelSet
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.sparse_scores import by_row_blocks
from shelfwise.core.types import (
    Bools,
    Context,
    Floats,
    Matrix,
    MemberOutputs,
    Prediction,
    RejectedField,
    State,
)
from shelfwise.decision.consistency import Consistency
from shelfwise.decision.decision_rule import DecisionRule
from shelfwise.decision.thresholds import Thresholds
from shelfwise.model.bundle import Bundle
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.model.out_of_fold import OutOfFold
from shelfwise.novelty.detector import NoveltyDetector
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.taxonomy.label_mapping import LabelMapping

OPTIONAL_SECTIONS: Mapping[str, Callable[[State, Sequence[str]], Any]] = {
    "nearest_neighbours": lambda state, names: Neighbours.from_state(state),
    "out_of_fold": lambda state, names: OutOfFold.from_state(state),
    "decision_rule": lambda state, names: DecisionRule.from_state(state),
    "label_mapping": lambda state, names: LabelMapping.from_state(state),
    "taxonomy": Taxonomy.from_state,
    "novelty": lambda state, names: NoveltyDetector.from_state(state),
}
"""Parts that a predictor may lack: the name of the field and of the bundle's section, and how the part is
restored from its state and the names of the labels."""


@dataclass(frozen=True)
class MemberPredictions:
    """What the members predict for N products.

    Args:
        predictions: by member name.
        refused: fields that were there but could not be used.
        seconds: by member name, preparation included.
    """

    predictions: Mapping[str, Prediction]
    refused: tuple[RejectedField, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    def outputs(self, members: Iterable[str]) -> MemberOutputs:
        """The predictions of `members`, stacked in that order."""
        return MemberOutputs.stack([self.predictions[name] for name in members])

    def known_by(self, config: Config) -> dict[str, Bools]:
        """By field, which products (N,) a member knows by it; of what reads several fields nothing is told.

        Args:
            config: the settings of the model, which say what its members read.
        """
        known: dict[str, Bools] = {}
        for name, one in self.predictions.items():
            # an exported model predicts its final system alone
            read = config.members[name].field if name in config.members else "+"
            if "+" not in read:
                known[read] = one.present | known.get(read, False)
        return known

    @property
    def features(self) -> dict[str, Floats]:
        """The features (N, D) of each member, by its name; every member has a D of its own."""
        return {name: prediction.features for name, prediction in self.predictions.items()}

    def without_features(self) -> MemberPredictions:
        """The same for whoever reads scores alone: features are wide."""
        slim = {name: one.without_features() for name, one in self.predictions.items()}
        return replace(self, predictions=slim)


@dataclass
class Predictor(ABC):
    """What a trained model and an exported one have in common.

    Args:
        config: the settings it was trained with.
        labels: the L labels it gives; those it was trained on are others where it was migrated.
        thresholds: by system, the score from which on it gives a label.
        decide_with: the final system.
        nearest_neighbours: the index of training products, for finding similar ones.
        out_of_fold: scores of training products by models that had not seen them.
        decision_rule: calibration, thresholds and acceptance limits of the final system.
        label_mapping: from the labels of the training to `labels`, in a migrated model.
        taxonomy: how `labels` lie below each other.
        novelty: tells products unlike anything in training.
        facts: whatever else is known of the training, JSON-ready.
        seconds: by stage of the training, what it took; empty in a model that was loaded. Not saved: the same
            training gives the same bytes.
    """

    config: Config
    labels: LabelSet
    _: KW_ONLY
    thresholds: dict[str, float] = field(default_factory=dict)
    decide_with: str = ""
    nearest_neighbours: Neighbours | None = None
    out_of_fold: OutOfFold | None = None
    decision_rule: DecisionRule | None = None
    label_mapping: LabelMapping | None = None
    taxonomy: Taxonomy | None = None
    novelty: NoveltyDetector | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def n_trained_labels(self) -> int:
        """How many labels the final system scores; a migrated model's `labels` are others."""
        if self.label_mapping is None:
            return len(self.labels.names)
        return len(self.label_mapping.before)

    @property
    def label_paths(self) -> tuple[tuple[str, ...], ...]:
        """For each of L labels, the names from the root of the taxonomy to it."""
        if self.taxonomy is None:
            return tuple((name,) for name in self.labels.names)
        return self.taxonomy.paths

    @property
    @abstractmethod
    def fields(self) -> tuple[str, ...]:
        """The catalogue columns that the final system reads, each once."""

    @abstractmethod
    def members_of(self, system: str) -> tuple[str, ...]:
        """The predictions that `system` is computed from, by their names in :class:`MemberPredictions`."""

    @abstractmethod
    def predict_members(
        self, catalog: Catalog, context: Context, members: Iterable[str] | None = None
    ) -> MemberPredictions:
        """What is predicted of every product of `catalog`, for :meth:`scores`."""

    @abstractmethod
    def raw_scores(self, answers: MemberPredictions, system: str) -> Matrix:
        """Scores (N, L) of `system` for the labels of the training, before :meth:`calibrated`."""

    @abstractmethod
    def calibrated(self, scores: Matrix) -> Matrix:
        """The final system's raw scores (N, L) as probabilities of the predictor's `labels`."""

    def scores(self, answers: MemberPredictions, system: str | None = None) -> Matrix:
        """Scores (N, L) of `system` (default: the final one, whose scores are calibrated).

        They are sparse where the members' predictions are.

        A label scores at least what the labels below it score, where the settings say so.
        """
        system = system or self.decide_with
        raw = self.raw_scores(answers, system)
        # only the final system decides, so only its scores are calibrated
        if system == self.decide_with:
            return self.calibrated(raw)
        return self.consistency.propagate_to_ancestors(self.map_labels(raw))

    def map_labels(self, scores: Matrix) -> Matrix:
        """Scores (N, labels of the training) as scores (N, L) of the predictor's `labels`."""
        if self.label_mapping is None:
            return scores
        mapped = by_row_blocks(self.label_mapping.apply, scores)
        return mapped.astype(np.float32, copy=False)

    def threshold_of(self, system: str) -> float | Thresholds:
        """What `system` gives labels by: the lowest score, or, for the final system, its fitted rule."""
        # a number in the settings holds for every system
        if isinstance(self.config.threshold, float):
            return self.config.threshold
        if self.decision_rule is None or system != self.decide_with:
            return self.thresholds[system]
        rule = self.decision_rule.thresholds
        # one threshold for all labels fits any labels; those per label follow a migration
        if self.label_mapping is None or rule.rule != "per_label":
            return rule
        return replace(rule, values=self.label_mapping.apply(rule.values[None])[0])

    def tuned_threshold_of(self, system: str) -> float | Thresholds:
        """The tuned rule of `system`, which is reported even where the settings fix a threshold."""
        fixed = isinstance(self.config.threshold, float)
        return self.thresholds[system] if fixed else self.threshold_of(system)

    @property
    def consistency(self) -> Consistency:
        """How decisions are kept from contradicting the taxonomy of `labels`."""
        return Consistency(self.config.consistency, self.taxonomy)

    def decide(
        self, scores: Matrix, system: str | None = None, by: ArrayLike | Thresholds | None = None
    ) -> Matrix:
        """Decisions (N, L) from the `scores` of `system` (default: the final one), dense or sparse as these.

        Args:
            by: a threshold or rule to use instead of the system's own.
        """
        rule = self.threshold_of(system or self.decide_with) if by is None else by
        return self.consistency.decide(scores, rule)

    def bundle(self) -> Bundle:
        """The predictor as plain values."""
        # a part that is not there has no section, which is how loading knows
        parts = {name: getattr(self, name) for name in OPTIONAL_SECTIONS}
        sections = {name: part.state() for name, part in parts.items() if part is not None}
        facts = {
            **self.facts,
            "thresholds": self.thresholds,
            "decide_with": self.decide_with,
            # models without this word split texts at blanks only
            "segmentation": "unicode",
        }
        return Bundle(
            config=self.config.dump(),
            labels=tuple(self.labels.names),
            facts=facts,
            sections=sections,
        )


def shared_parts(bundle: Bundle) -> dict[str, Any]:
    """What :meth:`Predictor.bundle` wrote, as arguments of a predictor; further facts stay under "facts"."""
    config = Config.parse(bundle.config)
    # what is a field of its own is taken out of this copy
    facts = dict(bundle.facts)
    parts: dict[str, Any] = {
        "config": config,
        "labels": LabelSet(bundle.labels, config.labels.mode),
        "thresholds": facts.pop("thresholds"),
        "decide_with": facts.pop("decide_with"),
        "facts": facts,
    }
    for name, restore in OPTIONAL_SECTIONS.items():
        if name in bundle.sections:
            parts[name] = restore(bundle.sections[name], bundle.labels)
    return parts
