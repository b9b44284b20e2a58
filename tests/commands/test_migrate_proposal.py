"""Two editions of a taxonomy file propose the changes between them, in Python and on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from shelfwise.catalog.labels import LabelSet
from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.cli.main import app
from shelfwise.commands.migrate import propose_migration
from shelfwise.errors import TaxonomyError
from shelfwise.taxonomy.migration import Migration

GOOGLE_BEFORE = """# Google_Product_Taxonomy_Version: 2021
1 - Pets
2 - Pets > Birds
3 - Pets > Birds > Feeders
4 - Pets > Fish
5 - Media
"""
GOOGLE_AFTER = """# Google_Product_Taxonomy_Version: 2024
1 - Animals
2 - Animals > Birds
3 - Garden > Feeders
5 - Media
6 - Animals > Sea
7 - Garden
"""


def as_shopify_text(google: str) -> str:
    """The same edition as Shopify writes it."""
    lines = [line.split(" - ") for line in google.splitlines()[1:]]
    rows = [f"gid://shopify/TaxonomyCategory/{number:8} : {path}" for number, path in lines]
    return "\n".join(["# Shopify Product Taxonomy", "", *rows]) + "\n"


def as_shopify_json(google: str) -> str:
    """The same edition as Shopify's JSON."""
    lines = [line.split(" - ") for line in google.splitlines()[1:]]
    number_of = {path: number for number, path in lines}
    nodes = []
    for number, path in lines:
        above, _, name = path.rpartition(" > ")
        nodes.append({"id": number, "name": name, "parent_id": number_of.get(above)})
    return json.dumps({"version": "1", "verticals": [{"name": "All", "categories": nodes}]})


def shelfwise(*arguments: object) -> Result:
    """The command line, in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("ending", "written"),
    [("txt", str), ("txt", as_shopify_text), ("json", as_shopify_json)],
    ids=["google", "shopify-text", "shopify-json"],
)
def test_export_migrate_compares_two_taxonomy_files(
    ending: str, written: Callable[[str], str], tmp_path: Path
) -> None:
    old, new, out = (
        tmp_path / f"old.{ending}",
        tmp_path / f"new.{ending}",
        tmp_path / "changes.toml",
    )
    old.write_text(written(GOOGLE_BEFORE), "utf-8")
    new.write_text(written(GOOGLE_AFTER), "utf-8")
    done = shelfwise("export", old, "--migrate", new, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {
        "changes": [
            "rename Pets -> Animals",
            "remove Pets > Fish",
            "move Pets > Birds > Feeders -> Garden > Feeders",
        ],
        "guessed": [],
        "added": ["Animals > Sea", "Garden"],
        "out": str(out),
    }
    assert Migration.load(out).paths([["Pets", "Birds", "Feeders"]]).paths == [
        ["Garden", "Feeders"]
    ]


def test_export_migrate_prints_changes_guesses_and_added_categories(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("Pets\nPets > Birds\nToys\n", "utf-8")
    (tmp_path / "new.txt").write_text("Pets\nGarden\nGarden > Birds\n", "utf-8")
    out = tmp_path / "changes.toml"
    done = shelfwise(
        "export", tmp_path / "old.txt", "--migrate", tmp_path / "new.txt", "--out", out
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "changes: 2, of these 1 guessed by name",
        "  remove Toys",
        "  move Pets > Birds -> Garden > Birds  (guess: check it)",
        "added categories, which need training products: 1",
        "  Garden",
        "note: Merged and split categories show up as removed: write them in by hand.",
        "",
        f"written: {out}",
    ]
    comments = [line for line in out.read_text("utf-8").splitlines() if line.startswith("#")]
    assert comments[1:] == [
        "# by its name only, check: move Pets > Birds -> Garden > Birds",
        "# added: Garden",
    ]


def test_the_proposed_changes_move_a_catalogue(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text(GOOGLE_BEFORE, "utf-8")
    (tmp_path / "new.txt").write_text(GOOGLE_AFTER, "utf-8")
    source = tmp_path / "products.jsonl"
    source.write_text('{"id": "1", "title": "Seed", "categories": [["Pets", "Birds"]]}\n', "utf-8")
    changes, out = tmp_path / "changes.toml", tmp_path / "moved.jsonl"
    compared = shelfwise(
        "export", tmp_path / "old.txt", "--migrate", tmp_path / "new.txt", "--out", changes
    )
    moved = shelfwise("export", source, "--migrate", changes, "--out", out)
    assert (compared.exit_code, moved.exit_code) == (0, 0), moved.output
    assert "1  rename Pets -> Animals" in moved.stdout
    assert read_catalog(out).catalog.column("categories") == [[["Animals", "Birds"]]]


@pytest.mark.parametrize(
    ("old", "new", "out", "words"),
    [
        ("old.txt", "new.txt", "moved.jsonl", "expected a name that ends in .toml"),
        ("old.txt", "none.txt", "changes.toml", "there is no taxonomy file"),
        ("old.txt", "new.json", "changes.toml", "is not a taxonomy"),
        ("products.csv", "new.txt", "moved.jsonl", "first get the changes: export OLD_TAXONOMY"),
    ],
)
def test_files_that_cannot_be_compared(
    old: str, new: str, out: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "old.txt").write_text(GOOGLE_BEFORE, "utf-8")
    (tmp_path / "new.txt").write_text(GOOGLE_AFTER, "utf-8")
    (tmp_path / "new.json").write_text(
        '{"verticals": [{"categories": [{"id": "1", "name": " "}]}]}', "utf-8"
    )
    done = shelfwise("export", tmp_path / old, "--migrate", tmp_path / new, "--out", tmp_path / out)
    assert isinstance(done.exception, TaxonomyError)
    assert words in str(done.exception)
    assert not (tmp_path / out).exists()


def test_a_line_break_in_a_name_does_not_break_the_file(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("Pets\n", "utf-8")
    nodes = [{"id": "1", "name": "Pets"}, {"id": "2", "name": "Toys\nand = games"}]
    (tmp_path / "new.json").write_text(json.dumps({"verticals": [{"categories": nodes}]}), "utf-8")
    out = tmp_path / "changes.toml"
    propose_migration(tmp_path / "old.txt", tmp_path / "new.json", out)
    assert Migration.load(out).changes == ()


def test_two_editions_propose_a_migration_that_a_catalogue_can_follow(
    sample: Path, tmp_path: Path
) -> None:
    paths = sorted(
        {
            tuple(p)
            for paths in read_catalog(sample).catalog.column("categories")
            for p in paths or ()
        }
        | {("Top",)}
    )
    tops = sorted({path[:1] for path in paths})
    lines = [" > ".join(path) for path in (*tops, *(p for p in paths if len(p) > 1))]
    (tmp_path / "old.txt").write_text(
        "\n".join(f"{i} - {line}" for i, line in enumerate(lines)), "utf-8"
    )
    renamed = [
        line.replace(tops[0][0], "New name", 1) if line.startswith(tops[0][0]) else line
        for line in lines
    ]
    text = "\n".join(f"{i} - {line}" for i, line in enumerate(renamed) if line != "Top")
    (tmp_path / "new.txt").write_text(text + "\n999 - Brand new", "utf-8")
    found = propose_migration(tmp_path / "old.txt", tmp_path / "new.txt", tmp_path / "changes.toml")
    assert found["changes"] == [f"rename {tops[0][0]} -> New name", "remove Top"]
    assert found["added"] == ["Brand new"]
    migration = Migration.load(tmp_path / "changes.toml")
    assert [str(change) for change in migration.changes] == found["changes"]
    column = read_catalog(sample).catalog.column("categories")
    labels = LabelSet(tuple(renamed), "path")
    truth = LabelSet(tuple(lines), "path").encode(column)
    np.testing.assert_array_equal(labels.encode([migration.paths(p).paths for p in column]), truth)
