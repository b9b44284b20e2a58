"""The classifier of inputs that are rows of numbers already: standardised or not, a hidden layer or none, a sigmoid a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from shelfwise.core.types import Context, Floats, PluginSettings, Rows
from shelfwise.nn.threads import torch_threads
from shelfwise.nn.training_loop import LoopSettings, fit_network, run_network, torch_seed

Inputs: TypeAlias = "Floats | sp.csr_array"
"""Rows of numbers (N, D), dense or sparse; sparse rows are filled up batch by batch."""

_LEAST_SPREAD = 1e-6
"""Of an input: one that never varied in training is not blown up later."""


class ClassifierSettings(PluginSettings):
    """Base of the settings of plug-ins that end in this classifier."""

    hidden: int = Field(
        128, ge=0, description="units of a hidden layer; 0 for none, which makes it a logistic regression"
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="of the inputs of the last layer")
    training: LoopSettings = LoopSettings(
        epochs=60, batch_size=64, learning_rate=3e-3, loss="bce", patience=5
    )


class _Network(nn.Module):
    """Rows (B, D) to logits (B, L)."""

    mean: Tensor
    spread: Tensor

    def __init__(self, inputs: int, labels: int, settings: ClassifierSettings) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))
        self.hidden = nn.Linear(inputs, settings.hidden) if settings.hidden else None
        self.dropout = nn.Dropout(settings.dropout)
        self.output = nn.Linear(settings.hidden or inputs, labels)

    def features(self, rows: Tensor) -> Tensor:
        """(B, F) what the last layer sees; F is `hidden`, or D where there is no hidden layer."""
        scaled = (rows - self.mean) / self.spread
        return scaled if self.hidden is None else torch.relu(self.hidden(scaled))

    def forward(self, rows: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dropout(self.features(rows)))
        return logits

    def both(self, rows: Tensor) -> Tensor:
        """(B, L + F) probabilities, then features."""
        features = self.features(rows)
        return torch.cat([self.output(features).sigmoid(), features], dim=1)


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
        """Learn from rows (N, D) and targets (N, L), N > 0; at first every label has its share in them.

        Args:
            train: rows and targets.
            validation: the same of other products, watched by early stopping.
            title: whose field this is, for progress and errors.
            standardise: bring every input to mean 0 and spread 1 first; the rows must then be dense.
        """
        inputs, targets = train
        with torch_seed(context.seed):
            network = _Network(inputs.shape[1], targets.shape[1], settings)
        if standardise:
            network.mean = torch.from_numpy(np.mean(inputs, axis=0, dtype=np.float64).astype(np.float32))
            network.spread = torch.from_numpy(
                np.std(inputs, axis=0, dtype=np.float64).astype(np.float32)
            ).clamp_min(_LEAST_SPREAD)
        with torch.no_grad():
            network.output.bias.copy_(
                torch.logit(torch.from_numpy((targets.sum(axis=0) + 0.5) / (len(targets) + 1)))
            )
        watched = None if validation is None else (_Batches(validation[0]), validation[1])
        with torch_threads(1):
            epochs = fit_network(
                network, _Batches(inputs), targets, settings.training, context, watched, title=title
            )
        return cls(network, epochs)

    @property
    def inputs(self) -> int:
        """D, the width of the rows."""
        return len(self._network.mean)

    @property
    def labels(self) -> int:
        """L, the number of labels."""
        return self._network.output.out_features

    def predict(self, rows: Inputs) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, F); the same for a row in whatever company it comes."""
        width = self._network.output.in_features
        both = run_network(self._network, _Batches(rows), ask=self._network.both).reshape(
            rows.shape[0], self.labels + width
        )
        return both[:, : self.labels], both[:, self.labels :]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The weights, under names that begin with ``network.``."""
        return {
            f"network.{name}": value.cpu().numpy().copy()
            for name, value in self._network.state_dict().items()
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], settings: ClassifierSettings, epochs: int) -> Self:
        """The classifier that `arrays` were taken from; those of other names are passed over."""
        weights = {
            n.removeprefix("network."): torch.from_numpy(np.array(v))
            for n, v in arrays.items()
            if n.startswith("network.")
        }
        with torch_seed(0):  # the first weights are replaced; the caller's randomness stays as it is
            network = _Network(len(weights["mean"]), len(weights["output.bias"]), settings)
        network.load_state_dict(weights)
        return cls(network, epochs)


class _Batches:
    """Rows of numbers, for the training loop."""

    def __init__(self, rows: Inputs) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return int(self._rows.shape[0])

    def batch(self, rows: Rows) -> tuple[Tensor]:
        """The rows (B, D)."""
        chosen = self._rows[rows]
        return (torch.from_numpy(chosen if isinstance(chosen, np.ndarray) else chosen.toarray()),)
