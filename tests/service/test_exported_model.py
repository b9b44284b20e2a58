"""A service of an exported model: its page, its API, and a worker that imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shelfwise.commands.export import export_bundle
from tests.service.conftest import Server, start_server

TITLE = "Mug with a handle"


@pytest.fixture(scope="module")
def exported_server(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a model of the preset `quick`, exported."""
    folder = tmp_path_factory.mktemp("served") / "graph"
    export_bundle(small, folder)
    server = start_server(folder)
    server.wait_until(server.is_ready)
    yield server
    assert server.end() == 0, "".join(server.errors)


def test_the_page_shows_the_labels_of_the_api_and_promises_no_reasons(
    exported_server: Server, start: Callable[..., Server], small: Path
) -> None:
    server = start(small)
    body = {"products": [{"title": TITLE}]}
    wanted = server.post("/v1/categorize", body).json()["products"][0]["labels"]
    found = exported_server.post("/v1/categorize", body).json()["products"][0]["labels"]
    assert [one["name"] for one in found] == [one["name"] for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)
    page = exported_server.post("/", data={"title": TITLE, "description": ""})
    assert page.status_code == 200, page.text
    assert page.text.count("<h3>") == len(found) > 0
    assert 'class="members"' not in page.text
    assert "the reasons" not in exported_server.get("/").text
    assert "the reasons" in server.get("/").text


def test_the_worker_imports_no_torch(exported_server: Server) -> None:
    exported_server.post("/v1/categorize", {"products": [{"title": TITLE}]})
    (worker,) = exported_server.workers()
    # a library that is imported is mapped into the memory of its process
    mapped = Path(f"/proc/{worker}/maps").read_text("utf-8")
    assert "onnxruntime" in mapped
    assert "libtorch" not in mapped


def test_explanations_are_refused_in_words(exported_server: Server) -> None:
    answer = exported_server.post("/v1/explain", {"product": {"title": TITLE}})
    assert "an exported model has no members" in answer.text
