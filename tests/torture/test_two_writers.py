"""Two trainings into one folder, two predictions into one file: one is told, the other is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture.commands import Commands
from tests.torture.conftest import leftovers, manifest, share_of, train

pytestmark = pytest.mark.torture

ROUNDS = share_of(20)


def test_two_trainings_into_one_folder(
    commands: Commands, shop: Path, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    out = tmp_path / "model"
    told = 0
    for _ in range(ROUNDS):
        pair = [commands.start(*train(shop, name, out)) for name in ("old", "new")]
        ends = [running.wait() for running in pair]
        for done in ends:
            if not done.succeeded_or_refused():
                assert "is being written by" in done.sentence()
                told += 1
        winners = [name for name, done in zip(("old", "new"), ends, strict=True) if not done.code]
        # one that came so late that the other had ended may have replaced it
        assert manifest(out) in {manifest(shop / name) for name in winners}
        assert not leftovers(tmp_path, "model")
    seen(f"{ROUNDS} pairs: {told} told who writes there, {ROUNDS * 2 - told} models whole, 0 mixed")


def test_two_predictions_into_one_file(
    commands: Commands, shop: Path, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    out = tmp_path / "labels.jsonl"
    told = 0
    for _ in range(ROUNDS):
        pair = [
            commands.start("predict", shop / "new", shop / f"{name}.jsonl", "--out", out)
            for name in ("old", "new")
        ]
        for done in [running.wait() for running in pair]:
            if not done.succeeded_or_refused():
                # one that comes before the other has written its number calls it another process
                assert "is being written by" in done.sentence()
                told += 1
        rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        assert [row["id"] for row in rows] == [f"p{number}" for number in range(120)]
        assert not leftovers(tmp_path, "labels.jsonl")
    seen(f"{ROUNDS} pairs: {told} told who writes there, {ROUNDS * 2 - told} files whole, 0 mixed")
