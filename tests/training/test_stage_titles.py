"""What a training says it is doing: one sentence a stage, from its beginning to its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core.types import Context, NullProgress, Progress
from shelfwise.modalities.text_linear import TextLinear


@dataclass(frozen=True)
class Listening(Context):
    """Writes down every stage."""

    told: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Progress]:
        self.told.append(title)
        self.shown.append(title)
        yield NullProgress()
        self.shown.remove(title)


def test_a_training_tells_every_stage_when_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ("mug", "lamp", "scarf", "kettle")
    path = tmp_path / "shop.jsonl"
    # titles are told apart by their number: near-copies would all be on one side
    lines = [
        {
            "id": str(n),
            "title": f"{kinds[n % 4]} {n * 7919} {n * 104729}",
            "categories": [kinds[n % 4]],
        }
        for n in range(80)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    members = {"title": {"modality": "text_linear", "field": "title", "settings": {"C": 1.0}}}
    config = Config.parse(
        {
            "members": members,
            "systems": {},
            "decide_with": "title",
            "stacking": {"folds": 2},
            "labels": {"min_count": 2},
            "split": {"validation_fraction": 0},
        }
    )
    context = Listening()
    shown_while_fitting = []
    fit = TextLinear.fit

    def listening(modality: TextLinear, *rest: Any) -> TextLinear:
        shown_while_fitting.append(context.shown[0])
        return fit(modality, *rest)

    monkeypatch.setattr(TextLinear, "fit", listening)
    train(path, tmp_path / "model", config, context=context)
    first = [
        "preparing the data",
        "reading shop.jsonl",
        "choosing labels and parts",
        "preparing title",
        "fitting title",
        "predicting with title",
        "cross-fitting title, part 1",
        "cross-fitting title, part 2",
        "fitting thresholds",
        "measuring on test products",
    ]
    assert context.told[: len(first)] == first
    assert "on all products, fitting title" in context.told
    assert context.told[-1] == "writing the report"
    # a plug-in that tells nothing is seen to be at work
    assert shown_while_fitting[:2] == ["fitting title", "cross-fitting title, part 1"]
