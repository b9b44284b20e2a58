"""The map of the rooms is one truth: .importlinter, the folders and docs/architecture.md agree."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "shelfwise"
PAGE = ROOT / "docs" / "architecture.md"

NO_ROOMS = {"presets", "__init__"}
"""What lies in the package and imports nothing, or everything."""


def rooms_on_disk() -> set[str]:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    files = {path.stem for path in PACKAGE.glob("*.py")}
    return (folders | files) - NO_ROOMS


def floors_checked() -> dict[str, int]:
    """Room -> its floor, as import-linter reads it: the lowest layer is floor 1."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / ".importlinter", "utf-8")
    layers = settings["importlinter:contract:floors"]["layers"].strip().splitlines()
    floors: dict[str, int] = {}
    for number, layer in enumerate(reversed(layers), start=1):
        for module in re.split(r"[|:]", layer):
            floors[module.strip().removeprefix("shelfwise.")] = number
    return floors


def documented_rows() -> list[tuple[str, int, str]]:
    """Room, floor and sentence of every row of the table."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return [(room, int(floor), sentence) for floor, room, sentence in rows]


def test_every_room_stands_on_a_floor() -> None:
    assert floors_checked().keys() == rooms_on_disk()


def test_the_page_has_the_floors_that_are_checked() -> None:
    rows = documented_rows()
    assert {room: floor for room, floor, _ in rows} == floors_checked()
    assert len(rows) == len(floors_checked()), "a room has two rows"
    numbers = [floor for _, floor, _ in rows]
    assert numbers == sorted(numbers), "the ground comes first"


def test_every_room_is_described_in_one_sentence() -> None:
    for room, _, sentence in documented_rows():
        assert sentence.count(". ") == 0, room
        assert sentence.endswith("."), room
        assert len(sentence) > 20, room


def test_every_file_the_pages_name_is_there() -> None:
    """Names in backticks with a folder and an ending; NAME and VERB stand for any file of their folder."""
    missing = []
    for page in (PAGE, ROOT / "CONTRIBUTING.md"):
        for name in re.findall(r"`([\w./]+/[\w.]+\.(?:py|md|toml))`", page.read_text("utf-8")):
            if re.fullmatch(r"NAME|VERB|FILE|test_FILE", Path(name).stem):
                name = str(Path(name).parent)
            if "ROOM" not in name and not any((base / name).exists() for base in (ROOT, PACKAGE)):
                missing.append(f"{page.name}: {name}")
    assert not missing


def test_no_file_of_the_package_is_longer_than_300_lines() -> None:
    """A longer one has a second subject, which belongs in a file of its own."""
    lines = {path: path.read_text("utf-8").count("\n") for path in PACKAGE.rglob("*.py")}
    long = {str(path.relative_to(PACKAGE)): count for path, count in lines.items() if count > 300}
    assert not long
