"""Fusion policies learnt from what the members say: fitted on honest scores, and cross-fitted for honest decisions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shelfwise.config import Config
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.modality import Modality, presence_patterns
from shelfwise.core.registry import make_policy
from shelfwise.core.types import Context, Floats, MemberOutputs, Prediction, Rows, State
from shelfwise.errors import ConfigError
from shelfwise.model.model import Model
from shelfwise.training.checkpoints import Checkpoints


@dataclass(frozen=True)
class FittedMember:
    """A fitted member with its answers.

    Args:
        member: the fitted modality.
        everywhere: for all N rows of the lesson, by the member fitted on the training rows; honest for the validation rows.
        honest: for `rows`, by models that had not seen them (or the in-sample answers, where the settings say so).
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
    """One system's members with all their answers.

    Args:
        name: of the system.
        parts: the members, in the policy's order.
        targets: (N, L) of all rows of the lesson.
        validation: rows for early stopping, thresholds and choosing the deciding system; may be none.
    """

    name: str
    parts: tuple[FittedMember, ...]
    targets: Floats
    validation: Rows

    @classmethod
    def of(
        cls, name: str, model: Model, learned: Mapping[str, FittedMember], targets: Floats, validation: Rows
    ) -> Stack:
        """The stack of system `name` over those of its members that were fitted."""
        return cls(name, tuple(learned[m] for m in system_members(model, name, learned)), targets, validation)

    def fit(self, model: Model, context: Context, stages: Checkpoints) -> None:
        """Fit the policy and give it to `model`.

        Raises:
            ConfigError: as :func:`tunable_policy`.
        """
        policy = tunable_policy(model.config, self.name, crossing=not len(self.validation))
        if policy.reads == "features":
            rows = np.setdiff1d(np.arange(len(self.targets)), self.validation)
            outputs = MemberOutputs.stack([part.predictions.take(rows) for part in self.parts])
        else:
            rows, outputs = self.parts[0].rows, self._honest()
        watched = self._watched()
        mine = self._context(model, context, presence_patterns([part.member for part in self.parts]))

        def fitted() -> State:
            return policy.fit(outputs, self.targets[rows], watched, mine).state()

        policy.restore(stages.run(f"system.{self.name}", fitted))
        model.policies[self.name] = policy

    def checked(self, model: Model, context: Context, stages: Checkpoints) -> Floats:
        """Honest scores to tune on: of the validation rows, or, where there are none, cross-fitted ones of the training rows."""
        watched = self._watched()
        return (
            self.crossed(model, context, stages)
            if watched is None
            else model.policies[self.name].fuse(watched[0])
        )

    def crossed(self, model: Model, context: Context, stages: Checkpoints) -> Floats:
        """Scores of the rows that policies are fitted on, each by a policy fitted on the other folds."""
        honest, folds = self._honest(), self.parts[0].folds

        def fitted() -> State:
            scores = np.zeros_like(honest.scores[:, 0])
            for fold in np.unique(folds):
                learnt, asked = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
                mine = self._context(model, context, _occurring(honest.take(asked)))
                other = make_policy(model.config, self.name)
                scores[asked] = other.fit(honest.take(learnt), self._learnt[learnt], None, mine).fuse(
                    honest.take(asked)
                )
            return State({"scores": scores})

        crossed: Floats = stages.run(f"cross.{self.name}", fitted).arrays["scores"]
        return crossed

    @property
    def _learnt(self) -> Floats:
        return np.asarray(self.targets[self.parts[0].rows])

    def _honest(self) -> MemberOutputs:
        return MemberOutputs.stack([part.out_of_fold for part in self.parts])

    def _watched(self) -> tuple[MemberOutputs, Floats] | None:
        if not len(self.validation):
            return None
        outputs = MemberOutputs.stack([part.predictions.take(self.validation) for part in self.parts])
        return outputs, self.targets[self.validation]

    def _context(self, model: Model, context: Context, patterns: tuple[tuple[bool, ...], ...]) -> Context:
        return dataclasses.replace(
            context, title=self.name, labels=tuple(model.labels.names), patterns=patterns
        )


def tunable_policy(config: Config, name: str, crossing: bool) -> FusionPolicy:
    """The unfitted policy of system `name`.

    Raises:
        ConfigError: its settings are refused; or, where thresholds rest on `crossing`, it reads features, of which there are
            no honest ones.
    """
    policy = make_policy(config, name)
    if crossing and policy.reads == "features":
        raise ConfigError(
            f"systems.{name}: the policy {config.systems[name].policy} reads features, so its threshold needs products "
            "that no member learnt from; set validation_fraction under [split], e.g. 0.1"
        )
    return policy


def system_members(model: Model, name: str, learned: Mapping[str, object]) -> tuple[str, ...]:
    """The members that system `name` joins: those it names, or all that could be fitted."""
    return model.config.systems[name].members or tuple(learned)


def _occurring(outputs: MemberOutputs) -> tuple[tuple[bool, ...], ...]:
    """The sets of members that are present in some product; that of all members where no product has any."""
    sets = [tuple(bool(one) for one in row) for row in np.unique(outputs.present, axis=0) if row.any()]
    return tuple(sets) or ((True,) * outputs.present.shape[1],)
