"""Another model while people review: trained, compared, used or not, and brought back; on plain forms."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from shelfwise.review.retraining.kept_models import digest_of, kept_models

HOME = "/review/models"


def wait_for(served: Any, *states: str) -> None:
    """Wait until a change of the model is as far as this."""
    for _ in range(600):
        if served.changes.status.state in states:
            return
        time.sleep(0.05)
    pytest.fail(f"it is {served.changes.status}")


def decide(
    client: httpx.Client, row: int, queue: str = "uncertain", **values: Any
) -> httpx.Response:
    """Decide about a product as its page shows it."""
    page = client.get(f"/review/p/{row}", params={"queue": queue})
    hidden = dict(
        re.findall(r'type="hidden" name="(seen|request_key|model)" value="([^"]*)"', page.text)
    )
    form = {**hidden, "verdict": "save", "label": "Garden", **values}
    return client.post(f"/review/p/{row}/decisions", params={"queue": queue}, data=form)


def learn(served: Any, client: httpx.Client) -> httpx.Response:
    """Train on one decision at least, and wait for the comparison."""
    answer = client.post(f"{HOME}/train")
    wait_for(served, "ready", "failed")
    return answer


def model_of(served: Any) -> Path:
    folder: Path = served.changes.sources.model
    return folder


def test_a_new_model_is_used_and_the_old_one_is_brought_back(served: Any) -> None:
    client, workspace = served.client(), served.workspace
    old = digest_of(model_of(served))
    decide(client, 0)
    assert "What would be learnt" in client.get(HOME).text
    learn(served, client)
    page = client.get(HOME)
    assert "Too few products to tell" in page.text
    assert "8 products of the catalogue get other categories" in page.text
    assert "A new model waits to be judged" in client.get("/review/p/1").text
    preview = client.post("/review/bulk", params={"queue": "search"})
    action = re.search(r'action="(/review/bulk/[^"?]+)', preview.text)
    assert action is not None
    assert "The new model is used now" in client.post(f"{HOME}/use").text
    new = digest_of(model_of(served))
    assert new == workspace.products.model_digest != old
    assert workspace.products.suggestion(1) == ("Bowls", "Kitchen")
    # what was previewed were the old model's suggestions
    assert "the preview is too old" in client.post(action.group(1)).text
    assert len(workspace.store.all_decisions()) == 1
    assert {one.digest for one in kept_models(model_of(served))} == {old, new}
    client.post(f"{HOME}/load", data={"digest": old})
    wait_for(served, "ready", "failed")
    client.post(f"{HOME}/use")
    assert digest_of(model_of(served)) == workspace.products.model_digest == old
    kinds = [event.kind for event in served.changes.events.all()]
    assert kinds == ["used", "used", "trained"]


def test_the_old_model_is_kept_and_nothing_is_deleted_without_a_word(served: Any) -> None:
    client = served.client()
    old = digest_of(model_of(served))
    decide(client, 0)
    learn(served, client)
    answer = client.post(f"{HOME}/keep")
    assert "The new one was not deleted: it lies in" in answer.text
    [kept] = kept_models(model_of(served))
    assert str(kept.folder) in answer.text
    assert served.workspace.products.model_digest == digest_of(model_of(served)) == old
    assert "1 decisions, for Ada" in answer.text


def test_nothing_is_learnt_from_the_random_sample_or_its_look_alikes(served: Any) -> None:
    client, workspace = served.client(), served.workspace
    first, second = workspace.queues.sample[:2].tolist()
    # one with its look-alike in the same stroke, one shown in another queue before its turn
    decide(client, first, "sample", copies="yes")
    decide(client, second, "uncertain")
    unseen = {first, first ^ 1, second, second ^ 1}
    # far behind in the order of the sample
    others = [row for row in workspace.queues.sample[3:].tolist() if row not in unseen][-2:]
    for row in others:
        decide(client, row)
    learn(served, client)
    found = json.loads((served.changes.status.proposed.folder / "MANIFEST.json").read_text())
    learnt = {json.loads(line)["id"] for line in found["learnt"].splitlines()}
    left_out = {json.loads(line)["id"] for line in found["left_out"].splitlines()}
    ids = workspace.products.ids
    assert learnt == {ids[row] for row in others}
    assert left_out == {ids[row] for row in unseen}
    # an interval from two products would say more than they do
    assert '<th scope="row">Micro-F1</th>' in client.get(HOME).text
    assert not re.search(r"\([+-][\d.]+ to [+-]", client.get(HOME).text)
    # these measure, and nothing else
    assert served.changes.status.proposed.comparison.products == 2


def test_one_change_at_a_time_and_stopping_leaves_everything_as_it_was(
    served: Any, tmp_path: Path
) -> None:
    client = served.client()
    (tmp_path / "slow").write_text("2000")
    decide(client, 0)
    before = (digest_of(model_of(served)), served.workspace.store.all_decisions())
    client.post(f"{HOME}/train")
    wait_for(served, "working")
    for _ in range(200):
        page = client.get(HOME).text
        if "fitting title" in page:
            break
        time.sleep(0.05)
    assert re.search(r"fitting title</b>: \d+ %", page)
    assert "Not done: a model is being trained" in client.post(f"{HOME}/train").text
    # people go on
    assert decide(client, 1).status_code == 200
    process = served.changes.status.work._process._process
    client.post(f"{HOME}/stop")
    wait_for(served, "idle")
    assert "Stopped: the model in use and all decisions are as they were" in client.get(HOME).text
    assert process.poll() == -signal.SIGKILL
    assert digest_of(model_of(served)) == before[0]
    assert served.workspace.store.all_decisions()[:1] == before[1]
    (tmp_path / "slow").unlink()
    learn(served, client)
    assert served.changes.status.state == "ready"


def test_a_training_that_fails_or_is_killed_is_told_and_costs_nothing(
    served: Any, tmp_path: Path
) -> None:
    client = served.client()
    decide(client, 0)
    (tmp_path / "failing").write_text("no label has 5 products; lower --min-count")
    learn(served, client)
    page = client.get(HOME).text
    assert "No new model: no label has 5 products; lower --min-count" in page
    assert "could not be made" in client.get("/review/p/1").text
    (tmp_path / "slow").write_text("2000")
    client.post(f"{HOME}/train")
    for _ in range(200):
        work = served.changes.status.work
        if work is not None and work.stage == "fitting title":
            break
        time.sleep(0.05)
    os.kill(work._process._process.pid, signal.SIGKILL)
    wait_for(served, "failed")
    assert "ended by SIGKILL; perhaps the memory did not suffice" in client.get(HOME).text
    assert served.workspace.products.model_digest == digest_of(model_of(served))
    assert kept_models(model_of(served)) == []


def test_only_a_lead_changes_the_model_and_only_if_there_is_something_to_learn(served: Any) -> None:
    ada, bob = served.client(), served.client("Bob", "reviewer")
    assert "nothing to learn from yet" in ada.get(HOME).text
    assert "Not done: There is nothing to learn from yet" in ada.post(f"{HOME}/train").text
    decide(bob, 0)
    for action in ("train", "stop", "use", "keep", "load"):
        assert bob.post(f"{HOME}/{action}").status_code == 403
    assert "A lead can begin this" in bob.get(HOME).text
    assert "no other model is proposed" in ada.post(f"{HOME}/use").text
    assert ada.post(f"{HOME}/load", data={"digest": "../.."}).status_code == 404
    assert served.changes.status.state == "idle"


def test_where_models_must_be_signed_none_is_trained(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = served.client()
    decide(client, 0)
    monkeypatch.setenv("SHELFWISE_PUBLIC_KEY", "key.pem")
    assert "Not done: Only signed models are accepted here" in client.post(f"{HOME}/train").text
    assert served.changes.status.state == "idle"


def test_what_was_not_on_the_screen_is_not_accepted(served: Any) -> None:
    client = served.client()
    decide(client, 0)
    page = client.get("/review/p/1")
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    learn(served, client)
    client.post(f"{HOME}/use")
    form = {**hidden, "verdict": "accept", "label": "Garden"}
    answer = client.post("/review/p/1/decisions", data=form)
    assert answer.status_code == 409
    assert "Nothing is saved yet: the model was changed" in answer.text
    assert re.search(r'value="Garden"\s+checked', answer.text)
    assert len(served.workspace.store.all_decisions()) == 1
    # a repeated request is answered as it was
    again = client.post("/review/p/0/decisions", data={"seen": "0", "request_key": "no-such-key"})
    assert again.status_code in (200, 409)
    shown = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
    saved = client.post("/review/p/1/decisions", data={**form, **shown})
    assert "Saved" in saved.text
    kept = served.workspace.store.current()["p/1"]
    assert (kept.after, kept.model) == (("Bowls", "Kitchen"), digest_of(model_of(served)))


def test_a_model_that_another_program_replaced_is_told_and_loaded_when_asked(served: Any) -> None:
    client = served.client()
    (model_of(served) / "MANIFEST.json").write_text('{"format": 2, "files": {}, "new": 1}')
    assert "Another program has replaced the model" in client.get("/review/p/0").text
    # the pages still show the old suggestions
    assert served.workspace.products.suggestion(0) == ("Kitchen", "Mugs")
    client.post(f"{HOME}/load", data={"digest": ""})
    wait_for(served, "ready", "failed")
    client.post(f"{HOME}/use")
    assert served.workspace.products.suggestion(0) == ("Bowls", "Kitchen")
    assert "Another program" not in client.get("/review/p/0").text


def test_a_model_replaced_during_the_comparison_is_not_overwritten(served: Any) -> None:
    client = served.client()
    decide(client, 0)
    learn(served, client)
    theirs = '{"format": 2, "files": {}, "of": "another program"}'
    (model_of(served) / "MANIFEST.json").write_text(theirs)
    answer = client.post(f"{HOME}/use")
    assert "another program has replaced" in answer.text
    assert (model_of(served) / "MANIFEST.json").read_text() == theirs
    assert served.workspace.products.suggestion(0) == ("Kitchen", "Mugs")


def test_a_catalogue_that_changed_meanwhile_is_refused(served: Any) -> None:
    client = served.client()
    decide(client, 0)
    catalog = served.changes.sources.catalog
    catalog.write_text(catalog.read_text() + '{"id": "new", "title": "Mug"}\n')
    learn(served, client)
    assert "its file has changed" in client.get(HOME).text


def test_a_lone_catalogue_that_the_model_was_not_trained_on_is_not_learnt_from(served: Any) -> None:
    from dataclasses import replace

    client, workspace = served.client(), served.workspace
    decide(client, 0)
    known = frozenset(f"old{number}" for number in range(100))
    workspace.products = replace(workspace.products, training_ids=known)
    answer = client.post(f"{HOME}/train")
    assert "trained on 100 products, and this catalogue has 0 of them" in answer.text
    assert "--training" in answer.text
