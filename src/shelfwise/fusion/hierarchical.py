"""Hierarchical decoding: scores that never contradict the tree of the labels.

Dimensions: N products, L labels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from shelfwise.core import registry
from shelfwise.core.fitted import require_fitted
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, Rows, State
from shelfwise.errors import ConfigError
from shelfwise.taxonomy.tree_scores import ROOT, decoded, tree_of


class HierarchicalSettings(PluginSettings):
    """Whose scores are decoded, what they are trained on, and how they are decoded."""

    base: str = Field(
        "mean", description="the fusion policy whose scores are made consistent with the tree"
    )
    base_settings: dict[str, Any] = Field(
        default_factory=dict, description="the settings of that policy"
    )
    trained_on: Literal["all", "parent"] = Field(
        "all",
        description="all: one base policy for all labels; parent: one for each label with others below it, "
        "trained on that label's own products to tell the lower labels apart",
    )
    rule: Literal["max", "minimum", "product"] = Field(
        "max",
        description="max: a label scores at least as much as any label below it; minimum: at most as much as "
        "its parent; product: its own score times its parent's",
    )

    @model_validator(mode="after")
    def _check_rule(self) -> Self:
        if self.trained_on == "parent" and self.rule == "max":
            raise ValueError(
                "rule is 'max', but with trained_on = 'parent' a score means nothing before its parent's is "
                "known; set rule to 'minimum' or 'product'"
            )
        return self


class Hierarchical(FusionPolicy):
    """Decodes another policy's scores h along the tree of the labels, for path labels ("A > B > C").

    ``max`` is the constraint of C-HMCNN (Giunchiglia and Lukasiewicz 2020): p_A = max of h_B over A and all
    below it; the policy `coherent` is trained for it as well. ``minimum`` and ``product`` go from the top
    down: under ``minimum`` a label passes a threshold if and only if it and every label above it do. Under
    each rule no label scores more than its parent.

    With ``trained_on = "parent"`` there is one classifier a parent node (Vandic et al. 2018). It tells that
    node's children apart and has seen the node's own products only, so its scores are probabilities *given*
    the parent.
    """

    Settings = HierarchicalSettings
    settings: HierarchicalSettings

    def __init__(self, settings: HierarchicalSettings) -> None:
        super().__init__(settings)
        if settings.base == "hierarchical":
            raise ConfigError(
                "the policy hierarchical cannot decode itself: base must be another policy, e.g. base = "
                "'mean'"
            )
        # a base that reads features is given features, and one that reads scores out-of-fold scores
        self.reads = self._make_base().reads
        # by parent node; one for all labels stands under the root
        self.bases_: dict[int, FusionPolicy] = {}
        self.parents_: Rows | None = None

    @property
    def parents(self) -> Rows:
        """Each label's parent (L,).

        Raises:
            NotFittedError: they are not known yet.
        """
        return require_fitted(self.parents_, "the policy 'hierarchical'")

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
        parents = tree_of(context.labels, "hierarchical")
        names = np.array(context.labels, dtype=object)
        for node, columns in self._nodes(parents).items():
            # the node's own products and, of their labels, those that hang from it
            rows = _products_of(node, targets)
            watched = None
            if validation is not None:
                watched_rows = _products_of(node, validation[1])
                watched_targets = validation[1][np.ix_(watched_rows, columns)]
                watched = (_select(validation[0], watched_rows, columns), watched_targets)
            node_context = replace(context, labels=tuple(names[columns]))
            base = self._make_base()
            # only the labels below the node: the base never sees the others
            self.bases_[node] = base.fit(
                _select(outputs, rows, columns),
                targets[np.ix_(rows, columns)],
                watched,
                node_context,
            )
        self.parents_ = parents
        return self

    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L), none above its parent's; 0 where no member is present.

        Raises:
            NotFittedError: before :meth:`fit` or :meth:`restore`.
        """
        parents = self.parents
        rows = np.arange(len(outputs))
        scores = np.zeros((len(outputs), len(parents)), np.float32)
        for node, columns in self._nodes(parents).items():
            # every base predicts for every product; the rule below combines them along the tree
            scores[:, columns] = self.bases_[node].fuse(_select(outputs, rows, columns))
        return outputs.zero_where_absent(decoded(scores, parents, self.settings.rule))

    def state(self) -> State:
        """The state of each base, and each label's parent."""
        arrays: dict[str, Any] = {"parents": self.parents}
        # all nodes' arrays lie in one mapping, so each name carries its node
        facts = {}
        for node, base in self.bases_.items():
            state = base.state()
            arrays |= {f"base.{node}.{name}": value for name, value in state.arrays.items()}
            facts[str(node)] = dict(state.facts)
        return State(arrays, {"bases": facts})

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        self.bases_ = {}
        # JSON's keys are text, a node is a number
        for node, facts in state.facts["bases"].items():
            prefix = f"base.{node}."
            own = [name for name in state.arrays if name.startswith(prefix)]
            arrays = {name.removeprefix(prefix): state.arrays[name] for name in own}
            self.bases_[int(node)] = self._make_base().restore(State(arrays, facts))
        self.parents_ = state.arrays["parents"]
        return self

    def facts(self) -> dict[str, Any]:
        """How many labels lie below another, how many classifiers there are, and the facts of the first."""
        below = int((self.parents != ROOT).sum())
        return {
            "labels_with_a_parent": below,
            "classifiers": len(self.bases_),
            "base": self.bases_[ROOT].facts(),
        }

    def _make_base(self) -> FusionPolicy:
        plugin: type[FusionPolicy] = registry.fusion.load(self.settings.base)
        return plugin(registry.settings(plugin, self.settings.base_settings, "base_settings"))

    def _nodes(self, parents: Rows) -> dict[int, Rows]:
        """The labels that each base scores, by the node they hang from; a single base scores all."""
        if self.settings.trained_on == "all":
            return {ROOT: np.arange(len(parents))}
        return {int(node): np.flatnonzero(parents == node) for node in np.unique(parents)}


def _products_of(node: int, targets: Floats) -> Rows:
    """The products that have the label `node`; all of them for the root, and where there are none."""
    everything = np.arange(len(targets))
    if node == ROOT:
        return everything
    # a label without products is a node all the same, and its base must be fitted on something
    rows = np.flatnonzero(targets[:, node] > 0)
    return rows if len(rows) else everything


def _select(outputs: MemberOutputs, rows: Rows, columns: Rows) -> MemberOutputs:
    """The members' predictions for some products and some labels."""
    taken = outputs.take(rows)
    # contiguous, as policies read scores in whole rows
    return replace(taken, scores=np.ascontiguousarray(taken.scores[:, :, columns]))
