"""Why a product gets its labels: asked of the model in use, and of no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shelfwise.core.types import Context
from shelfwise.errors import BundleError
from shelfwise.review.reasons import Reasons
from shelfwise.service.answers.problems import Problem
from tests.review.conftest import explained


def test_reasons_are_shown_and_are_never_markup(served: Any) -> None:
    client = served.client()
    assert "/review/p/2/reasons" in client.get("/review/p/2").text
    page = client.get("/review/p/2/reasons")
    # suggested are Kitchen and Mugs
    assert page.text.count("What it adds to the score") == 2
    assert "Mug &lt;b&gt;</b> +0.40" in page.text
    assert "A &lt;i&gt;mug&lt;/i&gt;" in page.text
    assert client.get("/review/p/99/reasons").status_code == 404


def test_a_model_is_loaded_once_and_anew_when_another_is_used(served: Any) -> None:
    loaded = []

    def load(folder: Path, context: Context) -> Any:
        loaded.append((folder / "MANIFEST.json").read_text())
        return explained

    products, model = served.workspace.products, served.changes.sources.model
    reasons = Reasons(model, Context(), load)
    for row in (0, 1, 2):
        assert reasons.of(products, row).id == f"p/{row}"
    assert len(loaded) == 1
    client = served.client()
    (model / "MANIFEST.json").write_text('{"format": 2, "files": {}, "new": 1}')
    # the suggestions shown are still the old model's, whose reasons are known
    assert reasons.of(products, 0).id == "p/0"
    other = Reasons(model, Context(), load)
    with pytest.raises(Problem, match="another program has replaced the model"):
        other.of(products, 0)
    assert client.get("/review/p/0/reasons").status_code == 409


def test_a_model_without_members_has_no_reasons_and_says_so(served: Any) -> None:
    def refuse(folder: Path, context: Context) -> Any:
        raise BundleError("an exported model cannot explain labels")

    reasons = Reasons(served.changes.sources.model, Context(), refuse)
    with pytest.raises(Problem, match="cannot explain labels") as caught:
        reasons.of(served.workspace.products, 0)
    assert caught.value.status == 501
