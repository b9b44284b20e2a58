"""One-vs-rest logistic regression by stochastic gradients, on rows in files.

For training sets whose rows do not fit in memory. AdaGrad (Duchi, Hazan and Singer 2011) gives each weight a
step of its own: n-grams that are rare keep large steps. Labels do not know each other, so they are learnt in
blocks, and how many share one changes nothing but rounding.

Dimensions: N products, F sparse inputs, L labels, B products of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from shelfwise.core.loop_checkpoints import LoopCheckpoint, LoopState
from shelfwise.core.sparse_rows import stack_columns
from shelfwise.core.types import Context, Floats, Matrix, Progress, Rows
from shelfwise.nn.linear.linear_weights import (
    LinearWeights,
    embedding_bags,
    sparse_product,
    sparse_weights,
)
from shelfwise.nn.linear.row_shards import RowShards
from shelfwise.text.gram_counts import SparseParts

_BATCH = 512

_LEARNING_RATE = 1.0

_FIRST_SQUARE = 0.1
"""What squared gradients begin with; from 0 the first step would be as long after any gradient."""

_SEEN = 1_000_000
"""Products that are seen by and by: a small training set is gone through more often."""

_EPOCHS = (2, 10)
"""Times that a training set is gone through, at least and at most."""

_CELLS_PER_BLOCK = 1 << 27
"""Weights that are learnt at a time: 512 MiB, and as much for their squared gradients."""


def fit_logistic_in_batches(
    shards: RowShards,
    targets: Matrix,
    cost: float,
    positive_weight: float = 1.0,
    prune: float = 0.0,
    context: Context | None = None,
) -> LinearWeights:
    """Minimise ``|w|^2 / 2 + cost * sum(log loss)`` for each label by a few passes over all products.

    The bias is not penalised.

    Args:
        shards: (N, F) rows, N > 0.
        targets: (N, L) of 0 and 1, dense or sparse.
        cost: C, the weight of the data against the penalty.
        positive_weight: how many times the loss of a product that has the label counts.
        prune: weights nearer to 0 than this are dropped.
        context: its progress is told of each shard of each block of labels.
    """
    context = context or Context()
    options = {"cost": cost, "positive_weight": positive_weight, "prune": prune}
    marks = {"rows": list(shards.shape), **options, "seed": context.seed}
    # a block of labels is a few of its columns
    by_label = sp.csc_array(targets)
    penalties = torch.from_numpy(_penalties(shards, cost))
    blocks: list[SparseParts] = []
    biases = []
    all_labels = _label_blocks(shards.shape[1], by_label.shape[1])
    steps = len(all_labels) * _epochs(shards.shape[0]) * shards.count
    with context.progress(context.title, steps) as progress:
        for labels in all_labels:
            wanted = sp.csr_array(by_label[:, labels])
            # each block of labels is a loop of its own: what is finished is not learnt again
            own = context.loops.next({**marks, "labels": [labels.start, wanted.shape[1]]})
            course = _Course(shards, wanted, context.seed, progress, own)
            start = partial(_Learner.starting, wanted, penalties, positive_weight)
            block, bias = course.learnt(start, prune)
            blocks.append((block.data, block.indices, block.indptr))
            biases.append(bias)
            del block
    weights = stack_columns(blocks, [len(bias) for bias in biases])
    return LinearWeights(weights, np.concatenate(biases))


def _label_blocks(inputs: int, labels: int) -> list[slice]:
    most = max(1, _CELLS_PER_BLOCK // max(1, inputs))
    return [slice(start, start + most) for start in range(0, labels, most)]


def _epochs(products: int) -> int:
    fewest, most = _EPOCHS
    return min(most, max(fewest, -(-_SEEN // products)))


def _penalties(shards: RowShards, cost: float) -> Floats:
    """(F,) each input's share of the penalty in a batch that has it."""
    batches = -(-shards.shape[0] // _BATCH)
    # rows fall into batches at random: so many of these have the input, at least one of them
    having = batches * -np.expm1(-shards.rows_with / batches)
    shares: Floats = (1 / (cost * np.maximum(having, 1))).astype(np.float32)
    return shares


_LEARNT = ("weights", "squares", "bias", "bias_squares")
"""What of a learner changes."""


@dataclass(frozen=True)
class _Learner:
    """Weights of some labels while they are learnt.

    Args:
        weights, squares: (F, L), and the sums of their squared gradients.
        bias, bias_squares: (L,), the same for the bias.
        penalties: (F,) of :func:`_penalties`.
        positive_weight: as of :func:`fit_logistic_in_batches`.
    """

    weights: Tensor
    squares: Tensor
    bias: Tensor
    bias_squares: Tensor
    penalties: Tensor
    positive_weight: float

    @classmethod
    def starting(cls, wanted: sp.csr_array, penalties: Tensor, positive_weight: float) -> _Learner:
        """Weights of 0; the bias is what fits best without any input."""
        products, labels = wanted.shape
        inputs = len(penalties)
        having = np.asarray(wanted.sum(axis=0), np.float64)
        # one product more with each label and one without keep the logarithm finite
        odds = positive_weight * (having + 0.5) / (products - having + 0.5)
        return cls(
            torch.zeros(inputs, labels),
            torch.full((inputs, labels), _FIRST_SQUARE),
            torch.from_numpy(np.log(odds).astype(np.float32)),
            torch.full((labels,), _FIRST_SQUARE),
            penalties,
            positive_weight,
        )

    @torch.inference_mode()
    def step(self, rows: sp.csr_array, wanted: Tensor, rate: float) -> None:
        """Learn from one batch of rows (B, F), with their targets (B, L)."""
        logits = sparse_product(embedding_bags(rows), self.weights).add_(self.bias)
        error = logits.sigmoid_().sub_(wanted)
        error.mul_(1 + (self.positive_weight - 1) * wanted)
        # only weights of inputs that occur in the batch are touched
        used, transposed = _by_input(rows)
        gradient = sparse_product(embedding_bags(transposed), error)
        places = torch.from_numpy(used)
        weights = self.weights.index_select(0, places)
        gradient.addcmul_(weights, self.penalties[places].unsqueeze(1))
        # AdaGrad: each weight's steps shrink with the sum of its own squared gradients
        squares = self.squares.index_select(0, places).addcmul_(gradient, gradient)
        self.squares.index_copy_(0, places, squares)
        self.weights.index_add_(0, places, gradient.div_(squares.sqrt_()), alpha=-rate)
        bias_gradient = error.sum(dim=0)
        self.bias_squares.addcmul_(bias_gradient, bias_gradient)
        self.bias.sub_(rate * bias_gradient / self.bias_squares.sqrt())

    def arrays(self) -> dict[str, Floats]:
        """Everything that is learnt, by its name."""
        return {name: getattr(self, name).numpy() for name in _LEARNT}

    def restore(self, arrays: Mapping[str, Floats]) -> None:
        """Go on from what :meth:`arrays` gave."""
        for name in _LEARNT:
            getattr(self, name).copy_(torch.from_numpy(arrays[name]))

    def weights_from(self, least: float) -> tuple[sp.csr_array, Floats]:
        """Weights (F, L) that are at least so large, and the bias (L,)."""
        return sparse_weights(self.weights.numpy(), least), self.bias.numpy()


def _by_input(rows: sp.csr_array) -> tuple[Rows, sp.csr_array]:
    """The inputs (U,) that a batch (B, F) has, and its transpose with these alone (U, B)."""
    columns = rows.tocsc()
    used = np.flatnonzero(np.diff(columns.indptr))
    offsets = np.append(columns.indptr[used], columns.nnz)
    parts = (columns.data, columns.indices, offsets)
    return used, sp.csr_array(parts, shape=(len(used), rows.shape[0]))


@dataclass(frozen=True)
class _Course:
    """Some labels, and how they are learnt.

    Args:
        wanted: (N, L) targets of these labels.
        checkpoint: where they are kept while they are learnt.
    """

    shards: RowShards
    wanted: sp.csr_array
    seed: int
    progress: Progress
    checkpoint: LoopCheckpoint

    def learnt(self, start: Callable[[], _Learner], prune: float) -> tuple[sp.csr_array, Floats]:
        """Weights (F, L) and bias (L,), as an earlier run has left them or learnt from `start`."""
        kept = self.checkpoint.load()
        if kept is not None and kept[1]["finished"]:
            arrays = kept[0]
            parts = (arrays["values"], arrays["columns"], arrays["rows"])
            # as if it had been learnt just now
            self.progress.advance(_epochs(self.shards.shape[0]) * self.shards.count)
            shape = (self.shards.shape[1], self.wanted.shape[1])
            return sp.csr_array(parts, shape=shape), np.asarray(arrays["bias"], np.float32)
        # its dense weights are the largest thing here, and are gone when this returns
        learner = start()
        self._learn(learner, kept)
        block, bias = learner.weights_from(prune)
        result = {
            "values": block.data,
            "columns": block.indices,
            "rows": block.indptr,
            "bias": bias,
        }
        self.checkpoint.finish(lambda: (result, {"finished": True}))
        return block, bias

    def _learn(self, learner: _Learner, kept: LoopState | None) -> None:
        """All passes over all shards, in an order that changes with each pass.

        Args:
            kept: the state of a run that was interrupted.
        """
        count = self.shards.count
        # every block of labels sees the same batches, whatever its size
        draw = np.random.default_rng(self.seed)
        epochs = _epochs(self.shards.shape[0])
        epoch, place = 0, 0
        order: list[int] = []
        if kept is not None:
            learner.restore(kept[0])
            epoch, place, order = (kept[1][name] for name in ("epoch", "place", "order"))
            draw.bit_generator.state = kept[1]["draw"]
            self.progress.advance(epoch * count + place)

        def state() -> LoopState:
            facts = {"epoch": epoch, "place": place, "order": order, "finished": False}
            return learner.arrays(), {**facts, "draw": draw.bit_generator.state}

        while epoch < epochs:
            # a state is kept after a shard, so one that is resumed has its order
            if place == 0:
                order = draw.permutation(count).tolist()
            while place < count:
                # steps that shrink to nothing settle between what single batches want
                rate = _LEARNING_RATE * (1 - (epoch + place / count) / epochs)
                self._learn_shard(learner, order[place], rate, draw)
                place += 1
                self.checkpoint.keep(state)
            epoch, place = epoch + 1, 0

    def _learn_shard(
        self, learner: _Learner, shard: int, rate: float, draw: np.random.Generator
    ) -> None:
        numbers, rows = self.shards.read(shard)
        for batch in _batches(len(numbers), draw):
            targets = self.wanted[numbers[batch]].toarray().astype(np.float32)
            learner.step(rows[batch], torch.from_numpy(targets), rate)
        self.progress.advance()


def _batches(rows: int, draw: np.random.Generator) -> Iterator[Rows]:
    order = draw.permutation(rows)
    for start in range(0, rows, _BATCH):
        yield order[start : start + _BATCH]
