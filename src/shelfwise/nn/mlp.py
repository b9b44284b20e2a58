"""The classifier of inputs that are rows of numbers: a hidden layer or none, and a sigmoid a label.

Dimensions: B products of a batch, N products, D numbers of a row, L labels, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.types import Context, Floats, PluginSettings, Rows
from shelfwise.nn.batched_training import fit_as_one, trains_as_one
from shelfwise.nn.classifier_network import ClassifierNetwork, run_classifier
from shelfwise.nn.dropout import Dropout
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.state_tensors import with_prefix
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import LoopOptions, LoopSettings, fit_network

Inputs: TypeAlias = "Floats | sp.csr_array"
"""Rows of numbers (N, D), dense or sparse; sparse rows are filled up batch by batch."""

PREFIX = "network."
"""Of the names that the weights have in a saved model."""

MIN_SPREAD = 1e-6
"""Of an input: one that never varied in training is not blown up later."""


class ClassifierSettings(PluginSettings):
    """Base of the settings of plug-ins that end in this classifier."""

    hidden: int = Field(
        128,
        ge=0,
        description="units of the hidden layer; 0: no hidden layer, hence a logistic regression",
    )
    dropout: float = Field(
        0.3, ge=0, lt=1, description="share of the last layer's inputs dropped in training"
    )
    training: LoopSettings = Field(
        LoopSettings(epochs=60, batch_size=64, learning_rate=3e-3, loss="bce", patience=5),
        description="how the classifier is trained",
    )


class _Network(ClassifierNetwork):
    """Rows (B, D) to logits (B, L)."""

    mean: Tensor
    spread: Tensor

    def __init__(self, inputs: int, labels: int, settings: ClassifierSettings) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.hidden = nn.Linear(inputs, settings.hidden) if settings.hidden else None
        self.dropout = Dropout(settings.dropout)
        self.output = nn.Linear(settings.hidden or inputs, labels)

    def features(self, rows: Tensor) -> Tensor:
        """(B, F) what the last layer reads; F is `hidden`, or D where there is no hidden layer."""
        scaled = (rows - self.mean) / self.spread
        return scaled if self.hidden is None else torch.relu(self.hidden(scaled))

    def standardise(self, rows: Inputs) -> None:
        """Bring inputs like `rows` to mean 0 and spread 1 from now on."""
        # in double precision: a sum of many squares loses the spread otherwise
        mean = np.mean(rows, axis=0, dtype=np.float64)
        spread = np.std(rows, axis=0, dtype=np.float64)
        self.mean = torch.from_numpy(mean.astype(np.float32))
        self.spread = torch.from_numpy(spread.astype(np.float32)).clamp_min(MIN_SPREAD)

    @torch.no_grad()
    def start_at_label_shares(self, targets: Floats) -> None:
        """Let every label's first prediction be its share of the products, so that training starts close."""
        # half a product more with the label and half a product more without it, as no share may be 0 or 1
        shares = (targets.sum(axis=0) + 0.5) / (len(targets) + 1)
        self.output.bias.copy_(torch.logit(torch.from_numpy(shares)))


class RowClassifier:
    """A fitted classifier of rows (N, D)."""

    def __init__(self, network: _Network, epochs: int) -> None:
        self._network = network.eval()
        self.epochs = epochs

    @classmethod
    def fit(
        cls,
        train: tuple[Inputs, Floats],
        validation: tuple[Inputs, Floats] | None,
        settings: ClassifierSettings,
        context: Context,
        title: str,
        standardise: bool = False,
    ) -> Self:
        """Learn from rows (N, D) and targets (N, L), N > 0.

        Args:
            train: rows and targets.
            validation: the same of other products, watched by early stopping.
            title: whose field this is, for progress and errors.
            standardise: bring every input to mean 0 and spread 1 first; the rows must then be dense.
        """
        inputs, targets = train
        network = _new_network(inputs, targets, settings, context.seed, standardise)
        watched = None if validation is None else (_RowBatches(validation[0]), validation[1])
        # one hidden layer: a second core would only wait
        with torch_threads(1):
            epochs = fit_network(
                network,
                _RowBatches(inputs),
                targets,
                settings.training,
                context,
                watched,
                LoopOptions(title=title),
            )
        return cls(network, epochs)

    @classmethod
    def fit_each(
        cls,
        examples: Sequence[tuple[Inputs, Floats]],
        settings: ClassifierSettings,
        contexts: Sequence[Context],
        title: str,
        standardise: bool = False,
    ) -> list[Self]:
        """As :meth:`fit`, of several classifiers without validation products; as one where a GPU is quicker.

        Args:
            examples: rows (N, D) and targets (N, L) of each; L is the same for all.
        """
        read = [(_RowBatches(rows), targets) for rows, targets in examples]
        # where rows are encoded by what each has learnt, they may be wider than another's
        are_alike = len({rows.shape[1] for rows, _ in examples}) == 1
        if not are_alike or not trains_as_one(read, settings.training):
            return [
                cls.fit(own, None, settings, context, title, standardise)
                for own, context in zip(examples, contexts, strict=True)
            ]
        networks = [
            _new_network(*own, settings, context.seed, standardise)
            for own, context in zip(examples, contexts, strict=True)
        ]
        epochs = fit_as_one(networks, read, settings.training, contexts, title)
        return [cls(network, count) for network, count in zip(networks, epochs, strict=True)]

    @property
    def inputs(self) -> int:
        """D, the width of the rows."""
        return len(self._network.mean)

    @property
    def labels(self) -> int:
        """L, the number of labels."""
        return self._network.output.out_features

    def predict(self, rows: Inputs) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, F); a row's do not depend on the others."""
        return run_classifier(self._network, _RowBatches(rows))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The weights, under names that begin with :data:`PREFIX`."""
        tensors = self._network.state_dict()
        return {f"{PREFIX}{name}": value.cpu().numpy().copy() for name, value in tensors.items()}

    @classmethod
    def restore(
        cls, arrays: Mapping[str, NDArray[Any]], settings: ClassifierSettings, epochs: int
    ) -> Self:
        """The classifier that `arrays` were taken from; those of other names are passed over."""
        weights = with_prefix(PREFIX, arrays)
        # the first weights are replaced; the caller's randomness stays as it is
        with torch_seed(0):
            network = _Network(len(weights["mean"]), len(weights["output.bias"]), settings)
        network.load_state_dict(weights)
        return cls(network, epochs)


def _new_network(
    inputs: Inputs, targets: Floats, settings: ClassifierSettings, seed: int, standardise: bool
) -> _Network:
    """A network for such rows and targets with first weights from `seed`, to be trained."""
    with torch_seed(seed):
        network = _Network(inputs.shape[1], targets.shape[1], settings)
    if standardise:
        network.standardise(inputs)
    network.start_at_label_shares(targets)
    return network


class _RowBatches:
    """Rows of numbers, for the training loop."""

    def __init__(self, rows: Inputs) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return int(self._rows.shape[0])

    def batch(self, rows: Rows) -> tuple[Tensor]:
        """The rows (B, D), dense."""
        chosen = self._rows[rows]
        # a batch at a time: all rows, filled up, might not fit into memory
        dense = chosen if isinstance(chosen, np.ndarray) else chosen.toarray()
        return (torch.from_numpy(dense),)
