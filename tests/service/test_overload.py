"""A service with too much to do, with callers that leave, with workers that hang, and at its end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.conftest import Server, start_server

MUG = {"products": [{"title": "Mug with a handle"}]}


def gather(server: Server, count: int, values: Any = MUG, **options: Any) -> list[httpx.Response]:
    """Many requests at once."""

    async def ask() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            url = f"{server.address}/v1/categorize"
            asked = [client.post(url, json=values, **options) for _ in range(count)]
            return await asyncio.gather(*asked)

    return asyncio.run(ask())


class Stopped:
    """The worker computes nothing inside the block, as if it had far too much to do."""

    def __init__(self, server: Server) -> None:
        [self.worker] = server.workers()

    def __enter__(self) -> None:
        os.kill(self.worker, signal.SIGSTOP)

    def __exit__(self, *error: object) -> None:
        os.kill(self.worker, signal.SIGCONT)


@pytest.fixture(scope="module")
def shared(small: Path) -> Iterator[Server]:
    server = start_server(small, "--queue", "32")
    yield server
    server.process.kill()
    server.process.wait()


@pytest.fixture
def one(shared: Server) -> Server:
    """A server that is ready, whatever the test before did to its worker."""
    shared.wait_until(shared.is_ready)
    return shared


def test_more_than_fits_is_shed_with_a_time_to_come_back_and_the_rest_is_answered(
    one: Server,
) -> None:
    ten = {"products": [{"title": "Mug"}] * 10}

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=60) as client:
            url = f"{one.address}/v1/categorize"
            with Stopped(one):
                # the first keeps the worker busy, whatever comes after it waits
                asked = [asyncio.create_task(client.post(url, json=MUG))]
                await asyncio.sleep(0.3)
                for _ in range(8):
                    asked.append(asyncio.create_task(client.post(url, json=ten)))
                await asyncio.sleep(0.7)
            return await asyncio.gather(*asked)

    before = one.metric("shelfwise_products_executed_total")
    answers = asyncio.run(ask())
    assert Counter(answer.status_code for answer in answers) == {200: 4, 429: 5}
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 60
    # of a refused request not one product was computed
    assert one.metric("shelfwise_products_executed_total") - before == 31
    assert one.metric("shelfwise_shed_total") == 5


def test_requests_whose_callers_left_or_whose_time_is_over_are_never_computed(
    one: Server,
) -> None:
    def executed() -> float:
        return one.metric("shelfwise_products_executed_total")

    def outcomes(name: str) -> float:
        lines = one.get("/metrics").text.splitlines()
        wanted = f'shelfwise_products_total{{outcome="{name}"}} '
        return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))

    async def until(holds: Callable[[], bool]) -> None:
        # in a thread of its own, so that the requests are sent meanwhile
        await asyncio.to_thread(one.wait_until, holds, 20)

    async def ask_and_leave() -> None:
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=64)) as client:
            url = f"{one.address}/v1/categorize"
            with Stopped(one):
                first = asyncio.create_task(client.post(url, json=MUG))
                await asyncio.sleep(0.3)
                gone = [asyncio.create_task(client.post(url, json=MUG)) for _ in range(20)]
                # all have arrived before any of them leaves
                await until(lambda: one.metric("shelfwise_queue_products") >= 20)
                for task in gone:
                    task.cancel()
                await until(lambda: outcomes("disconnected") == 20)
                headers = {"x-deadline-ms": "300"}
                late = [client.post(url, json=MUG, headers=headers) for _ in range(10)]
                answers = await asyncio.gather(*late)
            assert (await first).status_code == 200
            assert [answer.status_code for answer in answers] == [504] * 10

    before = executed()
    asyncio.run(ask_and_leave())
    one.wait_until(lambda: one.metric("shelfwise_queue_products") == 0, 10)
    assert executed() - before == 1
    assert outcomes("expired") == 10
    assert outcomes("disconnected") == 20


def test_an_explanation_that_must_wait_lets_labels_pass(one: Server) -> None:
    words = " ".join(f"word{n}" for n in range(120))
    explained = {"product": {"title": "Mug", "description": words}, "evidence": True}

    async def ask() -> tuple[list[int], int]:
        async with httpx.AsyncClient(timeout=120) as client:
            asked = [
                asyncio.create_task(client.post(f"{one.address}/v1/explain", json=explained))
                for _ in range(4)
            ]
            await asyncio.sleep(0.2)
            label = await client.post(f"{one.address}/v1/categorize", json=MUG)
            explanations = await asyncio.gather(*asked)
            return sorted(answer.status_code for answer in explanations), label.status_code

    # two permits of their own
    assert asyncio.run(ask()) == ([200, 200, 429, 429], 200)


@pytest.mark.slow
def test_a_hung_worker_is_told_in_time_and_replaced(one: Server) -> None:
    [worker] = one.workers()
    os.kill(worker, signal.SIGSTOP)
    started = time.monotonic()
    # what the hung worker holds gets an error, not silence
    answer = one.post("/v1/categorize", MUG)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert one.get("/readyz").json()["type"] == "urn:shelfwise:worker"
    assert time.monotonic() - started < 6
    one.wait_until(one.is_ready)
    assert one.post("/v1/categorize", MUG).status_code == 200
    assert one.workers() != [worker]


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_who_waits_is_answered(one: Server) -> None:
    [worker] = one.workers()
    os.kill(worker, signal.SIGKILL)
    assert one.wait_until(lambda: not one.is_ready(), 5) < 5
    one.wait_until(one.is_ready)
    assert one.post("/v1/categorize", MUG).status_code == 200
    assert one.metric("shelfwise_worker_restarts_total") >= 1


def test_at_its_end_the_service_says_so_first_and_answers_all_that_waits(
    start: Callable[..., Server], small: Path
) -> None:
    server = start(small, "--queue", "128")

    async def ask() -> tuple[list[int], int, float]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            url = f"{server.address}/v1/categorize"
            with Stopped(server):
                asked = [asyncio.create_task(client.post(url, json=MUG)) for _ in range(100)]
                await asyncio.sleep(1)
                server.process.send_signal(signal.SIGTERM)
                ended = time.monotonic()
                await asyncio.sleep(0.3)
                # it listens still: whoever looks is told not to send more
                ready = await client.get(f"{server.address}/readyz")
            answers = await asyncio.gather(*asked)
        return [answer.status_code for answer in answers], ready.status_code, ended

    statuses, ready, ended = asyncio.run(ask())
    assert ready == 503
    assert statuses == [200] * 100
    assert server.process.wait(15) == 0
    assert time.monotonic() - ended < 15
    assert server.workers() == []


def test_workers_end_with_a_service_that_was_killed(
    start: Callable[..., Server], small: Path
) -> None:
    server = start(small)
    [worker] = server.workers()
    server.process.kill()
    server.process.wait()
    # on a busy machine it takes a while until a process with many libraries is gone
    until = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()
