"""Names of files and folders that a library would take for something else."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.ingest import ingest
from shelfwise.commands.sample import sample_catalog
from shelfwise.commands.to_parquet import export_parquet
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context


@pytest.mark.parametrize("name", ["~", "run:1", "s3:bucket", "%41", "a b?#"])
def test_relative_names_are_what_they_are_written_as(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    place = Path(name)
    sample_catalog(place, 3, images=False)
    catalog = place / "catalog.jsonl"
    export_parquet(catalog, place / "parquet")
    [written] = (place / "parquet").glob("*.parquet")
    assert read_catalog(written).catalog.ids == read_catalog(catalog).catalog.ids
    ingest([str(catalog)], str(place / "shards"), CatalogSettings(), Context(), workers=1)
    assert len(pq.read_table(os.path.abspath(place / "shards" / "products-00000.parquet")))
    # nothing stands anywhere else
    assert [path.name for path in tmp_path.iterdir()] == [name]
