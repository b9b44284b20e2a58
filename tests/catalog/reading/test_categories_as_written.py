"""One column of categories in every way that people and programs write it: read right, or asked about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import (
    PRODUCTS,
    Written,
    names_read,
    paths_read,
    read,
    table,
)

PATHS = [set(product.paths) for product in PRODUCTS]
LEAVES = [set(product.leaves) for product in PRODUCTS]


def column(write: Callable[[Written], str]) -> str:
    rows = [(product.id, product.title, write(product)) for product in PRODUCTS]
    return table(("id", "title", "categories"), rows)


def joined(product: Written, separator: str, delimiter: str) -> str:
    return delimiter.join(separator.join(path) for path in product.paths)


@pytest.mark.parametrize(
    ("separator", "delimiter"),
    [
        (" > ", "|"),
        (" > ", "; "),
        (" > ", ","),
        (" > ", "||"),
        (" > ", "^"),
        (" > ", "~"),
        (" > ", "\n"),
        (" > ", "\t"),
        (">", ";;"),
        (" >> ", "|"),
        ("/", ","),
        (" / ", " | "),
        (" › ", " | "),
        (" → ", " | "),
        (" » ", "; "),
        ("::", ";"),
        (" -> ", ";"),
        ("\\", "|"),
        ("＞", "、"),
        (" ▸ ", "；"),
        (" > ", "، "),
    ],
)
def test_signs_that_are_found(tmp_path: Path, separator: str, delimiter: str) -> None:
    assert (
        paths_read(read(tmp_path, column(lambda one: joined(one, separator, delimiter)))) == PATHS
    )


@pytest.mark.parametrize(
    ("separator", "delimiter"),
    [
        # a comma between paths, and the same with a blank in names
        (" > ", ", "),
        (" > ", " // "),
        (" > ", "#"),
        (":", "|"),
        (" - ", "|"),
        (";", "|"),
        (", ", "|"),
        (".", "|"),
    ],
)
def test_signs_that_are_asked_about(tmp_path: Path, separator: str, delimiter: str) -> None:
    with pytest.raises(CatalogError, match=r"'categories' can be read in two ways.*\[catalog\]"):
        read(tmp_path, column(lambda one: joined(one, separator, delimiter)))


def test_two_ways_of_writing_in_one_column_are_asked_about(tmp_path: Path) -> None:
    def mixed(product: Written) -> str:
        odd = int(product.id[-1]) % 2
        return joined(product, " > ", "|") if odd else joined(product, "/", ";")

    with pytest.raises(CatalogError, match="two ways"):
        read(tmp_path, column(mixed))


def test_pipes_between_levels(tmp_path: Path) -> None:
    found = read(tmp_path, column(lambda one: "|".join(one.paths[0])))
    assert paths_read(found) == [{product.paths[0]} for product in PRODUCTS]


@pytest.mark.parametrize(
    "write",
    [
        lambda one: json.dumps(one.paths),
        lambda one: json.dumps([" > ".join(path) for path in one.paths]),
        lambda one: str(one.paths),
        lambda one: str(list(map(list, one.paths))),
        lambda one: (
            "[" + " ".join(f"array({list(path)}, dtype=object)" for path in one.paths) + "]"
        ),
        # mark-up and entities hold signs that separate nothing
        lambda one: joined(one, " &gt; ", "|").replace(" & ", " &amp; "),
        lambda one: joined(one, " > ", ";").replace(" & ", " &amp; "),
        lambda one: ",".join("/" + "/".join(path) for path in one.paths),
        lambda one: joined(one, " > ", "; ") + "; ",
    ],
)
def test_paths_written_as_lists_or_with_mark_up(
    tmp_path: Path, write: Callable[[Written], str]
) -> None:
    assert paths_read(read(tmp_path, column(write))) == PATHS


@pytest.mark.parametrize(
    "write",
    [
        lambda one: str(one.leaves),
        lambda one: str(set(one.leaves)),
        lambda one: json.dumps(one.leaves),
        lambda one: json.dumps([{"id": 1, "name": name} for name in one.leaves]),
        lambda one: json.dumps([{"category": {"id": 1, "title": name}} for name in one.leaves]),
        lambda one: f"array({one.leaves}, dtype=object)",
        lambda one: "[" + " ".join(map(repr, one.leaves)) + "]",
        lambda one: "[" + ", ".join(one.leaves) + "]",
        lambda one: "{" + ",".join(f'"{name}"' for name in one.leaves) + "}",
        lambda one: ", ".join(one.leaves),
        lambda one: ";".join(one.leaves),
        lambda one: "|".join(one.leaves),
    ],
)
def test_labels_without_levels(tmp_path: Path, write: Callable[[Written], str]) -> None:
    assert names_read(read(tmp_path, column(write))) == LEAVES


@pytest.mark.parametrize(
    "write",
    [
        lambda names: " ".join(f"#{name}" for name in names),
        lambda names: "、".join(names),
        lambda names: "\n".join(f"- {name}" for name in names),
        lambda names: "".join(f"<li>{name}</li>" for name in names),
        lambda names: "<br/>".join(names),
        lambda names: ", ".join(f'"{name}"' for name in names),
    ],
)
def test_labels_as_pages_and_notes_list_them(
    tmp_path: Path, write: Callable[[list[str]], str]
) -> None:
    assert names_read(read(tmp_path, column(lambda one: write(one.leaves)))) == LEAVES


def test_names_may_hold_signs_of_lists(tmp_path: Path) -> None:
    names = ["C# Books", "#1 Gifts", "Cables - USB", '5" nails']
    rows = [(number, name) for number, name in enumerate(names * 5)]
    result = read(tmp_path, table(("id", "category"), rows))
    assert result.catalog.column("categories") == [[[name]] for name in names * 5]


def test_a_list_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    rows = [("1", "Mug", "['Mugs', 'Gifts']"), ("2", "Kettle", "['Kettles', 'Gif")]
    found = read(tmp_path, table(("id", "title", "categories"), rows))
    assert found.catalog.ids == ["1"]
    assert "cut short" in found.quarantine[0].reason


def test_languages_in_front_of_tags_are_no_levels(tmp_path: Path) -> None:
    found = read(tmp_path, column(lambda one: ",".join(f"en:{name}" for name in one.leaves)))
    assert names_read(found) == [{f"en:{name}" for name in names} for names in LEAVES]


@pytest.mark.parametrize("sign", [" + ", "+"])
def test_a_plus_between_labels_is_asked_about(tmp_path: Path, sign: str) -> None:
    rows = [(p.id, p.title, sign.join(p.leaves)) for p in PRODUCTS]
    with pytest.raises(CatalogError, match="two ways"):
        read(tmp_path, table(("id", "title", "categories"), rows))


def test_a_plus_in_a_name_is_none(tmp_path: Path) -> None:
    names = ["Games 18+", "Games 12+", "A+ paper", "Toys", "Google+ books", "C++"]
    rows = [(i, f"Product {i}", names[i % 6]) for i in range(24)]
    result = read(tmp_path, table(("id", "title", "categories"), rows))
    assert paths_read(result) == [{(names[i % 6],)} for i in range(24)]


def test_rows_with_nothing_but_categories_are_told(tmp_path: Path) -> None:
    rows = [
        (p.id if n == 0 else "", p.title if n == 0 else "", "/".join(path))
        for p in PRODUCTS
        for n, path in enumerate(p.paths)
    ]
    result = read(tmp_path, table(("sku", "name", "_category"), rows))
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert sum("write all categories of a product" in one for one in result.reading.evidence) == 1


def test_ids_that_come_again_with_other_categories_are_told(tmp_path: Path) -> None:
    rows = [(p.id, p.title, path[-1]) for p in PRODUCTS for path in p.paths]
    result = read(tmp_path, table(("product_id", "name", "category"), rows))
    assert paths_read(result) == [{path[-1:] for path in p.paths} for p in PRODUCTS]
    assert any("repeat a product with other categories" in one for one in result.reading.evidence)
    same = [(p.id, p.title, p.paths[0][-1]) for p in PRODUCTS for _ in "ab"]
    told = read(tmp_path, table(("product_id", "name", "category"), same)).reading.evidence
    assert not any("repeat a" in sentence for sentence in told)


def test_a_name_in_the_first_row_of_its_group_is_told(tmp_path: Path) -> None:
    rows = [(i, f"Product {i}", "" if i % 4 else f"Group {i // 4}") for i in range(16)]
    told = read(tmp_path, table(("id", "title", "category"), rows)).reading.evidence
    assert any("repeat it in each row" in sentence for sentence in told)
    some = [(i, f"Product {i}", "" if i % 4 else f"Group {i % 3}") for i in range(16)]
    told = read(tmp_path, table(("id", "title", "category"), some)).reading.evidence
    assert not any("repeat it in each row" in sentence for sentence in told)


def test_a_name_in_the_first_row_of_some_groups_is_told(tmp_path: Path) -> None:
    groups = [("Mugs", 5), ("Lamps", 4), ("Toys", 5), ("Pets", 4)]
    merged = [(name if n == 0 else "") for name, size in groups for n in range(size)]
    names = [*merged, *["Gifts", "Shoes"] * 9]
    rows = [(i, f"Product {i}", name) for i, name in enumerate(names)]
    told = read(tmp_path, table(("id", "title", "category"), rows)).reading.evidence
    assert any("each of 4 names stands in one row" in sentence for sentence in told)
    # names that hardly ever come again stand above what is missing by chance
    rows = [(i, f"Product {i}", "" if i % 7 == 3 else f"Name {i}") for i in range(60)]
    told = read(tmp_path, table(("id", "title", "category"), [*rows, (60, "P", "Name 0")]))
    assert not any("repeat it in each row" in one for one in told.reading.evidence)


def test_a_comma_at_the_end_of_some_lists(tmp_path: Path) -> None:
    rows = [(p.id, p.title, ", ".join(p.leaves) + ", " * (n % 2)) for n, p in enumerate(PRODUCTS)]
    stripped = [(*row[:2], row[2].rstrip()) for row in rows]
    assert paths_read(read(tmp_path, table(("id", "title", "categories"), stripped))) == [
        {(name,) for name in p.leaves} for p in PRODUCTS
    ]


def test_signs_that_are_escaped_twice(tmp_path: Path) -> None:
    rows = [(p.id, p.title, " &amp;gt; ".join(p.paths[0])) for p in PRODUCTS]
    result = read(tmp_path, table(("id", "title", "categories"), rows))
    assert paths_read(result) == [{p.paths[0]} for p in PRODUCTS]


def test_numbers_of_classes_that_pandas_wrote_as_decimals(tmp_path: Path) -> None:
    names = ["10.0", "40.0", "", "2583.0"]
    rows = [(i, f"Product {i}", names[i % 4]) for i in range(12)]
    result = read(tmp_path, table(("id", "title", "prdtypecode"), rows))
    assert paths_read(result) == [{("10",)}, {("40",)}, set(), {("2583",)}] * 3
    assert any("prdtypecode: whole numbers" in one for one in result.reading.evidence)
    # versions are no numbers
    rows = [(i, f"Product {i}", ["1.0", "1.5"][i % 2]) for i in range(12)]
    result = read(tmp_path, table(("id", "title", "category"), rows))
    assert paths_read(result) == [{("1.0",)}, {("1.5",)}] * 6


def test_one_name_of_two_names_is_told(tmp_path: Path) -> None:
    def told(names: list[str], sign: str = "") -> bool:
        rows = [(i, f"Product {i}", sign + name) for i, name in enumerate(names * 5)]
        result = read(tmp_path, table(("id", "title", "category"), rows))
        return any("is one category, of 5" in one for one in result.reading.evidence)

    assert told(["Mugs", "Gifts", "Toys", "Mugs & Gifts"])
    assert not told(["Mugs", "Gifts", "Toys", "Home & Gifts"])
    # levels share words with their names
    assert not told(["Mugs", "Gifts", "Toys", "Mugs & Gifts"], "Home > ")


@pytest.mark.parametrize("name", ["Uncategorized", "Sin categoría"])
def test_a_name_of_what_is_in_no_category_is_told(tmp_path: Path, name: str) -> None:
    rows = [(i, f"Product {i}", ["Mugs", f"Home > {name}", name][i % 3]) for i in range(12)]
    told = read(tmp_path, table(("id", "title", "category"), rows)).reading.evidence
    assert any(f"{name!r} is a category like others, of 8" in sentence for sentence in told)


def test_numbers_in_front_of_paths_are_told(tmp_path: Path) -> None:
    def told(write: Callable[[int, Written], str]) -> bool:
        rows = [(p.id, p.title, write(n, p)) for n, p in enumerate(PRODUCTS)]
        result = read(tmp_path, table(("id", "title", "google_product_category"), rows))
        return any("each value begins with a number" in one for one in result.reading.evidence)

    assert told(lambda n, p: f"{500 + n % 9} - {' > '.join(p.paths[0])}")
    assert not told(lambda n, p: f"{n % 9 or 'No'} - {' > '.join(p.paths[0])}")


@pytest.mark.parametrize(
    "link", [{"_type": "reference", "_ref": "c5"}, {"sys": {"type": "Link", "id": "c5"}}]
)
def test_ids_of_categories_that_stand_nowhere_are_refused(tmp_path: Path, link: object) -> None:
    lines = [{"id": p.id, "title": p.title, "categories": [link]} for p in PRODUCTS]
    with pytest.raises(
        CatalogError, match="write the name of each category in the place of its id"
    ):
        read(tmp_path, "\n".join(map(json.dumps, lines)), "products.jsonl")
