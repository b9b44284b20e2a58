"""What ``shelfwise evaluate`` tells: every figure once, and what was left out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path


def test_every_figure_is_told_once(
    command: Callable[..., subprocess.CompletedProcess[str]],
    trained: Path,
    sample: Path,
    tmp_path: Path,
) -> None:
    catalog = tmp_path / sample.name
    shutil.copytree(sample.parent / "images", tmp_path / "images")
    broken = b'{"title": "no id", "categories": [["Mugs"]]}\n'
    unlabelled = b'{"id": "without labels", "title": "Mug"}\n'
    catalog.write_bytes(sample.read_bytes() + broken + unlabelled)
    figures = json.loads(command("evaluate", trained, catalog, "--json").stdout)
    done = command("evaluate", trained, catalog)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{figures['products']} products; final system: ")
    assert f"left out: {figures['quarantined']} records that cannot be read" in lines
    assert any(line.startswith("left out: 1 product: ") for line in lines)
    # no value as a program writes it
    assert "{" not in done.stdout
    rows = [line.split() for line in lines if re.match(r"\w+ +[\d.]+( +[\d.]+)?$", line)]
    names = [name for name, *_ in rows]
    assert len(names) == len(set(names))
    told = dict(zip(names, rows, strict=True))
    assert told["macro_f1"][1:] == [
        f"{figures['macro_f1_at_0.5']:.4f}",
        f"{figures['macro_f1_tuned']:.4f}",
    ]
    assert told["lrap"][1:] == [f"{figures['lrap']:.4f}"]
    # aligned
    assert len({len(line) for line in lines if re.match(r"\w+ +[\d.]+ +[\d.]+$", line)}) == 1
