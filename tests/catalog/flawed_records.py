"""Records as shops write them, with flaws in known places."""

from __future__ import annotations

import json
from typing import Any


def flawed_records(count: int, first: int = 0, *, pictures: bool = False) -> bytes:
    """JSON lines; of every hundred one is a duplicate, one is cut off, one has a column of its own.

    Args:
        first: the number of the first.
        pictures: whether each names a picture.
    """
    lines = []
    for i in range(first, first + count):
        record: dict[str, Any] = {
            "id": f"P{i - (i % 100 == 7)}",
            "title": f"Mug &amp; saucer {i}",
            "categories": [["Home", f"Shelf {i % 9}"]],
        }
        if pictures:
            record["image"] = f"pictures/{i}.png"
        if i % 100 == 50:
            record[f"column {i // 1000}"] = i
        line = json.dumps(record).encode()
        lines.append(line[: len(line) // 2] if i % 100 == 30 else line)
    return b"\n".join(lines) + b"\n"
