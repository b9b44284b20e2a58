"""What two editions of a taxonomy propose."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shelfwise.taxonomy.diff import difference
from shelfwise.taxonomy.files import Category

levels = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=3)


def numbered(*paths):
    return [
        Category(tuple(path.split(" > ")), identity or None)
        for identity, _, path in (p.partition(": ") for p in paths)
    ]


def test_difference_by_id_says_what_follows_from_above_only_once():
    before = numbered(
        "1: Pets",
        "2: Pets > Birds",
        "3: Pets > Birds > Food",
        "4: Pets > Mice",
        "5: Pets > Mice > Food",
        "6: Pets > Mice > Tiny",
    )
    after = numbered(
        "1: Animals",
        "2: Animals > Birds",
        "3: Animals > Birds > Feed",
        "5: Food",
        "6: Animals > Tiny",
        "7: New",
    )
    found = difference(before, after)
    assert [str(c) for c in found.migration.changes] == [
        "rename Pets -> Animals",
        "remove Pets > Mice",
        "rename Pets > Birds > Food -> Animals > Birds > Feed",
        "move Pets > Mice > Food -> Food",
        "move Pets > Mice > Tiny -> Animals > Tiny",
    ]
    assert found.added == ("New",)
    assert found.guessed == ()


def test_difference_without_ids_guesses_moves_by_a_name_that_is_the_only_one():
    before, after = (
        numbered(": Pets", ": Pets > Birds", ": Pets > Food", ": Toys > Food"),
        numbered(": Pets", ": Garden > Birds", ": Food"),
    )
    found = difference(before, after)
    assert [str(c) for c in found.migration.changes] == [
        "move Pets > Birds -> Garden > Birds",
        "remove Pets > Food",
        "remove Toys > Food",
    ]
    assert [str(c) for c in found.guessed] == ["move Pets > Birds -> Garden > Birds"]
    assert found.added == ("Food",)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(levels, min_size=1, max_size=8, unique_by=tuple),
    st.lists(levels, min_size=1, max_size=8, unique_by=tuple),
    st.randoms(),
)
def test_difference_takes_every_category_where_its_id_is_now(old, new, random):
    ids = random.sample(range(20), len(new))
    before = [Category(tuple(path), str(i)) for i, path in enumerate(old)]
    after = [Category(tuple(path), str(i)) for i, path in zip(ids, new, strict=True)]
    path_of_id = {c.id: c.path for c in after}
    migration = difference(before, after).migration
    for category in before:
        if category.id in path_of_id:
            assert migration.paths([category.path]).paths == [list(path_of_id[category.id])]
