"""Linear classifiers of many labels: their weights, and the logits that they give.

Dimensions: N products, F sparse inputs, D dense inputs, L labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from shelfwise.core.sparse_rows import one_below_another
from shelfwise.core.sparse_scores import dense
from shelfwise.core.types import Floats, Matrix
from shelfwise.metrics.counts import row_blocks

_DENSE_SHARE = 0.05
"""Share of weights that are not 0 above which a product with all of them is quicker."""

_WRITTEN_SHARE = 1 / 3
"""Share of weights that are not 0 above which all of them, dense, take no more memory than sparse ones."""

_MOST_WRITTEN = 1 << 24
"""Weights up to which they are kept dense as well: 64 MiB."""

_MANY_LABELS = 1000
"""Labels above which the weights of some are written out at a time: half of a sparse product's time."""

_LABELS_PER_BLOCK = 128

_MOST_WRITTEN_AT_ONCE = 1 << 25
"""Weights, those that are 0 included, up to which all labels' are written out at once: 128 MiB."""

_WRITTEN_AT_A_TIME = 1 << 22
"""Weights that are written out, or made sparse, at a time: their places take several times their memory."""

MOST_SHORT_PLACES = np.iinfo(np.int32).max
"""Values of a sparse matrix whose places fit in 32 bits: those of some million products."""

_CELLS_PER_BLOCK = 1 << 23
"""Logits computed at a time: bounds the memory, whatever the number of products."""


@dataclass(frozen=True)
class LinearWeights:
    """L linear classifiers of F sparse inputs, and of D dense ones where there are any.

    Args:
        weights: (F, L) sparse rows, float32.
        bias: (L,).
        dense: (D, L), or None.
    """

    weights: sp.csr_array
    bias: Floats
    dense: Floats | None = None

    def logits(self, inputs: sp.csr_array, dense: Floats | None = None) -> Floats:
        """(N, L) of sparse rows (N, F), and dense rows (N, D)."""
        logits = self._sparse_part(inputs)
        # in place: with thousands of labels these are the largest arrays of a training
        logits += self.bias
        if self.dense is None or dense is None:
            return logits
        return logits + dense @ self.dense

    def _sparse_part(self, inputs: sp.csr_array) -> Floats:
        """The sparse inputs times their weights (N, L)."""
        if self.weights.shape[1] > _MANY_LABELS:
            return self._by_label_blocks(inputs)
        if self.weights.nnz < _DENSE_SHARE * np.prod(self.weights.shape, dtype=float):
            # some rows at a time: a sparse product that is hardly sparse takes three times its dense numbers
            logits = np.empty((inputs.shape[0], self.weights.shape[1]), np.float32)
            for rows in row_blocks(len(logits), logits.shape[1], _CELLS_PER_BLOCK):
                logits[rows] = (inputs[rows] @ self.weights).toarray()
            return logits
        if self._written is not None:
            return sparse_product(embedding_bags(inputs), self._written).numpy()
        # of weights that are hardly sparse the rows needed are written out, in half the time
        used, needed = used_inputs(inputs)
        if len(used) * self.weights.shape[1] > _MOST_WRITTEN_AT_ONCE:
            return self._by_label_blocks(inputs)
        dense_weights = torch.from_numpy(_written_out(self.weights, used))
        return sparse_product(embedding_bags(needed), dense_weights).numpy()

    def _by_label_blocks(self, inputs: sp.csr_array) -> Floats:
        """As :meth:`_sparse_part`, with the weights of some labels written out at a time.

        A label's logits are the same to the last digit, whatever labels are beside it.
        """
        used, asked = used_inputs(inputs)
        bags = embedding_bags(asked)
        # of many labels the weights are turned once; a few blocks are picked without a copy of all
        is_wide = self.weights.shape[1] > _MANY_LABELS
        by_label = self.weights[used].tocsc() if is_wide else self.weights
        logits = np.empty((inputs.shape[0], by_label.shape[1]), np.float32)
        # blocks are the same for any products, or a product's last digit would hang on those beside it
        for start in range(0, by_label.shape[1], _LABELS_PER_BLOCK):
            labels = slice(start, start + _LABELS_PER_BLOCK)
            # handed on without a name: the next block is not written out beside this one
            logits[:, labels] = sparse_product(
                bags, torch.from_numpy(_block_written_out(by_label, labels, used))
            ).numpy()
        return logits

    @cached_property
    def _written(self) -> Tensor | None:
        """All weights, dense (F, L), where they are few and hardly sparse; small batches need no other."""
        cells = int(np.prod(self.weights.shape))
        if cells > _MOST_WRITTEN or self.weights.nnz < _WRITTEN_SHARE * cells:
            return None
        return torch.from_numpy(self.weights.toarray())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything :meth:`from_state` needs."""
        arrays = {
            "weights.values": self.weights.data,
            "weights.columns": self.weights.indices.astype(np.int32, copy=False),
            "weights.rows": self.weights.indptr.astype(np.int64, copy=False),
            "bias": self.bias,
        }
        if self.dense is not None:
            arrays["weights.dense"] = self.dense
        return arrays

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The classifiers that `arrays` were taken from; other names are passed over."""
        rows = arrays["weights.rows"]
        # beside long places of rows scipy keeps a copy of the columns, as long as these: twice their memory
        if rows[-1] <= MOST_SHORT_PLACES:
            rows = rows.astype(np.int32)
        shape = (len(rows) - 1, len(arrays["bias"]))
        parts = (arrays["weights.values"], arrays["weights.columns"], rows)
        return cls(sp.csr_array(parts, shape=shape), arrays["bias"], arrays.get("weights.dense"))


def used_inputs(inputs: sp.csr_array) -> tuple[NDArray[np.integer], sp.csr_array]:
    """The inputs (U,) that any row has, and the rows with these alone (N, U)."""
    if inputs.nnz < inputs.shape[1]:
        used, columns = np.unique(inputs.indices, return_inverse=True)
    else:
        # of many rows, marking the inputs takes a twentieth of the time of sorting
        is_used = np.zeros(inputs.shape[1], np.bool_)
        is_used[inputs.indices] = True
        used = np.flatnonzero(is_used)
        columns = (np.cumsum(is_used, dtype=np.int32) - 1)[inputs.indices]
    shape = (inputs.shape[0], len(used))
    return used, sp.csr_array((inputs.data, columns, inputs.indptr), shape=shape)


def _block_written_out(
    by_label: sp.csr_array | sp.csc_array, labels: slice, used: NDArray[np.integer]
) -> Floats:
    """The weights of some labels, dense.

    Args:
        by_label: (U, L) by columns, of the inputs `used` alone; or (F, L) by rows, of all of them.
        used: (U,).
    """
    some = by_label[:, labels]
    if by_label.format == "csr":
        return _written_out(some, used)
    # row by row, as the product reads them
    return np.ascontiguousarray(some.toarray())


def _written_out(matrix: sp.csr_array, rows: NDArray[np.integer]) -> Floats:
    """The given rows (R,) of a sparse matrix (F, L), dense; the matrix holds no entry twice."""
    dense = np.zeros((len(rows), matrix.shape[1]), np.float32)
    # some at a time: the places of weights take several times the memory of these
    for block in row_blocks(len(rows), matrix.shape[1], _WRITTEN_AT_A_TIME):
        _write_out(matrix, rows[block], dense[block])
    return dense


def sparse_weights(weights: Floats, least: float) -> sp.csr_array:
    """Dense weights (F, L) as sparse rows; those nearer to 0 than `least` become 0, in `weights` too."""

    def parts() -> Iterator[sp.csr_array]:
        for rows in row_blocks(len(weights), weights.shape[1], _WRITTEN_AT_A_TIME):
            some = weights[rows]
            some[np.abs(some) < least] = 0
            yield sp.csr_array(some)

    return one_below_another(parts(), weights.shape[1])


def _write_out(matrix: sp.csr_array, rows: NDArray[np.integer], dense: Floats) -> None:
    """The given rows (R,) into `dense` (R, L), which holds 0."""
    lengths = np.diff(matrix.indptr)[rows]
    # each entry's place in the matrix is its place here, shifted as far as its row moves
    shifts = matrix.indptr[rows] - (np.cumsum(lengths) - lengths)
    places = np.arange(lengths.sum()) + np.repeat(shifts, lengths)
    row_of_entry = np.repeat(np.arange(len(rows)), lengths)
    dense[row_of_entry, matrix.indices[places]] = matrix.data[places]


def random_projection(logits: Matrix, width: int) -> Floats:
    """The logits (N, L), or at most `width` numbers that nearly keep their distances, the same every time.

    Logits may be dense or sparse; numbers are dense.

    Source: Johnson and Lindenstrauss.
    """
    labels = logits.shape[1]
    if labels <= width:
        return dense(logits)
    # the same seed in every process, as saved policies have learned these columns
    gaussian = np.random.default_rng(0).standard_normal((labels, width), dtype=np.float32)
    return np.asarray(logits @ (gaussian / np.float32(np.sqrt(width))))


Bags = tuple[Tensor, Tensor, Tensor]
"""A sparse matrix as embedding_bag takes it: columns, where each row begins, and values."""


def embedding_bags(matrix: sp.csr_array) -> Bags:
    """A sparse matrix as embedding_bag takes it."""
    # places beyond would be taken for negative ones, without a word
    integers = np.int32 if matrix.nnz <= MOST_SHORT_PLACES else np.int64
    # a copy of millions of products' rows is made only where it must be; torch wants to be able to write
    indices = np.require(matrix.indices, integers, "W")
    starts = np.require(matrix.indptr[:-1], integers, "W")
    values = np.require(matrix.data, np.float32, "W")
    return torch.from_numpy(indices), torch.from_numpy(starts), torch.from_numpy(values)


def bags_on(place: torch.device, bags: Bags) -> Bags:
    """The same on another device."""
    indices, starts, values = bags
    return indices.to(place), starts.to(place), values.to(place)


def sparse_product(bags: Bags, dense: Tensor) -> Tensor:
    """Sparse (N, F) times dense (F, D): (N, D).

    On a processor, embedding_bag is torch's only sparse product with threads and vector units.
    """
    indices, starts, values = bags
    # nothing to look up: what each device makes of that is its own
    if not len(starts) or not len(dense):
        return dense.new_zeros(len(starts), dense.shape[1])
    return F.embedding_bag(indices, dense, starts, mode="sum", per_sample_weights=values)
