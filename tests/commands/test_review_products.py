"""What a model suggests for a catalogue under review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shelfwise.commands import review_products as room
from shelfwise.core.types import Context
from shelfwise.export.loading import open_model

BANDS = {
    "sure": (room.SETTLED, 1.1),
    "in doubt": (room.POSSIBLE, room.SETTLED),
    "no": (0, room.POSSIBLE),
}


def test_fields_disagree_only_where_the_whole_model_is_in_doubt_about_a_side(
    title_model: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_model(title_model)
    member, *_ = model.config.members

    def opened() -> Any:
        return room.review_products(title_model, model, sample, Context())

    def label_in(row: int, band: str) -> str | None:
        """A label of the product that the model is so sure of."""
        least, most = BANDS[band]
        pairs = zip(products.candidates[row], products.scores[row], strict=True)
        return next((products.names[p] for p, score in pairs if least <= score < most), None)

    def against(band: str) -> dict[int, tuple[str, str]]:
        """Products with a label that the model is sure of, and another one."""
        pairs = ((row, label_in(row, "sure"), label_in(row, band)) for row in range(len(products)))
        return {row: (one, other) for row, one, other in pairs if one and other}

    products = opened()
    for band in BANDS:
        sides = against(band)
        assert sides
        found = [
            (row, 0.9, [{"member": member, "label": name} for name in names])
            for row, names in sides.items()
        ]
        monkeypatch.setattr(room, "contradictions", lambda *_, found=found: found)
        shown = opened()
        assert set(shown.contradictions) == (set(sides) if band == "in doubt" else set())
        for row, sentence in shown.contradictions.items():
            assert all(f"says {name}" in sentence for name in sides[row])
            assert shown.disagreement[row] == 0.9
