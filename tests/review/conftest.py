"""A small catalogue under review, without a trained model: suggestions are written down here."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn

from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.explain.explanation import Explanation, Reason
from shelfwise.explain.occlusion import Word
from shelfwise.model.bundle_reader import manifest_text
from shelfwise.review.app import create_review_app, review_access
from shelfwise.review.database.decisions import DecisionStore
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.people import People
from shelfwise.review.reasons import Reasons
from shelfwise.review.retraining.kept_models import digest_of
from shelfwise.review.retraining.learning import Sources
from shelfwise.review.retraining.model_changes import ModelChanges
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.sessions import Role, Sessions, Visitor

NAMES = ("Bowls", "Garden", "Kitchen", "Mugs")
PATHS = (("Kitchen", "Bowls"), ("Garden",), ("Kitchen",), ("Kitchen", "Mugs"))


def review_of(catalog: Catalog, **changes: Any) -> ReviewProducts:
    """Products for which a model suggests Kitchen > Mugs, surer from product to product."""
    count = len(catalog)
    given = [
        None if paths is None else frozenset(flatten(paths, "flat"))
        for paths in catalog.column("categories")
    ]
    scores = np.tile(np.array([0.9, 0.8, 0.3, 0.1], np.float32), (count, 1))
    values: dict[str, Any] = {
        "catalog": catalog,
        "model_digest": "digest",
        "names": NAMES,
        "paths": PATHS,
        "given": given,
        "candidates": np.tile(np.array([2, 3, 0, 1]), (count, 1)),
        "scores": scores,
        "members": {"title": scores},
        "suggested": np.tile(np.array([True, True, False, False]), (count, 1)),
        "automatic": np.zeros(count, np.bool_),
        "uncertainty": np.arange(count, 0, -1) / count,
        "suspicion": np.zeros(count),
        "disagreement": np.zeros(count),
        "contradictions": {},
        "look_alikes": np.arange(count) // 2,
    }
    return ReviewProducts(**{**values, **changes})


@pytest.fixture
def workspace_of(tmp_path: Path) -> Callable[..., Workspace]:
    """Opens a catalogue file for review."""

    def open_workspace(path: Path, **changes: Any) -> Workspace:
        products = review_of(read_catalog(path).catalog, **changes)
        return Workspace(products, DecisionStore(tmp_path / "decisions.db"))

    return open_workspace


@dataclass
class Served:
    """A running review.

    Args:
        base: its address.
        addresses: name of a person -> a one-time address.
    """

    base: str
    workspace: Workspace
    changes: ModelChanges
    addresses: dict[str, str]
    sessions: Sessions

    def client(self, name: str = "Ada", role: Role = "lead") -> httpx.Client:
        """A browser without script, with a session."""
        client = httpx.Client(base_url=self.base, follow_redirects=True, timeout=20)
        client.get(self.sessions.one_time_path(Visitor(name, role)))
        return client


FAKE_TRAINING = """
import json, os, pathlib, sys, time
from shelfwise.model.bundle_reader import manifest_text
arguments = dict(zip(sys.argv[3::2], sys.argv[4::2]))
model = pathlib.Path(arguments["--out"])
slow = model.parents[2] / "slow"
steps = int(slow.read_text()) if slow.exists() else 2
for step in range(steps):
    print(json.dumps({"stage": "fitting title", "done": step, "total": steps}), file=sys.stderr, flush=True)
    time.sleep(0.05)
failing = model.parents[2] / "failing"
if failing.exists():
    sys.exit("error: " + failing.read_text())
model.mkdir()
learnt = pathlib.Path(arguments["--corrections"]).read_text()
left_out = arguments.get("--leave-out")
left_out = pathlib.Path(left_out).read_text() if left_out else ""
facts = {"format": 2, "files": {}, "learnt": learnt, "left_out": left_out}
(model / "MANIFEST.json").write_text(manifest_text(facts))
"""
"""Stands for ``shelfwise train``: it takes the same arguments, and tells its progress in the same way."""


def changes_of(workspace: Workspace, folder: Path, **changed: Any) -> ModelChanges:
    """The model in `folder`, and a fake training; what a new model suggests is written down in `changed`."""
    model = folder / "model"
    model.mkdir()
    (model / "MANIFEST.json").write_text(manifest_text({"format": 2, "files": {}}))
    script = folder / "train.py"
    script.write_text(FAKE_TRAINING)
    catalog = Path(workspace.products.catalog.source)

    def suggest(place: Path, context: Context) -> ReviewProducts:
        digest = digest_of(place)
        assert digest is not None
        read = read_catalog(catalog).catalog
        values = {
            "suggested": np.tile(np.array([True, False, True, False]), (len(read), 1)),
            **changed,
        }
        return review_of(read, model_digest=digest, training_ids=frozenset(read.ids), **values)

    products = suggest(model, Context())
    digest = products.model_digest
    # what is in use suggests Kitchen > Mugs
    used = replace(workspace.products, model_digest=digest, training_ids=products.training_ids)
    workspace.use(used)
    train = (sys.executable, str(script), "train")
    return ModelChanges(workspace, Sources(model, catalog), suggest, Context(), train)


def explained(product: Catalog, names: Collection[str]) -> Explanation:
    """Stands for a model: the word "Mug" speaks for every label."""
    word = Word("title", 0, 7, "Mug <b>", 0.4)
    near = ({"id": "t1", "title": "A <i>mug</i>", "similarity": 0.9, "labels": ["Mugs"]},)
    reason = Reason(0.9, {"title": 0.9}, {"title": 0.9}, (word,), None, near)
    return Explanation(product.ids[0], {}, dict.fromkeys(names, reason))


@pytest.fixture
def served(tmp_path: Path, workspace_of: Callable[..., Workspace]) -> Iterator[Served]:
    """The pages of eight products on a real server; a title and a picture are what attackers write."""
    path = tmp_path / "catalog.jsonl"
    records = []
    for number in range(8):
        categories = [["Kitchen", "Bowls"]] if number % 2 else [["Kitchen", "Mugs"]]
        record = {"id": f"p/{number}", "title": f"Mug {number}", "categories": categories}
        records.append(record)
    records[1]["image"] = "../secret.png"
    (tmp_path.parent / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\nsecret")
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    workspace = workspace_of(path)
    changes = changes_of(workspace, tmp_path)
    # the reader takes tags away: here one came through
    workspace.products.titles[0] = "<script>document.title = 'broken'</script>Mug 0"
    sessions = Sessions()
    reasons = Reasons(changes.sources.model, Context(), lambda folder, context: explained)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        # the first caller waits for the server instead of being refused
        bound.listen()
        base = f"http://127.0.0.1:{bound.getsockname()[1]}"
        known = {"Ada": Visitor("Ada", "lead"), "Bob": Visitor("Bob", "reviewer")}
        people = People(base, sessions, list(known.values()))
        app = create_review_app(workspace, review_access(sessions), changes, reasons, people)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        addresses = {name: people.one_time_address(one) for name, one in known.items()}
        yield Served(base, workspace, changes, addresses, sessions)
        server.should_exit = True
        thread.join()
        changes.close()
