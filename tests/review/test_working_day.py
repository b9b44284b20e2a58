"""A reviewer's working day in a real browser: what the other tests of the pages leave out.

Bulk and filter, fifty undone, two browsers in conflict, a model changed and a label gone meanwhile, by touch
on a phone, and an export that the browser downloads.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shelfwise.review.database.decision_rows import Proposal
from shelfwise.service.access.sessions import Visitor
from tests.review.test_browser import CHROMIUM, browser, heading, opened, press

__all__ = ["browser"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


LAST_TO_UNDO = "() => document.querySelector('form[action*=undo]')?.action"


def press_button(page: Any, name: str) -> None:
    """Move to a button by keyboard alone, and press it."""
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")


def test_filter_and_bulk_by_keyboard_alone(browser: Any, served: Any) -> None:
    page = opened(browser, served)
    page.goto(served.base + "/review/list?queue=search")
    page.get_by_label("Category").focus()
    page.keyboard.type("Bowls")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('h1').innerText === '4 products'")
    # the filter is in the address: a colleague can be sent it
    assert "label=Bowls" in page.url
    press_button(page, "Accept the suggestions of all 4: preview first")
    page.wait_for_function("() => document.querySelector('h1').innerText.startsWith('Accept 4')")
    page.wait_for_function("() => document.activeElement.tagName === 'H1'")
    assert served.workspace.store.all_decisions() == []
    press_button(page, "Accept all 4")
    page.wait_for_selector("[data-said]")
    assert "Saved 4 products" in page.inner_text("#status")
    kept = served.workspace.store.current()
    assert {one.reason for one in kept.values()} == {"bulk"}
    assert len(kept) == 4
    assert page.said == []


def test_a_key_pressed_as_the_page_changes_meets_a_page_that_is_ready(
    browser: Any, served: Any
) -> None:
    page = opened(browser, served)
    # what stands there in the first task after the swap, where a waiting key comes in
    page.evaluate("""() => document.addEventListener('htmx:afterSwap', () => setTimeout(() => {
        window.found = document.activeElement.tagName;
        document.querySelector('[name=verdict][value=accept]').click();
    }, 0), {once: true})""")
    page.keyboard.press("j")
    page.wait_for_function("() => document.querySelector('h1').innerText === 'Mug 2'")
    # a form that is not bound yet is sent by the browser itself, which loads another document
    assert page.evaluate("window.found") == "H1"
    assert list(served.workspace.store.current()) == ["p/1"]


def test_a_category_is_removed_with_those_below_it(browser: Any, served: Any) -> None:
    page = opened(browser, served)
    boxes = "[name=label][value={}]"
    page.keyboard.press("1")
    assert not page.is_checked(boxes.format("Kitchen"))
    assert not page.is_checked(boxes.format("Mugs"))
    # a child brings its parent
    page.keyboard.press("2")
    assert page.is_checked(boxes.format("Kitchen"))
    press(page, "Enter")
    assert served.workspace.store.current()["p/0"].after == ("Kitchen", "Mugs")


@pytest.mark.slow
def test_fifty_decisions_are_undone_one_by_one(browser: Any, served: Any) -> None:
    workspace = served.workspace
    for number in range(50):
        row = number % 8
        workspace.decide(
            [row],
            ("Garden",) if number < 49 else ("Kitchen",),
            number // 8,
            f"earlier-{number:03}",
            "search",
            Visitor("Ada", "lead"),
        )
    page = opened(browser, served)
    page.goto(served.base + "/review/p/0")
    for left in reversed(range(50)):
        before = page.evaluate(LAST_TO_UNDO)
        page.keyboard.press("z")
        page.wait_for_function(f"before => ({LAST_TO_UNDO})() !== before", arg=before)
        page.wait_for_function("() => document.activeElement.tagName === 'H1'")
        undone = [one for one in workspace.store.all_decisions() if one.action == "undo"]
        assert len(undone) == 50 - left
    assert {one.state for one in workspace.store.current().values()} == {"open"}
    assert page.is_disabled("#undo")
    assert page.said == []


def test_two_browsers_in_conflict_and_nothing_of_either_is_lost(browser: Any, served: Any) -> None:
    ada = opened(browser, served)
    context = browser.new_context()
    bob = context.new_page()
    bob.goto(served.addresses["Bob"])
    for page in (ada, bob):
        page.goto(served.base + "/review/p/3")
    assert "Ada has this product open" in bob.inner_text("main")
    press(ada, "a")
    bob.keyboard.press("1")
    bob.keyboard.press("Enter")
    bob.wait_for_selector("[role=alert] h2")
    bob.wait_for_function("() => document.activeElement.tagName === 'H2'")
    assert "Ada was faster" in bob.inner_text("[role=alert] h2")
    three = bob.inner_text(".three")
    assert "Kitchen, Mugs" in three
    press(bob, "Enter")
    people = [one.reviewer for one in served.workspace.store.history("p/3")]
    assert people == ["Bob", "Ada"]
    context.close()


def test_a_model_is_changed_and_a_label_is_gone_while_a_product_is_open(
    browser: Any, served: Any
) -> None:
    page = opened(browser, served)
    workspace = served.workspace
    page.keyboard.press("1")
    products = replace(
        workspace.products,
        model_digest="another",
        names=("Bowls", "Garden", "Kitchen", "Cups"),
        paths=(("Kitchen", "Bowls"), ("Garden",), ("Kitchen",), ("Kitchen", "Cups")),
    )
    workspace.use(products)
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert] h2")
    assert "the model was changed" in page.inner_text("[role=alert] h2")
    assert workspace.store.all_decisions() == []
    # the old name can still be given: what people decide outlives a model
    page.fill("#add", "Mugs")
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    press(page, "Enter")
    assert workspace.store.current()["p/0"].after == ("Kitchen", "Mugs")
    assert page.said == [
        "Failed to load resource: the server responded with a status of 409 (Conflict)"
    ]


def test_a_day_by_touch_on_a_phone(browser: Any, served: Any) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(served.addresses["Ada"])
    page.tap(".verdicts [value=accept]")
    page.wait_for_function("() => document.querySelector('h1').innerText === 'Mug 1'")
    page.tap(".candidate:has([value=Bowls])")
    page.tap("#save")
    page.wait_for_function("() => document.querySelector('h1').innerText === 'Mug 2'")
    page.tap("#undo")
    page.wait_for_function("() => document.querySelector('h1').innerText === 'Mug 1'")
    page.tap("text=List")
    page.wait_for_function("() => document.querySelector('h1').innerText.endsWith('products')")
    page.tap(".stacks a >> nth=0")
    page.wait_for_function("() => document.querySelector('#decide')")
    # nothing had to be moved sideways, and the verdicts are where the thumb is
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.query_selector(".verdicts").bounding_box()
    assert box["y"] + box["height"] > 800
    assert [one.action for one in served.workspace.store.all_decisions()] == [
        "decide",
        "decide",
        "undo",
    ]
    context.close()


def test_the_catalogue_is_downloaded_with_what_was_decided(browser: Any, served: Any) -> None:
    page = opened(browser, served)
    page.goto(served.base + "/review/p/1")
    press(page, "a")
    page.goto(served.base + "/review/progress")
    with page.expect_download() as waiting:
        page.click("text=The catalogue")
    download = waiting.value
    assert download.suggested_filename == "catalog.reviewed.jsonl"
    lines = download.path().read_text("utf-8").splitlines()
    names = [{name for path in json.loads(line)["categories"] for name in path} for line in lines]
    assert names[1] == {"Kitchen", "Mugs"}
    assert names[3] == {"Kitchen", "Bowls"}


def test_a_second_look_by_keyboard_hides_the_first_answer(browser: Any, served: Any) -> None:
    from shelfwise.review.database.second_opinions import rows_for_two

    (row,) = rows_for_two(served.workspace.queues.sample)
    store = served.workspace.store
    proposal = Proposal(
        product=f"p/{row}",
        fingerprint=served.workspace.products.fingerprint(row),
        seen=0,
        before=(),
        after=("Garden",),
        suggested=(),
        reason="sample",
        request_key="first-answer",
    )
    store.decide([proposal], "Bob", "reviewer")
    page = opened(browser, served)
    page.goto(f"{served.base}/review/p/{row}?queue=sample")
    assert "A second look" in page.inner_text("main")
    assert not page.is_checked("[name=label][value=Garden]")
    assert heading(page) == served.workspace.products.titles[row]
    press(page, "a")
    assert "Saved as a second opinion" in page.inner_text("#status")
    assert store.current()[f"p/{row}"].after == ("Garden",)
    assert page.said == []
