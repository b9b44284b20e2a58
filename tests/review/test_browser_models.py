"""The pages about another model in a real browser: progress, focus, two widths, two themes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.review.test_browser import CHROMIUM, SCROLLS_WITHIN, browser, opened

__all__ = ["browser"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

HOME = "/review/models"


def decide_one(page: Any, served: Any) -> None:
    """Decide about a product that the random sample has late."""
    row = served.workspace.queues.sample.tolist()[-1]
    page.goto(f"{served.base}/review/p/{row}")
    page.click(".verdicts [value=accept]")
    page.wait_for_function("() => document.querySelector('[data-said]')")


def press_button(page: Any, name: str) -> None:
    """Move to a button by keyboard alone, and press it."""
    button = page.get_by_role("button", name=name)
    button.focus()
    page.keyboard.press("Enter")


def test_a_model_is_trained_and_used_by_keyboard_alone(
    browser: Any, served: Any, tmp_path: Path
) -> None:
    (tmp_path / "slow").write_text("60")
    page = opened(browser, served)
    decide_one(page, served)
    page.goto(served.base + HOME)
    press_button(page, "Learn from these decisions")
    page.wait_for_selector("#stop")
    page.focus("#stop")
    # nobody reloads: the end shows itself, is told, and has the focus of the button that is gone
    page.wait_for_selector("#job[data-state=ready]")
    page.wait_for_function("() => document.activeElement.tagName === 'H2'")
    assert "The new model, beside the one in use" in page.inner_text("#status")
    press_button(page, "Use the new model")
    page.wait_for_selector("[data-said]")
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")
    assert "The new model is used now" in page.inner_text("#status")
    assert served.workspace.products.suggestion(0) == ("Bowls", "Kitchen")
    assert page.said == []


def test_progress_takes_no_focus_and_does_not_scroll(
    browser: Any, served: Any, tmp_path: Path
) -> None:
    (tmp_path / "slow").write_text("2000")
    page = opened(browser, served, 390)
    decide_one(page, served)
    page.goto(served.base + HOME)
    press_button(page, "Learn from these decisions")
    page.wait_for_selector("#job[data-state=working]")
    page.focus("#stop")
    page.evaluate("() => window.scrollTo(0, 200)")
    before = (page.inner_text("#job"), page.evaluate("() => window.scrollY"))
    page.wait_for_function(
        "before => document.querySelector('#job').innerText !== before", arg=before[0]
    )
    page.wait_for_function("() => document.activeElement.id === 'stop'")
    assert page.evaluate("() => window.scrollY") == before[1]
    page.keyboard.press("Enter")
    page.wait_for_selector("#job[data-state=idle]")
    assert "are as they were" in page.inner_text("main")
    assert page.said == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_any_state(
    browser: Any, served: Any, tmp_path: Path, width: int, theme: str
) -> None:
    page = opened(browser, served, width, theme)
    # what is only half faded in has little contrast
    page.emulate_media(reduced_motion="reduce", color_scheme=theme)
    check(page, served, HOME)
    decide_one(page, served)
    (tmp_path / "slow").write_text("2000")
    page.goto(served.base + HOME)
    page.click("text=Learn from these decisions")
    page.wait_for_selector("#job[data-state=working]")
    check(page, served)
    page.click("#stop")
    page.wait_for_selector("#job[data-state=idle]")
    (tmp_path / "slow").unlink()
    page.click("button:has-text('Learn from these decisions')")
    page.wait_for_selector("#job[data-state=ready]")
    check(page, served)
    check(page, served, f"{HOME}/changes")
    check(page, served, "/review/p/0")
    page.goto(served.base + HOME)
    page.click("text=Keep the old one")
    page.wait_for_selector("#job[data-state=idle]")
    check(page, served)
    assert page.said == []


def check(page: Any, served: Any, path: str | None = None) -> None:
    """Axe finds nothing, and nothing scrolls sideways."""
    from axe_playwright_python.sync_playwright import Axe

    if path is not None:
        page.goto(served.base + path)
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.viewport_size["width"] > 800 or not page.evaluate(SCROLLS_WITHIN)
