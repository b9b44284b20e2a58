"""The seller's page of a real server, as a browser without script uses it."""

from __future__ import annotations

from html import escape

from tests.service.conftest import Server


def test_a_form_shows_the_labels_that_the_api_gives(server: Server) -> None:
    title = "Mug with a handle"
    wanted = server.post("/v1/categorize", {"products": [{"title": title}]}).json()["products"][0]
    page = server.post("/", data={"title": title, "description": ""})
    assert page.status_code == 200, page.text
    assert page.text.count("<h3>") == len(wanted["labels"]) > 0
    for one in wanted["labels"]:
        assert f"<h3>{escape(one['name'])}</h3>" in page.text


def test_what_is_sent_is_never_markup_and_nothing_is_refused(server: Server) -> None:
    page = server.post("/", data={"title": '"><script>x</script>'})
    assert "<script>" not in page.text
    assert server.post("/", data={"title": " "}).status_code == 422
