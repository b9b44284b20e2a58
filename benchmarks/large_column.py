"""Commands on a catalogue whose descriptions are larger than an Arrow array: exit code, seconds, peak memory.

Writes a JSON Lines file of so many GiB, and one of a third of it, into a folder. Each command is a process of
its own. Its peak is the largest resident set of that process.

    python benchmarks/large_column.py FOLDER --gib 3
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LINEAR = """
import sys
from pathlib import Path
from many_labels import train_in_this_process
train_in_this_process(Path(sys.argv[1]), Path(sys.argv[2]))
"""
"""A training of one member, text_linear, which reads titles and descriptions."""

KINDS = ("mug", "lamp", "chair", "spoon", "clock", "rug")
SOURCE = Path(__file__).parents[1] / "src"
DESCRIPTION_BYTES = 30_000

SETTINGS = """
decide_with = "text"
[labels]
min_count = 2
[split]
validation_fraction = 0.1
[members.text]
modality = "text_linear"
field = "title"
[systems]
"""


def write_catalog(path: Path, total_bytes: int, each: int = DESCRIPTION_BYTES) -> int:
    """Write products until their descriptions, of `each` bytes, have `total_bytes`; how many they are."""
    draw = random.Random(0)
    words = " ".join(draw.choice(("soft", "warm", "small", "round")) for _ in range(8000))
    count = total_bytes // each
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            kind = draw.choice(KINDS)
            # no two descriptions are alike, or they would be copies of each other
            start = draw.randrange(5000)
            text = f"{number} {words[start : start + each]}"
            product = {
                "id": str(number),
                "title": f"{kind} {draw.randrange(1000)}",
                "description": text,
                "categories": [["Home", kind]],
            }
            file.write(json.dumps(product) + "\n")
    return count


def measured(arguments: Sequence[str]) -> dict[str, object]:
    """Run a command of shelfwise to its end, or the training of one member."""
    started = time.monotonic()
    first, *rest = arguments
    code = ["-c", LINEAR, *rest] if first == "linear" else ["-m", "shelfwise", *arguments]
    process = subprocess.Popen(
        [sys.executable, *code],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{Path(__file__).parent}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    # what the kernel says of the process itself, not of its own children
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return {
        "command": arguments[0],
        "exit": code,
        "seconds": round(time.monotonic() - started),
        "cpu": round(usage.ru_utime + usage.ru_stime),
        "peak_mb": usage.ru_maxrss // 1024,
        "error": said[-300:] if code else "",
    }


def main() -> None:
    """Run every command once and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gib", type=float, default=3.0)
    parser.add_argument("--commands", default="predict,inspect,train")
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "settings.toml"
    settings.write_text(SETTINGS, "utf-8")
    # the model is of 2,000 products with short descriptions; it reads titles only
    write_catalog(folder / "small.jsonl", 200_000, each=100)
    for name, gib in (("third", options.gib / 3), ("whole", options.gib)):
        path = folder / f"{name}.jsonl"
        if not path.exists():
            write_catalog(path, int(gib * 2**30))
    model = str(folder / "model")
    train = ["--preset", "quick", "--keep-out", "--config", str(settings)]
    print(json.dumps(measured(["train", str(folder / "small.jsonl"), "--out", model, *train])))
    for command in options.commands.split(","):
        for name in ("third", "whole"):
            source = str(folder / f"{name}.jsonl")
            out = str(folder / f"{command}_{name}")
            arguments = {
                "predict": [model, source, "--out", f"{out}.jsonl"],
                "inspect": [source, "--out", out],
                "train": [source, "--out", out, *train],
                "linear": [source, out],
            }
            line = measured([command, *arguments[command]])
            print(json.dumps({"catalogue": name, **line}), flush=True)


if __name__ == "__main__":
    main()
