"""A service that demands signatures of its models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from shelfwise.core.trusted_key import PUBLIC_KEY_VARIABLE
from shelfwise.model.bundle import sign_bundle
from tests.service.conftest import Server


def test_a_service_takes_signed_models_only_where_a_key_is_given(
    start: Callable[..., Server], small: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, public = keys
    model = shutil.copytree(small, tmp_path / "model")
    demand = {PUBLIC_KEY_VARIABLE: str(public)}
    refused = start(model, ready=False, **demand)
    assert refused.process.wait(120) == 2
    sign_bundle(model, private)
    served = start(model, **demand)
    answer = served.post("/v1/categorize", {"products": [{"title": "Mug with a handle"}]})
    assert answer.status_code == 200, answer.text
    served.end()
    # the reader of the first one's words has had time to finish
    assert any("is not signed" in line for line in refused.errors), refused.errors
