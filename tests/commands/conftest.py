"""The image server of a test."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "image_server", Path(__file__).with_name("image_server.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
image_server = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(image_server)


@pytest.fixture
def server() -> Iterator[Any]:
    with image_server.ImageServer() as running:
        yield running
        running.shutdown()
