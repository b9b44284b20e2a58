"""The committed inputs of the fuzzer, and random ones of Hypothesis, go through all targets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import targets

CORPUS = Path(__file__).with_name("corpus")
INPUTS = sorted(CORPUS.glob("*/*"))


def test_every_target_has_inputs() -> None:
    assert {path.parent.name for path in INPUTS} == targets.TARGETS.keys()
    assert len(INPUTS) >= 60


@pytest.mark.parametrize("name", targets.TARGETS)
def test_committed_inputs(name: str) -> None:
    for path in INPUTS:
        if path.parent.name == name:
            targets.TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", targets.TARGETS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_inputs_near_the_committed_ones(name: str, data: st.DataObject) -> None:
    """A committed input with some of its bytes replaced."""
    own = [path for path in INPUTS if path.parent.name == name]
    content = bytearray(data.draw(st.sampled_from(own)).read_bytes())
    start = data.draw(st.integers(0, len(content)))
    patch = data.draw(st.binary(max_size=20))
    content[start : start + data.draw(st.integers(0, 20))] = patch
    targets.TARGETS[name](bytes(content))
