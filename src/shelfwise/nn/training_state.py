"""How far the training of a network is: everything that its next step depends on, as arrays and facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shelfwise.core.loop_checkpoints import LoopCheckpoint, LoopState
from shelfwise.core.types import Floats, PluginSettings, Rows
from shelfwise.nn.early_stopping import EarlyStopping, trained_state
from shelfwise.nn.seeding import random_state, set_random_state

WEIGHTS = "weights."
BEST = "best."
OPTIMIZER = "optimizer."
CHANCE = "chance."
"""What the names of arrays begin with."""


@dataclass
class TrainingState:
    """The state of one training, whose networks and optimiser it changes when it is restored.

    Args:
        order: draws the order of products, anew in every epoch.
        checkpoint: where the state is kept after a batch, now and then.
        epoch: that is under way, from 1.
        batches: of this epoch that are learnt.
        steps: of the optimiser, in all.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    best: EarlyStopping
    order: np.random.Generator
    checkpoint: LoopCheckpoint
    epoch: int = 1
    batches: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        self._before_epoch = self.order.bit_generator.state

    def resume(self) -> bool:
        """Go on from where an interrupted run was, if it has kept its state; whether it has."""
        kept = self.checkpoint.load()
        if kept is not None:
            self.restore(kept)
        return kept is not None

    def batches_left(self, draw: Callable[[np.random.Generator], Iterable[Rows]]) -> Iterator[Rows]:
        """The batches of the epoch that is under way which are still to be learnt.

        A batch counts as learnt, in one step of the optimiser, when the next one is asked for.

        Args:
            draw: from `order`, all batches of an epoch.
        """
        # a restored state draws the same batches once more
        self._before_epoch = self.order.bit_generator.state
        for rows in list(draw(self.order))[self.batches :]:
            yield rows
            self.batches += 1
            self.steps += 1
            self.checkpoint.keep(self.kept)

    def next_epoch(self) -> None:
        """Go on to the first batch of the next epoch."""
        self.epoch += 1
        self.batches = 0

    def kept(self) -> LoopState:
        """The state as it is now."""
        arrays = _arrays(WEIGHTS, trained_state(self.network))
        arrays |= _arrays(BEST, self.best.weights or {})
        for index, values in self.optimizer.state_dict()["state"].items():
            arrays |= _arrays(f"{OPTIMIZER}{index}.", values)
        arrays |= _arrays(CHANCE, random_state())
        # JSON has no infinity, which the loss is before the first epoch
        lowest = None if np.isinf(self.best.lowest_loss) else float(self.best.lowest_loss)
        facts = {
            "epoch": self.epoch,
            "batches": self.batches,
            "steps": self.steps,
            "order": self._before_epoch,
            "best_epoch": self.best.epoch,
            "lowest_loss": lowest,
        }
        return arrays, facts

    def restore(self, kept: LoopState) -> None:
        """Go on from a state that :meth:`kept` gave."""
        arrays, facts = kept
        # not strict: frozen weights are not kept
        self.network.load_state_dict(_tensors(WEIGHTS, arrays), strict=False)
        self.best.weights = _tensors(BEST, arrays) or None
        self.best.epoch = facts["best_epoch"]
        self.best.lowest_loss = np.inf if facts["lowest_loss"] is None else facts["lowest_loss"]
        state: dict[int, dict[str, Tensor]] = {}
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        for name, value in _tensors(OPTIMIZER, arrays).items():
            index, _, key = name.partition(".")
            # a number becomes an array of one on the way through a file
            is_number = key == "step"
            kept_value = (
                value.reshape(()) if is_number else _laid_out_as(weights[int(index)], value)
            )
            state.setdefault(int(index), {})[key] = kept_value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        set_random_state(_tensors(CHANCE, arrays))
        self.order.bit_generator.state = self._before_epoch = facts["order"]
        self.epoch = facts["epoch"]
        self.batches = facts["batches"]
        self.steps = facts["steps"]


def training_marks(
    network: nn.Module, targets: Floats, settings: PluginSettings, seed: int, title: str
) -> dict[str, Any]:
    """What identifies a training, JSON-ready: the state of another is never resumed."""
    return {
        "title": title,
        "targets": list(targets.shape),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "torch": torch.__version__,
    }


def _laid_out_as(weight: Tensor, value: Tensor) -> Tensor:
    """`value` in the memory order of `weight`, as a fused optimiser pairs their numbers by place."""
    return torch.empty_like(weight, device=value.device).detach().copy_(value)


def _arrays(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}{name}": tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def _tensors(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(array))
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
