"""A blend of fusion policies: each learns from the same scores, and their answers are averaged as logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from pydantic import Field, PositiveFloat, ValidationInfo, field_validator, model_validator
from scipy.special import expit

from shelfwise import aliases
from shelfwise.core import registry
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.logit import clipped_logit
from shelfwise.core.types import Bools, Context, Floats, MemberOutputs, PluginSettings, State
from shelfwise.errors import ShelfwiseError

FEWEST = 50  # training products that have a set of members, for it not to be strange
CERTAIN = (
    1e-5  # scores nearer to 0 or 1 count as this near: a part that is certain must not silence the others
)


class BlendPart(PluginSettings):
    """One of the policies that are blended; its settings are checked with those of the blend."""

    policy: str = Field(description="the name of a fusion policy that reads scores")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="the settings of that policy", validate_default=True
    )
    weight: PositiveFloat = Field(1.0, description="what its logits count, relative to the other parts'")
    answer_rare_patterns: bool = Field(
        True,
        description="whether it is asked about products whose set of present members hardly any training product has",
    )

    @model_validator(mode="before")
    @classmethod
    def _names_of_today(cls, values: Any) -> Any:
        renamed = aliases.PLUGIN_SETTINGS["blend"]
        return aliases.rename_keys(values, renamed, "blend.parts") if isinstance(values, Mapping) else values

    @field_validator("policy")
    @classmethod
    def _is_known(cls, policy: str) -> str:
        try:
            registry.fusion.load(policy)
        except ShelfwiseError as error:
            raise ValueError(str(error)) from None
        return policy

    @field_validator("settings")
    @classmethod
    def _fit_the_policy(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "policy" not in info.data:  # unknown, which is told already
            return settings
        try:
            reads = _made(info.data["policy"], settings).reads
        except ShelfwiseError as error:
            raise ValueError(str(error)) from None
        if reads != "scores":
            raise ValueError(
                f"the policy {info.data['policy']} reads {reads}; only policies that read scores can be blended, e.g. logistic"
            )
        return settings


class BlendSettings(PluginSettings):
    """Which policies are blended, and what each counts."""

    parts: tuple[BlendPart, ...] = Field(description="the policies, each with its settings and weight")

    @field_validator("parts")
    @classmethod
    def _are_some(cls, parts: tuple[BlendPart, ...]) -> tuple[BlendPart, ...]:
        if not parts:
            raise ValueError(
                "a blend of nothing has no scores; name at least one policy, e.g. parts = [{ policy = 'logistic' }]"
            )
        return parts


class Blend(FusionPolicy):
    """The weighted mean of several policies' logits, as a score: their geometric mean, weighed against that of "not this label".

    One logistic regression a label and a network over all labels at once are wrong about different products, so that
    their blend is better than the better of the two. Every part has a seed of its own, so that the same network twice
    is an average over two trainings. A network has learnt little of a set of present members that training products hardly
    ever have; where such a set is met, a part with ``answer_rare_patterns = false`` leaves the answer to the others, if there are any.
    """

    Settings = BlendSettings
    settings: BlendSettings

    def __init__(self, settings: BlendSettings) -> None:
        super().__init__(settings)
        self.parts_ = [_made(part.policy, part.settings) for part in settings.parts]
        self.familiar_: Bools | None = (
            None  # (S, M) sets of members that enough training products have; None before fit
        )

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Fit every part on the same products; the seed of part i is ``context.seed + i``."""
        for i, part in enumerate(self.parts_):
            part.fit(outputs, targets, validation, replace(context, seed=context.seed + i))
        sets, counts = np.unique(outputs.present, axis=0, return_counts=True)
        self.familiar_ = sets[counts >= FEWEST]
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L); 0 where no member is present.

        Raises:
            NotFittedError: a part has to be fitted first.
        """
        mixed = np.zeros((len(outputs), outputs.scores.shape[2]), np.float32)
        for weight, part in zip(self._weights(outputs.present), self.parts_, strict=True):
            mixed += weight[:, None] * clipped_logit(part.fuse(outputs), CERTAIN, 1 - CERTAIN)
        return outputs.zero_where_absent(expit(mixed))

    def _weights(self, present: Bools) -> Floats:
        """What each part counts for each product, (parts, N); summing to 1."""
        wanted = self.settings.parts
        weights = np.repeat(np.array([[part.weight] for part in wanted], np.float32), len(present), axis=1)
        shy = np.array([not part.answer_rare_patterns for part in wanted])
        if self.familiar_ is not None and shy.any() and not shy.all():
            known = {tuple(row) for row in self.familiar_.tolist()}
            strange = np.array([tuple(row) not in known for row in present.tolist()], np.bool_)
            weights[np.ix_(shy, strange)] = 0
        return np.asarray(weights / weights.sum(axis=0))

    def state(self) -> State:
        """The parts' states, by place."""
        states = [part.state() for part in self.parts_]
        arrays = {
            f"part.{i}.{name}": value
            for i, state in enumerate(states)
            for name, value in state.arrays.items()
        }
        facts = {f"part.{i}": dict(state.facts) for i, state in enumerate(states) if state.facts}
        if self.familiar_ is not None:
            arrays["familiar"] = self.familiar_
        return State(arrays, facts)

    def restore(self, state: State) -> Self:
        """Become the blend that `state` was taken from."""
        self.familiar_ = state.arrays.get("familiar")
        for i, part in enumerate(self.parts_):
            prefix = f"part.{i}."
            arrays = {
                name.removeprefix(prefix): value
                for name, value in state.arrays.items()
                if name.startswith(prefix)
            }
            part.restore(State(arrays, state.facts.get(f"part.{i}", {})))
        return self

    def facts(self) -> dict[str, Any]:
        """The policy, weight and facts of every part."""
        parts = zip(self.settings.parts, self.parts_, strict=True)
        return {
            "parts": [
                {"policy": wanted.policy, "weight": wanted.weight, "facts": part.facts()}
                for wanted, part in parts
            ]
        }


def _made(policy: str, settings: dict[str, Any]) -> FusionPolicy:
    plugin: type[FusionPolicy] = registry.fusion.load(policy)
    return plugin(registry.settings(plugin, settings, policy))
