"""What passes between plug-ins, and the conventions that hold everywhere.

Dimensions: N products, L labels, M members (fitted modalities), D features of one member.

Conventions, everywhere:
    * A product that lacks a member's field is *absent* there: probabilities and features are 0, its presence bit False.
    * A product absent from every member gets probability 0 for every label, hence no label.
    * Plug-ins are fitted on, and asked about, present rows only; the caller scatters the answers back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]
Scores = NDArray[np.floating]
MultiHot = NDArray[Any]
"""(N, L) of bool, or of 0 and 1 in any type."""

log = logging.getLogger("shelfwise")


class PluginSettings(BaseModel):
    """Base of every plug-in's settings: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Progress(Protocol):
    """How long work reports how far it is; the command line shows bars, the library default is silent."""

    def advance(self, steps: int = 1) -> None: ...


class NullProgress:
    """The default reporter: says nothing."""

    def advance(self, steps: int = 1) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Context:
    """What a fit or a prediction may use of its surroundings.

    Args:
        seed: the only source of randomness a plug-in may use.
        cache: folder for what is worth keeping between runs (encoded images), or None for no cache on disk.
        title: whose work this is (a member's or system's name), for progress.
        labels: names of the L labels, for fusion policies that know how labels hang together; empty where nobody gave them.
        patterns: for fusion policies that solve for each set of members: the sets that can be present together, each as
            M bools, at least one of them True; empty: any set may occur.
    """

    seed: int = 0
    cache: Path | None = None
    title: str = ""
    labels: tuple[str, ...] = ()
    patterns: tuple[tuple[bool, ...], ...] = ()

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Progress]:
        """Report a piece of work of `total` steps; override to show a bar."""
        yield NullProgress()


@dataclass(frozen=True)
class RejectedField:
    """One product's field that could not be used, and why; the product goes on with its other fields."""

    id: str
    field: str
    reason: str


@dataclass(frozen=True)
class FieldInputs:
    """A field of N products, ready to be learnt from. Pure: no label and no other product had a part in it.

    Args:
        present: (N,) whether the product has the field.
        refused: fields that were there but unusable (a picture that is no picture).
    """

    present: Bools
    refused: tuple[RejectedField, ...] = field(default=(), kw_only=True)

    def __len__(self) -> int:
        return len(self.present)

    def take(self, rows: Rows) -> Self:
        """The given rows, in that order."""
        raise NotImplementedError


@dataclass(frozen=True)
class Examples:
    """Prepared fields (N) with their targets (N, L), float32 of 0 and 1."""

    inputs: Any
    targets: Floats

    def take(self, rows: Rows) -> Examples:
        """The given rows, in that order."""
        return Examples(self.inputs.take(rows), self.targets[rows])

    def present(self) -> Examples:
        """Only the products that have the field."""
        keep = np.flatnonzero(self.inputs.present)
        return self if len(keep) == len(self.targets) else self.take(keep)


@dataclass(frozen=True)
class State:
    """What a fitted object is: arrays (to safetensors) and JSON-ready facts. Never code, never pickles."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prediction:
    """One member's answer: probabilities (N, L), penultimate features (N, D), presence (N,)."""

    probabilities: Floats
    features: Floats
    present: Bools

    def take(self, rows: Rows) -> Prediction:
        """The given rows, in that order."""
        return Prediction(self.probabilities[rows], self.features[rows], self.present[rows])


@dataclass(frozen=True)
class MemberOutputs:
    """All members' answers for N products, in a fixed member order.

    Args:
        scores: (N, M, L) probabilities, 0 where absent.
        present: (N, M) presence mask.
        features: M arrays (N, D_m), 0 where absent.
    """

    scores: Floats
    present: Bools
    features: tuple[Floats, ...]

    @classmethod
    def stack(cls, predictions: Sequence[Prediction]) -> MemberOutputs:
        """Join the members' answers; they must be about the same products in the same order."""
        return cls(
            np.stack([p.probabilities for p in predictions], axis=1),
            np.stack([p.present for p in predictions], axis=1),
            tuple(p.features for p in predictions),
        )

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: Rows) -> MemberOutputs:
        """The given products, in that order."""
        return MemberOutputs(self.scores[rows], self.present[rows], tuple(f[rows] for f in self.features))

    def fill_absent(self, value: float) -> Floats:
        """Scores (N, M, L) with `value` in place of every absent member's."""
        return np.where(self.present[:, :, None], self.scores, np.float32(value))

    def zero_where_absent(self, scores: Floats) -> Floats:
        """`scores` (N, L), but 0 for products that no member knows anything of."""
        return np.where(self.present.any(axis=1, keepdims=True), scores, np.float32(0)).astype(np.float32)

    def members(self, columns: Sequence[int]) -> MemberOutputs:
        """The given members only, in that order."""
        c = list(columns)
        return MemberOutputs(self.scores[:, c], self.present[:, c], tuple(self.features[i] for i in c))
