"""One working day from sign-in to the retrained model: a real process, a real model and a real browser.

The same day three times: by keyboard alone, by touch on a phone, and without script.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from shelfwise.core.catalog import Catalog
from shelfwise.disk.folders import replacing_folder
from tests.cli.test_review import running
from tests.conftest import save_title_model
from tests.review.people_at_work import PEOPLE, Day
from tests.review.test_browser import CHROMIUM, browser

__all__ = ["browser"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]

GONE = "Prints"
"""A category that the model of the afternoon does not know."""

OF_MANY = "Collections"
"""A category that at least fifty products have."""

UNDONE = 50


def decide_and_correct(day: Day, catalog: Catalog) -> tuple[str, str]:
    """Accept, remove a category with what lies below it, and add one.

    Returns:
        The ids of two products: without any category, and with one that was added.
    """
    day.go("/review/p/0?queue=search")
    title = day.title()
    day.verdict("accept")
    day.said(f"Saved: {title}")
    # the product's categories are a path: what lies below its first name goes with it
    row = next(r for r in range(1, 40) if len(catalog.column("categories")[r] or ()) == 1)
    day.go(f"/review/p/{row}?queue=search")
    (path,) = catalog.column("categories")[row]
    assert set(path) <= day.ticked()
    for name in path:
        day.tick(name, on=False)
        if day.person.has_script:
            assert not set(path) & day.ticked()
    for name in day.ticked():
        day.tick(name, on=False)
    title = day.title()
    day.verdict("save")
    day.said(f"Saved: {title}")
    day.go(f"/review/p/{row + 1}?queue=search")
    title = day.title()
    day.add("Running Shoes")
    day.verdict("save")
    day.said(f"Saved: {title}")
    return catalog.ids[row], catalog.ids[row + 1]


def filter_bulk_and_undo(day: Day) -> None:
    """Accept all that a filter finds, after its preview; then take fifty of them back, one by one."""
    day.go("/review/list?queue=search")
    day.page.get_by_label("Category").focus()
    day.page.keyboard.type(OF_MANY)
    day.button("Show")
    day.page.wait_for_url(f"**label={OF_MANY}*")
    day.page.get_by_role("button", name="preview first").wait_for()
    found = int(day.title().split()[0])
    assert found >= UNDONE
    day.button("preview first")
    day.button(f"Accept all {found}")
    day.said(f"Saved {found} products")
    for _ in range(UNDONE):
        form = day.page.locator("form[action*=undo]").first
        before = form.get_attribute("action")
        day.undo()
        day.page.locator(f'form[action*=undo]:not([action="{before}"])').first.wait_for()


def meet_a_colleague(day: Day, colleague: Day, row: int) -> None:
    """Both have one product open; the slower sees both answers, and may still decide."""
    where = f"/review/p/{row}?queue=search"
    colleague.go(where)
    day.go(where)
    title = day.title()
    colleague.verdict("accept")
    colleague.said(f"Saved: {title}")
    day.verdict("unsure")
    day.page.get_by_role("heading", name="Bob was faster").wait_for()
    day.verdict("unsure")
    day.said(f"Left for a second look: {title}")


def wait_for(holds: Callable[[], bool], day: Day) -> None:
    """Wait for something that the browser tells no event of."""
    for _ in range(300):
        if holds():
            return
        day.page.wait_for_timeout(100)
    pytest.fail(f"waited in vain at {day.page.url}")


def lose_the_connection(day: Day, row: int) -> None:
    """A decision is made while nothing gets through; it arrives later, once."""
    day.go(f"/review/p/{row}?queue=search")
    title = day.title()
    day.context.set_offline(True)
    day.verdict("accept")
    if day.person.has_script:
        day.page.locator("#offline", has_text="Not saved yet").wait_for()
        day.context.set_offline(False)
    else:
        # the browser's own page of errors is never loaded in the sense of `wait_for_url`
        wait_for(lambda: day.page.url.startswith("chrome-error:"), day)
        day.context.set_offline(False)
        day.page.go_back()
        day.verdict("accept")
    day.said(f"Saved: {title}")


def wait_for_model(day: Day, state: str) -> None:
    """Without script a person asks again."""
    for _ in range(300):
        if day.page.locator(f"#job[data-state={state}]").count():
            return
        assert not day.page.locator("#job[data-state=failed]").count(), day.page.inner_text("main")
        day.page.wait_for_timeout(500)
        if not day.person.has_script:
            day.page.reload()
    pytest.fail(f"never {state}: {day.page.inner_text('main')}")


def swap_the_model(day: Day, other: Day, row: int, model: Path, new: Path) -> None:
    """A product is open while another program replaces the model by one that lacks a category."""
    day.go(f"/review/p/{row}?queue=search")
    title = day.title()
    with replacing_folder(model) as place:
        shutil.copytree(new, place, dirs_exist_ok=True)
    other.go("/review/models")
    other.button("Load it and compare")
    wait_for_model(other, "ready")
    other.button("Use the new model")
    other.said("The new model is used now")
    day.verdict("accept")
    day.page.get_by_role("heading", name="the model was changed").wait_for()
    # the catalogue still has the category, so people can still give it
    day.add(GONE)
    day.verdict("save")
    day.said(f"Saved: {title}")


def retrain(day: Day) -> None:
    day.go("/review/models")
    day.button("Learn from these decisions")
    wait_for_model(day, "ready")
    day.button("Use the new model")
    day.said("The new model is used now")


def exported(day: Day, kind: str) -> list[dict[str, Any]]:
    """What the browser downloads, line by line."""
    day.go("/review/progress")
    with day.page.expect_download() as waiting:
        day.press(day.page.get_by_role("link", name=kind, exact=True))
    found = []
    for line in waiting.value.path().read_bytes().splitlines():
        # some lines of the sample are broken on purpose
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def labels_of(record: dict[str, Any]) -> set[str]:
    return {name for path in record["categories"] for name in path}


@pytest.fixture(scope="module")
def afternoon(records: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the same products, in which a category has another name."""
    renamed = []
    for record in records:
        paths = record["categories"] or ()
        names = [["Patterns" if name == GONE else name for name in path] for path in paths]
        renamed.append({**record, "image": None, "categories": names})
    folder = tmp_path_factory.mktemp("afternoon") / "model"
    return save_title_model(Catalog.from_records(renamed), folder, min_count=8)


@pytest.mark.parametrize("name", PEOPLE)
def test_a_day(
    browser: Any,
    title_model: Path,
    afternoon: Path,
    sample: Path,
    records: list[dict[str, Any]],
    tmp_path: Path,
    name: str,
) -> None:
    person = PEOPLE[name]
    model = shutil.copytree(title_model, tmp_path / "model")
    path = Path(shutil.copy(sample, tmp_path / sample.name))
    catalog = Catalog.from_records([{**one, "image": None} for one in records])
    with running(model, path, "--reviewer", "Bob") as (process, told):
        ada, bob = (one["address"] for one in told["people"])
        day = Day(browser, person, ada)
        emptied, added = decide_and_correct(day, catalog)
        filter_bulk_and_undo(day)
        colleague = Day(browser, person, bob)
        meet_a_colleague(day, colleague, 60)
        lose_the_connection(day, 61)
        # a second tab of the same person
        other = Day(browser, person, told["address"])
        other.context.add_cookies(day.context.cookies())
        swap_the_model(day, other, 62, model, afternoon)
        day.go("/review/p/63?queue=search")
        title = day.title()
        day.verdict("accept")
        day.said(f"Saved: {title}")
        # right after the answer
        process.kill()
        for one in (day, colleague, other):
            one.close()
    with running(model, path, "--reviewer", "Bob") as (_, told):
        day = Day(browser, person, told["people"][0]["address"])
        history = exported(day, "All rows")
        assert history[-1]["product"] == catalog.ids[63]
        of_61 = [one for one in history if one["product"] == catalog.ids[61]]
        assert len([one for one in of_61 if one["reason"] == "search"]) == 1
        retrain(day)
        lines = {one["id"]: one for one in reversed(exported(day, "The catalogue")) if "id" in one}
        assert lines[emptied]["categories"] == []
        assert {"Running Shoes"} <= labels_of(lines[added])
        assert {GONE} <= labels_of(lines[catalog.ids[62]])
        assert len([one for one in history if one["action"] == "undo"]) == UNDONE
        day.close()
    assert path.read_bytes() == sample.read_bytes()
