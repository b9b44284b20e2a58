"""Categories in several columns, in the languages of shops, and columns that hold whole paths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shelfwise.catalog.reading.columns.level_columns import find_level_columns, told_left_level
from tests.catalog.reading.written_products import PRODUCTS, paths_read, read, table

ONE_PATH = [{product.paths[0]} for product in PRODUCTS]

LEVELS = (
    "Kategorie Ebene 1,Kategorie Ebene 2,Kategorie Ebene 3",
    "Catégorie niveau 1,Catégorie niveau 2,Catégorie niveau 3",
    "p_cat.0,p_cat.1,p_cat.2",
    "一级分类,二级分类,末级分类",
    "category_name1,category_name2,category_name3",
    "Category1Name1,Category1Name2,Category1Name3",
    "general_cat,subcat_1,subcat_2",
    "Hauptwarengruppe,Warengruppe,Untergruppe",
    "department,class,subclass",
    "Department,Sub-Department,Class",
    "Sección,Familia,Subfamilia",
    "Rayon,Sous-rayon,Famille",
    "Section,Category,Sub-category",
    "Huvudgrupp,Varugrupp,Undergrupp",
    "Kategori,Alt Kategori 1,Alt Kategori 2",
    "大カテゴリ,中カテゴリ,小カテゴリ",
    "대분류,중분류,소분류",
    "一级类目,二级类目,三级类目",
    "CategoryLevel1Name,CategoryLevel2Name,CategoryLevel3Name",
    "Categoria principal,Categoria nível 2,Categoria nível 3",
    "Корневая,Подкатегория 1,Подкатегория 2",
    "Segment Title,Family Title,Brick Title",
    "Family,Class,Brick",
    "SegmentName,ClassName,CommodityName",
    "l0_category,l1_category,l2_category",
    "Level 1 Category,Level 2 Category,Level 3 Category",
)


@pytest.mark.parametrize("names", LEVELS)
def test_levels_in_three_columns(tmp_path: Path, names: str) -> None:
    rows = [(product.id, product.title, *(*product.paths[0], "", "")[:3]) for product in PRODUCTS]
    assert paths_read(read(tmp_path, table(("id", "title", *names.split(",")), rows))) == ONE_PATH


@pytest.mark.parametrize(
    "names",
    [
        ("Hauptkategorie", "Unterkategorie"),
        ("Warengruppe", "Warenuntergruppe"),
        ("Artikelgroep", "Artikelsubgroep"),
        ("Catégorie", "Sous-catégorie"),
        ("Categoria", "Subcategoria"),
        ("Categoria", "Sottocategoria"),
        ("Familia", "Subfamilia"),
        ("Kategoria", "Podkategoria"),
        ("Hoofdgroep", "Subgroep"),
        ("Ana Kategori", "Alt Kategori"),
        ("parent_category", "sub_category"),
        ("parent_category", "category"),
        ("Rubro", "Subrubro"),
        ("Main", "Sub"),
        ("Classification", "Classification (Sub)"),
        ("Category (Main)", "Category (Sub)"),
        ("ETIM group", "ETIM class"),
        ("cat.main", "cat.sub"),
        ("Product Category", "Product Sub Category"),
        ("Grupo", "Subgrupo"),
        ("Dept", "Sub Dept"),
        ("Раздел", "Подраздел"),
        ("Κατηγορία", "Υποκατηγορία"),
        ("大分類", "中分類"),
        ("대분류", "중분류"),
    ],
)
def test_a_category_and_the_one_below_it(names: tuple[str, str]) -> None:
    # the order of the columns does not matter
    found = find_level_columns(["id", *reversed(names)])
    assert found is not None
    assert found.names == names


@pytest.mark.parametrize("name", ["products.jsonl", "products.json"])
def test_levels_under_keys_of_json(tmp_path: Path, name: str) -> None:
    keys = ("category", "subcategory", "sub_sub_category")
    records = [
        {
            "id": product.id,
            "title": product.title,
            **dict(zip(keys, product.paths[0], strict=False)),
        }
        for product in PRODUCTS
    ]
    lines = "\n".join(map(json.dumps, records))
    text = lines if name.endswith("l") else json.dumps(records)
    assert paths_read(read(tmp_path, text, name)) == ONE_PATH


def test_a_column_of_categories_beside_levels_is_told(tmp_path: Path) -> None:
    header = ("id", "class", "subclass", "category")
    result = read(tmp_path, table(header, [(1, "A", "B", "Mugs"), (2, "A", "C", "Lamps")]))
    assert any("category could be it too" in told for told in result.reading.evidence)
    empty = read(tmp_path, table(header, [(1, "A", "B", ""), (2, "A", "C", "")]))
    assert not any("could be it too" in told for told in empty.reading.evidence)


def test_a_second_path_is_no_level_of_the_first() -> None:
    names = ["Category_1", "SubCategory_1", "Category_2", "SubCategory_2"]
    found = find_level_columns(["id", *names])
    assert found is not None
    assert found.names == ("Category_1", "SubCategory_1")
    told = told_left_level(names, found)
    assert told is not None
    assert "SubCategory_2 is called like a level, too, and is left out" in told
    assert find_level_columns(["id", names[0], names[2]]) is not None


def test_a_category_alone_has_no_levels() -> None:
    assert find_level_columns(["id", "main_category", "category", "categories"]) is None
    assert find_level_columns(["id", "category_id", "subcategory_id"]) is None


def test_each_column_repeats_the_levels_above(tmp_path: Path) -> None:
    rows = []
    for product in PRODUCTS:
        path = product.paths[0]
        parts = [" > ".join(path[: level + 1]) for level in range(len(path))]
        rows.append((product.id, product.title, *(*parts, "", "")[:3]))
    result = read(tmp_path, table(("id", "title", "level1", "level2", "level3"), rows))
    assert paths_read(result) == ONE_PATH
    assert any("paths down to each level" in sentence for sentence in result.reading.evidence)


def test_each_column_holds_a_path(tmp_path: Path) -> None:
    rows = []
    for product in PRODUCTS:
        paths = [">".join(path) for path in product.paths]
        rows.append((product.id, product.title, *(*paths, "", "")[:3]))
    result = read(tmp_path, table(("id", "title", "category1", "category2", "category3"), rows))
    assert paths_read(result) == [set(product.paths) for product in PRODUCTS]


@pytest.mark.parametrize(
    ("on", "off"), [("WAHR", "FALSCH"), ("VRAI", "FAUX"), ("ja", "nein"), ("✓", ""), ("sí", "no")]
)
def test_a_column_for_each_label_in_words_of_other_languages(
    tmp_path: Path, on: str, off: str
) -> None:
    labels = sorted({name for product in PRODUCTS for name in product.leaves})
    rows = [
        (product.id, *(on if name in product.leaves else off for name in labels))
        for product in PRODUCTS
    ]
    found = paths_read(read(tmp_path, table(("id", *labels), rows)))
    assert found == [{(name,) for name in product.leaves} for product in PRODUCTS]


def test_names_that_stand_in_any_column_are_labels(tmp_path: Path) -> None:
    pairs = [("Mugs", "Gifts"), ("Gifts", "Lamps"), ("Lamps", ""), ("Toys", "Gifts")] * 3
    rows = [(i, f"Product {i}", *pair) for i, pair in enumerate(pairs)]
    result = read(tmp_path, table(("id", "title", "category1", "category2"), rows))
    assert paths_read(result) == [{(name,) for name in pair if name} for pair in pairs]
    assert "categories: category1, category2 are the labels" in result.reading.evidence


def test_levels_that_repeat_the_one_above_are_levels(tmp_path: Path) -> None:
    pairs = [("Mugs", "Mugs"), ("Home", "Lamps"), ("Toys", "Toys"), ("Home", "Rugs")] * 3
    rows = [(i, f"Product {i}", *pair) for i, pair in enumerate(pairs)]
    result = read(tmp_path, table(("id", "title", "category1", "category2"), rows))
    assert paths_read(result) == [{pair} for pair in pairs]


def test_a_path_with_slashes_in_each_column(tmp_path: Path) -> None:
    leaves = ("Mugs", "Lamps", "Rugs", "Kettles")
    pairs = [(f"Home / {leaves[i % 4]}", "" if i % 3 else "Gifts / All") for i in range(12)]
    rows = [(i, f"Product {i}", *pair) for i, pair in enumerate(pairs)]
    result = read(tmp_path, table(("id", "title", "category1", "category2"), rows))
    wanted = [{tuple(text.split(" / ")) for text in pair if text} for pair in pairs]
    assert paths_read(result) == wanted


def columns_read(folder: Path, text: str) -> list[Any]:
    found: list[Any] = read(folder, text).catalog.column("categories")
    return found


def test_columns_of_0_and_1_may_be_called_like_paths(tmp_path: Path) -> None:
    text = "id,title,Home > Mugs,Home > Lamps,TV/Audio\n1,Thing,1,0,1\n2,Other,0,1,0\n"
    assert columns_read(tmp_path, text) == [[["Home", "Mugs"], ["TV/Audio"]], [["Home", "Lamps"]]]


@pytest.mark.parametrize("prefix", ["category_", "Label: ", "cat.", "category___"])
def test_columns_of_0_and_1_behind_a_word(tmp_path: Path, prefix: str) -> None:
    labels = [prefix + name for name in ("Mugs", "Lamps", "Rugs")]
    rows = [(1, "A", 1, 0, 0, 1), (2, "B", 0, 1, 0, 0), (3, "C", 1, 0, 1, 1)]
    result = read(tmp_path, table(("id", "title", *labels, "sold"), rows))
    # without the word, a column says something else of the product
    wanted = [[["Mugs"]], [["Lamps"]], [["Mugs"], ["Rugs"]]]
    assert result.catalog.column("categories") == wanted
    assert any(f"are read without {prefix!r}" in told for told in result.reading.evidence)


def test_columns_of_0_in_a_sorted_file_are_labels_beside_others(tmp_path: Path) -> None:
    labels = ("Mugs", "Lamps", "Rugs", "Pots", "Pans")
    rows = [(n, f"A {n}", *(int(n // 4 == place) for place in range(5)), 0) for n in range(12)]
    result = read(tmp_path, table(("id", "title", *labels[:4], "Pans", "is_new"), rows))
    found = result.reading.category_columns
    assert found is not None
    assert found.names == labels
    # by themselves they say nothing
    apart = table(
        ("id", "title", "a", "b", "text", "c"), [(1, "A", 1, 0, "x", 0), (2, "B", 0, 1, "y", 0)]
    )
    assert read(tmp_path, apart).reading.category_columns is None


def test_the_first_level_may_have_no_number() -> None:
    names = ["item_id", "item_category", "item_category2", "item_category3"]
    found = find_level_columns(names)
    assert found is not None
    assert list(found.names) == names[1:]
    assert find_level_columns(["id", "category", "category3"]) is None


def test_written_paths_below_a_first_level(tmp_path: Path) -> None:
    header = ("id", "title", "Kategoria główna", "Podkategoria")
    rows = [
        (i, f"A {i}", "Dom", f"Kuchnia > {name}") for i, name in enumerate(["Kubki", "Noże"] * 4)
    ]
    found = paths_read(read(tmp_path, table(header, rows)))
    assert found[:2] == [{("Dom", "Kuchnia", "Kubki")}, {("Dom", "Kuchnia", "Noże")}]


def test_what_stands_below_an_empty_level_is_kept_and_told(tmp_path: Path) -> None:
    rows = [(1, "Home", "Kitchen", "Mugs"), (2, "Home", "", "Lamps"), (3, "", "", "Rugs")]
    header = ("id", "category 1", "category 2", "category 3")
    result = read(tmp_path, table(header, rows))
    paths = [["Home", "Kitchen", "Mugs"]], [["Home", "Lamps"]], [["Rugs"]]
    assert result.catalog.column("categories") == list(paths)
    told = "2 of the first 3 rows have an empty level above another one"
    assert any(told in sentence for sentence in result.reading.evidence)
    whole = read(tmp_path, table(header, [(1, "Home", "Kitchen", ""), (2, "Home", "", "")]))
    assert not any("empty level" in sentence for sentence in whole.reading.evidence)


def test_a_further_level_that_is_left_out_is_told(tmp_path: Path) -> None:
    rows = [(product.id, product.title, "A", "B", "C") for product in PRODUCTS]
    result = read(tmp_path, table(("id", "title", "Familia", "Grupo", "Subgrupo"), rows))
    assert any("Grupo is called like a level, too" in told for told in result.reading.evidence)


def test_several_columns_of_one_name_are_labels(tmp_path: Path) -> None:
    rows = [(product.id, product.title, *(*product.leaves, "", "")[:3]) for product in PRODUCTS]
    result = read(tmp_path, table(("id", "title", "Labels", "Labels", "Labels"), rows))
    assert paths_read(result) == [{(leaf,) for leaf in product.leaves} for product in PRODUCTS]


@pytest.mark.parametrize("keys", [("l1", "l2", "l3"), ("Department", "Class", "Subclass")])
def test_levels_under_keys_of_an_object(tmp_path: Path, keys: tuple[str, ...]) -> None:
    records = []
    for n, product in enumerate(PRODUCTS):
        levels = list(zip(keys, product.paths[0], strict=False))
        # the keys of an object may stand in any order
        taxonomy = dict(levels if n % 2 else reversed(levels))
        records.append({"id": product.id, "title": product.title, "taxonomy": taxonomy})
    result = read(tmp_path, json.dumps(records), "products.json")
    assert paths_read(result) == ONE_PATH


def test_numbers_behind_the_names_of_levels_are_told(tmp_path: Path) -> None:
    rows = [(n, f"Mug {n}", "Home", f"Room {n % 4} > Kind {n % 3} ({n % 3})") for n in range(12)]
    result = read(tmp_path, table(("id", "title", "Category", "Subcategory"), rows))
    assert paths_read(result)[0] == {("Home", "Room 0", "Kind 0 (0)")}
    assert any("'Kind 0 (0)' ends in a number" in told for told in result.reading.evidence)


def test_lists_in_columns_of_levels(tmp_path: Path) -> None:
    records = []
    for product in PRODUCTS:
        # an engine of search has each path down to each level, of several paths in one list
        keys = {f"categories.lvl{n}": [] for n in range(3)}
        for path in product.paths:
            for n in range(len(path)):
                keys[f"categories.lvl{n}"].append(" > ".join(path[: n + 1]))
        records.append({"id": product.id, "title": product.title, **keys})
    result = read(tmp_path, json.dumps(records), "products.json")
    assert paths_read(result) == [set(product.paths) for product in PRODUCTS]


@pytest.mark.parametrize("names", [("Hauptgruppe", "Gruppe"), ("Setor", "Grupo")])
def test_a_level_above_the_only_one_is_told(tmp_path: Path, names: tuple[str, str]) -> None:
    rows = [(p.id, p.title, p.paths[0][0], p.leaves[0]) for p in PRODUCTS]
    told = read(tmp_path, table(("Nr", "Name", *names), rows)).reading.evidence
    assert any(f"{names[0]} may be the level above it" in one for one in told)
    whole = [(p.id, p.title, p.paths[0][0], " > ".join(p.paths[0])) for p in PRODUCTS]
    told = read(tmp_path, table(("Nr", "Name", *names), whole)).reading.evidence
    assert not any("may be the level above it" in one for one in told)


@pytest.mark.parametrize("header", ["L2,L3", "Level 2,Level 3", "lvl2,lvl3", "Ebene 2,Ebene 3"])
def test_levels_from_the_second_on_are_taken_and_told(tmp_path: Path, header: str) -> None:
    names = ("id", "title", *header.split(","))
    rows = [(1, "Mug", "Kitchen", "Mugs"), (2, "Lamp", "Home", "Lamps")]
    result = read(tmp_path, table(names, rows))
    assert paths_read(result) == [{("Kitchen", "Mugs")}, {("Home", "Lamps")}]
    assert any("is the highest level that the file has" in one for one in result.reading.evidence)


def test_levels_from_the_second_on_beside_a_category_are_told(tmp_path: Path) -> None:
    rows = [(1, "Mug", "Home", "Kitchen", "Mugs"), (2, "Lamp", "Home", "Light", "Lamps")]
    result = read(tmp_path, table(("id", "title", "Category", "L2", "L3"), rows))
    assert paths_read(result) == [{("Home",)}] * 2
    told = "Category is taken, and L2, L3 may be the levels below it"
    assert any(told in one for one in result.reading.evidence)
    levels = read(tmp_path, table(("id", "title", "level1", "level2", "level3"), rows))
    assert paths_read(levels)[0] == {("Home", "Kitchen", "Mugs")}


def test_a_name_that_goes_on_with_a_word_is_a_level_below(tmp_path: Path) -> None:
    """The level above it was left out, as if it were a path down to the next."""
    rows = [(n, f"Boot {n}", "Shoes", ("Shoes for men", "Shoes (kids)")[n % 2]) for n in range(12)]
    result = read(tmp_path, table(("id", "title", "Category", "Sub Category"), rows))
    assert paths_read(result)[:2] == [{("Shoes", "Shoes for men")}, {("Shoes", "Shoes (kids)")}]


def test_levels_that_count_in_words(tmp_path: Path) -> None:
    """Only the first was taken."""
    names = ("primary_category", "secondary_category", "tertiary_category")
    rows = [(n, f"Cream {n}", "Skin", ("Masks", "Eyes")[n % 2], "") for n in range(12)]
    result = read(tmp_path, table(("id", "title", *names), rows))
    assert paths_read(result)[:2] == [{("Skin", "Masks")}, {("Skin", "Eyes")}]
