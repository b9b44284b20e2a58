"""Catalogues whose columns, keys and missing values are called otherwise, in other languages or by habit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.catalog.reading.written_products import PRODUCTS, paths_read, read, table

IDS = [p.id for p in PRODUCTS]
TITLES = [p.title for p in PRODUCTS]
FIRST_PATHS = [{p.paths[0]} for p in PRODUCTS]
FIRST_LEAVES = [{(p.leaves[0],)} for p in PRODUCTS]


@pytest.mark.parametrize("key", ["nom", "nome", "nombre", "bezeichnung", "nazwa", "descricao"])
def test_objects_that_are_called_in_other_languages(tmp_path: Path, key: str) -> None:
    rows = [
        {
            "id": p.id,
            "title": p.title,
            "brand": {"id": 3, key: p.brand},
            "categories": [{"id": number, key: name} for number, name in enumerate(p.paths[0])],
        }
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(rows), "products.json")
    assert paths_read(result) == FIRST_PATHS
    assert result.catalog.column("brand") == [p.brand for p in PRODUCTS]


@pytest.mark.parametrize(
    "word",
    [
        "S/D",
        "brak",
        "b.d.",
        "#¡VALOR!",
        "#N/D!",
        "nicht verfügbar",
        "N/C",
        "yok",
        "Not specified",
        "N.A",
    ],
)
def test_what_people_write_where_there_is_nothing(tmp_path: Path, word: str) -> None:
    rows = [(p.id, p.title, p.leaves[0] if i % 3 else word, word) for i, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(["id", "title", "category", "brand"], rows))
    expected = [labels if i % 3 else set() for i, labels in enumerate(FIRST_LEAVES)]
    assert paths_read(result) == expected
    assert result.catalog.column("brand") == [None] * len(PRODUCTS)


@pytest.mark.parametrize("name", ["produktid", "idproduit", "SellerProductId", "id_producto"])
def test_ids_joined_with_a_word_for_products(tmp_path: Path, name: str) -> None:
    rows = [(i, p.title, p.leaves[0], p.id) for i, p in enumerate(PRODUCTS)]
    result = read(tmp_path, table(["", "title", "category", name], rows))
    assert result.catalog.ids == IDS


def test_names_without_their_accents(tmp_path: Path) -> None:
    rows = [(p.id, p.title, p.description, p.leaves[0]) for p in PRODUCTS]
    result = read(tmp_path, table(["Numero", "Libelle", "Descricao", "Kategorie"], rows))
    assert result.catalog.column("title") == TITLES
    assert result.catalog.column("description") == [p.description for p in PRODUCTS]


@pytest.mark.parametrize("sign", [" > ", ">>", " → ", "&nbsp;&rsaquo;&nbsp;"])
def test_a_column_of_paths_whatever_it_is_called(tmp_path: Path, sign: str) -> None:
    rows = [(p.id, p.title, f"<p>{p.description}</p>", sign.join(p.paths[0])) for p in PRODUCTS]
    several = [row for row in rows if sign in row[3]]
    result = read(tmp_path, table(["id", "title", "text 1", "Percorso"], several))
    deep = [{p.paths[0]} for p in PRODUCTS if len(p.paths[0]) > 1]
    assert paths_read(result) == deep
    assert "categories: Percorso is taken, as it holds paths" in result.reading.evidence


@pytest.mark.parametrize(
    "names",
    [("product_type", "product_subtype"), ("Tipo de producto", "Subtipo"), ("Typ", "Untertyp")],
)
def test_types_and_those_below_them(tmp_path: Path, names: tuple[str, str]) -> None:
    deep = [p for p in PRODUCTS if len(p.paths[0]) > 1]
    rows = [(p.id, p.title, *p.paths[0][:2]) for p in deep]
    assert paths_read(read(tmp_path, table(["id", "title", *names], rows))) == [
        {p.paths[0][:2]} for p in deep
    ]


def test_types_beside_categories_are_no_levels(tmp_path: Path) -> None:
    rows = [(p.id, p.title, p.leaves[0], "Stock", "Bought") for p in PRODUCTS]
    result = read(tmp_path, table(["id", "title", "category", "type", "subtype"], rows))
    assert paths_read(result) == FIRST_LEAVES


@pytest.mark.parametrize(
    ("name", "word"),
    [("Rodzaj", "wariant"), ("Tipo", "variante"), ("visibility", "Not Visible Individually")],
)
def test_rows_that_say_in_their_language_that_they_are_variants(
    tmp_path: Path, name: str, word: str
) -> None:
    rows = [
        row
        for p in PRODUCTS
        for row in ((p.id, "simple", p.title), (f"{p.id}-S", word, f"{p.title} S"))
    ]
    assert read(tmp_path, table(["id", name, "title"], rows)).catalog.ids == IDS


def test_a_type_is_a_category_where_another_column_has_codes(tmp_path: Path) -> None:
    rows = [(p.id, p.title, 400 + len(p.leaves[0]), p.leaves[0]) for p in PRODUCTS]
    header = ["id", "title", "kategoria produktów google", "typ produktu"]
    assert paths_read(read(tmp_path, table(header, rows))) == FIRST_LEAVES


def test_stock_is_no_label_beside_columns_of_labels(tmp_path: Path) -> None:
    names = sorted({p.leaves[0] for p in PRODUCTS})
    rows = [
        (p.id, p.title, i % 2, *(int(n == p.leaves[0]) for n in names))
        for i, p in enumerate(PRODUCTS)
    ]
    result = read(tmp_path, table(["id", "title", "Lagernd", *names], rows))
    assert paths_read(result) == FIRST_LEAVES


def test_tags_give_way_to_a_section(tmp_path: Path) -> None:
    rows = [
        (p.id, p.title, "new,sale" if i % 2 else "sale", p.leaves[0])
        for i, p in enumerate(PRODUCTS)
    ]
    result = read(tmp_path, table(["SKU", "Titolo", "Tag", "Sezione"], rows))
    assert paths_read(result) == FIRST_LEAVES
    assert any("Tag could be it too" in sentence for sentence in result.reading.rivals)


def test_levels_in_short_and_a_total_without_an_id(tmp_path: Path) -> None:
    deep = [p for p in PRODUCTS if len(p.paths[0]) > 1]
    rows = [(p.id, p.title, *p.paths[0][:2], p.price) for p in deep]
    total = ("", "", "", "TOTAL", 12)
    result = read(
        tmp_path, table(["Réf.", "Article", "Fam niv 1", "Fam niv 2", "PU"], [*rows, total])
    )
    assert result.catalog.ids == [p.id for p in deep]
    assert len(result.quarantine) == 1
    header = ["Réf.", "Article", "FAMILLE NIV 1", "FAMILLE NIV 2", "PU"]
    assert paths_read(read(tmp_path, table(header, rows))) == [{p.paths[0][:2]} for p in deep]


def test_rows_that_name_their_parent_in_another_language(tmp_path: Path) -> None:
    rows = [
        row for p in PRODUCTS for row in ((p.id, "", p.title), (f"{p.id}-S", p.id, f"{p.title} S"))
    ]
    result = read(tmp_path, table(["Artikelnummer", "Vater-Artikelnummer", "Name"], rows))
    assert any("Vater-Artikelnummer says of some rows" in one for one in result.reading.evidence)


def test_prices_in_objects_of_other_languages(tmp_path: Path) -> None:
    rows = [
        {"codice": p.id, "titolo": p.title, "prezzo": {"valore": p.price, "valuta": "EUR"}}
        for p in PRODUCTS
    ]
    result = read(tmp_path, json.dumps(rows), "products.json")
    assert result.catalog.column("price") == [p.price for p in PRODUCTS]


@pytest.mark.parametrize("words", [("Nej", "Ja"), ("FALSKT", "SANT"), ("YANLIŞ", "DOĞRU")])
def test_columns_of_yes_and_no_in_other_languages(tmp_path: Path, words: tuple[str, str]) -> None:
    names = sorted({p.leaves[0] for p in PRODUCTS})
    rows = [(p.id, p.title, *(words[n == p.leaves[0]] for n in names)) for p in PRODUCTS]
    header = ["id", "title", *(f"Kategori: {n}" for n in names)]
    assert paths_read(read(tmp_path, table(header, rows))) == FIRST_LEAVES


def test_two_words_in_many_columns_are_no_categories(tmp_path: Path) -> None:
    names = sorted({p.leaves[0] for p in PRODUCTS})
    rows = [(p.id, p.title, *(("bai", "ez")[n == p.leaves[0]] for n in names)) for p in PRODUCTS]
    header = ["id", "title", *(f"Kategori: {n}" for n in names)]
    assert "categories" not in read(tmp_path, table(header, rows)).reading.columns


def test_a_universe_above_the_department(tmp_path: Path) -> None:
    rows = [(p.id, p.title, "Maison", *p.paths[0][:2]) for p in PRODUCTS if len(p.paths[0]) > 1]
    result = read(tmp_path, table(["id", "title", "Univers", "Rayon", "Famille"], rows))
    assert paths_read(result) == [{("Maison", *row[3:])} for row in rows]


def test_products_without_any_text_are_told(tmp_path: Path) -> None:
    rows = [(p.id, p.leaves[0], 3) for p in PRODUCTS]
    result = read(tmp_path, table(["id", "category", "stock"], rows))
    assert any(one.startswith("title: no column is called") for one in result.reading.evidence)
