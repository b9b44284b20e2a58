"""Hierarchical decoding: scores that never contradict the tree of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field

from shelfwise import registry
from shelfwise.catalog.labels import SEPARATOR
from shelfwise.contracts import Context, Floats, FusionPolicy, MemberOutputs, PluginSettings, Rows, State
from shelfwise.errors import ConfigError, NotFittedError

ROOT = -1


class HierarchicalSettings(PluginSettings):
    """Whose scores are decoded, and how."""

    base: str = Field("mean", description="the fusion policy whose scores are decoded; logistic makes it one classifier a node")
    base_settings: dict[str, Any] = Field(default_factory=dict, description="the settings of that policy")
    rule: Literal["max", "minimum", "product"] = Field(
        "max",
        description="max: a label scores at least what any label below it does; minimum: at most what its parent does; "
        "product: its own score times its parent's",
    )


class Hierarchical(FusionPolicy):
    """Decodes another policy's scores h along the tree of the labels, which their path names carry ("A > B > C").

    ``max`` is the constraint of C-HMCNN (Giunchiglia and Lukasiewicz 2020): p_A = max of h_B over A and all below it.
    ``minimum`` and ``product`` go from the top down (Vandic et al. 2018): under ``minimum`` a label passes a threshold
    if and only if it and every label above it do. Under each rule no label scores more than its parent.
    """

    Settings = HierarchicalSettings
    settings: HierarchicalSettings

    def __init__(self, settings: HierarchicalSettings) -> None:
        super().__init__(settings)
        if settings.base == "hierarchical":
            raise ConfigError("the policy hierarchical cannot decode itself: base must be another policy, e.g. base = 'mean'")
        plugin: type[FusionPolicy] = registry.fusion.load(settings.base)
        self.base = plugin(registry.settings(plugin, settings.base_settings, "base_settings"))
        self.reads = self.base.reads
        self.parents_: Rows | None = None

    def fit(self, outputs: MemberOutputs, targets: Floats, validation: tuple[MemberOutputs, Floats] | None, context: Context) -> Self:
        """Read the tree off the labels' names, and fit the base.

        Raises:
            ConfigError: no label lies below another.
        """
        parents = parents_of(context.labels)
        if not (parents != ROOT).any():
            raise ConfigError(
                f"the policy hierarchical found no label below another among {len(parents)} labels; "
                "let labels carry their paths: labels.mode = 'path'"
            )
        self.base.fit(outputs, targets, validation, context)
        self.parents_ = parents
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L), none above its parent's; 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        if self.parents_ is None:
            raise NotFittedError("this policy was never fitted; call fit, or restore a saved state, first")
        return outputs.silenced(decoded(self.base.fuse(outputs), self.parents_, self.settings.rule))

    def state(self) -> State:
        """The base's state, and each label's parent."""
        if self.parents_ is None:
            raise NotFittedError("this policy was never fitted; there is no state to take")
        base = self.base.state()
        return State({"parents": self.parents_} | {f"base.{name}": value for name, value in base.arrays.items()}, {"base": base.facts})

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        arrays = {name.removeprefix("base."): value for name, value in state.arrays.items() if name.startswith("base.")}
        self.base.restore(State(arrays, state.facts["base"]))
        self.parents_ = state.arrays["parents"]
        return self

    def facts(self) -> dict[str, Any]:
        """How many labels lie below another, and the base's facts."""
        return {"labels_with_a_parent": 0 if self.parents_ is None else int((self.parents_ != ROOT).sum()), "base": self.base.facts()}


def parents_of(labels: Sequence[str]) -> Rows:
    """The index (L,) of every label's nearest ancestor among the labels, -1 for those that have none.

    >>> parents_of(["Pets", "Pets > Birds > Feeding", "Toys"]).tolist()
    [-1, 0, -1]
    """
    place = {name: index for index, name in enumerate(labels)}

    def nearest(name: str) -> int:
        while SEPARATOR in name:
            name = name.rpartition(SEPARATOR)[0]
            if name in place:
                return place[name]
        return ROOT

    return np.array([nearest(name) for name in labels], np.int64)


def decoded(scores: Floats, parents: Rows, rule: Literal["max", "minimum", "product"]) -> Floats:
    """Scores (N, L) made to agree with the tree `parents` (L,); see :class:`Hierarchical`.

    >>> scores, parents = np.array([[0.25, 0.5, 1.0]], np.float32), np.array([-1, 0, 1])
    >>> {rule: decoded(scores, parents, rule).tolist()[0] for rule in ("max", "minimum", "product")}
    {'max': [1.0, 1.0, 1.0], 'minimum': [0.25, 0.25, 0.25], 'product': [0.25, 0.125, 0.125]}
    """
    result = scores.copy()
    downwards = [int(label) for label in np.argsort(_depths(parents), kind="stable") if parents[label] != ROOT]
    if rule == "max":
        for label in reversed(downwards):
            result[:, parents[label]] = np.maximum(result[:, parents[label]], result[:, label])
    else:
        join = np.minimum if rule == "minimum" else np.multiply
        for label in downwards:
            result[:, label] = join(result[:, label], result[:, parents[label]])
    return result


def _depths(parents: Rows) -> Rows:
    """How many labels lie above each (L,)."""
    depths, above = np.zeros(len(parents), np.int64), parents
    while (above != ROOT).any():
        depths += above != ROOT
        above = np.where(above == ROOT, ROOT, parents[above])
    return depths
