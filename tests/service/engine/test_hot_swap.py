"""The model is changed while the service answers; a bad one changes nothing."""

from __future__ import annotations

import asyncio
import concurrent.futures
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shelfwise.core.free_memory import free_bytes
from tests.service.conftest import Server

ADMIN = "the-key-of-an-admin-0123456789"
HEADERS = {"authorization": f"Bearer {ADMIN}"}
MUG = {"products": [{"title": "Mug with a handle"}]}


@pytest.fixture
def models(tmp_path: Path, small: Path, trained: Path) -> Path:
    """A folder with a good model, another good one, and a broken one."""
    shutil.copytree(small, tmp_path / "models" / "first")
    shutil.copytree(trained, tmp_path / "models" / "second")
    shutil.copytree(small, tmp_path / "models" / "broken")
    labels = tmp_path / "models" / "broken" / "labels.json"
    labels.write_bytes(labels.read_bytes() + b" ")
    (tmp_path / "outside").symlink_to(small)
    (tmp_path / "models" / "link").symlink_to(small)
    return tmp_path / "models"


def change(server: Server) -> dict[str, Any]:
    values: dict[str, Any] = server.get("/v1/models/current", headers=HEADERS).json()
    return values


@pytest.mark.slow
def test_a_change_under_load_costs_no_request_and_a_broken_model_changes_nothing(
    start: Callable[..., Server], models: Path
) -> None:
    server = start(models / "first", "--models-root", str(models), SHELFWISE_ADMIN_KEY=ADMIN)
    before = server.get("/info").json()["model"]["digest"]

    def swap(path: str) -> dict[str, Any]:
        answer = server.post("/v1/models", {"path": path}, headers=HEADERS)
        assert answer.status_code == 202, answer.text
        # one at a time
        assert server.post("/v1/models", {"path": path}, headers=HEADERS).status_code == 409
        server.wait_until(lambda: change(server)["change"]["state"] in ("live", "refused"))
        return change(server)

    broken = swap("broken")
    assert broken["change"]["state"] == "refused"
    assert "labels.json" in broken["change"]["detail"]
    assert broken["serving"]["digest"] == before
    ended = False

    def ask_on() -> list[int]:
        statuses = []
        while not ended:
            statuses.append(server.post("/v1/categorize", MUG).status_code)
        return statuses

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask_on) for _ in range(4)]
        swapped = swap("second")
        server.post("/v1/categorize", MUG)
        ended = True
        statuses = Counter(status for one in asked for status in one.result())
    assert statuses.keys() == {200}, statuses
    assert swapped["change"]["state"] == "live"
    assert swapped["change"]["tried"] > 0
    assert swapped["serving"]["digest"] != before
    answer = server.post("/v1/categorize", MUG).json()
    assert answer["model"]["digest"] == swapped["serving"]["digest"]
    server.wait_until(lambda: len(server.workers()) == 1, 10)
    # SIGHUP looks again at where the first model stood
    server.process.send_signal(signal.SIGHUP)
    server.wait_until(lambda: change(server)["serving"]["digest"] == before)
    text = server.get("/metrics").text
    assert 'shelfwise_model_swaps_total{result="live"} 2.0' in text
    assert 'shelfwise_model_swaps_total{result="refused"} 1.0' in text
    for path in ("../outside", "/etc", ".", "", "link", "missing", "a\x00b", "x" * 999):
        refused = server.post("/v1/models", {"path": path}, headers=HEADERS)
        assert refused.status_code == 404, path


def test_free_memory_is_the_least_of_machine_and_container(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:    5000 kB\n")
    assert free_bytes(meminfo, tmp_path / "none") == 5_120_000
    (tmp_path / "memory.max").write_text("4000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 500000\n")
    assert free_bytes(meminfo, tmp_path) == 1_500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(meminfo, tmp_path) == 5_120_000
    assert free_bytes(tmp_path / "none", tmp_path / "none") is None


def test_a_second_model_that_would_not_fit_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from shelfwise.service.engine import hot_swap

    class Worker:
        resident_bytes = 2_000_000_000

    class Workers:
        live = (Worker(),)

    monkeypatch.setattr(hot_swap, "free_bytes", lambda: 2_100_000_000)
    with pytest.raises(hot_swap.SwapRefusedError, match=r"2,200 MB .* 2,100 MB are free"):
        hot_swap._check_memory(Workers())  # type: ignore[arg-type]
    monkeypatch.setattr(hot_swap, "free_bytes", lambda: 2_300_000_000)
    hot_swap._check_memory(Workers())  # type: ignore[arg-type]


def test_a_product_that_the_old_model_fails_on_does_not_stop_a_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shelfwise.service.engine import hot_swap

    failed = {"problem": {"status": 500, "kind": "internal", "detail": "it could not be computed"}}
    same = {"labels": [{"name": "Mugs"}]}

    async def submit(*_: object) -> list[dict[str, Any]]:
        return [failed, same, failed]

    class Workers:
        admission = None

    async def count() -> int | None:
        products = [{"id": str(place), "title": "Mug"} for place in range(3)]
        names = [["Mugs"], ["Mugs"], []]
        return await hot_swap._count_changed(Workers(), products, names)  # type: ignore[arg-type]

    monkeypatch.setattr(hot_swap, "submit", submit)
    # the first product gets a label for the first time, the last gets none from either model
    assert asyncio.run(count()) == 1
