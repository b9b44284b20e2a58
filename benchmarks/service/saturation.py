"""A service at its limit, beside the same model without a service.

python benchmarks/service/saturation.py MODEL CATALOG.jsonl [--seconds 10] [--rounds 3] [--out DIR]

Measured in turn, round after round, each with one thread of computing:

- offline: `Categorizer.label` of all products at once, after a first call; loading does not count;
- offline_batches: the same in pieces of 256, the most that a worker computes together;
- service: one worker; 56 clients, each asking again at once (a closed loop), 8 products a request: all but
  as many as may wait and be computed;
- unbatched: the same with `max_batch = 1`.

Then, at half of the capacity (an open loop): the latency alone, and beside one busy process a core. Then
twice the capacity: the memory of the service and its worker before and after, and how long until it takes a
request again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from load import Connections, capacity, milliseconds, quantile, run

MAX_BATCH = 256
CLIENTS = 56
PER_REQUEST = 8
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

SERVER = """
import json, sys
from pathlib import Path
from shelfwise.commands.serve import Endpoint, serve
from shelfwise.service.settings import ServiceSettings
serve(Path(sys.argv[1]), Endpoint(port=0), ServiceSettings(max_batch=int(sys.argv[2])),
      lambda where: print(json.dumps(where), flush=True))
"""

OFFLINE = """
import json, sys, time
from shelfwise import Categorizer
model = Categorizer.load(sys.argv[1])
products = [json.loads(line) for line in open(sys.argv[2])]
list(model.label(products[:32]))
started, done = time.perf_counter(), 0
size = int(sys.argv[4])
while time.perf_counter() < started + float(sys.argv[3]):
    for first in range(0, len(products), size):
        done += len(list(model.label(products[first : first + size])))
print(done / (time.perf_counter() - started))
"""


def main() -> None:
    """Measure, print a line each, and leave all figures in ``saturation.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("catalog", type=Path, help="JSON lines with titles and descriptions")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--products", type=int, default=500, help="of the catalogue")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    texts = texts_of(args.catalog, args.products)
    found: dict[str, Any] = {"load_average_before": os.getloadavg()[0]}
    rates: dict[str, list[float]] = {
        "offline": [],
        "offline_batches": [],
        "service": [],
        "unbatched": [],
    }
    with server(args.model, MAX_BATCH) as batched, server(args.model, 1) as unbatched:
        for _ in range(args.rounds):
            rates["offline"].append(offline(args.model, texts, args.seconds, len(texts)))
            rates["offline_batches"].append(offline(args.model, texts, args.seconds, MAX_BATCH))
            rates["service"].append(saturated(batched.address, texts, args.seconds))
            rates["unbatched"].append(saturated(unbatched.address, texts, args.seconds))
        found["products_per_second"] = rates
        found["service_over_offline"] = ratios(rates["service"], rates["offline"])
        found["service_over_offline_batches"] = ratios(rates["service"], rates["offline_batches"])
        found["service_over_unbatched"] = ratios(rates["service"], rates["unbatched"])
        one_by_one = saturated(batched.address, texts, args.seconds, 32, 1)
        found["products_per_second_one_a_request"] = one_by_one
        half = one_by_one / 2
        for count in (1, os.cpu_count() or 1):
            found[f"neighbours_{count}"] = beside_neighbours(
                batched.address, texts, half, args.seconds, count
            )
        found["overload"] = overloaded(batched, texts, 4 * half, args.seconds)
    found["load_average_after"] = os.getloadavg()[0]
    for name, value in found.items():
        print(f"{name}: {json.dumps(value)}")
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "saturation.json").write_text(json.dumps(found, indent=1), "utf-8")


class Running:
    """A service in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.address: str = json.loads(process.stdout.readline())["address"]

    def resident_mib(self) -> float:
        """What the service and its workers hold in memory, shared pages shared out."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        total = 0
        for pid in (str(self.process.pid), *listed.stdout.split()):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return round(total / 1024, 1)


@contextmanager
def server(model: Path, batch: int) -> Iterator[Running]:
    """A service of `model` that computes at most `batch` products together."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(model), str(batch)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **ONE_THREAD},
    )
    try:
        running = Running(process)
        wait_until_answered(running.address)
        yield running
    finally:
        process.terminate()
        process.wait()


def wait_until_answered(address: str, seconds: float = 120) -> float:
    """How long until one product is labelled."""
    started = time.perf_counter()

    async def answered() -> bool:
        try:
            return await Connections(address, body_of({"title": "Mug"})).ask() == 200
        except (OSError, asyncio.IncompleteReadError):
            return False

    while not asyncio.run(answered()):
        if time.perf_counter() > started + seconds:
            raise SystemExit(f"{address} does not answer")
        time.sleep(0.1)
    return time.perf_counter() - started


def texts_of(path: Path, count: int) -> list[dict[str, str]]:
    """Title and description of the first products that have both."""
    found = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                record = json.loads(line)
                found.append({name: str(record[name]) for name in ("title", "description")})
            except (ValueError, KeyError, TypeError):
                # a broken line is not what is measured
                continue
            if len(found) == count:
                break
    return found


def body_of(*products: dict[str, str]) -> bytes:
    return json.dumps({"products": products}).encode()


class Varied(Connections):
    """Connections that send other products each time."""

    def __init__(self, address: str, texts: list[dict[str, str]], together: int = 1) -> None:
        super().__init__(address, b"")
        pieces = [texts[first : first + together] for first in range(0, len(texts), together)]
        self.requests = [Connections(address, body_of(*piece)).request for piece in pieces]
        self.next = 0

    async def ask(self) -> int:
        self.request = self.requests[self.next % len(self.requests)]
        self.next += 1
        return await super().ask()


def offline(model: Path, texts: list[dict[str, str]], seconds: float, together: int) -> float:
    """Products a second without a service."""
    rows = [json.dumps({"id": str(place), **text}) for place, text in enumerate(texts)]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as listed:
        listed.write("\n".join(rows))
        listed.flush()
        done = subprocess.run(
            [sys.executable, "-c", OFFLINE, str(model), listed.name, str(seconds), str(together)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **ONE_THREAD},
        )
    return round(float(done.stdout.split()[-1]), 1)


def saturated(
    address: str,
    texts: list[dict[str, str]],
    seconds: float,
    clients: int = CLIENTS,
    together: int = PER_REQUEST,
) -> float:
    """Products a second that a service answers at most."""
    whole = len(texts) // together * together
    varied = Varied(address, texts[:whole], together)
    return round(asyncio.run(capacity(varied, seconds, clients)) * together, 1)


def ratios(above: list[float], below: list[float]) -> dict[str, float]:
    """The median of the rounds' ratios, and the ends."""
    found = [one / other for one, other in zip(above, below, strict=True)]
    return {
        "median": round(statistics.median(found), 3),
        "least": round(min(found), 3),
        "most": round(max(found), 3),
    }


def beside_neighbours(
    address: str, texts: list[dict[str, str]], rate: float, seconds: float, neighbours: int
) -> dict[str, float]:
    """The 95th percentile of the latency at `rate`, alone and beside so many busy processes."""
    alone = asyncio.run(run(Varied(address, texts), rate, seconds))
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(neighbours)]
    try:
        beside = asyncio.run(run(Varied(address, texts), rate, seconds))
    finally:
        for process in busy:
            process.kill()
            process.wait()
    first, second = quantile(alone.accepted, 0.95), quantile(beside.accepted, 0.95)
    return {
        "alone_p95_ms": milliseconds(first),
        "beside_p95_ms": milliseconds(second),
        "times": round(second / first, 2),
        "alone_lateness_p99_ms": milliseconds(quantile(alone.lateness, 0.99)),
        "beside_lateness_p99_ms": milliseconds(quantile(beside.lateness, 0.99)),
        "failed": sum(
            count
            for one in (alone, beside)
            for status, count in one.statuses.items()
            if status != 200
        ),
    }


def overloaded(
    service: Running, texts: list[dict[str, str]], rate: float, seconds: float
) -> dict[str, Any]:
    """Memory before and after twice the capacity, and the seconds until a request is answered again."""
    before = service.resident_mib()
    outcome = asyncio.run(run(Varied(service.address, texts), rate, seconds))
    again = wait_until_answered(service.address)
    after = service.resident_mib()
    return {
        "before_mib": before,
        "after_mib": after,
        "drift": round(after / before - 1, 3),
        "answered_again_after_seconds": round(again, 2),
        "statuses": dict(outcome.statuses),
        "p99_ms": milliseconds(quantile(outcome.accepted, 0.99)),
        "lateness_p99_ms": milliseconds(quantile(outcome.lateness, 0.99)),
    }


if __name__ == "__main__":
    main()
