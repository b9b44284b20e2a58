"""What a person sees in a browser where a request is refused."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil

import pytest

from tests.service.conftest import Server

CHROMIUM = shutil.which("chromium")
AS_PERSON = {"accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/no-such-page", {}, 404),
        ("/v1/labels?limit=0", {}, 422),
        ("/", {"host": "elsewhere.example"}, 421),
    ],
)
def test_a_person_gets_a_page_and_a_program_gets_json(
    server: Server, path: str, headers: dict[str, str], status: int
) -> None:
    answer = server.get(path, headers={**headers, **AS_PERSON})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    problem = server.get(path, headers=headers).json()
    assert problem["status"] == status
    assert f"<h1>{problem['title']}</h1>" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    # a link would lead whoever is at the wrong address back to this very page
    assert ('href="/"' in answer.text) is (status != 421)


def test_its_style_is_in_the_page_and_nothing_else_is_allowed(server: Server) -> None:
    answer = server.get("/no-such-page", headers=AS_PERSON)
    [style] = re.findall(r"<style>(.*)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    # colours are named once, for every page
    assert set(re.findall(r"var\((--[a-z-]+)\)", style)) <= set(re.findall(r"(--[a-z-]+):", style))


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_applies_the_style(server: Server, width: int, scheme: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 700}, color_scheme=scheme)
        page.goto(f"{server.address}/")
        ground = "getComputedStyle(document.body).backgroundColor"
        wanted = page.evaluate(ground)
        told: list[str] = []
        page.on("console", lambda message: told.append(message.text))
        page.goto(f"{server.address}/no-such-page")
        assert page.evaluate(ground) == wanted
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not axe.Axe().run(page).response["violations"]
        # the browser tells of the status alone, and of no style that it refused
        assert all("404" in line for line in told), told
        page.click("a")
        assert page.url == f"{server.address}/"
        browser.close()
