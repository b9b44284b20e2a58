"""The seller's page of a real server, as a browser without script uses it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shelfwise.service.engine.engine import Engine
from shelfwise.service.seller_page import seller_router
from tests.service.conftest import Server

CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")


def test_a_form_shows_the_labels_that_the_api_gives(server: Server) -> None:
    title = "Mug with a handle"
    wanted = server.post("/v1/categorize", {"products": [{"title": title}]}).json()["products"][0]
    page = server.post("/", data={"title": title, "description": ""})
    assert page.status_code == 200, page.text
    assert page.text.count("<h3>") == len(wanted["labels"]) > 0
    for one in wanted["labels"]:
        assert f"<h3>{escape(one['name'])} <small>" in page.text


@pytest.mark.parametrize("read", [["title", "related"], ["title", "description", "image"]])
def test_the_form_has_the_fields_that_the_model_reads(read: list[str]) -> None:
    app = FastAPI()
    facts = {"fields": read, "exported": False}
    app.include_router(seller_router(cast("Engine", SimpleNamespace(facts=facts))))
    page = TestClient(app).get("/").text
    shown = re.findall(r'<label for="(\w+)">', page)
    assert shown == [name.replace("image", "picture") for name in read if name != "related"]
    assert ("surer" in page) == (len(shown) > 1)


def test_its_colours_are_those_of_the_review_page(server: Server) -> None:
    linked = re.findall(r'<link rel="stylesheet" href="([^"]+)">', server.get("/").text)
    assert linked == ["/colours.css", "/seller.css"]
    styles = "".join(server.get(path).text for path in linked)
    used = set(re.findall(r"var\((--[a-z-]+)\)", styles))
    assert used <= set(re.findall(r"(--[a-z-]+):", server.get("/colours.css").text))


def test_what_is_sent_is_never_markup_and_nothing_is_refused(server: Server) -> None:
    page = server.post("/", data={"title": '"><script>x</script>'})
    assert "<script>" not in page.text
    assert server.post("/", data={"title": " "}).status_code == 422


def test_the_request_for_the_shell_is_the_one_that_was_made(server: Server) -> None:
    title = "Mug with a 'handle' <b>"
    page = server.post("/", data={"title": title, "description": "For tea."}).text
    shown = unescape(page.split('<pre id="curl">')[1].split("</pre>")[0])
    words = shlex.split(shown)
    body = json.loads(words[words.index("-d") + 1])
    assert body == {"products": [{"title": title, "description": "For tea."}]}
    assert server.post("/v1/categorize", body).status_code == 200


def test_a_picture_that_is_none_is_told_and_costs_the_picture_only(server: Server) -> None:
    files = {"picture": ("mug.jpg", b"no picture", "image/jpeg")}
    page = server.post("/", data={"title": "Mug with a handle"}, files=files)
    assert page.status_code in (200, 422)
    assert "no picture" not in page.text
    assert 'class="note"' in page.text


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_labels_appear_as_one_types(server: Server, width: int) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        told: list[str] = []
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.goto(f"{server.address}/")
        assert page.locator(".label").count() == 0
        page.fill("#title", "Mug with a handle")
        page.wait_for_selector(".label")
        typed = page.locator(".label h3").all_inner_texts()
        wanted = server.post("/v1/categorize", {"products": [{"title": "Mug with a handle"}]})
        labels = sorted(wanted.json()["products"][0]["labels"], key=lambda one: -one["score"])
        for text, one in zip(typed, labels, strict=True):
            assert text.startswith(one["name"])
        assert "a description, an image" in page.inner_text("#answer")
        # an example fills the form, and is answered at once
        page.click(".examples a >> nth=0")
        page.wait_for_selector(".label")
        assert page.input_value("#title") == "Mug with a handle"
        assert page.input_value("#description")
        assert not axe.Axe().run(page).response["violations"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert told == []
        browser.close()


@needs_browser
def test_the_form_works_without_script(server: Server) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(f"{server.address}/")
        page.fill("#title", "Mug with a handle")
        page.click("form button")
        assert page.locator(".label").count() > 0, page.content()
        browser.close()


def test_a_service_without_keys_leads_from_its_sign_in_to_its_page(server: Server) -> None:
    for answer in (server.get("/sign-in"), server.post("/sign-in", data={"key": "anything"})):
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


KEY = "a-key-of-this-test-alone"


def test_a_person_signs_in_with_the_key_and_stays(
    small: Path, start: Callable[..., Server]
) -> None:
    server = start(small, SHELFWISE_KEY=KEY, SHELFWISE_METRICS_KEY="another-key-of-this-test")
    as_person = {"accept": "text/html"}
    with httpx.Client(base_url=server.address, headers=as_person, timeout=60) as browser:
        led = browser.get("/")
        assert (led.status_code, led.headers["location"]) == (303, "/sign-in")
        assert "Sign in" in browser.get("/sign-in").text
        for wrong in ("not-the-key-at-all", "another-key-of-this-test", ""):
            refused = browser.post("/sign-in", data={"key": wrong})
            assert refused.status_code == 401
            assert "not known" in refused.text
        entered = browser.post("/sign-in", data={"key": f" {KEY} "})
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        page = browser.post("/", data={"title": "Mug with a handle"})
        assert page.status_code == 200
        # the programs' key is named and never shown
        assert "Bearer $SHELFWISE_KEY" in unescape(page.text)
        assert KEY not in page.text
        assert browser.get("/v1/labels").status_code == 200
    # programs without a key are told, and led nowhere
    assert server.get("/").status_code == 401
    assert server.post("/", data={"title": "Mug"}).status_code == 401
