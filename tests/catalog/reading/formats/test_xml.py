"""Feeds of products in XML."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from shelfwise.catalog.reading.formats import _xml_records
from shelfwise.catalog.reading.reader import ReadResult, read_catalog
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError

RSS = """<?xml version="1.0" encoding="ENCODING"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">
<channel><title>Shop</title>
<item><title>Mug, cut sh...</title><g:id>007</g:id><g:title>Mug &amp; saucer, théière</g:title>
  <g:price>4.50 EUR</g:price><g:product_type>Home &gt; Mugs</g:product_type>
  <g:shipping><g:country>DE</g:country><g:price>1.00 EUR</g:price></g:shipping>
  <g:product_type>Gifts &gt; Cups</g:product_type><description/></item>
<item><g:id>008</g:id><title><![CDATA[Pen <b>blue</b>]]></title>
  <g:product_type>Office &gt; Pens</g:product_type></item>
</channel></rss>
"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<title>Shop</title><entry><id>https://shop.example/7</id><g:id>007</g:id><title>Mug</title>
<link href="https://shop.example/7"/></entry></feed>"""


def read(folder: Path, data: bytes, name: str = "shop.xml") -> ReadResult:
    path = folder / name
    path.write_bytes(data)
    return read_catalog(path)


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16"])
@pytest.mark.parametrize("name", ["shop.xml", "feed", "feed.txt"])
def test_a_feed_of_google_merchant(tmp_path: Path, encoding: str, name: str) -> None:
    data = RSS.replace("ENCODING", encoding).encode(encoding)
    reading = read(tmp_path, data, name)
    assert reading.format == "xml"
    assert reading.catalog.ids == ["007", "008"]
    # names with g: count more than those of the feed
    assert reading.catalog.column("title") == ["Mug & saucer, théière", "Pen blue"]
    assert reading.catalog.column("price") == [4.5, None]
    assert reading.catalog.column("categories") == [
        [["Home", "Mugs"], ["Gifts", "Cups"]],
        [["Office", "Pens"]],
    ]


def test_atom_and_others(tmp_path: Path) -> None:
    reading = read(tmp_path, gzip.compress(ATOM.encode()), "shop.xml.gz")
    assert reading.catalog.ids == ["007"]
    assert reading.catalog.column("link") == ["https://shop.example/7"]
    reading = read(
        tmp_path, b'<shop><offers><offer id="7"><name>Mug</name></offer></offers></shop>'
    )
    assert reading.catalog.ids == ["7"]
    assert reading.catalog.column("title") == ["Mug"]


def test_a_record_within_a_record_is_a_part_of_it(tmp_path: Path) -> None:
    data = b"<a><product><id>1</id><title>Mug</title><item><id>2</id></item></product></a>"
    assert read(tmp_path, data).catalog.ids == ["1"]


def test_what_stands_before_damage_counts(tmp_path: Path) -> None:
    reading = read(tmp_path, RSS.replace("ENCODING", "utf-8").encode()[:-80])
    assert reading.catalog.ids == ["007"]
    (refused,) = reading.quarantine
    assert (refused.line, refused.kind) == (2, "damaged XML")


def test_a_record_that_is_too_long_is_refused(tmp_path: Path) -> None:
    huge = f"<item><g:id>009</g:id><title>{'a' * (17 << 20)}</title></item></channel>"
    reading = read(tmp_path, RSS.replace("ENCODING", "utf-8").replace("</channel>", huge).encode())
    assert reading.catalog.ids == ["007", "008"]
    assert "expected at most 16,777,216" in reading.quarantine[0].reason


def test_entities_are_forbidden(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a><item><id>&c;</id></item></a>'
    with pytest.raises(CatalogError, match="defines entities of its own"):
        read(tmp_path, bomb.encode())


def test_letters_that_a_file_defines_are_refused_with_what_to_do(tmp_path: Path) -> None:
    letters = '<!DOCTYPE a [<!ENTITY eacute "&#233;">]><a><item><id>caf&eacute;</id></item></a>'
    with pytest.raises(
        CatalogError, match=r"remove the <!ENTITY \.\.\.> lines, and write what they"
    ):
        read(tmp_path, letters.encode())


def test_no_records(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="read as xml, has 0 records"):
        read(tmp_path, b"<pages><p>Hello</p></pages>")


def shop_items(texts: list[str], extra: str = "") -> bytes:
    """A feed of Heureka, with one category text a product."""
    items = "".join(
        f"<SHOPITEM><ITEM_ID>S{i}</ITEM_ID><PRODUCTNAME>Hrnek {i}</PRODUCTNAME><PRODUCT>x</PRODUCT>"
        f"<DESCRIPTION>Pro kávu.</DESCRIPTION><CATEGORYTEXT>{text}</CATEGORYTEXT>"
        f"<PRICE_VAT>{i}4,50</PRICE_VAT><MANUFACTURER>Kestrel</MANUFACTURER>"
        f"<IMGURL>https://shop.example/{i}.jpg</IMGURL><PARAM><PARAM_NAME>Barva</PARAM_NAME>"
        f"<VAL>modrá</VAL></PARAM>{extra}</SHOPITEM>"
        for i, text in enumerate(texts)
    )
    return f'<?xml version="1.0" encoding="utf-8"?><SHOP>{items}</SHOP>'.encode()


def test_a_feed_of_heureka(tmp_path: Path) -> None:
    # one product a category: what stands beside the sign never comes apart
    reading = read(tmp_path, shop_items(["Heureka.cz | Dům | Hrnky", "Heureka.cz | Hračky"]))
    catalog = reading.catalog
    assert catalog.ids == ["S0", "S1"]
    assert catalog.column("title") == ["Hrnek 0", "Hrnek 1"]
    assert catalog.column("description") == ["Pro kávu."] * 2
    assert catalog.column("price") == [4.5, 14.5]
    assert catalog.column("brand") == ["Kestrel"] * 2
    assert catalog.column("categories") == [
        [["Heureka.cz", "Dům", "Hrnky"]],
        [["Heureka.cz", "Hračky"]],
    ]
    assert "modrá" in catalog.column("PARAM")[0]
    assert reading.reading.columns["image"] == "IMGURL"
    told = "CATEGORYTEXT: '|' separates levels, as the feeds of Heureka have it"
    assert told in reading.reading.evidence


def test_several_categories_in_a_feed_of_heureka(tmp_path: Path) -> None:
    second = "<CATEGORYTEXT>Dárky | Hrnky</CATEGORYTEXT>"
    reading = read(tmp_path, shop_items(["Dům | Hrnky", "Dům"], second))
    assert reading.catalog.column("categories") == [
        [["Dům", "Hrnky"], ["Dárky", "Hrnky"]],
        [["Dům"], ["Dárky", "Hrnky"]],
    ]


def test_heurekas_sign_gives_way_to_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "shop.xml"
    path.write_bytes(shop_items(["Hrnky | Dárky", "Hrnky"]))
    settings = CatalogSettings(category_separator="", category_delimiter="|")
    reading = read_catalog(path, settings)
    assert reading.catalog.column("categories")[0] == [["Hrnky"], ["Dárky"]]


RECORD = "<{0}><sku>{1}</sku><product>Mug {1}</product><price>4</price></{0}>"


@pytest.mark.parametrize("name", ["row", "Artikel", "o", "gadget", "Product", "ITEM"])
def test_whatever_the_records_are_called(tmp_path: Path, name: str) -> None:
    records = "".join(RECORD.format(name, i) for i in range(3))
    reading = read(tmp_path, f"<?xml version='1.0'?><data><list>{records}</list></data>".encode())
    assert reading.catalog.ids == ["0", "1", "2"]
    assert reading.catalog.column("title") == ["Mug 0", "Mug 1", "Mug 2"]
    is_told = f"xml: each <{name.lower()}> is a record, as it has the most fields"
    assert (is_told in reading.reading.evidence) == (name not in ("Product", "ITEM"))


def test_one_record_by_another_name(tmp_path: Path) -> None:
    data = f"<?xml version='1.0'?><data>{RECORD.format('gadget', 7)}</data>"
    assert read(tmp_path, data.encode()).catalog.ids == ["7"]


def test_what_is_around_records_or_inside_them_is_none(tmp_path: Path) -> None:
    variants = "<variant><sku>v</sku><title>S</title><price>5</price><brand>x</brand></variant>"
    products = "".join(
        f"<product><id>{i}</id><name>Mug {i}</name><variants>{variants}</variants></product>"
        for i in range(3)
    )
    category = f"<category><id>c</id><name>Mugs</name><products>{products}</products></category>"
    reading = read(tmp_path, f"<?xml version='1.0'?><shop>{category}</shop>".encode())
    assert reading.catalog.ids == ["0", "1", "2"]
    assert reading.catalog.column("price") == [5.0] * 3


def test_categories_that_a_feed_of_yandex_lists_once(tmp_path: Path) -> None:
    listed = (
        "<category id='1'>Дом</category><category id='2' parentId='1'>Кружки</category>"
        "<category id='3' parentId='3'>Круг</category>"
    )
    numbers = ["2", "1", "3", "9"]
    offers = "".join(
        f"<offer id='{i}'><name>Кружка</name><categoryId>{number}</categoryId></offer>"
        for i, number in enumerate(numbers)
    )
    shop = f"<categories>{listed}</categories><offers>{offers}</offers>"
    data = f"<?xml version='1.0'?><yml_catalog><shop><name>S</name>{shop}</shop></yml_catalog>"
    reading = read(tmp_path, data.encode())
    # a number that is not listed says nothing, and a circle ends
    assert reading.catalog.column("categories") == [
        [["Дом", "Кружки"]],
        [["Дом"]],
        [["Круг"]],
        None,
    ]


def test_records_far_behind_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_xml_records, "_SAMPLE_BYTES", 200)
    listed = "".join(f"<category id='{i}'>Mugs</category>" for i in range(99))
    offer = "<offer id='7'><name>Mug</name><categoryId>5</categoryId></offer>"
    data = f"<yml_catalog><shop><name>S</name><url>u</url>{listed}{offer}</shop></yml_catalog>"
    assert read(tmp_path, data.encode()).catalog.ids == ["7"]


@pytest.mark.parametrize(
    ("record", "field"), [("row", "field"), ("table", "column"), ("doc", "str")]
)
def test_fields_that_are_named_in_an_attribute(tmp_path: Path, record: str, field: str) -> None:
    rows = "".join(
        f"<{record}><{field} name='id'>{number}</{field}><{field} name='title'>Mug</{field}></{record}>"
        for number in range(3)
    )
    catalog = read(tmp_path, f"<resultset>{rows}</resultset>".encode()).catalog
    assert catalog.ids == ["0", "1", "2"]
    assert catalog.column("title") == ["Mug"] * 3


PRODUCT = '<product id="{0}"><title>Mug {0}</title><price>4.5</price></product>'
GROUPED = {
    "an attribute": '<category name="Home"><category name="Mugs">{0}</category></category>',
    "an element": "<category><name>Home</name><category id='4'><name>Mugs</name>{0}</category></category>",
}


@pytest.mark.parametrize("grouped", GROUPED)
def test_the_groups_around_a_record_are_its_categories(tmp_path: Path, grouped: str) -> None:
    inside = "".join(map(PRODUCT.format, range(3)))
    lamp = '<product id="9"><title>Lamp</title><category>Own</category></product>'
    own = f'<category name="Other">{lamp}</category>'
    data = (
        f"<shop><name>Shop</name>{GROUPED[grouped].format(inside)}{own}{PRODUCT.format(10)}</shop>"
    )
    reading = read(tmp_path, data.encode())
    assert reading.catalog.ids == ["0", "1", "2", "9", "10"]
    assert reading.catalog.column("categories") == [*[[["Home", "Mugs"]]] * 3, [["Own"]], None]
    assert any("<category> around a record" in one for one in reading.reading.evidence)


def test_one_title_a_language(tmp_path: Path) -> None:
    title = '<title xml:lang="en">Mug {0}</title><title xml:lang="de">Becher {0}</title>'
    items = "".join(f"<item><id>{i}</id>{title.format(i)}</item>" for i in range(3))
    reading = read(tmp_path, f"<rss><channel>{items}</channel></rss>".encode())
    assert reading.catalog.column("title") == ["Mug 0", "Mug 1", "Mug 2"]
    assert any('columns = { title = "title-de" }' in one for one in reading.reading.evidence)


def test_one_title_a_number_of_a_language(tmp_path: Path) -> None:
    name = "<name><language id='1'>Mug {0}</language><language id='2'>Becher {0}</language></name>"
    items = "".join(f"<product><id>{i}</id>{name.format(i)}</product>" for i in range(3))
    reading = read(tmp_path, f"<prestashop><products>{items}</products></prestashop>".encode())
    assert reading.catalog.column("title") == ["Mug 0", "Mug 1", "Mug 2"]
    assert reading.catalog.column("name (language 2)")[0] == "Becher 0"


def test_categories_that_no_record_names_are_told(tmp_path: Path) -> None:
    listed = "".join(
        f'<category category-id="{i}"><display-name>C{i}</display-name></category>'
        for i in range(3)
    )
    items = "".join(map(PRODUCT.format, range(3)))
    reading = read(tmp_path, f"<catalog>{listed}{items}</catalog>".encode())
    assert reading.catalog.ids == ["0", "1", "2"]
    assert any("its records name none of them" in one for one in reading.reading.evidence)


def test_a_group_with_a_number_may_be_of_variants(tmp_path: Path) -> None:
    groups = "".join(f"<group id='g{i}'>{PRODUCT.format(i)}</group>" for i in range(3))
    assert read(tmp_path, f"<shop>{groups}</shop>".encode()).catalog.column("categories")[0] is None


def test_what_an_element_without_a_text_says_in_an_attribute(tmp_path: Path) -> None:
    items = "".join(
        f'<Product ID="{i}" Name="Mug {i}"><Category ID="5"><Name Value="Mugs" langid="1"/></Category>'
        f'<Image src="{i}.png"/><Brand since="1990"/></Product>'
        for i in range(3)
    )
    catalog = read(tmp_path, f"<shop>{items}</shop>".encode()).catalog
    assert catalog.column("categories") == [[["Mugs"]]] * 3
    assert catalog.column("image") == ["0.png", "1.png", "2.png"]
    assert catalog.column("brand") == [None] * 3


def test_a_name_in_an_attribute_and_a_title_inside_the_description(tmp_path: Path) -> None:
    items = "".join(
        f'<product id="{i}"><category id="7" name="Mugs"/><producer id="1" name="Kestrel"/>'
        f"<description><name>Mug {i}</name><description>Fine.</description></description></product>"
        for i in range(3)
    )
    catalog = read(tmp_path, f"<products>{items}</products>".encode()).catalog
    assert catalog.column("categories") == [[["Mugs"]]] * 3
    assert catalog.column("title") == ["Mug 0", "Mug 1", "Mug 2"]
    assert catalog.column("description") == ["Fine."] * 3


def test_the_quantity_that_a_price_is_for_is_no_price(tmp_path: Path) -> None:
    articles = "".join(
        f"<ARTICLE><SUPPLIER_AID>{i}</SUPPLIER_AID><DESCRIPTION_SHORT>Mug {i}</DESCRIPTION_SHORT>"
        "<MANUFACTURER_AID>X9</MANUFACTURER_AID><MANUFACTURER_NAME>Acme</MANUFACTURER_NAME>"
        "<PRICE_QUANTITY>1</PRICE_QUANTITY>"
        f"<ARTICLE_PRICE><PRICE_AMOUNT>{i}.5</PRICE_AMOUNT></ARTICLE_PRICE></ARTICLE>"
        for i in range(1, 6)
    )
    found = read(tmp_path, f"<BMECAT>{articles}</BMECAT>".encode())
    assert found.catalog.column("price") == [1.5, 2.5, 3.5, 4.5, 5.5]
    assert found.catalog.column("brand") == ["Acme"] * 5
