"""kill -9 of workers and runs that label a catalogue: each id once, and not a byte differs."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.torture.commands import Commands
from tests.torture.conftest import share_of

pytestmark = pytest.mark.torture

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PRODUCTS = share_of(50_000)
KILLS = share_of(20)
SHARDS = 50


@pytest.fixture
def label_kills(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("label_kills")


def ingested(commands: Commands, folder: Path) -> Path:
    """A catalogue of many shards, so that every kill finds some of them done and some not."""
    sample, files, shards = folder / "sample", folder / "files", folder / "shards"
    made = commands.run("sample", "--products", PRODUCTS, "--no-images", "--out", sample)
    assert made.code == 0, made.said
    lines = (sample / "catalog.jsonl").read_bytes().splitlines(keepends=True)
    files.mkdir()
    for number in range(SHARDS):
        # a file fills a shard, however short it is
        (files / f"part-{number:03}.jsonl").write_bytes(b"".join(lines[number::SHARDS]))
    rows = len(lines) // SHARDS // 2
    done = commands.run("ingest", files, "--out", shards, "--shard-rows", rows)
    assert done.code == 0, done.said
    return shards


def test_20_kills_in_labelling(
    label_kills: Any, commands: Commands, shop: Path, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    shards = ingested(commands, tmp_path)
    kinds = label_kills.drawn_kinds(KILLS, min(3, KILLS), random.Random(0))
    figures = label_kills.compared(shop / "new", shards, tmp_path, kinds, seed=0)
    # a kill at random may fall there, too
    assert figures["kills"]["between"] >= min(3, KILLS), figures["kills"]
    # two workers lose what they are at, and nothing that is done
    assert figures["a_kill"]["begun_again"] <= label_kills.WORKERS
    kills = ", ".join(f"{count} {kind}" for kind, count in figures["kills"].items())
    seen(
        f"{figures['products']:,} products: {sum(figures['kills'].values())} kills ({kills}), "
        f"each id once, {figures['files']} files the same, a kill costs {figures['a_kill']['lost']} shards"
    )
