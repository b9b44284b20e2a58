"""The contract of a fusion policy: it fuses the members' scores.

Dimensions: N products, or B of a batch; M members; L labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, State
from shelfwise.errors import PluginError

if TYPE_CHECKING:
    from torch import nn


class NoNetworkError(PluginError):
    """The policy cannot be written as a network."""


@dataclass(frozen=True)
class PolicyTask:
    """A policy that is to be fitted, without validation products.

    Args:
        outputs: the members' predictions for N products.
        targets: (N, L) of 0 and 1.
    """

    policy: FusionPolicy
    outputs: MemberOutputs
    targets: Floats
    context: Context


class FusionPolicy(ABC):
    """Fuses the members' scores: fit, fuse. A plug-in file defines one subclass and its ``Settings``.

    `reads` is what the policy learns from. Scores mean the same whichever network gave them, so they are
    out-of-fold. Features do not: every network has a space of its own. They come from the one network that
    predicts later.

    Several policies with `fits_in_threads` may be fitted at once, each in a thread of its own. They must come
    out the same as one after the other; random numbers of torch must come from
    :func:`shelfwise.nn.seeding.generator`.
    """

    Settings: ClassVar[type[PluginSettings]]
    reads: Literal["scores", "features"] = "scores"
    fits_in_threads: bool = False

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @abstractmethod
    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """Learn from the members' predictions and the targets (N, L); simple rules just return self."""

    @classmethod
    def fit_each(cls, tasks: Sequence[PolicyTask]) -> None:
        """Fit several policies of this kind, of equal settings, members and labels, as :meth:`fit` would.

        By default one after the other. A GPU may train networks together in little more than the time of one.
        """
        for task in tasks:
            task.policy.fit(task.outputs, task.targets, None, task.context)

    @abstractmethod
    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L) in [0, 1]; accepts any presence mask."""

    def variants(self) -> Sequence[Self]:
        """What this fitted policy may become, itself first: cross-fitted scores choose one.

        All share what was learnt, so they are cheap; a variant's :meth:`state` says which one it is.
        """
        return (self,)

    def state(self) -> State:
        """Everything :meth:`restore` needs; rules that learn nothing have an empty state."""
        return State()

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        return self

    def facts(self) -> dict[str, Any]:
        """JSON-ready facts for the report (weights, chosen alpha, epochs)."""
        return {}

    def to_module(self) -> nn.Module:
        """The fitted policy as a network, for ONNX graphs.

        The network takes scores (B, M, L), 0 where absent, and presence (B, M), and gives what :meth:`fuse`
        does (B, L). For products without any member it may give any finite number.

        Raises:
            NoNetworkError: the policy has no ONNX form, which is the default.
        """
        name = type(self).__module__.rpartition(".")[2]
        raise NoNetworkError(f"{name} has no ONNX export")


class FixedRule(FusionPolicy):
    """A rule without settings that learns nothing."""

    Settings = PluginSettings

    def fit(
        self,
        outputs: MemberOutputs,
        targets: Floats,
        validation: tuple[MemberOutputs, Floats] | None,
        context: Context,
    ) -> Self:
        """There is nothing to learn."""
        return self
