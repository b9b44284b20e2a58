"""10,000 loads of a model that is replaced without pause."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.model.test_bundle_replacement import count_loads, start_writer
from tests.torture.conftest import share_of

pytestmark = pytest.mark.torture

LOADS = share_of(10_000)


def test_10000_loads_during_replacements(tmp_path: Path, seen: Callable[[str], None]) -> None:
    versions = 0
    for way in ("exchange", "two steps"):
        (tmp_path / way).mkdir()
        process = start_writer(tmp_path / way / "model", way)
        try:
            versions += count_loads(process, tmp_path / way / "model", LOADS // 2)
        finally:
            process.kill()
            process.communicate()
    seen(f"{LOADS:,} loads, {versions:,} versions seen, 0 mixed, 0 failed")
