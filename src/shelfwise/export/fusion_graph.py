"""A fusion policy as the last part but one of the graph: members' probabilities to one score a label.

Dimensions: B products, M members, L labels. Scores of absent members are 0.
"""

from __future__ import annotations

from torch import Tensor, nn

from shelfwise.core.fusion_policy import FusionPolicy, NoNetworkError
from shelfwise.core.registry import exportable_policies
from shelfwise.errors import PluginError


def fusion_network(system: str, policy: FusionPolicy) -> nn.Module:
    """The fitted `policy` of `system` as a network: scores (B, M, L) and presence (B, M) to (B, L).

    Raises:
        PluginError: the policy cannot be exported.
    """
    try:
        network = policy.to_module()
    except NoNetworkError as error:
        supported = ", ".join(exportable_policies())
        fix = f"(supported: {supported}). Train with --preset recommended, quick, best or paper"
        raise PluginError(f"cannot export {system!r}: {error} {fix}") from None
    except PluginError as error:
        raise PluginError(f"cannot export {system!r}: {error}") from None
    return ZeroWhereAbsent(network)


class ZeroWhereAbsent(nn.Module):
    """The scores of `network`, but 0 for products that no member knows."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Fused scores (B, L)."""
        fused: Tensor = self.network(scores, present)
        return fused * present.any(dim=1, keepdim=True)
