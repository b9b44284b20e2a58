"""Labelling that is killed again and again, compared with a run that nothing disturbs, byte by byte.

    shelfwise sample --products 50000 --no-images --out SAMPLE
    shelfwise ingest SAMPLE/catalog.jsonl --out SHARDS
    python benchmarks/label_kills.py MODEL SHARDS FOLDER --kills 20 --between 3

Each kill is a SIGKILL of a worker, or of the run itself, at random. Some fall between a part and its line in
the ledger: there a worker stops itself and waits for its end (``stopped_workers``). FOLDER gets the labels
of both runs. It takes Linux, and fails where a byte or an id is not as it should be.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lost_work import Kill, lost_work, read_steps
from process_trees import PeakMemory, children_of, is_alive, is_stopped

WORKERS = 2
TOP = 10

# a run of five million products
_LONGEST = 3600

# what stops workers, where it stands in PYTHONPATH
_STOPPED_WORKERS = Path(__file__).parent / "stopped_workers"


class Labelling:
    """A folder of labels, and the command that fills it.

    Args:
        model: the folder of the model.
        shards: the ingested catalogue.
        out: where the labels go.

    Attributes:
        stop_between: as long as this file is there, workers stop between a part and its line.
        work_log: where workers note when they begin a shard and when they are done with it.
    """

    def __init__(self, model: Path, shards: Path, out: Path) -> None:
        self.out = out
        self.stop_between = out.with_suffix(".stop")
        self.work_log = out.with_suffix(".log")
        options = ["--workers", WORKERS, "--top", TOP]
        words = ["label", model, shards, "--out", out, *options]
        self._command = [sys.executable, "-m", "shelfwise", *map(str, words)]

    def start(self) -> subprocess.Popen[bytes]:
        """The command in a process of its own."""
        nowhere = subprocess.DEVNULL
        path = os.pathsep.join(filter(None, [str(_STOPPED_WORKERS), os.environ.get("PYTHONPATH")]))
        files = {"STOP_BETWEEN": str(self.stop_between), "WORK_LOG": str(self.work_log)}
        environment = {**os.environ, "PYTHONPATH": path, **files}
        return subprocess.Popen(self._command, stdout=nowhere, stderr=nowhere, env=environment)

    def parts(self) -> set[str]:
        """The parts that have their name, without the endings."""
        return _stems(self.out)

    def entries(self) -> set[str]:
        """The parts that stand in the ledger, without the endings."""
        return _stems(self.out / "ledger")

    def finished(self) -> dict[str, tuple[int, int]]:
        """The file and the time of each part that stands in the ledger: they tell if it is done again."""
        found = {}
        for stem in self.entries():
            status = (self.out / f"{stem}.jsonl").stat()
            found[stem] = (status.st_ino, status.st_mtime_ns)
        return found


class Killer:
    """Kills a labelling until its kills are used up.

    Args:
        labelling: what is killed.
        kinds: what is killed each time: ``worker``, ``run`` or ``between``.
        shards: of the catalogue.
        seed: of the instants.
    """

    def __init__(self, labelling: Labelling, kinds: list[str], shards: int, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self.kills: list[Kill] = []
        self.peak_mb = 0
        self._labelling = labelling
        self._kinds = kinds
        self._shards = shards
        self._planned = len(kinds)
        self._chance = random.Random(seed)
        self._kept: dict[str, tuple[int, int]] = {}

    def run(self) -> None:
        """Start the labelling again and again; the last run ends by itself."""
        while True:
            process = self._labelling.start()
            with PeakMemory(process.pid) as memory:
                self._disturb(process)
                code = process.wait(timeout=_LONGEST)
            self.peak_mb = max(self.peak_mb, memory.mb)
            if process.returncode != -signal.SIGKILL:
                break
        assert code == 0, f"the last run ended with exit code {code}"
        finished = self._labelling.finished()
        again = [stem for stem, file in self._kept.items() if finished[stem] != file]
        assert not again, f"done again though in the ledger: {again}"

    def _disturb(self, process: subprocess.Popen[bytes]) -> None:
        """Kill workers of a run until the run itself is killed, too, or there are no kills left."""
        while self._kinds:
            goal = self._goal()
            _wait_for(lambda goal=goal: len(self._labelling.entries()) >= goal, process)
            kind = self._kinds[0]
            if kind != "worker":
                self._end_run(process, kind)
                return
            self._wait_a_little()
            workers = self._workers(process)
            # all is labelled before the last kills
            if not workers:
                return
            self._kept |= self._labelling.finished()
            self._kill([self._chance.choice(workers)])
            self._count("worker")

    def _workers(self, process: subprocess.Popen[bytes]) -> list[int]:
        """The workers of a run, as soon as it has any; none of one that has ended."""
        while process.poll() is None:
            if workers := children_of(process.pid):
                return workers
            # those before are dead, and the next are being started
            time.sleep(0.005)
        return []

    def _goal(self) -> int:
        """Parts that are to be there before the next kill: the kills are spread over all shards."""
        spread = self._shards * (self.done.total() + 1) // (self._planned + 2)
        # the last ones must leave something to do
        return min(spread, self._shards - 2 * WORKERS)

    def _end_run(self, process: subprocess.Popen[bytes], kind: str) -> None:
        """Kill a run and wait for the end of its workers."""
        if kind == "between":
            self._wait_between(process)
        else:
            self._wait_a_little()
        workers = children_of(process.pid)
        # a worker writes the ledger: it must not live longer than its part's name
        own = workers if kind == "between" else []
        self._kill([*own, process.pid], also_ended=workers)
        process.wait()
        while any(map(is_alive, workers)):
            time.sleep(0.01)
        self._kept |= self._labelling.finished()
        # one that finds all shards done is one of a run like others
        self._count("between" if self._parts_alone() else "run")

    def _kill(self, processes: list[int], also_ended: Sequence[int] = ()) -> None:
        # each once: what it was at is lost once
        ended = list(dict.fromkeys([*processes, *also_ended]))
        self.kills.append(Kill(time.monotonic(), ended))
        _signal(processes, signal.SIGKILL)

    def _wait_a_little(self) -> None:
        """So that a kill may fall anywhere in the work on a shard."""
        time.sleep(self._chance.random() / 5)

    def _wait_between(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until a worker has stopped itself between a part and its line, or the run has ended."""
        self._labelling.stop_between.touch()
        while process.poll() is None:
            if any(map(is_stopped, children_of(process.pid))):
                break
            time.sleep(0.001)
        # the workers of the next run are not to stop
        self._labelling.stop_between.unlink()

    def _parts_alone(self) -> set[str]:
        """The parts that do not stand in the ledger."""
        return self._labelling.parts() - self._labelling.entries()

    def _count(self, kind: str) -> None:
        self.done[kind] += 1
        if kind in self._kinds:
            self._kinds.remove(kind)


def drawn_kinds(kills: int, between: int, chance: random.Random) -> list[str]:
    """What is killed each time, in random order."""
    kinds = [chance.choice(("worker", "run")) for _ in range(kills - between)]
    for _ in range(between):
        # for these, there must be shards left
        kinds.insert(chance.randint(0, len(kinds) // 2), "between")
    return kinds


def compared(
    model: Path, shards: Path, folder: Path, kinds: list[str], seed: int
) -> dict[str, Any]:
    """The figures of both runs.

    Args:
        folder: a new one, for the labels of both runs.
        kinds: what is killed each time.
    """
    calm = Labelling(model, shards, folder / "undisturbed")
    manifest = json.loads((shards / "manifest.json").read_text("utf-8"))
    figures: dict[str, Any] = {"products": manifest["products"]}
    began = time.monotonic()
    process = calm.start()
    with PeakMemory(process.pid) as memory:
        assert process.wait(timeout=_LONGEST) == 0
    figures["undisturbed"] = {"seconds": round(time.monotonic() - began), "peak_mb": memory.mb}
    disturbed = Labelling(model, shards, folder / "killed")
    killer = Killer(disturbed, kinds, len(manifest["shards"]), seed)
    began = time.monotonic()
    killer.run()
    figures["killed"] = {"seconds": round(time.monotonic() - began), "peak_mb": killer.peak_mb}
    figures["kills"] = dict(sorted(killer.done.items()))
    figures["a_kill"] = lost_work(read_steps(disturbed.work_log), killer.kills)
    figures["files"] = same_files(calm.out, disturbed.out)
    figures["ids"] = ids_once(disturbed.out)
    assert figures["ids"] == manifest["products"]
    return figures


def same_files(one: Path, other: Path) -> int:
    """How many files two folders have, byte by byte the same."""
    names = _files(one)
    assert names == _files(other), "the folders hold other files"
    for name in names:
        assert filecmp.cmp(one / name, other / name, shallow=False), f"{name} differs"
    return len(names)


def ids_once(out: Path) -> int:
    """How many ids the parts have, each once."""
    ids: set[bytes] = set()
    rows = 0
    for part in sorted(out.glob("part-*.jsonl")):
        # beside a part lie lists of what was left out
        if part.name.count(".") > 1:
            continue
        for line in part.read_bytes().splitlines():
            rows += 1
            ids.add(json.loads(line)["id"].encode())
    assert rows == len(ids), f"{rows} rows have {len(ids)} ids"
    return rows


def _files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def _stems(folder: Path) -> set[str]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return set()
    return {name.split(".")[0] for name in names if name.startswith("part-")}


def _signal(processes: Sequence[int], number: signal.Signals) -> None:
    for process in processes:
        # it may have ended by itself
        with suppress(ProcessLookupError):
            os.kill(process, number)


def _wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + _LONGEST
    while not what():
        assert process.poll() is None, f"ended by itself: exit code {process.returncode}"
        assert time.monotonic() < end
        time.sleep(0.0005)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("shards", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--between", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    kinds = drawn_kinds(given.kills, given.between, random.Random(given.seed))
    figures = compared(given.model, given.shards, given.folder, kinds, given.seed)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
