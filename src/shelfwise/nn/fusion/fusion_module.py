"""Fusion rules and fusion networks in the form that is exported.

Dimensions: B products, M members, L labels, P parts of a blend, S sets of members.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shelfwise.core.types import Bools
from shelfwise.errors import PluginError

MAX_SETS = 64
"""Sets of members that a graph is made for where each is computed for every product."""


class FusionModule(nn.Module):
    """A function of tensors as a network, with the arrays it needs.

    Args:
        rule: called with scores (B, M, L), 0 where absent, presence (B, M), and the arrays by name; gives (B,
            L).
        parts: fusion networks; their scores, stacked (P, B, L), are one more argument of the rule, ``parts``.
        arrays: kept as buffers, hence a part of an exported graph.
    """

    def __init__(
        self, rule: Callable[..., Tensor], parts: Sequence[nn.Module] = (), **arrays: NDArray[Any]
    ) -> None:
        super().__init__()
        self.rule = rule
        self.parts = nn.ModuleList(parts)
        self.names = list(arrays)
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(np.array(array)))

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused scores (B, L)."""
        # by name, so that a rule reads like a function of what it needs
        arguments = {name: self.get_buffer(name) for name in self.names}
        if len(self.parts):
            arguments["parts"] = torch.stack([part(scores, present) for part in self.parts])
        return self.rule(scores, present, **arguments)


class SigmoidOutput(nn.Module):
    """The scores of a copy of a policy network, whose outputs are logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        # on the processor, where graphs are made; the policy's own network may stay on a GPU
        self.network = copy.deepcopy(network).cpu().eval()

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused scores (B, L)."""
        logits: Tensor = self.network(scores, present)
        return logits.sigmoid()


def sets_of_members(numbers: Sequence[int], n_members: int, most: int = MAX_SETS) -> Bools:
    """Which members are in each set (S, M); bit m of a set's number tells that member m is.

    Raises:
        PluginError: more than `most` sets.

    >>> sets_of_members([1, 6], 3).tolist()
    [[True, False, False], [False, True, True]]
    """
    if len(numbers) > most:
        raise PluginError(
            f"it has weights for {len(numbers)} sets of members, and an ONNX graph holds at most {most}; "
            f"fuse fewer members, or use the policy 'policy'"
        )
    # (S, M): each number shifted so that each member's bit comes last
    bits = np.array(numbers)[:, None] >> np.arange(n_members) & 1
    return np.asarray(bits > 0)
