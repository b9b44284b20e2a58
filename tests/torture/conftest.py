"""What the torture tests share: a tiny catalogue, models of it, and the table of what was seen."""

from __future__ import annotations

import fcntl
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from tests.torture.commands import Commands

FIGURES = Path(__file__).parents[2] / "docs" / "torture.md"
HEAD = """# Results of the stress tests

`make torture` writes this table. A part that is run alone replaces its own row.
[guarantees.md](guarantees.md) has the promises.

| part | what was done, and what was seen | seconds | day |
|---|---|---|---|
"""
SETTINGS = """
decide_with = "title"
[labels]
min_count = 5
[stacking]
folds = 2
[evaluation]
bootstrap = 0
"""
"""The cheapest training: one linear classifier of titles."""

SHARE = float(os.environ.get("TORTURE_SHARE", "1"))
"""Less than 1 only tries that the parts run; nothing is then written into the table."""

WORDS = {
    "Mugs": "mug cup handle porcelain",
    "Lamps": "lamp light bulb desk",
    "Shoes": "shoe leather sole lace",
    "Pens": "pen ink ball writing",
}


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Iterator[Callable[[str], None]]:
    """Called with a sentence of figures, it is written into the table once the test has passed."""
    started = time.perf_counter()
    sentences: list[str] = []
    failures = request.session.testsfailed
    yield sentences.append
    if sentences and request.session.testsfailed == failures and SHARE == 1:
        seconds = time.perf_counter() - started
        part = request.node.name.removeprefix("test_").replace("_", " ")
        write_row(part, "; ".join(sentences), seconds)


def write_row(part: str, sentence: str, seconds: float) -> None:
    """Put one row into the table, in place of the row of the same part."""
    with FIGURES.open("a+", encoding="utf-8") as table:
        # files of tests run side by side: without the lock one of two rows could be lost
        fcntl.flock(table, fcntl.LOCK_EX)
        table.seek(0)
        rows: dict[str, str] = {}
        for line in table:
            if line.startswith("| ") and not line.startswith("| part |"):
                rows[line.split("|")[1].strip()] = line.rstrip("\n")
        rows[part] = f"| {part} | {sentence} | {seconds:.0f} | {date.today().isoformat()} |"
        table.truncate(0)
        table.write(HEAD + "\n".join(rows[name] for name in sorted(rows)) + "\n")


def write_catalogue(path: Path, products: int = 120, seed: int = 0) -> Path:
    """A catalogue of titles that tell their categories."""
    chance = random.Random(seed)
    lines = []
    for number in range(products):
        names = chance.sample(sorted(WORDS), chance.choice([1, 1, 2]))
        words = [word for name in names for word in chance.sample(WORDS[name].split(), 2)]
        title = f"{' '.join(words)} model {number}"
        lines.append(json.dumps({"id": f"p{number}", "title": title, "categories": names}))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def public_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that other users may read; pytest keeps its own from them."""
    folder = tempfile.TemporaryDirectory(prefix="shelfwise-torture-")
    Path(folder.name).chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def shop() -> Iterator[Path]:
    """A folder with two catalogues, settings, and a model of each catalogue."""
    with public_folder() as name:
        yield fill_shop(Path(name))


def fill_shop(folder: Path) -> Path:
    """Write the catalogues and the settings into `folder`, and train the models."""
    write_catalogue(folder / "old.jsonl", seed=1)
    write_catalogue(folder / "new.jsonl")
    (folder / "settings.toml").write_text(SETTINGS, "utf-8")
    commands = Commands(folder)
    for name in ("old", "new"):
        done = commands.run(*train(folder, name, folder / name))
        assert done.code == 0, done.said
    commands.end()
    return folder


def share_of(count: int) -> int:
    """So many times, or fewer where it is only tried."""
    return max(2, round(count * SHARE))


def some_of(sizes: Sequence[int]) -> Sequence[int]:
    """All of them, or fewer where it is only tried."""
    return sizes if SHARE == 1 else sizes[::3]


def train(shop: Path, catalogue: str, out: Path) -> list[object]:
    """The words of a training, the cheapest that there is."""
    settings = ["--preset", "quick", "--config", shop / "settings.toml"]
    return ["train", shop / f"{catalogue}.jsonl", "--out", out, *settings]


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    """Runs commands, each in a process of its own."""
    server = Commands(tmp_path)
    yield server
    server.end()


def manifest(model: Path) -> bytes:
    """What tells a model from another: the sha256 of each of its files."""
    return (model / "MANIFEST.json").read_bytes()


def leftovers(folder: Path, *expected: str) -> list[str]:
    """Names in `folder` that are neither expected nor the test's own."""
    own = {"cache", *expected}
    names = sorted(path.name for path in folder.iterdir())
    return [name for name in names if name not in own and not name.startswith("output.")]
