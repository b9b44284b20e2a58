"""What becomes of paths and labels under a migration, and that both agree."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.catalog.labels import flatten
from shelfwise.errors import TaxonomyError
from shelfwise.taxonomy.changes import Merge, Move, Remove, Rename, Split
from shelfwise.taxonomy.migration import Migration

PETS = Migration(
    (
        Rename(rename="Pets", to="Animals"),
        Move(move="Pets > Birds > Feeders", under="Garden"),
        Merge(merge=("Pets > Cats", "Pets > Dogs"), into="Animals > Furry"),
        Split(split="Pets > Fish", into=("Animals > Sea", "Animals > Pond")),
        Remove(remove="Pets > Mice"),
    ),
    "path",
)
FLAT = Migration(
    (
        Rename(rename="Pets", to="Animals"),
        Move(move="Feeders", under="Garden > Birds"),
        Merge(merge=("Cats", "Dogs"), into="Furry"),
        Split(split="Fish", into=("Sea", "Pond")),
        Remove(remove="Mice"),
    )
)
levels = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=3)


@st.composite
def migrations(draw, mode):
    """Any changes of different categories; what they give is called by small and capital letters."""
    old = levels.map(" > ".join) if mode == "path" else st.sampled_from("abcd")
    new = (
        st.lists(st.sampled_from("abXY"), min_size=1, max_size=2, unique=True).map(" > ".join)
        if mode == "path"
        else st.sampled_from("abXY")
    )
    taken = draw(st.lists(old, min_size=1, max_size=5, unique=True))
    changes = []
    while taken:
        kind = draw(st.sampled_from([Rename, Merge, Split, Move, Remove]))
        first = taken.pop()
        if kind is Rename:
            changes.append(Rename(rename=first, to=draw(new)))
        elif kind is Merge and taken:
            changes.append(Merge(merge=(first, taken.pop()), into=draw(new)))
        elif kind is Split:
            changes.append(
                Split(
                    split=first,
                    into=tuple(draw(st.lists(new, min_size=2, max_size=3, unique=True))),
                )
            )
        elif kind is Move:
            changes.append(Move(move=first, under=draw(st.sampled_from(["", "X", "X > Y"]))))
        else:
            changes.append(Remove(remove=first))
    return Migration(tuple(changes), mode)


@pytest.mark.parametrize(
    ("migration", "path", "expected", "undecided"),
    [
        (PETS, ["Pets"], [["Animals"]], ()),
        (PETS, ["Pets", "Snakes", "Food"], [["Animals", "Snakes", "Food"]], ()),
        (PETS, ["Pets", "Birds", "Feeders", "Nuts"], [["Garden", "Feeders", "Nuts"]], ()),
        (PETS, ["Pets", "Dogs", "Food"], [["Animals", "Furry", "Food"]], ()),
        (PETS, ["Pets", "Fish", "Food"], [["Animals"]], ("Animals > Sea", "Animals > Pond")),
        (PETS, ["Pets", "Mice", "Food"], [["Animals"]], ()),
        (PETS, ["Toys", "Pets"], [["Toys", "Pets"]], ()),
        (FLAT, ["Toys", "Pets"], [["Toys", "Animals"]], ()),
        (FLAT, ["Pets", "Feeders", "Nuts"], [["Garden", "Birds", "Feeders", "Nuts"]], ()),
        (FLAT, ["Pets", "Fish", "Food"], [["Animals", "Food"]], ("Sea", "Pond")),
        (FLAT, ["Mice"], [], ()),
    ],
)
def test_paths(migration, path, expected, undecided):
    outcome = migration.paths([path])
    assert outcome.paths == expected
    assert outcome.undecided == undecided


def test_paths_that_become_one_are_kept_once_and_changes_are_counted():
    outcome = PETS.paths([["Pets", "Cats"], ["Pets", "Dogs"], ["Pets", "Mice"], ["Toys"]])
    assert outcome.paths == [["Animals", "Furry"], ["Animals"], ["Toys"]]
    assert outcome.changes == {2, 4, 0}
    assert PETS.paths(None).paths == []


def test_labels_and_what_comes_to_lie_above_them():
    assert PETS.label("Pets > Birds") == ("Animals > Birds",)
    assert PETS.label("Pets > Fish") == ("Animals > Sea", "Animals > Pond")
    assert PETS.label("Pets > Fish > Food") == PETS.label("Pets > Mice > Food") == ()
    assert PETS.gained("Pets > Birds") == set()
    assert PETS.gained("Pets > Birds > Feeders") == {"Garden"}
    assert FLAT.gained("Feeders") == {"Garden", "Birds"}
    assert FLAT.label("Feeders") == ("Feeders",)


def test_two_categories_may_swap_names():
    swap = Migration((Rename(rename="A", to="B"), Rename(rename="B", to="A")), "path")
    assert swap.paths([["A", "x"], ["B", "y"]]).paths == [["B", "x"], ["A", "y"]]


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(["path", "flat"]), st.lists(levels, min_size=1, max_size=3))
def test_labels_of_migrated_paths_are_migrated_labels(data, mode, paths):
    """A product's new labels are what its old ones become; splits and moves may leave more."""
    migration = data.draw(migrations(mode))
    outcome = migration.paths(paths)
    old, new = flatten(paths, mode), flatten(outcome.paths, mode)
    became = {label for name in old for label in (*migration.label(name), *migration.gained(name))}
    assert new <= became
    if all(isinstance(migration.changes[i], Remove) for i in outcome.changes):
        assert new == became
    if mode == "flat" and not any(
        isinstance(migration.changes[i], Split | Move) for i in outcome.changes
    ):
        assert new == became


@settings(max_examples=30, deadline=None)
@given(data=st.data(), mode=st.sampled_from(["path", "flat"]))
def test_files_read_back(data, mode, tmp_path_factory):
    migration = data.draw(migrations(mode))
    file = tmp_path_factory.mktemp("migration") / "changes.toml"
    file.write_text(migration.dump(), "utf-8")
    assert Migration.load(file) == migration


def test_names_with_quotes_and_spaces_read_back(tmp_path):
    migration = Migration((Rename(rename='24" > Café\\', to=" A >  B "),), "path")
    (tmp_path / "m.toml").write_text(migration.dump(), "utf-8")
    assert Migration.load(tmp_path / "m.toml") == migration
    assert migration.changes[0].gives == ("A > B",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[change]]\nrename = "A"', r"change 1 of .* is wrong: setting to"),
        ('[[change]]\nrename = ""\nto = "B"', r"change 1 of .* is wrong: setting rename"),
        ('[[change]]\nmerge = ["A"]\ninto = "B"', r"change 1 of .* is wrong: setting merge"),
        ('[[change]]\nname = "A"', "expected exactly one of rename, merge, split, move, remove"),
        ('[[change]]\nrename = "A"\nmove = "B"', "expected exactly one of"),
        ('mode = "leaf"', re.escape("mode = 'flat' or 'path'")),
        ("other = 1", "nothing else"),
        ("change = 3 3", "not valid TOML"),
        ('[[change]]\nremove = "A"\n[[change]]\nrename = "A"\nto = "B"', "two changes take 'A'"),
        ('[[change]]\nremove = "A > B"', "'A > B' is a path, but the migration is in flat mode"),
    ],
)
def test_errors_name_the_fix(tmp_path, text, message):
    file = tmp_path / "m.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(TaxonomyError, match=message):
        Migration.load(file)
    with pytest.raises(TaxonomyError, match="there is no migration file"):
        Migration.load(tmp_path / "none.toml")
