"""XML whose fields are named in attributes, or in words of other languages."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from shelfwise.catalog.reading.images.image_urls import NOT_FETCHED
from shelfwise.catalog.reading.reader import ReadResult
from tests.catalog.reading.written_products import PRODUCTS, paths_read, read

LEAVES = [{(product.leaves[0],)} for product in PRODUCTS]


def written(tag: str, fields: str) -> str:
    """A file of records; I, T and C stand for id, title and category."""
    records = "".join(
        fields.replace("?I", p.id).replace("?T", p.title).replace("?C", escape(p.leaves[0]))
        for p in PRODUCTS
    )
    return f'<?xml version="1.0"?><{tag}>{records}</{tag}>'


def all_right(result: ReadResult) -> None:
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert paths_read(result) == LEAVES


def test_fields_that_an_attribute_names(tmp_path: Path) -> None:
    name = '<Data Language="en">?T</Data><Data Language="sv">En mugg</Data>'
    fields = (
        f'<Field Id="ProductId">?I</Field><Field Id="ProductName">{name}</Field>'
        '<Field Id="ProductCategory">?C</Field>'
    )
    content = written("Entities", f'<Entity Type="Product"><Fields>{fields}</Fields></Entity>')
    result = read(tmp_path, content, "x.xml")
    all_right(result)
    assert any("of several languages" in sentence for sentence in result.reading.evidence)


def test_values_that_name_their_attribute(tmp_path: Path) -> None:
    values = '<Values><Value AttributeID="Category">?C</Value></Values>'
    content = written("Products", f'<Product ID="?I"><Name>?T</Name>{values}</Product>')
    all_right(read(tmp_path, content, "x.xml"))


def test_a_category_with_a_number_is_no_field(tmp_path: Path) -> None:
    fields = '<id>?I</id><name>?T</name><category id="5">?C</category>'
    all_right(read(tmp_path, written("products", f"<product>{fields}</product>"), "x.xml"))


def test_records_by_words_of_another_language(tmp_path: Path) -> None:
    fields = (
        "<UrunKodu>?I</UrunKodu><UrunAdi>?T</UrunAdi><Kategori>?C</Kategori><Fiyat>4,50</Fiyat>"
    )
    result = read(tmp_path, written("Urunler", f"<Urun>{fields}</Urun>"), "x.xml")
    all_right(result)
    assert result.catalog.column("price")[0] == 4.5


PATHS = {
    "inside each other": '<categories><category id="1"><name>?0</name><category id="2"><name>?1</name>'
    "</category></category></categories>",
    "with attributes only": '<cat id="1" name="?0"><cat id="2" name="?1"/></cat>',
    "levels in any order": '<categories><category level="2">?1</category><category level="1">?0</category>'
    "</categories>",
    "a path beside the name": '<category path="?0 > ?1" id="5">?1</category>',
}


@pytest.mark.parametrize("category", PATHS.values(), ids=PATHS)
def test_categories_that_say_what_is_above(tmp_path: Path, category: str) -> None:
    deep = [p for p in PRODUCTS if len(p.paths[0]) > 1]
    records = "".join(
        f"<product><id>{p.id}</id><name>{p.title}</name>"
        + category.replace("?0", escape(p.paths[0][0])).replace("?1", escape(p.paths[0][-1]))
        + "</product>"
        for p in deep
    )
    result = read(tmp_path, f'<?xml version="1.0"?><products>{records}</products>', "x.xml")
    assert paths_read(result) == [{(p.paths[0][0], p.paths[0][-1])} for p in deep]


@pytest.mark.parametrize("attribute", ["xml:lang", "lang", "language"])
def test_texts_beside_each_other_in_several_languages(tmp_path: Path, attribute: str) -> None:
    names = f'<name {attribute}="en">?T</name><name {attribute}="de">Becher</name>'
    content = written("products", f"<product><id>?I</id>{names}<category>?C</category></product>")
    all_right(read(tmp_path, content, "x.xml"))


def test_a_list_that_an_attribute_names(tmp_path: Path) -> None:
    fields = '<str name="id">?I</str><str name="name">?T</str><arr name="cat"><str>?C</str></arr>'
    all_right(read(tmp_path, written("response", f"<doc>{fields}</doc>"), "x.xml"))


def test_a_feed_of_ceneo_names_its_images_in_attributes(tmp_path: Path) -> None:
    images = (
        '<imgs><main url="https://shop.example/1.jpg"/><i url="https://shop.example/2.jpg"/></imgs>'
    )
    fields = f'<o id="?I" price="4.50"><cat>?C</cat><name>?T</name>{images}</o>'
    result = read(tmp_path, written("offers", fields), "x.xml")
    all_right(result)
    assert result.reading.columns["image"] == "imgs"
    assert result.notes[NOT_FETCHED] == len(PRODUCTS)


def test_images_inside_other_elements(tmp_path: Path) -> None:
    """Demandware has them in groups, and BMEcat beside data sheets."""
    text = "".join(
        f"<product><id>{n}</id><title>Mug</title><images><image-group view-type='large'>"
        f"<image path='{n}.jpg'/><image path='{n}b.jpg'/></image-group></images></product>"
        for n in range(3)
    )
    found = read(tmp_path, f"<catalog>{text}</catalog>", "shop.xml").catalog
    assert found.column("image") == ["0.jpg", "1.jpg", "2.jpg"]
    text = "".join(
        f"<ARTICLE><SUPPLIER_AID>{n}</SUPPLIER_AID><TITLE>Mug</TITLE><MIME_INFO><MIME><MIME_SOURCE>{n}.pdf"
        f"</MIME_SOURCE></MIME><MIME><MIME_SOURCE>{n}.jpg</MIME_SOURCE></MIME></MIME_INFO></ARTICLE>"
        for n in range(3)
    )
    found = read(tmp_path, f"<BMECAT>{text}</BMECAT>", "shop.xml").catalog
    assert found.column("image") == ["0.jpg", "1.jpg", "2.jpg"]
