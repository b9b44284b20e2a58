"""A trained model: its members and fusion policies, and how they score new products.

Dimensions: N products, L labels, D features of one member.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from shelfwise.core.catalog import Catalog
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.modality import Modality
from shelfwise.core.plugin_calls import fused_predictions
from shelfwise.core.presence import predict_present
from shelfwise.core.registry import make_member, make_policy
from shelfwise.core.sparse_scores import zero_rows
from shelfwise.core.types import (
    Context,
    FieldInputs,
    Matrix,
    Prediction,
    RejectedField,
    State,
)
from shelfwise.errors import BundleError
from shelfwise.model.bundle import Bundle
from shelfwise.model.predictor import MemberPredictions, Predictor, shared_parts
from shelfwise.model.unknown_products import unknown_fields


@dataclass
class Model(Predictor):
    """Everything a bundle holds, in memory.

    A *system* is a member alone or a fusion of members; each has a name, a threshold and (N, L) scores.

    Args:
        members: by name, fitted.
        policies: of the systems that fuse members, by system, fitted.
        system_members: by system, the members it fuses, in its order.
        training_refused: fields of training products that could not be used. They are told in the report;
            a model that was loaded has none.
    """

    members: dict[str, Modality]
    policies: dict[str, FusionPolicy] = field(default_factory=dict)
    system_members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    training_refused: tuple[RejectedField, ...] = ()

    @property
    def systems(self) -> list[str]:
        """Names of all systems: the members, then the fusions."""
        return [*self.members, *self.policies]

    @property
    def fields(self) -> tuple[str, ...]:
        """The catalogue columns that the final system reads, each once."""
        return self.fields_of(self.members_of(self.decide_with))

    def fields_of(self, members: Iterable[str]) -> tuple[str, ...]:
        """The catalogue columns that `members` read, each once."""
        settings = self.config.members
        names: dict[str, None] = {}
        for member in members:
            # a member of several fields names them with a plus sign between
            names |= dict.fromkeys(settings[member].field.split("+"))
        return tuple(names)

    def members_of(self, system: str) -> tuple[str, ...]:
        """The members that `system` fuses; a member is a system of itself."""
        return self.system_members.get(system, (system,))

    def predict_members(
        self,
        catalog: Catalog,
        context: Context,
        members: Iterable[str] | None = None,
        highest_only: bool = False,
    ) -> MemberPredictions:
        """What `members` (default: those of the final system) predict for every product of `catalog`.

        Features are as wide where no product has a member's field as they are elsewhere. A product of which
        no member of the final system knows anything has no prediction: it would be the average of the
        training.

        Args:
            highest_only: keep each product's highest probabilities alone, as sparse rows.
        """
        predictions: dict[str, Prediction] = {}
        refused: list[RejectedField] = []
        seconds: dict[str, float] = {}
        if members is None:
            members = self.members_of(self.decide_with)
        asked = tuple(members)
        known = np.zeros(len(catalog), np.bool_)
        # told: by a member that can tell what it knows
        told = np.zeros(len(catalog), np.bool_)
        for name in asked:
            started = time.perf_counter()
            modality = self.members[name]
            inputs = modality.prepare(catalog, context)
            predictions[name] = self._predict_member(name, inputs, context, highest_only)
            refused += inputs.refused
            # most products are known to the first member, and the others need not look them up
            if (inputs.present & ~known).any():
                knows = modality.knows(inputs)
                if knows is not None:
                    can_tell = modality.can_tell(inputs)
                    told |= can_tell
                    known |= knows & can_tell
            seconds[name] = time.perf_counter() - started
        # a part of the members cannot tell what the others know
        unknown = told & ~known
        if unknown.any() and set(asked) >= set(self.members_of(self.decide_with)):
            predictions = {name: one.without(unknown) for name, one in predictions.items()}
            rows = np.flatnonzero(unknown)
            refused += unknown_fields(catalog, rows, self.fields_of(asked), refused)
        # several members may read one image, and each rejects it
        refused_once = tuple(dict.fromkeys(refused))
        return MemberPredictions(predictions, refused_once, seconds)

    def _predict_member(
        self, name: str, inputs: FieldInputs, context: Context, highest_only: bool
    ) -> Prediction:
        """One member's prediction for all products, its features as wide as ever."""
        member = self.members[name]
        labels = self.n_trained_labels
        prediction = predict_present(member, inputs, labels, context, highest_only)
        if prediction.features.shape[1]:
            return prediction
        # no product is present, so only the training knows how wide the features are
        width = self.facts.get("widths", {}).get(name, 0)
        return replace(prediction, features=np.zeros((len(inputs), width), np.float32))

    def calibrated(self, scores: Matrix) -> Matrix:
        """The final system's raw scores (N, L) as probabilities of the model's `labels`."""
        # in this order: curves are of the labels of the training, the taxonomy is of those of today
        if self.decision_rule is not None:
            scores = self.decision_rule.probabilities(scores)
        mapped = self.map_labels(scores)
        return self.consistency.propagate_to_ancestors(mapped)

    def raw_scores(self, answers: MemberPredictions, system: str) -> Matrix:
        """Scores (N, L) of `system` before any calibration."""
        # a member alone is not fused
        if system in self.members:
            return answers.predictions[system].probabilities
        predictions = [answers.predictions[name] for name in self.system_members[system]]
        scores = fused_predictions(self.policies[system], predictions)
        # a product that is absent from every member scores 0
        known = np.any([one.present for one in predictions], axis=0)
        return zero_rows(scores, ~known)

    def bundle(self) -> Bundle:
        """The model as plain values."""
        shared = super().bundle()
        sections = {f"member.{name}": member.state() for name, member in self.members.items()}
        sections |= {f"system.{name}": policy.state() for name, policy in self.policies.items()}
        systems = {name: list(self.system_members[name]) for name in self.policies}
        facts = {**shared.facts, "members": list(self.members), "systems": systems}
        return replace(shared, facts=facts, sections={**sections, **shared.sections})

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> Model:
        """The model that `bundle` was taken from.

        Raises:
            KeyError: a system fuses a member that is not in the bundle.
        """
        parts = shared_parts(bundle)
        config = parts["config"]
        facts = parts["facts"]
        members = {}
        for name in facts.pop("members"):
            members[name] = make_member(config, name).restore(bundle.sections[f"member.{name}"])
        system_members = {name: tuple(fused) for name, fused in facts.pop("systems").items()}
        policies = {}
        # a policy names what it fuses, and the final system may be a member
        named = {parts["decide_with"], *chain(*system_members.values())} - {""}
        for name in named - system_members.keys() - members.keys():
            raise KeyError(name)
        for name in system_members:
            # A policy without anything fitted has no section.
            state = bundle.sections.get(f"system.{name}", State())
            policies[name] = make_policy(config, name).restore(state)
        return cls(members=members, policies=policies, system_members=system_members, **parts)


def require_members(predictor: Predictor, action: str) -> Model:
    """`predictor` as a model with members, for what cannot be done without them.

    Args:
        action: what is wanted, to go after "it cannot".

    Raises:
        BundleError: it is an exported model.
    """
    if isinstance(predictor, Model):
        return predictor
    raise BundleError(
        f"an exported model has no members, so it cannot {action}; use the model it was exported from"
    )
