"""The pages in a real browser: keys, focus, two widths, two themes, no connection, nothing that runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(
    browser: Any, served: Any, width: int = 1280, theme: str = "light", *, script: bool = True
) -> Any:
    """A page of Ada's, which collects what the console says."""
    size = {"width": width, "height": 844}
    context = browser.new_context(viewport=size, color_scheme=theme, java_script_enabled=script)
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(served.addresses["Ada"])
    return page


SCROLLS_WITHIN = """() => [...document.querySelectorAll(".table")]
    .some((one) => one.scrollWidth > one.clientWidth)"""
"""Whether a table is wider than its place, so that a phone would have to move it sideways."""


def heading(page: Any) -> str:
    return str(page.inner_text("h1"))


def press(page: Any, key: str) -> None:
    """Press a key that leads to another product, and wait for it."""
    before = page.url
    page.keyboard.press(key)
    page.wait_for_function("before => location.href !== before", arg=before)
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")


def test_a_day_by_keyboard(browser: Any, served: Any) -> None:
    page = opened(browser, served)
    store = served.workspace.store
    assert heading(page) == "<script>document.title = 'broken'</script>Mug 0"
    assert page.title() != "broken"
    press(page, "a")
    assert heading(page) == "Mug 1"
    # a child goes with its parent, and comes with it
    page.keyboard.press("1")
    press(page, "Enter")
    assert store.current()["p/1"].after == ()
    page.keyboard.press("/")
    page.keyboard.type("Garden")
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    press(page, "Enter")
    assert store.current()["p/2"].after == ("Garden", "Kitchen", "Mugs")
    press(page, "s")
    press(page, "z")
    press(page, "z")
    assert heading(page) == "Mug 2"
    assert store.current()["p/2"].state == "open"
    assert "Undone" in page.inner_text("#status")
    assert page.said == []


def test_letters_in_a_text_field_and_keys_switched_off_decide_nothing(
    browser: Any, served: Any
) -> None:
    page = opened(browser, served)
    page.focus("#add")
    page.keyboard.type("asuz1")
    page.evaluate("document.activeElement.blur()")
    page.click(".keys summary")
    page.click("#keys-on")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("a")
    page.reload()
    page.keyboard.press("a")
    page.wait_for_timeout(300)
    assert served.workspace.store.all_decisions() == []


def test_a_held_key_decides_once_and_the_back_button_decides_nothing(
    browser: Any, served: Any
) -> None:
    page = opened(browser, served)
    # every further "down" of a held key is a repetition
    for _ in range(5):
        page.keyboard.down("a")
    page.keyboard.up("a")
    page.wait_for_function("() => document.querySelector('h1').innerText === 'Mug 1'")
    assert len(served.workspace.store.all_decisions()) == 1
    page.go_back()
    page.wait_for_function("() => document.querySelector('h1').innerText.endsWith('Mug 0')")
    assert "Decided by Ada" in page.inner_text("main")
    assert len(served.workspace.store.all_decisions()) == 1


def test_a_day_without_script(browser: Any, served: Any) -> None:
    page = opened(browser, served, script=False)
    store = served.workspace.store
    page.click(".verdicts [value=accept]")
    assert heading(page) == "Mug 1"
    assert len(store.all_decisions()) == 1
    page.click("text=Undo")
    assert [one.action for one in store.all_decisions()] == ["decide", "undo"]


def test_without_a_connection_the_decision_waits_and_is_sent_once(
    browser: Any, served: Any
) -> None:
    page = opened(browser, served)
    page.context.set_offline(True)
    page.keyboard.press("a")
    page.wait_for_selector("#offline:not([hidden])")
    assert "Not saved yet" in page.inner_text("#offline")
    page.context.set_offline(False)
    page.wait_for_function("() => document.querySelector('h1').innerText === 'Mug 1'")
    assert page.is_hidden("#offline")
    assert len(served.workspace.store.all_decisions()) == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    browser: Any, served: Any, width: int, theme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(browser, served, width, theme)
    # one row of the history, with a name that is long
    page.click(".verdicts [value=accept]")
    page.wait_for_selector("[data-said]")
    for path in (
        "/review/p/0",
        "/review/p/0/reasons",
        "/review/list?queue=search&state=any",
        "/review/progress",
        "/review/history",
    ):
        page.goto(served.base + path)
        # a phone has no keys
        if path == "/review/p/0" and width > 1000:
            page.click(".keys summary")
        found = Axe().run(page).response["violations"]
        assert [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in found] == []
        # at twice the size, too; a phone is not asked for less than 320 px
        for shown in (width, max(320, width // 2)):
            page.set_viewport_size({"width": shown, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert shown > 800 or not page.evaluate(SCROLLS_WITHIN)
        page.set_viewport_size({"width": width, "height": 844})


@pytest.mark.parametrize("width", [390, 1280])
def test_a_lead_makes_an_address_for_a_colleague(browser: Any, served: Any, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(browser, served, width)
    page.goto(f"{served.base}/review/progress")
    page.get_by_label("Name").fill("Eve")
    page.get_by_role("button", name="Make an address").press("Enter")
    made = page.get_by_label("Send this address to Eve").input_value()
    assert heading(page) == "An address for Eve"
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    other = browser.new_context().new_page()
    other.goto(made)
    assert "Eve (reviewer)" in other.inner_text("footer")
    assert page.said == []


def test_buttons_are_large_enough_for_a_thumb(browser: Any, served: Any) -> None:
    page = opened(browser, served, 390)
    for button in page.query_selector_all(".verdicts button, .candidate"):
        assert button.bounding_box()["height"] >= 44
    page.click(".verdicts [value=accept]")
    page.wait_for_function("() => document.querySelector('h1').innerText === 'Mug 1'")
    assert served.workspace.store.current()["p/0"].after == ("Kitchen", "Mugs")


def test_without_script_a_decision_is_kept_and_undone(browser: Any, served: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.addresses["Ada"])
    page.click(".verdicts [value=accept]")
    assert heading(page) == "Mug 1"
    page.click("#undo")
    assert "Undone" in page.inner_text(".said")
    assert [row.action for row in served.workspace.store.all_decisions()] == ["decide", "undo"]
    context.close()


def test_one_goes_on_and_back_without_deciding(browser: Any, served: Any) -> None:
    page = opened(browser, served)
    press(page, "j")
    press(page, "j")
    assert heading(page) == "Mug 2"
    press(page, "k")
    assert heading(page) == "Mug 1"
    assert served.workspace.store.all_decisions() == []


def test_keys_can_be_changed_and_left_out_and_the_buttons_show_them(
    browser: Any, served: Any
) -> None:
    page = opened(browser, served)
    page.click(".keys summary")
    # a key that is taken, or a digit, is refused
    for key in ("s", "1"):
        page.fill("input[data-action=accept]", key)
        page.keyboard.press("Tab")
        assert not page.evaluate(
            "document.querySelector('input[data-action=accept]').validity.valid"
        )
    page.fill("input[data-action=accept]", "Y")
    page.keyboard.press("Tab")
    page.fill("input[data-action=skip]", "")
    page.keyboard.press("Tab")
    assert page.inner_text("[value=accept] kbd") == "Y"
    page.evaluate("document.activeElement.blur()")
    # neither the old letter nor the one that was left out
    page.keyboard.press("a")
    page.keyboard.press("s")
    page.wait_for_timeout(300)
    assert served.workspace.store.all_decisions() == []
    press(page, "y")
    assert served.workspace.store.current()["p/0"].after == ("Kitchen", "Mugs")
    page.reload()
    assert page.inner_text("[value=accept] kbd") == "Y"
    page.click(".keys summary")
    page.click("#keys-first")
    assert page.inner_text("[value=accept] kbd") == "A"
    assert page.said == []
