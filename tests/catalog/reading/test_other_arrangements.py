"""Catalogues that hold the same in another arrangement: lists, paths, images, texts in several languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shelfwise.errors import CatalogError
from tests.catalog.reading.written_products import PRODUCTS, paths_read, read, table

IDS = [p.id for p in PRODUCTS]
TITLES = [p.title for p in PRODUCTS]
FIRST_PATHS = [{p.paths[0]} for p in PRODUCTS]
FIRST_LEAVES = [{(p.leaves[0],)} for p in PRODUCTS]


def test_texts_with_an_arrow_now_and_then_are_no_paths(tmp_path: Path) -> None:
    rows = [
        (p.id, p.title, f"{p.title} -> new" if i % 4 else p.title) for i, p in enumerate(PRODUCTS)
    ]
    assert (
        "categories" not in read(tmp_path, table(["id", "title", "remark"], rows)).reading.columns
    )


def test_a_backslash_between_two_levels(tmp_path: Path) -> None:
    deep = [p for p in PRODUCTS if len(p.paths[0]) > 1]
    rows = [(p.id, p.title, "\\".join(p.paths[0][-2:])) for p in deep]
    assert paths_read(read(tmp_path, table(["id", "title", "category"], rows))) == [
        {p.paths[0][-2:]} for p in deep
    ]


def test_images_on_a_share_of_windows(tmp_path: Path) -> None:
    (tmp_path / "fotos").mkdir()
    for p in PRODUCTS:
        (tmp_path / "fotos" / f"{p.id}.png").write_bytes(b"image")
    rows = [(p.id, p.title, rf"\\NAS\shop\fotos\{p.id}.png") for p in PRODUCTS]
    result = read(tmp_path, table(["id", "title", "image"], rows))
    assert result.catalog.column("image") == [f"fotos/{p.id}.png" for p in PRODUCTS]


def test_an_object_around_each_record_whatever_its_key(tmp_path: Path) -> None:
    rows = [{"produto": {"codigo": p.id, "nome": p.title}} for p in PRODUCTS]
    result = read(tmp_path, json.dumps({"retorno": {"produtos": rows}}), "products.json")
    assert (result.catalog.ids, result.catalog.column("title")) == (IDS, TITLES)


def test_slash_paths_of_which_some_have_one_level(tmp_path: Path) -> None:
    tree = [("Home", "Kitchen", "Mugs"), ("Home", "Bedding", "Pillows"), ("Pets", "Dogs", "Leads")]
    paths = [tree[i % 3] if i % 5 else tree[i % 3][:1] for i in range(40)]
    rows = [(i, f"thing {i}", "/".join(path)) for i, path in enumerate(paths)]
    assert paths_read(read(tmp_path, table(["id", "title", "category"], rows))) == [
        {path} for path in paths
    ]


def test_arrays_of_lists_as_numpy_writes_them(tmp_path: Path) -> None:
    rows = [
        (p.id, p.title, f"[{' '.join(f'list({list(path)})' for path in p.paths)}]")
        for p in PRODUCTS
    ]
    result = read(tmp_path, table(["id", "title", "categories"], rows))
    assert paths_read(result) == [set(p.paths) for p in PRODUCTS]


def test_an_unnamed_first_column_beside_one_other(tmp_path: Path) -> None:
    rows = [(i, 1000 + len(p.leaves[0])) for i, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(["", "class_id"], rows))
    assert result.catalog.ids == [str(i) for i in range(len(PRODUCTS))]


def test_codes_called_product_are_the_ids(tmp_path: Path) -> None:
    rows = [(p.id, "HAWA", p.leaves[0], p.title) for p in PRODUCTS]
    header = ["Product", "ProductType", "ProductGroup", "ProductDescription"]
    result = read(tmp_path, table(header, rows))
    assert (result.catalog.ids, result.catalog.column("title")) == (IDS, TITLES)
    # one type that all have says nothing
    assert paths_read(result) == FIRST_LEAVES


def test_titles_called_product_stay_titles(tmp_path: Path) -> None:
    rows = [(i, p.title, p.leaves[0]) for i, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(["nr", "Product", "Category"], rows))
    assert result.catalog.column("title") == TITLES


@pytest.mark.parametrize("around", [list, lambda listed: {"results": listed}])
def test_a_list_of_texts_in_several_languages(
    tmp_path: Path, around: Callable[[list[object]], object]
) -> None:
    rows = [
        {
            "sku": p.id,
            "translations": around(
                [
                    {"Language": "EN", "sku": p.id, "name": p.title, "description": "Fine."},
                    {"Language": "DE", "sku": p.id, "name": "Becher", "description": "Fein."},
                ]
            ),
        }
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(rows), "products.json")
    assert (result.catalog.ids, result.catalog.column("title")) == (IDS, TITLES)
    assert any("name-de could be it too" in sentence for sentence in result.reading.evidence)


@pytest.mark.parametrize("other", ["{}", "{}.00"])
def test_some_ids_that_went_through_a_float(tmp_path: Path, other: str) -> None:
    rows = [
        (f"{i + 1}.0" if i % 5 else other.format(i + 1), p.title) for i, p in enumerate(PRODUCTS)
    ]
    result = read(tmp_path, table(["id", "title"], rows))
    assert result.catalog.ids == [str(i + 1) for i in range(len(PRODUCTS))]


def test_thousands_among_ids_are_no_decimals(tmp_path: Path) -> None:
    rows = [("999", "A"), ("1.000", "B"), ("2.000", "C")]
    result = read(tmp_path, table(["id", "title"], rows))
    assert result.catalog.ids == ["999", "1.000", "2.000"]


@pytest.mark.parametrize(
    ("listed", "key"), [("categorias", "categoria_id"), ("kategorien", "kategorie_id")]
)
@pytest.mark.parametrize("around", ["", "catalogo"])
def test_categories_by_id_in_other_languages_and_under_one_key(
    tmp_path: Path, listed: str, key: str, around: str
) -> None:
    names = sorted({p.leaves[0] for p in PRODUCTS})
    content = {
        listed: [{"id": number, "nombre": name} for number, name in enumerate(names)],
        "productos": [
            {"id": p.id, "nombre": p.title, key: names.index(p.leaves[0])} for p in PRODUCTS
        ],
    }
    result = read(tmp_path, json.dumps({around: content} if around else content), "products.json")
    assert paths_read(result) == FIRST_LEAVES


def test_arrays_of_databases_have_an_order(tmp_path: Path) -> None:
    rows = [
        (p.id, p.title, "{" + ",".join(f'"{name}"' for name in p.paths[0]) + "}") for p in PRODUCTS
    ]
    result = read(tmp_path, table(["id", "title", "category_path"], rows))
    assert paths_read(result) == FIRST_PATHS


def test_reviews_in_languages_are_no_titles(tmp_path: Path) -> None:
    rows = [
        {
            "sku": p.id,
            "reviews": [{"language": "en", "text": "Good"}, {"language": "en", "text": "x"}],
        }
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(rows), "products.json")
    assert result.catalog.column("title") == [None] * len(PRODUCTS)


def test_a_long_description_is_no_name_of_a_category(tmp_path: Path) -> None:
    text = "All that you need to drink tea or coffee, at home and on your way."
    rows = [
        {"id": p.id, "title": p.title, "categories": [{"id": 5, "description": text}]}
        for p in PRODUCTS
    ]
    with pytest.raises(CatalogError, match="unusable categories"):
        read(tmp_path, json.dumps(rows), "products.json")


def test_arrays_of_rows_as_numpy_writes_them(tmp_path: Path) -> None:
    rows = [
        (
            p.id,
            p.title,
            "[" + "\n ".join(f"[{' '.join(map(repr, path))}]" for path in p.paths) + "]",
        )
        for p in PRODUCTS
    ]
    result = read(tmp_path, table(["id", "title", "categories"], rows))
    assert paths_read(result) == [set(p.paths) for p in PRODUCTS]


def test_texts_under_their_languages(tmp_path: Path) -> None:
    rows = [
        {"product_id": p.id, "translations": {"pl_PL": {"name": p.title}, "en_US": {"name": "Mug"}}}
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(rows), "products.json")
    assert result.catalog.column("title") == TITLES


def test_a_mark_for_each_label_in_a_cell(tmp_path: Path) -> None:
    names = sorted({p.leaves[0] for p in PRODUCTS})
    rows = [
        (p.id, p.title, json.dumps({n: int(n == p.leaves[0]) for n in names})) for p in PRODUCTS
    ]
    assert paths_read(read(tmp_path, table(["id", "title", "categories"], rows))) == FIRST_LEAVES
    # these are counts, or places
    rows = [(p.id, p.title, json.dumps(dict.fromkeys(p.paths[0], 1))) for p in PRODUCTS]
    with pytest.raises(CatalogError, match="unusable categories"):
        read(tmp_path, table(["id", "title", "categories"], rows))


def test_products_inside_their_description(tmp_path: Path) -> None:
    rows = [
        {"sku": p.id, "productDescription": {"category": p.leaves[0], "description": p.description}}
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(rows), "products.json")
    assert (result.catalog.ids, paths_read(result)) == (IDS, FIRST_LEAVES)
