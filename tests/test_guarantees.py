"""docs/guarantees.md and docs/attack.md: every promise and every finding names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
# what follows tells of the tests themselves
PROMISES = PAGE.split("## Do the tests notice?")[0]
FINDINGS = (ROOT / "docs" / "attack.md").read_text("utf-8")
HEADS = ("| promise |", "| aim |", "| found |", "| | found |")
ROWS = [
    line
    for line in [*PROMISES.splitlines(), *FINDINGS.splitlines()]
    if line.startswith("| ") and not line.startswith(HEADS)
]


def test_there_are_promises() -> None:
    assert len(ROWS) >= 120


@pytest.mark.parametrize("row", ROWS)
def test_the_promise_has_its_test(row: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
    assert named, f"a promise without a test: {row}"
    for file, function in named:
        source = (ROOT / "tests" / file).read_text("utf-8")
        assert f"def {function}(" in source, f"{file} has no {function}"
