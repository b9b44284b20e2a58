"""Automatic acceptance keeps its promise, or stops by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shelfwise.review.exports.decision_files import decided_labels
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.sessions import Visitor

ADA = Visitor("Ada", "lead")
COUNT = 120


@pytest.fixture
def accepting(tmp_path: Path, workspace_of: Callable[..., Workspace]) -> Workspace:
    """All products are accepted without a person: Kitchen and Mugs, at 95 %."""
    path = tmp_path / "catalog.csv"
    path.write_text("id,title\n" + "".join(f"p{row},Mug {row}\n" for row in range(COUNT)))
    automatic = np.ones(COUNT, np.bool_)
    workspace = workspace_of(path, automatic=automatic, promise=0.95)
    workspace.store.switch_acceptance(True, "turned on by Ada", "Ada")
    return workspace


def look_at_the_sample(workspace: Workspace, count: int, right: Callable[[int], bool]) -> None:
    """Decide the first products of the random sample; a wrong one has one label of two."""
    for number, row in enumerate(workspace.queues.sample[:count].tolist()):
        labels = ("Kitchen", "Mugs") if right(number) else ("Kitchen",)
        workspace.decide([row], labels, 0, f"sample-{row}", "sample", ADA)


def test_a_broken_promise_stops_acceptance_and_says_why(accepting: Workspace) -> None:
    assert len(decided_labels(accepting)) == COUNT
    look_at_the_sample(accepting, 60, lambda number: number % 2 == 0)
    enabled, why = accepting.store.acceptance()
    assert not enabled
    assert why.startswith("stopped by itself: at most")
    # what nobody looked at is not exported any more; what people decided is
    assert len(decided_labels(accepting)) == 60


def test_a_kept_promise_goes_on(accepting: Workspace) -> None:
    look_at_the_sample(accepting, 60, lambda number: number % 30 != 0)
    assert accepting.store.acceptance() == (True, "turned on by Ada")
    assert accepting.accepted_precision().low > 0.8


def test_a_skipped_product_of_the_sample_is_not_passed_over(accepting: Workspace) -> None:
    first, second = accepting.queues.sample[:2].tolist()
    accepting.decide([first], (), 0, "skip-it-00", "sample", ADA, state="skipped")
    accepting.decide([second], ("Kitchen", "Mugs"), 0, "decide-it-0", "sample", ADA)
    assert accepting.precision().products == 0
    accepting.decide([first], ("Kitchen",), 1, "decide-it-1", "sample", ADA)
    found = accepting.precision()
    assert (found.products, found.labels, found.estimate) == (2, 4, 0.75)


def test_what_is_remembered_is_what_is_on_the_disk(accepting: Workspace) -> None:
    look_at_the_sample(accepting, 5, lambda number: True)
    last = accepting.store.last_to_undo("Ada")
    assert last is not None
    accepting.store.undo(last.id, "Ada", "lead", "undo-it-0")
    remembered = accepting.store.current()
    accepting.store.decide([], "Ada", "lead")
    path = accepting.store.path
    again = type(accepting.store)(path)
    assert again.current() == remembered
