"""A model that could be used instead of the one in use, and how far it is from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.retraining.background_work import BackgroundWork
from shelfwise.review.retraining.model_comparison import ModelComparison

State = Literal["idle", "working", "ready", "failed"]


@dataclass(frozen=True)
class Proposed:
    """A model that could be used.

    Args:
        folder: where it lies.
        products: what it suggests.
        comparison: with the model in use.
        facts: what it has learnt from; empty for one that was not trained here.
    """

    folder: Path
    products: ReviewProducts
    comparison: ModelComparison
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class ChangeStatus:
    """How far a change of the model is.

    Args:
        state: "idle", "working", "ready" with a proposed model, or "failed".
        said: what came of the last change.
        work: what is under way, in the state "working".
        proposed: the other model, in the state "ready".
    """

    state: State = "idle"
    said: str = ""
    work: BackgroundWork | None = None
    proposed: Proposed | None = None
