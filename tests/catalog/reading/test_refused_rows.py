"""Answers for a file are one a record, in its order."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

from shelfwise import Categorizer
from shelfwise.catalog.reading.blocks import Quarantined
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.reading.refused_rows import one_row_a_record

CONFIG = {
    "members": {"title": {"modality": "text_linear", "field": "title"}},
    "decide_with": "title",
}


def test_refused_records_stand_in_their_places(tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    records = [
        {"title": "no id"},
        {"id": "1"},
        {"id": "1"},
        {"id": "2"},
        {"id": "3"},
        {"id": "3"},
        {"title": "no id"},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    reading = read_catalog(path)

    def number(record: Quarantined) -> str:
        return f"line {record.line}"

    rows = one_row_a_record(iter(reading.catalog.ids), deque(reading.quarantine), number)
    assert list(rows) == ["line 1", "1", "line 3", "2", "3", "line 6", "line 7"]


def test_the_python_interface_answers_for_every_record_of_a_file(tmp_path: Path) -> None:
    training = [
        {"id": str(number), "title": word, "categories": [[word]]}
        for number, word in enumerate(["mug", "lamp"] * 20)
    ]
    model = Categorizer(
        preset="quick", config={**CONFIG, "systems": {}, "labels": {"min_count": 2}}
    ).fit(training)
    path = tmp_path / "new.jsonl"
    records = [{"id": "1", "title": "mug"}, {"brand": "Kestrel"}, {"id": "1", "title": "lamp"}]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    first, second, third = model.label(str(path))
    assert (first.id, first.names, first.refused) == ("1", ["mug"], None)
    assert (second.id, second.names) == ("", [])
    assert second.refused is not None
    assert "id" in second.refused
    assert (third.id, third.names) == ("1", [])
    assert third.refused is not None
    assert third.refused == third.to_dict()["refused"]
