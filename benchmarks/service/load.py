"""How a service behaves below, at and above its capacity.

Requests are sent at the times of a plan, whether or not earlier ones are answered (an open loop). A client
that waits for answers slows down with the service, and never sees it overloaded. The script measures the
capacity first, and then sends 0.5, 1 and 2 times as much. It prints its own lateness. A run whose lateness is
not small tells of this script and not of the service, and is called void. `allowed_p99_ms` is the aim:
1.2 times what all requests that may wait take at the capacity, and one batch.

    shelfwise serve MODEL &
    python benchmarks/service/load.py --seconds 60
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from shelfwise.service.settings import ServiceSettings

REFUSED = 429
PAUSE_SECONDS = 0.05
LIMITS = ServiceSettings()

TITLES = ("Mug with a handle", "Snare drum in white", "Laces for boots", "Storage jar, set of two")


@dataclass
class Outcome:
    """What became of the requests of one run; times in seconds."""

    accepted: list[float] = field(default_factory=list)
    shed: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    def describe(self, products: int) -> dict[str, object]:
        """The figures of the run."""
        lateness = quantile(self.lateness, 0.99)
        accepted_median = quantile(self.accepted, 0.5)
        return {
            "answered_products_per_second": round(len(self.accepted) * products / self.seconds, 1),
            "statuses": dict(self.statuses),
            "p50_ms": milliseconds(accepted_median),
            "p99_ms": milliseconds(quantile(self.accepted, 0.99)),
            "shed_p99_ms": milliseconds(quantile(self.shed, 0.99)),
            "lateness_p99_ms": milliseconds(lateness),
            "void": lateness > 0.05 * accepted_median,
        }


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies; 0 where there are none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)


class Connections:
    """Connections to the service that are used again; written by hand, as clients cost more than they ask."""

    def __init__(self, address: str, body: bytes) -> None:
        parts = urlsplit(address)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 80
        head = (
            f"POST /v1/categorize HTTP/1.1\r\nhost: {self.host}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.request = head.encode() + body
        self.free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self) -> int:
        """Send the request; the status of its answer."""
        reader, writer = await self._connection()
        writer.write(self.request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        await reader.readexactly(length)
        if b"connection: close" in head.lower():
            writer.close()
        else:
            self.free.append((reader, writer))
        return status

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that is still open, or a new one."""
        while self.free:
            reader, writer = self.free.pop()
            # the service closes what was idle for seconds, as every server does
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.host, self.port)


async def run(connections: Connections, rate: float, seconds: float) -> Outcome:
    """Send `rate` requests a second for so long, and wait for the answers."""
    outcome = Outcome(seconds=seconds)
    started = time.perf_counter()

    async def ask() -> None:
        sent = time.perf_counter()
        try:
            status = await connections.ask()
        except (OSError, asyncio.IncompleteReadError):
            # a broken connection is a failure of its own
            status = 0
        taken = time.perf_counter() - sent
        outcome.statuses[status] += 1
        (outcome.accepted if status == 200 else outcome.shed).append(taken)

    tasks = []
    for number in range(int(rate * seconds)):
        planned = started + number / rate
        await asyncio.sleep(max(0.0, planned - time.perf_counter()))
        outcome.lateness.append(time.perf_counter() - planned)
        tasks.append(asyncio.create_task(ask()))
    await asyncio.gather(*tasks)
    return outcome


async def capacity(connections: Connections, seconds: float, clients: int) -> float:
    """Requests a second that a few clients get answered, each asking again at once (a closed loop).

    A client that is refused waits a little: refusing so many would be all that is measured.
    """
    until = time.perf_counter() + seconds
    answered = 0

    async def ask_on() -> None:
        nonlocal answered
        while time.perf_counter() < until:
            status = await connections.ask()
            # what is answered after the end, up to one request a client, is of another time
            answered += status == 200 and time.perf_counter() < until
            if status == REFUSED:
                await asyncio.sleep(PAUSE_SECONDS)

    await asyncio.gather(*(ask_on() for _ in range(clients)))
    return answered / seconds


def batches(address: str) -> tuple[float, float]:
    """How many batches the service has computed, and their seconds."""
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        text = answer.read().decode()
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name == "shelfwise_inference_seconds"
    }
    return samples["shelfwise_inference_seconds_count"], samples["shelfwise_inference_seconds_sum"]


async def measure(arguments: argparse.Namespace) -> None:
    """Measure the capacity and the runs, and print a line of JSON for each."""
    # without ids: products of one id, as all requests here would have, are never computed together
    products = [{"title": TITLES[place % len(TITLES)]} for place in range(arguments.products)]
    body = json.dumps({"products": products, "top": 1}).encode()
    connections = Connections(arguments.address, body)
    # the first requests meet a service that was idle
    await capacity(connections, 1, arguments.clients)
    most = await capacity(connections, max(2.0, arguments.seconds / 4), arguments.clients)
    first = {
        "capacity_products_per_second": round(most * arguments.products, 1),
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(first))
    # a request of several products meets the limit of products first
    places = min(LIMITS.queue_requests, LIMITS.queue_products / arguments.products)
    for times in arguments.times:
        before = batches(arguments.address)
        outcome = await run(connections, times * most, arguments.seconds)
        after = batches(arguments.address)
        batch_seconds = (after[1] - before[1]) / max(1, after[0] - before[0])
        figures = {
            "times_capacity": times,
            **outcome.describe(arguments.products),
            "batch_ms": milliseconds(batch_seconds),
            "allowed_p99_ms": milliseconds(1.2 * (places / most + batch_seconds)),
            "load_average": os.getloadavg()[0],
        }
        print(json.dumps(figures))


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--seconds", type=float, default=60, help="of each run")
    parser.add_argument("--products", type=int, default=1, help="of each request")
    parser.add_argument(
        "--clients", type=int, default=LIMITS.queue_requests, help="while the capacity is measured"
    )
    parser.add_argument("--times", type=float, nargs="+", default=[0.5, 1.0, 2.0])
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
