"""Whether the targets of many labels fit into memory, told before hours of training have gone by.

Dimensions: N products, L labels.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from shelfwise.core.free_memory import free_bytes
from shelfwise.core.modality import Modality
from shelfwise.errors import LabelError
from shelfwise.training.dataset import TrainingSet


def check_target_memory(name: str, member: Modality, training_set: TrainingSet) -> None:
    """Refuse a member whose dense targets (N, L) alone are larger than the memory that is free.

    N counts the training products that have a value in a field of the member. Learning takes more than its
    targets do, so a member that passes may still find too little.

    Raises:
        LabelError: they are.
    """
    targets = training_set.targets
    if not sp.issparse(targets) or member.takes_sparse_targets:
        return
    fields = [training_set.catalog.has_value(field) for field in member.field.split("+")]
    products = int(np.any(fields, axis=0)[training_set.train].sum())
    labels = targets.shape[1]
    needed = products * labels * targets.dtype.itemsize
    free = free_bytes()
    # not every system tells
    if free is not None and needed > free:
        raise LabelError(
            f"the member {name} needs {needed / 1e9:,.1f} GB for the targets of {products:,} products and "
            f"{labels:,} labels, and {free / 1e9:,.1f} GB are free; raise --min-count, or train members of "
            "the kind text_linear only, which need no such table"
        )
