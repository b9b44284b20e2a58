"""What passes between plug-ins, and the conventions that hold everywhere.

Dimensions: N products, L labels, M members (fitted modalities), D features of one member.

Conventions, everywhere:
    * A product that lacks a member's field is *absent* there: probabilities and features 0, presence False.
    * A product that is absent from every member gets probability 0 for every label, hence no label.
    * Plug-ins are fitted on present rows and predict present rows only; the caller scatters the answers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shelfwise.config import Settings
from shelfwise.core.loop_checkpoints import LoopCheckpoints

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]
Scores = NDArray[np.floating]
MultiHot: TypeAlias = Any
"""(N, L) of bool, or of 0 and 1 in any type; dense or scipy sparse."""

Matrix: TypeAlias = Any
"""(N, L), dense or scipy sparse: NDArray, csr_matrix or csr_array."""

log = logging.getLogger("shelfwise")


class PluginSettings(Settings):
    """Base of every plug-in's settings: what :class:`~shelfwise.config.Settings` refuses, they do."""


class Progress(Protocol):
    """How work reports its progress. The command line shows bars; the library's default shows nothing."""

    def advance(self, steps: int = 1) -> None:
        """Count steps as done."""
        ...


class NullProgress:
    """The default: reports nothing."""

    def advance(self, steps: int = 1) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Context:
    """What fitting and predicting may use: seed, cache, progress.

    Args:
        seed: the only source of randomness a plug-in may use.
        cache: folder for embeddings that later runs may use, or None for no cache on disk.
        title: the member or system that is at work, for progress.
        labels: names of the L labels, for fusion policies that use the taxonomy; empty where unknown.
        patterns: presence patterns, for fusion policies that solve for each one: which members can be present
            together, each as M bools with at least one True. Empty: any pattern may occur.
        loops: where long loops keep what they have learnt so far.
    """

    seed: int = 0
    cache: Path | None = None
    title: str = ""
    labels: tuple[str, ...] = ()
    patterns: tuple[tuple[bool, ...], ...] = ()
    loops: LoopCheckpoints = field(default_factory=LoopCheckpoints)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Progress]:
        """Report work of `total` steps; override to show a bar."""
        yield NullProgress()


@dataclass(frozen=True)
class RejectedField:
    """A product's field that could not be used, and why. The product keeps its other fields."""

    id: str
    field: str
    reason: str


@dataclass(frozen=True)
class FieldInputs:
    """A field of N products, ready for a classifier. No label and no other product has influenced it.

    Args:
        present: (N,) whether the product has the field.
        refused: fields that were there but unusable (a damaged image, say).
    """

    present: Bools
    refused: tuple[RejectedField, ...] = field(default=(), kw_only=True)

    def __len__(self) -> int:
        return len(self.present)

    def take(self, rows: Rows) -> Self:
        """The given rows, in that order; every kind of inputs has its own."""
        raise NotImplementedError


@dataclass(frozen=True)
class Examples:
    """Prepared fields (N) with their targets (N, L), float32 of 0 and 1.

    Targets are sparse rows only where they are too large, and only for modalities that take these.
    """

    inputs: Any
    targets: Matrix

    def take(self, rows: Rows) -> Examples:
        """The given rows, in that order."""
        return Examples(self.inputs.take(rows), self.targets[rows])

    def present(self) -> Examples:
        """Only the products that have the field."""
        # Where all have the field, no copy is made.
        keep = np.flatnonzero(self.inputs.present)
        return self if len(keep) == self.targets.shape[0] else self.take(keep)


@dataclass(frozen=True)
class State:
    """A fitted object as arrays (for safetensors) and JSON-ready facts. Never code, never a pickle."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_parts(cls, parts: Mapping[str, State]) -> State:
        """One state that holds several, each under its name; :meth:`part` gives them back."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, state in parts.items():
            for key, value in state.arrays.items():
                arrays[f"{name}.{key}"] = value
        return cls(arrays, {name: dict(state.facts) for name, state in parts.items()})

    def part(self, name: str) -> State:
        """One of the states that :meth:`of_parts` put together."""
        prefix = f"{name}."
        own = [key for key in self.arrays if key.startswith(prefix)]
        return State({key.removeprefix(prefix): self.arrays[key] for key in own}, self.facts[name])


@dataclass(frozen=True)
class Prediction:
    """One member's prediction: probabilities (N, L), penultimate features (N, D), presence (N,).

    Probabilities are sparse rows where they are too large, see :mod:`shelfwise.core.sparse_scores`.
    """

    probabilities: Matrix
    features: Floats
    present: Bools

    def take(self, rows: Rows) -> Prediction:
        """The given rows, in that order."""
        return Prediction(self.probabilities[rows], self.features[rows], self.present[rows])

    def without(self, absent: Bools) -> Prediction:
        """The same for N products, of which those marked in `absent` (N,) have no prediction."""
        kept = ~absent[:, None]
        if sp.issparse(self.probabilities):
            probabilities = sp.csr_array(self.probabilities.multiply(kept))
        else:
            probabilities = self.probabilities * kept
        return Prediction(probabilities, self.features * kept, self.present & ~absent)

    def without_features(self) -> Prediction:
        """The same for whoever reads scores alone: features are wide."""
        return replace(self, features=np.zeros((len(self.present), 0), np.float32))


@dataclass(frozen=True)
class MemberOutputs:
    """All members' predictions for N products, in a fixed member order.

    Args:
        scores: (N, M, L) probabilities, 0 where absent.
        present: (N, M) presence mask.
        features: M arrays (N, D_m), 0 where absent; none at all where only scores are read.
    """

    scores: Floats
    present: Bools
    features: tuple[Floats, ...]

    @classmethod
    def stack(cls, predictions: Sequence[Prediction]) -> MemberOutputs:
        """Stack the members' predictions, which must be of the same products in the same order.

        Sparse probabilities become dense ones.
        """
        dense = []
        for one in predictions:
            is_sparse = sp.issparse(one.probabilities)
            dense.append(one.probabilities.toarray() if is_sparse else one.probabilities)
        scores = np.stack(dense, axis=1)
        present = np.stack([one.present for one in predictions], axis=1)
        return cls(scores, present, tuple(one.features for one in predictions))

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: Rows) -> MemberOutputs:
        """The given products, in that order."""
        return MemberOutputs(
            self.scores[rows], self.present[rows], tuple(f[rows] for f in self.features)
        )

    def fill_absent(self, value: float) -> Floats:
        """Scores (N, M, L) with `value` in place of every absent member's."""
        return np.where(self.present[:, :, None], self.scores, np.float32(value))

    def zero_where_absent(self, scores: Floats) -> Floats:
        """`scores` (N, L), but 0 for products that are absent from every member."""
        known = self.present.any(axis=1, keepdims=True)
        return np.where(known, scores, np.float32(0)).astype(np.float32)

    def members(self, columns: Sequence[int]) -> MemberOutputs:
        """The given members only, in that order."""
        chosen = list(columns)
        # policies that read scores are given no features
        features = tuple(self.features[i] for i in chosen) if self.features else ()
        return MemberOutputs(self.scores[:, chosen], self.present[:, chosen], features)
