"""Modalities that are one network: how it is trained, run, saved and restored. Plug-ins add what differs.

Dimensions: N products, L labels, D features.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from torch import Tensor, nn

from shelfwise.core.fitted import require_fitted
from shelfwise.core.modality import Modality
from shelfwise.core.types import Context, Examples, Floats, State
from shelfwise.nn.classifier_network import ClassifierNetwork, run_classifier
from shelfwise.nn.seeding import torch_seed
from shelfwise.nn.state_tensors import as_arrays
from shelfwise.nn.training_loop import Batches, LoopOptions, fit_network

Network = TypeVar("Network", bound=ClassifierNetwork)


class NetworkModality(Modality, Generic[Network]):
    """A modality that is one network.

    A plug-in makes the network in :meth:`fit` and :meth:`rebuild`, and defines what it reads
    (:meth:`batches`) and which weights are saved (:meth:`weights`). Its settings have a table ``training``.
    """

    batch_size: ClassVar[int] = 64
    """Products that are predicted at a time."""

    def __init__(self, settings: Any, field: str) -> None:
        super().__init__(settings, field)
        self._network: Network | None = None
        self._facts: dict[str, Any] = {}

    @property
    def network(self) -> Network:
        """The trained network.

        Raises:
            NotFittedError: there is none yet.
        """
        return require_fitted(self._network, f"the network of {self.field!r}")

    @abstractmethod
    def batches(self, inputs: Any, context: Context, view: int = 0) -> Batches:
        """What the network reads of prepared `inputs`; `view` is below :attr:`views`."""

    @abstractmethod
    def weights(self) -> Mapping[str, Tensor]:
        """The tensors that are saved, by the names they have on disk."""

    @abstractmethod
    def rebuild(self, state: State) -> Network:
        """The network that `state` was taken from, with its weights."""

    @property
    def views(self) -> int:
        """How many versions of a product are predicted and averaged: 2 where images are mirrored too."""
        return 1

    @property
    def shares_batches(self) -> bool:
        """Whether each process of a training computes a share of a batch: where a batch takes long."""
        return False

    def predict(self, inputs: Any, context: Context) -> tuple[Floats, Floats]:
        """Probabilities (N, L) and features (N, D), the mean over all views."""
        network = self.network
        predictions = []
        for view in range(self.views):
            batches = self.batches(inputs, context, view)
            predictions.append(
                run_classifier(network, batches, self.batch_size, self.shares_batches)
            )
        # a mean over one view would only copy
        if len(predictions) == 1:
            return predictions[0]
        scores, features = zip(*predictions, strict=True)
        mean_scores: Floats = np.mean(scores, axis=0, dtype=np.float32)
        mean_features: Floats = np.mean(features, axis=0, dtype=np.float32)
        return mean_scores, mean_features

    def state(self) -> State:
        """All weights that :meth:`rebuild` needs, and facts."""
        return State(as_arrays(self.weights()), dict(self._facts))

    def restore(self, state: State) -> Self:
        """Become the modality that `state` was taken from."""
        self._facts = dict(state.facts)
        # the initial weights are replaced; the caller's randomness stays as it is
        with torch_seed(0):
            network = self.rebuild(state)
        self._network = network.eval()
        return self

    def provenance(self) -> dict[str, Any]:
        """Where pre-trained weights came from, and how the network was trained."""
        return dict(self._facts)

    def _train(
        self,
        inputs: Batches,
        targets: Floats,
        watched: tuple[Batches, Floats] | None,
        context: Context,
        title: str = "",
        after_step: Callable[[nn.Module], None] | None = None,
    ) -> int:
        """Train the network in place; returns the epoch whose weights remain."""
        return fit_network(
            self.network,
            inputs,
            targets,
            self.settings.training,
            context,
            watched,
            LoopOptions(
                title=title or self.field, after_step=after_step, shared=self.shares_batches
            ),
        )

    def _watched(
        self, validation: Examples | None, context: Context
    ) -> tuple[Batches, Floats] | None:
        """The validation products as early stopping reads them."""
        if validation is None:
            return None
        return self.batches(validation.inputs, context), validation.targets
