"""Count the rooms of the package, the floors they stand on, and which room imports which.

    python scripts/rooms.py [FOLDER]

A room is a folder or a file directly in the package. Room A stands above room B if A imports B.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PACKAGE = "shelfwise"


def rooms_of(root: Path) -> set[str]:
    """The names of all rooms: folders with content, and Python files."""
    folders = {path.name for path in root.iterdir() if path.is_dir() and path.name != "__pycache__"}
    return folders | {path.stem for path in root.glob("*.py")}


def imported_rooms(path: Path, rooms: set[str]) -> set[str]:
    """The rooms that the file at `path` imports from, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            # `from shelfwise import config` names a room, `from shelfwise import Categorizer` does not
            names = [f"{PACKAGE}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            package, _, rest = name.partition(".")
            if package == PACKAGE:
                room = rest.partition(".")[0]
                found.add(room if room in rooms else "__init__")
    return found


def imports(root: Path) -> dict[str, set[str]]:
    """Room -> the other rooms that it imports from."""
    rooms = rooms_of(root)
    below: dict[str, set[str]] = {room: set() for room in rooms}
    for path in root.rglob("*.py"):
        room = path.relative_to(root).parts[0].removesuffix(".py")
        below[room] |= imported_rooms(path, rooms) - {room}
    return below


def floors(below: dict[str, set[str]]) -> dict[str, int]:
    """Room -> its floor, from 1: one above the highest room that it imports from.

    Raises:
        ValueError: some rooms import each other in a circle.
    """
    floor: dict[str, int] = {}
    while len(floor) < len(below):
        ready = [room for room in below if room not in floor and below[room] <= floor.keys()]
        if not ready:
            raise ValueError(f"a circle among {sorted(below.keys() - floor.keys())}")
        for room in ready:
            floor[room] = 1 + max((floor[other] for other in below[room]), default=0)
    return floor


def main() -> None:
    """Print one line."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "src" / PACKAGE)
    below = imports(root)
    height = max(floors(below).values())
    pairs = sum(map(len, below.values()))
    print(
        f"{len(below)} rooms on {height} floors; {pairs} pairs of rooms of which one imports the other"
    )


if __name__ == "__main__":
    main()
