"""Products of the sample as records, for tests that cut them into shards of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def sample_records(shop: Path, count: int) -> list[dict[str, Any]]:
    """The first `count` products with categories in the files of `shop`, each id once."""
    records: dict[str, Any] = {}
    for line in b"".join(path.read_bytes() for path in sorted(shop.iterdir())).splitlines():
        # the sample holds lines that are no record
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record.get("id") and isinstance(record["categories"], list):
            records.setdefault(record["id"], record)
    return list(records.values())[:count]
