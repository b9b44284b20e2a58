"""Fusion policies fitted on the members' scores, and cross-fitted: their own scores are out of fold too."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shelfwise.config import Config
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.modality import Modality, presence_patterns
from shelfwise.core.plugin_answers import fused
from shelfwise.core.registry import make_policy
from shelfwise.core.types import Context, Floats, MemberOutputs, Prediction, Rows, State
from shelfwise.errors import ConfigError
from shelfwise.model.model import Model
from shelfwise.training.checkpoints import Checkpoints
from shelfwise.training.product_draw import draw_products


@dataclass(frozen=True)
class FittedMember:
    """A fitted member with its predictions for the training set.

    Args:
        member: the fitted modality.
        predictions: for all N rows of the training set, by the member fitted on the training rows. Those of
            the validation rows are out of sample.
        out_of_fold: for `rows`, by models that had not seen them (or in-sample predictions, where the
            settings say so).
        rows: what the policies are fitted on.
        folds: (len(rows),) the fold of each of `rows`.
    """

    member: Modality
    predictions: Prediction
    out_of_fold: Prediction
    rows: Rows
    folds: Rows


@dataclass(frozen=True)
class Stack:
    """One system's members with all their predictions.

    Args:
        name: of the system.
        parts: the members, in the policy's order.
        targets: (N, L) of all rows of the training set.
        validation: rows for early stopping, thresholds and choosing the final system; may be none.
    """

    name: str
    parts: tuple[FittedMember, ...]
    targets: Floats
    validation: Rows

    @classmethod
    def from_members(
        cls,
        name: str,
        model: Model,
        members: Mapping[str, FittedMember],
        targets: Floats,
        validation: Rows,
    ) -> Stack:
        """The stack of system `name` over those of its members that were fitted."""
        parts = tuple(members[member] for member in system_members(model, name, members))
        return cls(name, parts, targets, validation)

    def fit(self, model: Model, context: Context, checkpoints: Checkpoints) -> None:
        """Fit the policy and give it to `model`.

        Raises:
            ConfigError: as :func:`tunable_policy`.
        """
        policy = tunable_policy(model.config, self.name, cross_fitted=not len(self.validation))
        if policy.reads == "features":
            # Features of different folds are not comparable, so those of the final member are used.
            rows = np.setdiff1d(np.arange(len(self.targets)), self.validation)
            outputs = MemberOutputs.stack([part.predictions.take(rows) for part in self.parts])
        else:
            rows = self.parts[0].rows
            outputs = self._out_of_fold()
        outputs, targets = self._drawn(outputs, self.targets[rows], model, context)
        validation = self._validation()
        patterns = presence_patterns([part.member for part in self.parts])
        own_context = self._context(model, context, patterns)

        def fitted() -> State:
            return policy.fit(outputs, targets, validation, own_context).state()

        # Restored even where it was just fitted: a resumed run then goes exactly the same way.
        policy.restore(checkpoints.run(f"system.{self.name}", fitted))
        model.policies[self.name] = policy

    def tuning_scores(self, model: Model, context: Context, checkpoints: Checkpoints) -> Floats:
        """Scores to tune thresholds on: of the validation rows, or cross-fitted ones where there are none."""
        validation = self._validation()
        if validation is None:
            return self.cross_fitted(model, context, checkpoints)
        return fused(model.policies[self.name], validation[0])

    def cross_fitted(self, model: Model, context: Context, checkpoints: Checkpoints) -> Floats:
        """Scores of the rows that policies are fitted on, each by a policy fitted on the other folds."""
        outputs = self._out_of_fold()
        targets = self.targets[self.parts[0].rows]
        folds = self.parts[0].folds

        def computed() -> State:
            # (rows, L): every row is filled by exactly one fold.
            scores = np.zeros_like(outputs.scores[:, 0])
            for fold in np.unique(folds):
                others = np.flatnonzero(folds != fold)
                held_out = np.flatnonzero(folds == fold)
                # The fold's policy need only solve for the presence patterns that it will meet.
                patterns = _patterns_in(outputs.take(held_out))
                own_context = self._context(model, context, patterns)
                # A new policy a fold, and no early stopping: validation products stay out of cross-fitting.
                policy = make_policy(model.config, self.name)
                learnt = self._drawn(outputs.take(others), targets[others], model, context)
                policy = policy.fit(*learnt, None, own_context)
                scores[held_out] = fused(policy, outputs.take(held_out))
            return State({"scores": scores})

        scores: Floats = checkpoints.run(f"cross.{self.name}", computed).arrays["scores"]
        return scores

    def _drawn(
        self, outputs: MemberOutputs, targets: Floats, model: Model, context: Context
    ) -> tuple[MemberOutputs, Floats]:
        """What a policy learns from: everything, or a draw of so many products as the settings allow."""
        rows = draw_products(targets, model.config.stacking.max_products, context.seed)
        # taking all rows would copy them for nothing
        if len(rows) == len(targets):
            return outputs, targets
        return outputs.take(rows), targets[rows]

    def _out_of_fold(self) -> MemberOutputs:
        stacked = MemberOutputs.stack([part.out_of_fold for part in self.parts])
        # what is fitted on these reads scores alone, and features are wide to copy fold by fold
        return dataclasses.replace(stacked, features=())

    def _validation(self) -> tuple[MemberOutputs, Floats] | None:
        if not len(self.validation):
            return None
        outputs = MemberOutputs.stack(
            [part.predictions.take(self.validation) for part in self.parts]
        )
        return outputs, self.targets[self.validation]

    def _context(
        self, model: Model, context: Context, patterns: tuple[tuple[bool, ...], ...]
    ) -> Context:
        labels = tuple(model.labels.names)
        return dataclasses.replace(context, title=self.name, labels=labels, patterns=patterns)


def tunable_policy(config: Config, name: str, cross_fitted: bool) -> FusionPolicy:
    """The unfitted policy of system `name`.

    Raises:
        ConfigError: its settings are refused; or thresholds rest on cross-fitted scores, and the policy reads
            features, which are never out of fold.
    """
    policy = make_policy(config, name)
    if cross_fitted and policy.reads == "features":
        raise ConfigError(
            f"systems.{name}: the policy {config.systems[name].policy} reads features, so its threshold "
            "needs products that no member was trained on; set validation_fraction under [split], e.g. 0.1"
        )
    return policy


def system_members(model: Model, name: str, fitted: Mapping[str, object]) -> tuple[str, ...]:
    """The members that system `name` fuses: those it names, or all that could be fitted."""
    return model.config.systems[name].members or tuple(fitted)


def _patterns_in(outputs: MemberOutputs) -> tuple[tuple[bool, ...], ...]:
    """The presence patterns of the products; that of all members where no product has any."""
    rows = np.unique(outputs.present, axis=0).tolist()
    patterns = [tuple(row) for row in rows if any(row)]
    return tuple(patterns) or ((True,) * outputs.present.shape[1],)
