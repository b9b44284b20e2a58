"""Every verb onto what is there already: what people typed, and what is read, is never written over."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.reading.to_parquet import convert_catalog
from shelfwise.commands.audit import audit_catalog
from shelfwise.commands.compare import compare
from shelfwise.commands.explain import ChosenProducts
from shelfwise.commands.export import export_bundle
from shelfwise.commands.ingest import ingest
from shelfwise.commands.init import init_settings
from shelfwise.commands.inspect import inspect_catalog
from shelfwise.commands.label import label
from shelfwise.commands.migrate import migrate_catalog, propose_migration
from shelfwise.commands.predict import predict_catalog
from shelfwise.commands.sample import sample_catalog
from shelfwise.commands.to_parquet import export_parquet
from shelfwise.commands.train import train
from shelfwise.config import CatalogSettings, Config
from shelfwise.core.types import Context
from shelfwise.disk.claims import claimed
from shelfwise.errors import (
    BundleError,
    CatalogError,
    ShelfwiseError,
    StorageError,
    TaxonomyError,
)
from shelfwise.model.bundle import save_bundle
from shelfwise.model.migration import migrate_bundle
from shelfwise.model.model import Model
from shelfwise.scale.plan import LabelSettings
from shelfwise.taxonomy.migration import Migration
from shelfwise.training.fit import fit_catalog

SETTINGS: dict[str, Any] = {
    "labels": {"min_count": 8},
    "split": {"validation_fraction": 0},
    "stacking": {"folds": 3},
    "decide_with": "text",
    "members": {"text": {"modality": "text_linear", "field": "title"}},
}


@pytest.fixture(scope="module")
def model(sample: Path) -> Model:
    config = Config.load("quick", changes={**SETTINGS, "systems": {}})
    return fit_catalog(read_catalog(sample).catalog, config, Context())


@pytest.fixture
def catalog(sample: Path, tmp_path: Path) -> Path:
    """Some products in a file of the test's own."""
    copy = tmp_path / "shop.jsonl"
    copy.write_bytes(b"\n".join(sample.read_bytes().split(b"\n")[:80]))
    return copy


def fill_in_jsonl(path: Path) -> None:
    findings = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    findings[0]["decision"] = "keep"
    path.write_text("".join(json.dumps(finding) + "\n" for finding in findings), "utf-8")


def fill_in_csv(path: Path) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["labels"] = "Mugs"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def break_off(path: Path) -> None:
    path.write_text('{"id": "a product that somebody is about to', "utf-8")


@pytest.mark.parametrize(
    ("name", "type_into", "message"),
    [
        ("audit.jsonl", fill_in_jsonl, "decisions of a person on 1 products"),
        ("audit.csv", fill_in_csv, "decisions of a person on 1 products"),
        ("audit.jsonl", break_off, "may have been filled in by hand"),
    ],
)
def test_an_audit_that_was_filled_in_is_not_written_over(
    name: str,
    type_into: Callable[[Path], None],
    message: str,
    model: Model,
    catalog: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "audit"
    audit_catalog(model, catalog, out)
    # nobody has typed anything yet: a second audit is like the first
    audit_catalog(model, catalog, out)
    type_into(out / name)
    typed = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(CatalogError, match=message):
        audit_catalog(model, catalog, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == typed


@pytest.mark.parametrize("verb", ["predict", "audit", "inspect", "explain", "parquet", "migrate"])
def test_the_catalogue_that_is_read_is_not_written_over(
    verb: str, model: Model, catalog: Path, tmp_path: Path
) -> None:
    names = {
        "audit": "audit.jsonl",
        "inspect": "inspect.json",
        "explain": "explanations.jsonl",
        "parquet": "quarantine.jsonl",
    }
    source = catalog.rename(tmp_path / names.get(verb, "shop.jsonl"))
    before = source.read_bytes()
    context = Context()
    verbs: dict[str, Callable[[], Any]] = {
        "predict": lambda: predict_catalog(model, source, source, context),
        "audit": lambda: audit_catalog(model, source, tmp_path),
        "inspect": lambda: inspect_catalog(source, tmp_path, Config.load("quick"), context),
        "explain": lambda: ChosenProducts.of(model, source, tmp_path, context).explain(context),
        "parquet": lambda: convert_catalog(source, tmp_path),
        "migrate": lambda: migrate_catalog(source, source, Migration([])),
    }
    with pytest.raises((StorageError, TaxonomyError), match=r"written over|expected a new name"):
        verbs[verb]()
    assert source.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_predictions_replace_predictions_and_nothing_else(
    model: Model, catalog: Path, tmp_path: Path
) -> None:
    for name in ("labels.jsonl", "labels.parquet"):
        for _ in range(2):
            predict_catalog(model, catalog, tmp_path / name, Context())
        predicted = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(b'{"id": "1", "decision": "keep"}\n')
        with pytest.raises(StorageError, match="exists and holds no predictions"):
            predict_catalog(model, catalog, tmp_path / name, Context())
        assert (tmp_path / name).read_bytes() == b'{"id": "1", "decision": "keep"}\n'
        assert predicted


def test_lists_of_an_earlier_prediction_do_not_stay(
    model: Model, catalog: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.jsonl"
    catalog.write_bytes(catalog.read_bytes() + b"\nno record\n")
    predict_catalog(model, catalog, out, Context(), precision=0.9)
    assert Path(f"{out}.quarantine.jsonl").exists()
    assert Path(f"{out}.accept.txt").exists()
    catalog.write_bytes(b'{"id": "1", "title": "Blue mug"}\n')
    predict_catalog(model, catalog, out, Context())
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith("labels.jsonl.")}
    assert left == set()


def test_two_predictions_into_one_file_are_refused(
    model: Model, catalog: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels.jsonl"
    with claimed(out), pytest.raises(StorageError, match="is being written by process"):
        predict_catalog(model, catalog, out, Context())


def test_a_model_is_not_replaced_by_what_is_made_of_it(model: Model, tmp_path: Path) -> None:
    save_bundle(model.bundle(), tmp_path / "model")
    with pytest.raises(BundleError, match="the model that is exported, which would be lost"):
        export_bundle(tmp_path / "model", tmp_path / "model")
    with pytest.raises(BundleError, match="the model that is migrated, which would be lost"):
        migrate_bundle(tmp_path / "model", tmp_path / "model", Migration([]))


def test_changes_that_may_have_been_edited_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("Mugs\n")
    (tmp_path / "new.txt").write_text("Cups\n")
    propose_migration(tmp_path / "old.txt", tmp_path / "new.txt", tmp_path / "changes.toml")
    before = (tmp_path / "changes.toml").read_bytes()
    with pytest.raises(TaxonomyError, match="may have been edited by hand"):
        propose_migration(tmp_path / "old.txt", tmp_path / "new.txt", tmp_path / "changes.toml")
    assert (tmp_path / "changes.toml").read_bytes() == before


def test_undecided_products_that_were_decided_are_not_written_over(
    catalog: Path, tmp_path: Path
) -> None:
    out = tmp_path / "moved.jsonl"
    undecided = Path(f"{out}.undecided.jsonl")
    undecided.write_text('{"id": "1", "labels": ["Mugs"]}\n', "utf-8")
    with pytest.raises(CatalogError, match="decisions of a person on 1 products"):
        migrate_catalog(catalog, out, Migration([]))
    assert undecided.read_text("utf-8") == '{"id": "1", "labels": ["Mugs"]}\n'


def test_parquet_files_of_an_earlier_run_do_not_stay(catalog: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parquet"
    convert_catalog(catalog, folder)
    shutil.copy(folder / "products-00000.parquet", folder / "products-00007.parquet")
    (folder / ".products-00000.parquet.0123.writing").write_text("half a file")
    convert_catalog(catalog, folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "products-00000.parquet",
        "quarantine.jsonl",
    ]


def test_nothing_is_written_into_a_model(model: Model, catalog: Path, tmp_path: Path) -> None:
    place = tmp_path / "model"
    save_bundle(model.bundle(), place)
    before = sorted(place.rglob("*"))
    settings = model.config.catalog
    writers: list[Callable[[], object]] = [
        lambda: predict_catalog(model, catalog, place / "labels.jsonl", Context()),
        lambda: inspect_catalog(catalog, place, model.config, Context()),
        lambda: audit_catalog(model, catalog, place / "report"),
        lambda: ChosenProducts.of(model, catalog, place, Context()).explain(Context()),
        lambda: export_parquet(catalog, place / "new" / "folder"),
        lambda: ingest([str(catalog)], str(place / "new"), settings, Context()),
        lambda: label(place, str(catalog), place / "new", Context(), LabelSettings()),
        lambda: sample_catalog(place / "new", 1),
        lambda: compare(catalog, place / "new", model.config),
        lambda: init_settings(catalog, place / "config.json", _nobody, Context, overwrite=True),
    ]
    for write in writers:
        with pytest.raises(StorageError, match="is in the model"):
            write()
    assert sorted(place.rglob("*")) == before


def test_a_link_that_leads_to_itself_is_refused(
    model: Model, catalog: Path, tmp_path: Path
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    table = tmp_path / "loop.jsonl"
    table.symlink_to(table)
    settings = model.config.catalog
    before = sorted(tmp_path.iterdir())
    writers: list[Callable[[], object]] = [
        lambda: train(catalog, loop, model.config),
        lambda: predict_catalog(model, catalog, table, Context()),
        lambda: inspect_catalog(catalog, loop, model.config, Context()),
        lambda: audit_catalog(model, catalog, loop),
        lambda: ChosenProducts.of(model, catalog, loop, Context()).explain(Context()),
        lambda: export_parquet(catalog, loop),
        lambda: ingest([str(catalog)], str(loop), settings, Context()),
        lambda: sample_catalog(loop, 1),
        lambda: compare(catalog, loop, model.config),
    ]
    for write in writers:
        with pytest.raises((ShelfwiseError, OSError)):
            write()
    assert sorted(tmp_path.iterdir()) == before


def _nobody(*_: object) -> None:
    """Nobody answers."""


def test_pages_that_are_not_of_the_verb_are_not_written_over(
    model: Model, catalog: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    page = site / "index.html"
    page.write_text("mine", "utf-8")
    writers: list[Callable[[Path], object]] = [
        lambda out: inspect_catalog(catalog, out, model.config, Context()),
        lambda out: audit_catalog(model, catalog, out),
        lambda out: ChosenProducts.of(model, catalog, out, Context()).explain(Context()),
    ]
    for write in writers:
        with pytest.raises(StorageError, match=r"has a file index\.html"):
            write(site)
        with pytest.raises(StorageError, match="is a file, and a folder is needed"):
            write(page)
        own = tmp_path / f"own-{len(list(tmp_path.iterdir()))}"
        # its own are replaced
        write(own)
        write(own)
    assert page.read_text("utf-8") == "mine"


def test_a_folder_that_may_not_be_written_is_refused_before_any_work(
    model: Model, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # whoever runs the tests may be allowed to write everywhere
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    nothing = tmp_path / "there-is-no-such-catalogue.jsonl"
    writers: list[Callable[[Path], object]] = [
        lambda out: inspect_catalog(nothing, out, model.config, Context()),
        lambda out: audit_catalog(model, nothing, out),
        lambda out: ChosenProducts.of(model, nothing, out, Context()).explain(Context()),
        lambda out: export_parquet(nothing, out),
    ]
    for write in writers:
        with pytest.raises(StorageError, match="may not be written"):
            write(tmp_path / "new" / "folder")


def test_an_ingested_catalogue_and_tables_of_others_are_not_written_over(
    catalog: Path, tmp_path: Path
) -> None:
    ingested = tmp_path / "ingested"
    ingest([str(catalog)], str(ingested), CatalogSettings(), Context(), workers=1)
    before = (ingested / "products-00000.parquet").read_bytes()
    with pytest.raises(StorageError, match="what `shelfwise ingest` wrote"):
        export_parquet(catalog, ingested)
    assert (ingested / "products-00000.parquet").read_bytes() == before
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "products-00000.parquet").write_bytes(b"mine")
    with pytest.raises(StorageError, match="has a file products-00000"):
        export_parquet(catalog, mine)
    # a name of another kind is no file of an earlier run
    (mine / "products-00000.parquet").rename(mine / "products-2026.parquet")
    export_parquet(catalog, mine)
    assert (mine / "products-2026.parquet").read_bytes() == b"mine"
