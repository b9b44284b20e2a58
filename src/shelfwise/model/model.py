"""A fitted model: members, fusion policies and thresholds, and how they answer for new products."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from shelfwise.catalog.labels import LabelSet
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.modality import Modality
from shelfwise.core.presence import predict_present
from shelfwise.core.registry import make_member, make_policy
from shelfwise.core.types import Bools, Context, Floats, MemberOutputs, Prediction, RejectedField, State
from shelfwise.decision.consistency import Consistency
from shelfwise.decision.decision_rule import DecisionRule
from shelfwise.decision.thresholds import Thresholds
from shelfwise.model.bundle import Bundle
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.model.out_of_fold import OutOfFold
from shelfwise.novelty.detector import NoveltyDetector
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.taxonomy.label_mapping import LabelMapping


@dataclass(frozen=True)
class MemberPredictions:
    """What the members say of N products.

    Args:
        predictions: by member name.
        refused: fields that were there but could not be used.
        seconds: by member name, preparation included.
    """

    predictions: Mapping[str, Prediction]
    refused: tuple[RejectedField, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    def outputs(self, members: Iterable[str]) -> MemberOutputs:
        """The answers of `members`, stacked in that order."""
        return MemberOutputs.stack([self.predictions[name] for name in members])


@dataclass
class Model:
    """Everything a bundle holds, alive.

    A *system* is a member alone or a fusion of members; each has a name, a threshold and (N, L) scores.
    """

    config: Config
    labels: LabelSet
    members: dict[str, Modality]
    policies: dict[str, FusionPolicy] = field(default_factory=dict)
    system_members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    decide_with: str = ""
    nearest_neighbours: Neighbours | None = None
    out_of_fold: OutOfFold | None = None
    decision_rule: DecisionRule | None = None
    label_mapping: LabelMapping | None = None
    taxonomy: Taxonomy | None = None
    novelty: NoveltyDetector | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def n_trained_labels(self) -> int:
        """How many labels members and policies know; a migrated model's `labels` are others."""
        return len(self.labels.names) if self.label_mapping is None else len(self.label_mapping.before)

    @property
    def systems(self) -> list[str]:
        """Names of all systems: the members, then the fusions."""
        return [*self.members, *self.policies]

    def members_of(self, system: str) -> tuple[str, ...]:
        """The members that `system` listens to."""
        return self.system_members.get(system, (system,))

    def threshold_of(self, system: str) -> float | Thresholds:
        """What `system` gives labels by: the score from which on, or, of the deciding system, its fitted rule."""
        if isinstance(self.config.threshold, float):
            return self.config.threshold
        if self.decision_rule is None or system != self.decide_with:
            return self.thresholds[system]
        rule = self.decision_rule.thresholds
        if self.label_mapping is None or rule.rule != "per_label":
            return rule
        return replace(rule, values=self.label_mapping.apply(rule.values[None])[0])

    @property
    def consistency(self) -> Consistency:
        """How decisions are kept from contradicting the taxonomy of `labels`."""
        return Consistency(self.config.consistency, self.taxonomy)

    def decide(
        self, scores: Floats, system: str | None = None, by: ArrayLike | Thresholds | None = None
    ) -> Bools:
        """Decisions (N, L) from the `scores` of `system` (default: the deciding one), by its own threshold or rule unless `by` is given."""
        return self.consistency.decide(
            scores, self.threshold_of(system or self.decide_with) if by is None else by
        )

    def predict_members(
        self, catalog: Catalog, context: Context, members: Iterable[str] | None = None
    ) -> MemberPredictions:
        """Let `members` (default: those the deciding system listens to) answer for every product of `catalog`.

        Features are as wide where no product has a member's field as they are elsewhere.
        """
        predictions, refused, seconds = {}, [], {}
        for name in self.members_of(self.decide_with) if members is None else members:
            started = time.perf_counter()
            modality = self.members[name]
            inputs = modality.prepare(catalog, context)
            answer = predict_present(modality, inputs, self.n_trained_labels, context)
            if not answer.features.shape[1]:
                width = self.facts.get("widths", {}).get(name, 0)
                answer = replace(answer, features=np.zeros((len(inputs), width), np.float32))
            predictions[name] = answer
            refused += inputs.refused
            seconds[name] = time.perf_counter() - started
        return MemberPredictions(
            predictions, tuple(dict.fromkeys(refused)), seconds
        )  # several members may read one picture

    def scores(self, answers: MemberPredictions, system: str | None = None) -> Floats:
        """Scores (N, L) of `system` (default: the deciding one, whose scores are calibrated), raised as the taxonomy demands."""
        system = system or self.decide_with
        raw = self.raw_scores(answers, system)
        return (
            self.calibrated(raw)
            if system == self.decide_with
            else self.consistency.propagate_to_ancestors(self.map_labels(raw))
        )

    def calibrated(self, scores: Floats) -> Floats:
        """The deciding system's raw scores (N, L) as probabilities of the model's `labels`."""
        likely = scores if self.decision_rule is None else self.decision_rule.probabilities(scores)
        return self.consistency.propagate_to_ancestors(self.map_labels(likely))

    def map_labels(self, scores: Floats) -> Floats:
        """Scores of the labels that were learnt as scores of the model's `labels`."""
        return (
            scores if self.label_mapping is None else np.asarray(self.label_mapping.apply(scores), np.float32)
        )

    def raw_scores(self, answers: MemberPredictions, system: str) -> Floats:
        """Scores (N, L) of `system` before any calibration."""
        if system in self.members:
            return answers.predictions[system].probabilities
        outputs = answers.outputs(self.system_members[system])
        return outputs.zero_where_absent(self.policies[system].fuse(outputs))

    def bundle(self) -> Bundle:
        """The model as plain values."""
        sections = {f"member.{n}": m.state() for n, m in self.members.items()}
        sections |= {f"system.{n}": p.state() for n, p in self.policies.items()}
        if self.nearest_neighbours is not None:
            sections["nearest_neighbours"] = self.nearest_neighbours.state()
        if self.out_of_fold is not None:
            sections["out_of_fold"] = self.out_of_fold.state()
        if self.decision_rule is not None:
            sections["decision_rule"] = self.decision_rule.state()
        if self.label_mapping is not None:
            sections["label_mapping"] = self.label_mapping.state()
        if self.taxonomy is not None:
            sections["taxonomy"] = self.taxonomy.state()
        if self.novelty is not None:
            sections["novelty"] = self.novelty.state()
        facts = {
            **self.facts,
            "thresholds": self.thresholds,
            "decide_with": self.decide_with,
            "members": list(self.members),
            "systems": {n: list(self.system_members[n]) for n in self.policies},
        }
        return Bundle(self.config.dump(), tuple(self.labels.names), facts, sections)

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> Model:
        """The model that `bundle` was taken from."""
        config, facts = Config.parse(bundle.config), dict(bundle.facts)
        joins = {name: tuple(members) for name, members in facts.pop("systems").items()}
        members = {
            n: make_member(config, n).restore(bundle.sections[f"member.{n}"]) for n in facts.pop("members")
        }
        policies = {
            n: make_policy(config, n).restore(bundle.sections.get(f"system.{n}", State())) for n in joins
        }
        thresholds, decide_with = facts.pop("thresholds"), facts.pop("decide_with")
        kinds: dict[str, Any] = {
            "nearest_neighbours": Neighbours,
            "out_of_fold": OutOfFold,
            "decision_rule": DecisionRule,
            "label_mapping": LabelMapping,
            "novelty": NoveltyDetector,
        }
        parts: dict[str, Any] = {
            n: kind.from_state(bundle.sections[n]) for n, kind in kinds.items() if n in bundle.sections
        }
        labels = LabelSet(bundle.labels, config.labels.mode)
        if "taxonomy" in bundle.sections:
            parts["taxonomy"] = Taxonomy.from_state(bundle.sections["taxonomy"], labels.names)
        return cls(config, labels, members, policies, joins, thresholds, decide_with, facts=facts, **parts)
