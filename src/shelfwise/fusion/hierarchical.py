"""Hierarchical decoding: scores that never contradict the tree of the labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from shelfwise.core import registry
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, Rows, State
from shelfwise.errors import ConfigError, NotFittedError
from shelfwise.taxonomy.tree_scores import ROOT, decoded, tree_of


class HierarchicalSettings(PluginSettings):
    """Whose scores are decoded, what these are learnt from, and how they are decoded."""

    base: str = Field("mean", description="the fusion policy whose scores are decoded")
    base_settings: dict[str, Any] = Field(default_factory=dict, description="the settings of that policy")
    trained_on: Literal["all", "parent"] = Field(
        "all",
        description="all: one base for all labels; parent: one for each label that has others below it, told apart among its own products",
    )
    rule: Literal["max", "minimum", "product"] = Field(
        "max",
        description="max: a label scores at least what any label below it does; minimum: at most what its parent does; "
        "product: its own score times its parent's",
    )

    @model_validator(mode="after")
    def _conditions_go_down(self) -> Self:
        if self.trained_on == "parent" and self.rule == "max":
            raise ValueError(
                "rule is 'max', but with trained_on = 'parent' a score says nothing before its parent's is known; "
                "set rule to 'minimum' or 'product'"
            )
        return self


class Hierarchical(FusionPolicy):
    """Decodes another policy's scores h along the tree of the labels, which their path names carry ("A > B > C").

    ``max`` is the constraint of C-HMCNN (Giunchiglia and Lukasiewicz 2020): p_A = max of h_B over A and all below it;
    the policy `coherent` is trained for it as well. ``minimum`` and ``product`` go from the top down: under ``minimum`` a
    label passes a threshold if and only if it and every label above it do. Under each rule no label scores more than its parent.

    With ``trained_on = "parent"`` there is one classifier a parent node (Vandic et al. 2018): it tells that node's
    children apart, and has seen the node's own products only, so its scores are chances *given* the parent.
    """

    Settings = HierarchicalSettings
    settings: HierarchicalSettings

    def __init__(self, settings: HierarchicalSettings) -> None:
        super().__init__(settings)
        if settings.base == "hierarchical":
            raise ConfigError(
                "the policy hierarchical cannot decode itself: base must be another policy, e.g. base = 'mean'"
            )
        self.reads = self._make_base().reads
        self.bases_: dict[int, FusionPolicy] = {}
        self.parents_: Rows | None = None

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Read the tree off the labels' names, and fit the base, or one for every node.

        Raises:
            ConfigError: no label lies below another.
        """
        parents, names = tree_of(context.labels, "hierarchical"), np.array(context.labels, dtype=object)
        for node, columns in self._nodes(parents).items():
            rows, watched = _products_of(node, targets), None
            if validation is not None:
                among = _products_of(node, validation[1])
                watched = _part(validation[0], among, columns), validation[1][np.ix_(among, columns)]
            mine = replace(context, labels=tuple(names[columns]))
            self.bases_[node] = self._make_base().fit(
                _part(outputs, rows, columns), targets[np.ix_(rows, columns)], watched, mine
            )
        self.parents_ = parents
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L), none above its parent's; 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        parents, rows = self._fitted(), np.arange(len(outputs))
        scores = np.zeros((len(outputs), len(parents)), np.float32)
        for node, columns in self._nodes(parents).items():
            scores[:, columns] = self.bases_[node].fuse(_part(outputs, rows, columns))
        return outputs.zero_where_absent(decoded(scores, parents, self.settings.rule))

    def state(self) -> State:
        """The state of each base, and each label's parent."""
        parents, states = self._fitted(), {node: base.state() for node, base in self.bases_.items()}
        arrays = {
            f"base.{node}.{name}": value
            for node, state in states.items()
            for name, value in state.arrays.items()
        }
        return State(
            {"parents": parents} | arrays,
            {"bases": {str(node): dict(state.facts) for node, state in states.items()}},
        )

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.bases_ = {}
        for node, facts in state.facts["bases"].items():
            prefix = f"base.{node}."
            arrays = {
                name.removeprefix(prefix): value
                for name, value in state.arrays.items()
                if name.startswith(prefix)
            }
            self.bases_[int(node)] = self._make_base().restore(State(arrays, facts))
        self.parents_ = state.arrays["parents"]
        return self

    def facts(self) -> dict[str, Any]:
        """How many labels lie below another, how many classifiers there are, and the facts of the first."""
        below = int((self._fitted() != ROOT).sum())
        return {
            "labels_with_a_parent": below,
            "classifiers": len(self.bases_),
            "base": self.bases_[ROOT].facts(),
        }

    def _make_base(self) -> FusionPolicy:
        plugin: type[FusionPolicy] = registry.fusion.load(self.settings.base)
        return plugin(registry.settings(plugin, self.settings.base_settings, "base_settings"))

    def _nodes(self, parents: Rows) -> dict[int, Rows]:
        """The labels that each base scores, by the node they hang from; a single base, at the root, scores all."""
        if self.settings.trained_on == "all":
            return {ROOT: np.arange(len(parents))}
        return {int(node): np.flatnonzero(parents == node) for node in np.unique(parents)}

    def _fitted(self) -> Rows:
        if self.parents_ is None:
            raise NotFittedError("this policy was never fitted; call fit, or restore a saved state, first")
        return self.parents_


def _products_of(node: int, targets: Floats) -> Rows:
    """The products that carry the label `node`; all of them for the root, and where there are none."""
    rows = np.flatnonzero(targets[:, node] > 0) if node != ROOT else np.arange(0)
    return rows if len(rows) else np.arange(len(targets))


def _part(outputs: MemberOutputs, rows: Rows, columns: Rows) -> MemberOutputs:
    """What the members say of some products and some labels."""
    taken = outputs.take(rows)
    return replace(taken, scores=np.ascontiguousarray(taken.scores[:, :, columns]))
