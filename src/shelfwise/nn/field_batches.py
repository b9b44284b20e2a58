"""Batches of several fields, each read by its own branch of a network, some of which products may lack."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shelfwise.core.types import Bools, Rows
from shelfwise.nn.training_loop import Batches


@dataclass(frozen=True)
class FieldBatches:
    """Presence, and then, field by field, the inputs of those rows that have it.

    Args:
        present: (N, M) which of the M fields a product has.
        fields: M, each of all N products.
    """

    present: Bools
    fields: tuple[Batches, ...]

    def __len__(self) -> int:
        return len(self.present)

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        """Presence (B, M), and the tensors of each field: a branch never sees a product without its field."""
        present = self.present[rows]
        tensors: list[Tensor] = []
        for column, field in enumerate(self.fields):
            tensors += field.batch(rows[present[:, column]])
        return torch.from_numpy(present), *tensors
