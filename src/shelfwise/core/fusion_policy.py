"""The contract of a fusion policy: it joins the members' scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, Self

from shelfwise.core.types import Context, Floats, MemberOutputs, PluginSettings, State


class FusionPolicy(ABC):
    """Joins what the members say: fit, fuse. A plug-in file defines one subclass and its ``Settings``.

    `reads` is what the policy learns from. Scores mean the same whichever network gave them, so they come out of fold.
    Features do not, every network has a space of its own: they come from the one network that will answer later.
    """

    Settings: ClassVar[type[PluginSettings]]
    reads: Literal["scores", "features"] = "scores"

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
        """Learn from the members' answers and the targets (N, L); rules that learn nothing return self."""

    @abstractmethod
    def fuse(self, outputs: MemberOutputs) -> Floats:
        """Fused scores (N, L) in [0, 1]; accepts any presence mask."""

    def state(self) -> State:
        """Everything :meth:`restore` needs; rules that learn nothing have an empty state."""
        return State()

    def restore(self, state: State) -> Self:
        """Become the policy that `state` was taken from."""
        return self

    def facts(self) -> dict[str, Any]:
        """JSON-ready facts for the report (weights, chosen alpha, epochs)."""
        return {}
