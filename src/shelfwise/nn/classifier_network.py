"""What all classifier networks share: features, a last linear layer, and how both are read out.

Dimensions: B products of a batch, N products, L labels, D features.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from shelfwise.core.types import Floats
from shelfwise.nn.training_loop import Batches, run_network


class ClassifierNetwork(nn.Module):
    """A network that ends in one linear layer with a logit a label.

    A subclass defines ``features(*inputs)``, which gives (B, D), and the layers `output` and `dropout`.
    """

    features: Callable[..., Tensor]
    output: nn.Linear
    dropout: nn.Module

    def forward(self, *inputs: Tensor) -> Tensor:
        """Logits (B, L)."""
        logits: Tensor = self.output(self.dropout(self.features(*inputs)))
        return logits

    def scores_and_features(self, *inputs: Tensor) -> Tensor:
        """Probabilities, then features, side by side: (B, L + D)."""
        features = self.features(*inputs)
        return torch.cat([self.output(features).sigmoid(), features], dim=1)


def run_classifier(
    network: ClassifierNetwork, inputs: Batches, batch_size: int = 256, shared: bool = False
) -> tuple[Floats, Floats]:
    """Probabilities (N, L) and features (N, D) of all `inputs`; no row depends on the others.

    Args:
        shared: as in :func:`~shelfwise.nn.training_loop.fit_network`.
    """
    labels = network.output.out_features
    width = labels + network.output.in_features
    # one array, so that the network runs once for both; the shape is given for the case of no product at all
    forward = network.scores_and_features
    both = run_network(network, inputs, batch_size, forward=forward, shared=shared)
    both = both.reshape(len(inputs), width)
    return both[:, :labels], both[:, labels:]
