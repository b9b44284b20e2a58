"""A blend of fusion policies: each learns from the same scores, and their logits are averaged.

Dimensions: N products, or B of a batch; M members, L labels, P policies that are blended.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from pydantic import Field, PositiveFloat, ValidationInfo, field_validator, model_validator
from scipy.special import expit

from shelfwise import aliases
from shelfwise.core import registry
from shelfwise.core.fusion_policy import FusionPolicy, PolicyTask
from shelfwise.core.logit import clipped_logit
from shelfwise.core.plugin_calls import fit_each_policy, fit_policy, fused
from shelfwise.core.types import (
    Bools,
    Context,
    Float64Array,
    Floats,
    MemberOutputs,
    PluginSettings,
    State,
)
from shelfwise.errors import ShelfwiseError

if TYPE_CHECKING:
    from torch import nn

MIN_PRODUCTS = 50
"""Training products that have a set of members, for the set not to be rare."""

EPSILON = 1e-5
"""Scores nearer to 0 or 1 count as this near: a part that gives exactly 0 or 1 must not decide alone."""

OPTIONAL_SHARES = (1.0, 1 / 3, 0.0)
"""Of its weight, what an optional part may count: beside one other part a half, a quarter or nothing."""


class BlendPart(PluginSettings):
    """One of the policies that are blended; its settings are checked with those of the blend."""

    policy: str = Field(description="the name of a fusion policy that reads scores, e.g. logistic")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="the settings of that policy", validate_default=True
    )
    weight: PositiveFloat = Field(
        1.0, description="how much its logits count beside those of the other parts"
    )
    answer_rare_patterns: bool = Field(
        True,
        description="whether it also predicts products whose set of present members hardly any training "
        "product has; if not, the other parts do",
    )
    optional: bool = Field(
        False,
        description="whether it counts a third of its weight, or nothing, where out-of-fold scores are "
        "clearly better so: a network learns too little from few products",
    )

    @model_validator(mode="before")
    @classmethod
    def _rename_old_keys(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return aliases.rename_keys(values, aliases.PLUGIN_SETTINGS["blend"], "blend.parts")

    @field_validator("policy")
    @classmethod
    def _check_policy(cls, policy: str) -> str:
        try:
            registry.fusion.load(policy)
        except ShelfwiseError as error:
            raise ValueError(str(error)) from None
        return policy

    @field_validator("settings")
    @classmethod
    def _check_settings(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "policy" not in info.data:  # it is unknown, which has been reported already
            return settings
        policy = info.data["policy"]
        # made for the check alone: wrong settings are reported before anything is trained
        try:
            reads = _make_policy(policy, settings).reads
        except ShelfwiseError as error:
            raise ValueError(str(error)) from None
        if reads != "scores":
            raise ValueError(
                f"the policy {policy} reads {reads}; only policies that read scores can be blended, e.g. "
                "logistic"
            )
        return settings


class BlendSettings(PluginSettings):
    """Which policies are blended, and what each counts."""

    parts: tuple[BlendPart, ...] = Field(
        description="the policies that are blended, a table for each with policy, settings, weight, "
        "answer_rare_patterns and optional"
    )

    @field_validator("parts")
    @classmethod
    def _check_any(cls, parts: tuple[BlendPart, ...]) -> tuple[BlendPart, ...]:
        if not parts:
            raise ValueError(
                "a blend of nothing has no scores; "
                "name at least one policy, e.g. parts = [{ policy = 'logistic' }]"
            )
        return parts


class Blend(FusionPolicy):
    """The weighted mean of several policies' logits, as a score.

    One logistic regression a label and a network over all labels at once are wrong about different products,
    so that their blend is better than the better of the two. Every part has a seed of its own, so the same
    network twice is an average over two trainings. A network has learned little of a set of present members
    that training products hardly ever have. For products with such a set, a part with
    ``answer_rare_patterns = false`` does not count, unless all parts have this setting. What a part with
    ``optional = true`` counts is chosen by cross-fitted scores, where there are some.
    """

    Settings = BlendSettings
    settings: BlendSettings

    def __init__(self, settings: BlendSettings) -> None:
        super().__init__(settings)
        self.parts_ = [_make_policy(part.policy, part.settings) for part in settings.parts]
        self.fits_in_threads = all(part.fits_in_threads for part in self.parts_)
        # (P,) what each part counts; 0 where cross-fitted scores are better without it
        self.weights_ = np.array([part.weight for part in settings.parts])
        # (S, M) sets of members that enough training products have; None before fit
        self.familiar_: Bools | None = None

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Fit every part on the same products; the seed of part i is ``context.seed + i``."""
        for i, part in enumerate(self.parts_):
            # two equal parts would else learn the same
            own_context = replace(context, seed=context.seed + i)
            fit_policy(part, outputs, targets, validation, own_context)
        self.familiar_ = _common_sets(outputs.present)
        return self

    @classmethod
    def fit_each(cls, tasks: Sequence[PolicyTask]) -> None:
        """Part by part: that of all blends at once."""
        blends = [cast(Blend, task.policy) for task in tasks]
        for i in range(len(blends[0].parts_)):
            part_tasks = []
            for blend, task in zip(blends, tasks, strict=True):
                # the same seeds as in `fit`
                own_context = replace(task.context, seed=task.context.seed + i)
                part_tasks.append(replace(task, policy=blend.parts_[i], context=own_context))
            fit_each_policy(part_tasks)
        for blend, task in zip(blends, tasks, strict=True):
            blend.familiar_ = _common_sets(task.outputs.present)

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: a part has to be fitted first.
        """
        mixed = np.zeros((len(outputs), outputs.scores.shape[2]), np.float32)
        weights = self._weights(outputs.present)
        # logits add up evidence: a part that is nearly certain counts more than in a mean of scores
        for weight, part in zip(weights, self.parts_, strict=True):
            if not weight.any():
                continue
            logits = clipped_logit(fused(part, outputs), EPSILON, 1 - EPSILON)
            mixed += weight[:, None] * logits
        return outputs.zero_where_absent(expit(mixed))

    def variants(self) -> Sequence[Self]:
        """The blend with every share of its optional parts."""
        shares = [OPTIONAL_SHARES if part.optional else (1.0,) for part in self.settings.parts]
        weights = np.array([part.weight for part in self.settings.parts])
        chosen = [weights * of_parts for of_parts in itertools.product(*shares)]
        # someone has to predict, also where every part is optional
        return [self._weighted(own) for own in chosen if own.any()]

    def state(self) -> State:
        """What each part counts, and the parts' states, by place."""
        arrays: dict[str, Any] = {"weights": self.weights_}
        facts: dict[str, Any] = {}
        for i, part in enumerate(self.parts_):
            state = part.state()
            # the same policy may be there twice, so the place is the name
            arrays |= {f"part.{i}.{name}": value for name, value in state.arrays.items()}
            if state.facts:
                facts[f"part.{i}"] = dict(state.facts)
        if self.familiar_ is not None:
            arrays["familiar"] = self.familiar_
        return State(arrays, facts)

    def restore(self, state: State) -> Self:
        """Become the blend that `state` was taken from."""
        self.familiar_ = state.arrays.get("familiar")
        # models from before weights were chosen have those of the settings
        self.weights_ = state.arrays.get("weights", self.weights_)
        for i, part in enumerate(self.parts_):
            prefix = f"part.{i}."
            own = [name for name in state.arrays if name.startswith(prefix)]
            arrays = {name.removeprefix(prefix): state.arrays[name] for name in own}
            part.restore(State(arrays, state.facts.get(f"part.{i}", {})))
        return self

    def facts(self) -> dict[str, Any]:
        """The policy, weight and facts of every part."""
        parts = []
        for chosen, weight, part in zip(
            self.settings.parts, self.weights_.tolist(), self.parts_, strict=True
        ):
            parts.append({"policy": chosen.policy, "weight": weight, "facts": part.facts()})
        return {"parts": parts}

    def to_module(self) -> nn.Module:
        """The parts as networks, and the mean of their logits."""
        # torch is only needed here
        from shelfwise.nn.fusion.blended_logits import mean_of_familiar_logits, mean_of_logits
        from shelfwise.nn.fusion.fusion_module import FusionModule

        # a part that does not count need not be in the graph
        counted = np.flatnonzero(self.weights_)
        parts = [self.parts_[i].to_module() for i in counted]
        weights = self.weights_[counted]
        skips_rare = self._parts_that_skip_rare()
        if skips_rare is None or self.familiar_ is None:
            shares = (weights / weights.sum()).astype(np.float32)
            rule = partial(mean_of_logits, epsilon=EPSILON)
            return FusionModule(rule, parts, shares=shares[:, None, None])
        # a graph cannot compare with no set at all, so the set of nobody is added; it has no scores anyway
        nobody = np.zeros((1, self.familiar_.shape[1]), np.bool_)
        return FusionModule(
            partial(mean_of_familiar_logits, epsilon=EPSILON),
            parts,
            weights=weights.astype(np.float32)[:, None],
            skips_rare=skips_rare[counted, None],
            familiar=np.concatenate([nobody, self.familiar_]),
        )

    def _weights(self, present: Bools) -> Floats:
        """What each part counts for each product, (P, N); summing to 1."""
        by_part = self.weights_.astype(np.float32)
        weights = np.repeat(by_part[:, None], len(present), axis=1)
        skips_rare = self._parts_that_skip_rare()
        if skips_rare is not None and self.familiar_ is not None:
            familiar = {tuple(row) for row in self.familiar_.tolist()}
            # their weight goes to the other parts, which sum to 1 again below
            rare = np.array([tuple(row) not in familiar for row in present.tolist()], np.bool_)
            weights[np.ix_(skips_rare, rare)] = 0
        return np.asarray(weights / weights.sum(axis=0))

    def _parts_that_skip_rare(self) -> Bools | None:
        """Which parts (P,) do not count for rare sets of members; None where it makes no difference."""
        skips_rare = np.array([not part.answer_rare_patterns for part in self.settings.parts])
        of_counted = skips_rare[self.weights_ > 0]
        # someone has to predict these products
        if self.familiar_ is None or not of_counted.any() or of_counted.all():
            return None
        return skips_rare

    def _weighted(self, weights: Float64Array) -> Self:
        """This blend with other weights (P,); what the parts have learnt is shared."""
        other = copy.copy(self)
        other.weights_ = weights
        return other


def _common_sets(present: Bools) -> Bools:
    """The sets of members (S, M) that enough of N products have, kept with the model to know rare ones."""
    sets, counts = np.unique(present, axis=0, return_counts=True)
    return np.asarray(sets[counts >= MIN_PRODUCTS])


def _make_policy(policy: str, settings: dict[str, Any]) -> FusionPolicy:
    plugin: type[FusionPolicy] = registry.fusion.load(policy)
    return plugin(registry.settings(plugin, settings, policy))
