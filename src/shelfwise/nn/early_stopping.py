"""Which epoch's weights remain, and when training ends before its last epoch."""

from __future__ import annotations

import copy

import numpy as np
from torch import Tensor, nn


class EarlyStopping:
    """The weights of the epoch with the lowest validation loss; the last epoch's where none was watched."""

    def __init__(self, network: nn.Module, patience: int | None, epochs: int) -> None:
        self._network = network
        self._patience = patience or epochs
        self.lowest_loss = np.inf
        self.weights: dict[str, Tensor] | None = None
        self.epoch = epochs

    def should_stop(self, epoch: int, loss: float) -> bool:
        """Take note of an epoch's loss; is the best one `patience` epochs back?"""
        if loss < self.lowest_loss:
            self.lowest_loss = loss
            self.epoch = epoch
            # a copy, as the following steps change the weights in place
            self.weights = copy.deepcopy(trained_state(self._network))
        return epoch - self.epoch >= self._patience

    def restore(self) -> None:
        """Give the network the weights of the best epoch."""
        if self.weights is not None:
            # not strict: frozen weights were not copied
            self._network.load_state_dict(self.weights, strict=False)


def trained_state(network: nn.Module) -> dict[str, Tensor]:
    """The weights that training can change, and all running statistics."""
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    return {name: value for name, value in network.state_dict().items() if name not in frozen}
