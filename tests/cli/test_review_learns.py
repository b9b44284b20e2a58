"""``shelfwise review`` learns from decisions with a real training; a kill -9 in the middle costs nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from shelfwise.model.bundle import load_bundle
from shelfwise.review.retraining.kept_models import digest_of, kept_models
from tests.cli.test_review import client_of, running

SECONDS = 400


def decide(client: httpx.Client, row: int, queue: str) -> None:
    page = client.get(f"/p/{row}", params={"queue": queue})
    hidden = dict(
        re.findall(r'type="hidden" name="(seen|request_key|model)" value="([^"]*)"', page.text)
    )
    form = {**hidden, "verdict": "accept"}
    answer = client.post(f"/p/{row}/decisions", params={"queue": queue}, data=form)
    assert answer.status_code == 200


def decide_some(client: httpx.Client) -> None:
    """Six products of the random sample, and four far behind in it."""
    for _ in range(6):
        page = client.get("", params={"queue": "sample"})
        decide(client, int(page.url.path.rpartition("/")[2]), "sample")
    for row in (3, 5, 8, 13):
        decide(client, row, "search")


def wait_for(client: httpx.Client, pattern: str) -> str:
    """Read the page about models until it shows something."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        text = client.get("/models").text
        if re.search(pattern, text):
            return text
        time.sleep(0.5)
    pytest.fail(f"the page never showed {pattern}: {text[-3000:]}")


@pytest.fixture
def own(trained: Path, sample: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A model and a catalogue that a test may change."""
    model = shutil.copytree(trained, tmp_path / "model")
    catalog = shutil.copy(sample, tmp_path / sample.name)
    return model, catalog


@pytest.mark.slow
def test_a_model_learns_is_used_and_is_still_there_after_a_restart(
    own: tuple[Path, Path], tmp_path: Path
) -> None:
    model, catalog = own
    old = digest_of(model)
    with running(model, catalog) as (process, told):
        client = client_of(told)
        decide_some(client)
        client.post("/models/train")
        page = wait_for(client, 'data-state="(ready|failed)"')
        assert 'data-state="ready"' in page, page
        assert "Too few products to tell" in page
        # the paper's preset has no out-of-fold scores: its model does not measure on what it was trained on
        counted = re.findall(r"(\d+) of the random sample can be|(\d+) further products?", page)
        assert sum(int(number) for pair in counted for number in pair if number) == 6
        assert "It has learnt from" in page
        assert "What it adds to the score" in client.get("/p/3/reasons").text
        assert "The new model is used now" in client.post("/models/use").text
        # of the new model: it is loaded from where it stands now
        assert client.get("/p/3/reasons").status_code == 200
        process.kill()
    new = digest_of(model)
    assert new != old
    assert {one.digest for one in kept_models(model)} == {old, new}
    # every byte is what was written, and the sample is in neither part of it
    bundle = load_bundle(model)
    learnt = set(bundle.sections["nearest_neighbours"].facts["ids"])
    with running(model, catalog) as (_, told):
        client = client_of(told)
        assert told["decided"] == 10
        exported = client.get("/export", params={"format": "history"}).text
        rows = [json.loads(line) for line in exported.splitlines()]
        measured = {row["product"] for row in rows if row["reason"] == "sample"}
        assert len(measured) == 6
        assert not measured & learnt
        assert "used another model" in client.get("/models").text


@pytest.mark.slow
def test_a_kill_during_the_training_leaves_model_and_decisions_and_no_process(
    own: tuple[Path, Path], tmp_path: Path
) -> None:
    model, catalog = own
    before = {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()}
    with running(model, catalog) as (process, told):
        client = client_of(told)
        decide_some(client)
        client.post("/models/train")
        wait_for(client, r"</b>: \d+ % ·")
        lock = tmp_path / "model.models" / ".training" / ".model.lock"
        child = int(lock.read_text())
        process.kill()
    # nobody reads its progress any more
    end = time.monotonic() + SECONDS
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(child, 0)
            time.sleep(0.5)
        pytest.fail("the training goes on for nobody")
    assert {path.name: path.read_bytes() for path in model.iterdir() if path.is_file()} == before
    with running(model, catalog) as (_, told):
        assert told["decided"] == 10
        assert 'data-state="idle"' in client_of(told).get("/models").text
