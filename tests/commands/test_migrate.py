"""A catalogue and a trained model follow a changed taxonomy: nothing else changes, the account is right."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from shelfwise.catalog.labels import flatten
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.commands.migrate import migrate_catalog, migration_table
from shelfwise.config import Config
from shelfwise.core.types import State
from shelfwise.errors import BundleError, TaxonomyError
from shelfwise.model.bundle import Bundle, load_bundle, save_bundle
from shelfwise.model.migration import migrate_bundle, migrated
from shelfwise.model.nearest_neighbours import Neighbours
from shelfwise.model.out_of_fold import OutOfFold
from shelfwise.taxonomy.changes import Merge, Move, Remove, Rename, Split
from shelfwise.taxonomy.hierarchy import Taxonomy
from shelfwise.taxonomy.label_mapping import LabelMapping
from shelfwise.taxonomy.migration import Migration


def frequent(sample: Path, mode: str) -> list[str]:
    """The sample's categories below the top, most frequent first."""
    column = read_catalog(sample).catalog.column("categories")
    tops = {path[0] for paths in column for path in paths or ()}
    counts = Counter(name for paths in column for name in flatten(paths, mode) if name not in tops)
    return [name for name, _ in counts.most_common()]


@pytest.fixture(scope="module")
def changes(sample: Path) -> Migration:
    a, b, c, d, e, f, *_ = frequent(sample, "path")
    return Migration(
        (
            Rename(rename=a, to=a + " renamed"),
            Merge(merge=(b, c), into="Both > Of them"),
            Split(split=d, into=("Parts > One", "Parts > Two")),
            Move(move=e, under="Elsewhere"),
            Remove(remove=f),
        ),
        "path",
    )


def test_a_catalogue_moves_and_all_else_reads_back(
    sample: Path, changes: Migration, tmp_path: Path
) -> None:
    before = read_catalog(sample)
    report = migrate_catalog(sample, tmp_path / "moved.jsonl", changes)
    after = read_catalog(tmp_path / "moved.jsonl")
    assert not after.quarantine
    for name in before.catalog.table.column_names:
        if name != "categories":
            assert after.catalog.column(name) == before.catalog.column(name), name
    old, new = before.catalog.column("categories"), after.catalog.column("categories")
    assert [changes.paths(paths).paths or None for paths in old] == new
    expected = [sum(index in changes.paths(paths).changes for paths in old) for index in range(5)]
    assert [change["products"] for change in report["changes"]] == expected
    assert min(expected) > 0
    assert report["changed"] == sum(bool(a) and a != b for a, b in zip(old, new, strict=True))
    assert len(Path(report["quarantine"]).read_text("utf-8").splitlines()) == len(before.quarantine)
    questions = [
        json.loads(line) for line in Path(report["undecided_in"]).read_text("utf-8").splitlines()
    ]
    assert len(questions) == report["undecided"] == expected[2]
    assert questions[0]["candidates"] == ["Parts > One", "Parts > Two"]
    assert json.loads((tmp_path / "moved.jsonl.migration.json").read_text("utf-8")) == report
    assert any("images are now looked for in the folder of" in note for note in report["notes"])
    assert f"{expected[0]:>9}  rename" in migration_table(report)


def test_an_image_below_another_folder_is_noted_only_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "c.jsonl").write_text(
        '{"id": "1", "title": "Mug", "categories": [["A"]]}\n', "utf-8"
    )
    report = migrate_catalog(tmp_path / "in" / "c.jsonl", tmp_path / "moved.jsonl", Migration(()))
    assert report["notes"] == []


def test_a_catalogue_is_never_written_over_itself(
    sample: Path, changes: Migration, tmp_path: Path
) -> None:
    for out in (sample, tmp_path / "moved.csv"):
        with pytest.raises(TaxonomyError, match=r"expected a new name that ends in \.jsonl"):
            migrate_catalog(sample, out, changes)


LABELS = ("Bees", "Birds", "Cats", "Dogs", "Feeders", "Fish", "Pets")
TARGETS = np.random.default_rng(1).random((30, 7)) < 0.3
SCORES = np.round(np.random.default_rng(2).random((30, 7)), 2).astype(np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder whose members never predict: a migration does not look at them."""
    ids = [f"p{row}" for row in range(30)]
    sections = {
        "member.title": State({"weights": np.ones((3, 7), np.float32)}, {"words": ["a", "b", "c"]}),
        "nearest_neighbours": Neighbours.of(
            {"title": SCORES}, ids, ids, TARGETS.astype(np.float32)
        ).state(),
        "out_of_fold": OutOfFold.of(ids, SCORES, TARGETS.astype(np.float32)).state(),
        "taxonomy": Taxonomy.of_products(
            LABELS, [[["Pets", "Feeders"]], [["Pets", "Birds"]]]
        ).state(),
    }
    save_bundle(
        Bundle(Config.load("recommended").dump(), LABELS, {"thresholds": {"title": 0.5}}, sections),
        tmp_path / "model",
    )
    return tmp_path / "model"


def flat_changes(names: tuple[str, ...]) -> Migration:
    a, b, c, d, e, f = names[:6]
    return Migration(
        (
            Rename(rename=a, to="Renamed"),
            Merge(merge=(b, c), into="Merged"),
            Split(split=d, into=("Part 1", "Part 2")),
            Move(move=e, under="Elsewhere"),
            Remove(remove=f),
            Remove(remove="No such label"),
        )
    )


def test_a_model_moves(model: Path, tmp_path: Path) -> None:
    old = load_bundle(model)
    migrate_bundle(model, tmp_path / "moved", flat_changes(LABELS))
    new = load_bundle(tmp_path / "moved")
    assert new.labels == ("Elsewhere", "Feeders", "Merged", "Part 1", "Part 2", "Pets", "Renamed")
    mapping = LabelMapping.from_state(new.sections["label_mapping"])
    assert (mapping.before, mapping.names) == (LABELS, new.labels)
    columns = [[4], [4], [1, 2], [3], [3], [6], [0]]
    np.testing.assert_array_equal(
        mapping.apply(SCORES), np.stack([SCORES[:, c].max(axis=1) for c in columns], axis=1)
    )
    moved = mapping.apply(TARGETS)
    np.testing.assert_array_equal(
        Neighbours.from_state(new.sections["nearest_neighbours"]).targets(7), moved
    )
    scores, targets = OutOfFold.from_state(new.sections["out_of_fold"]).dense()
    np.testing.assert_allclose(scores, mapping.apply(SCORES), atol=1e-3)
    np.testing.assert_array_equal(targets, moved)
    tree = Taxonomy.from_state(new.sections["taxonomy"], new.labels)
    assert {(new.labels[c], new.labels[p]) for c, p in tree.edges.tolist()} == {
        ("Feeders", "Elsewhere")
    }
    assert new.sections["member.title"].facts == old.sections["member.title"].facts
    assert {**new.facts, "migrations": None} == {**old.facts, "migrations": None}


def test_the_account_of_a_model(model: Path, tmp_path: Path) -> None:
    report = migrate_bundle(model, tmp_path / "moved", flat_changes(LABELS))
    touched = [TARGETS[:, c].any(axis=1).sum() for c in ([0], [1, 2], [3], [4], [5], [])]
    assert [change["products"] for change in report["changes"]] == touched
    assert [change["labels"] for change in report["changes"]] == [
        ["Bees"],
        ["Birds", "Cats"],
        ["Dogs"],
        ["Feeders"],
        ["Fish"],
        [],
    ]
    assert [entry["label"] for entry in report["retrain"]] == [
        "Part 1",
        "Part 2",
        "Elsewhere",
        "Pets",
    ]
    assert report["notes"] == ["1 changes meet no label of the model"]
    assert load_bundle(tmp_path / "moved").facts["migrations"] == [
        {k: v for k, v in report.items() if k not in ("source", "out")}
    ]
    assert (
        json.loads((tmp_path / "moved" / "report" / "migration.json").read_text("utf-8")) == report
    )
    assert "to be trained again:\n  Part 1: no model can tell" in migration_table(report)


def test_a_second_migration_builds_on_the_first(model: Path) -> None:
    once, _ = migrated(load_bundle(model), flat_changes(LABELS))
    twice, _ = migrated(
        once, Migration((Rename(rename="Merged", to="Again"), Remove(remove="Part 2")))
    )
    mapping = LabelMapping.from_state(twice.sections["label_mapping"])
    assert (
        mapping.names
        == twice.labels
        == ("Again", "Elsewhere", "Feeders", "Part 1", "Pets", "Renamed")
    )
    np.testing.assert_array_equal(mapping.apply(SCORES)[:, 0], SCORES[:, [1, 2]].max(axis=1))
    assert len(twice.facts["migrations"]) == 2


def test_what_a_model_cannot_follow_is_refused(
    model: Path, changes: Migration, tmp_path: Path
) -> None:
    with pytest.raises(
        TaxonomyError, match="the model has flat labels, but the migration is in path mode"
    ):
        migrate_bundle(model, tmp_path / "moved", changes)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(BundleError, match="is not a shelfwise model"):
        migrate_bundle(model, tmp_path / "full", Migration(()))
    with pytest.raises(TaxonomyError, match="none of the 7 labels is left"):
        migrate_bundle(
            model, tmp_path / "moved", Migration(tuple(Remove(remove=name) for name in LABELS))
        )
    assert not (tmp_path / "moved").exists()
