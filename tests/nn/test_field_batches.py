"""A branch is given the products that have its field, and no others."""

import numpy as np
import torch
from torch import Tensor

from shelfwise.core.types import Rows
from shelfwise.nn.field_batches import FieldBatches


class RowNumbers:
    def __len__(self) -> int:
        return 4

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        return torch.from_numpy(rows), torch.from_numpy(rows * 10)


def test_rows_without_a_field_never_reach_its_branch() -> None:
    present = np.array([[True, False], [True, True], [False, True], [False, False]])
    batches = FieldBatches(present, (RowNumbers(), RowNumbers()))
    assert len(batches) == 4
    mask, *inputs = batches.batch(np.array([3, 2, 1, 0]))
    assert mask.tolist() == present[::-1].tolist()
    assert [tensor.tolist() for tensor in inputs] == [[1, 0], [10, 0], [2, 1], [20, 10]]
