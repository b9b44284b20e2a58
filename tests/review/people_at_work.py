"""People at the review page in a browser: by keyboard alone, by touch on a phone, and without script."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Press = Callable[[Any, Any], None]
"""How a person presses what is at a place of a page."""


def press_key(page: Any, place: Any) -> None:
    place.focus()
    # Enter would send the form of a box
    page.keyboard.press("Space" if place.get_attribute("type") == "checkbox" else "Enter")


@dataclass(frozen=True)
class Person:
    """How somebody works.

    Args:
        options: of the browser's window.
        press: what they do with buttons, links and boxes.
    """

    options: dict[str, Any]
    press: Press

    @property
    def has_script(self) -> bool:
        return bool(self.options.get("java_script_enabled", True))


WIDE, PHONE = {"width": 1280, "height": 844}, {"width": 390, "height": 844}

PEOPLE = {
    "keyboard": Person({"viewport": WIDE}, press_key),
    "touch": Person(
        {"viewport": PHONE, "has_touch": True, "is_mobile": True}, lambda _, place: place.tap()
    ),
    "without script": Person(
        {"viewport": WIDE, "java_script_enabled": False}, lambda _, place: place.click()
    ),
}


class Day:
    """What one person does at one window."""

    def __init__(self, browser: Any, person: Person, address: str) -> None:
        self.person = person
        self.context = browser.new_context(**person.options, accept_downloads=True)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.goto(address)
        self.base = self.page.url.partition("/review")[0]

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)

    def press(self, place: Any) -> None:
        self.person.press(self.page, place.first)

    def button(self, name: str) -> None:
        self.press(self.page.get_by_role("button", name=name))

    def verdict(self, name: str) -> None:
        self.press(self.page.locator(f".verdicts [name=verdict][value={name}]"))

    def undo(self) -> None:
        """Take the last decision back, by its key where a product is shown."""
        if self.person.press is press_key and self.page.query_selector("#decide"):
            self.page.keyboard.press("z")
        else:
            self.press(self.page.locator("#undo"))

    def said(self, text: str) -> None:
        """Wait until the page says something."""
        self.page.locator(".said", has_text=text).wait_for()

    def title(self) -> str:
        return str(self.page.inner_text("h1"))

    def ticked(self) -> set[str]:
        boxes = self.page.locator("#decide [name=label]:checked")
        return {one.get_attribute("value") for one in boxes.all()}

    def tick(self, name: str, on: bool) -> None:
        """Tick or untick a category, wherever on the page it stands."""
        box = self.page.locator(f"#decide [name=label][value={json.dumps(name)}]")
        if box.is_checked() == on:
            return
        if not box.is_visible():
            self.press(self.page.locator("details.more summary"))
        self.press(box)

    def add(self, name: str) -> None:
        """Write a category into the field below the list."""
        field = self.page.locator("#add")
        field.focus()
        self.page.keyboard.type(name)
        if self.person.has_script:
            # the field hands the name to the list when it is left
            self.page.keyboard.press("Tab")

    def close(self) -> None:
        self.context.close()
