"""XML and JSON whose titles, ids and categories stand deeper than directly in its records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from shelfwise.catalog.reading.python.python_records import read_records
from tests.catalog.reading.written_products import PRODUCTS, Written, paths_read, read

LEAVES = [{(product.leaves[0],)} for product in PRODUCTS]

ONIX = """<Product><RecordReference>?I</RecordReference><ProductIdentifier><Type>15</Type><IDValue>9
</IDValue></ProductIdentifier><DescriptiveDetail><TitleDetail><TitleType>01</TitleType><TitleElement><TitleText>?T</TitleText>
</TitleElement></TitleDetail><Contributor><PersonName>Ann Doe</PersonName></Contributor><Subject>
<SubjectCode>FB</SubjectCode><SubjectHeadingText>?C</SubjectHeadingText></Subject></DescriptiveDetail>
<CollateralDetail><TextContent><Text>Fine.</Text></TextContent></CollateralDetail><Supply><Price>
<PriceAmount>?P</PriceAmount><CurrencyCode>GBP</CurrencyCode></Price></Supply></Product>"""

GDSN = """<link><tradeItem><gtin>?I</gtin><classification><gpcCategoryCode>10</gpcCategoryCode>
<gpcCategoryName>?C</gpcCategoryName></classification><information><module>
<regulatedProductName languageCode="en">?T</regulatedProductName>
<price><amount>?P</amount></price></module></information></tradeItem></link>"""

CXML = """<ItemIn quantity="1"><ItemID><SupplierPartID>?I</SupplierPartID></ItemID><ItemDetail><UnitPrice>
<Money currency="USD">?P</Money></UnitPrice><Description><ShortName>?T</ShortName>Fine.</Description>
<Classification domain="UNSPSC">?C</Classification></ItemDetail></ItemIn>"""


def written(record: str) -> str:
    records = (
        record.replace("?I", p.id)
        .replace("?T", p.title)
        .replace("?C", escape(p.leaves[0]))
        .replace("?P", str(p.price))
        for p in PRODUCTS
    )
    return f'<?xml version="1.0"?><message><head/>{"".join(records)}</message>'


@pytest.mark.parametrize("record", [ONIX, GDSN, CXML])
def test_fields_deep_inside_records(tmp_path: Path, record: str) -> None:
    result = read(tmp_path, written(record), "x.xml")
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert result.catalog.column("price") == [p.price for p in PRODUCTS]
    assert paths_read(result) == LEAVES
    assert any("these fields stand deeper" in sentence for sentence in result.reading.evidence)


def test_a_text_behind_a_short_name_is_the_description(tmp_path: Path) -> None:
    result = read(tmp_path, written(CXML), "x.xml")
    assert result.catalog.column("description") == ["Fine."] * len(PRODUCTS)


def test_records_that_have_their_fields_themselves_take_none_from_deeper(tmp_path: Path) -> None:
    record = "<product><sku>?I</sku><title>?T</title><maker><name>Acme ?I</name></maker></product>"
    assert "maker" in read(tmp_path, written(record), "x.xml").reading.names


def test_a_name_in_two_places_is_no_title(tmp_path: Path) -> None:
    record = "<product><sku>?I</sku><a><b><name>?T</name></b></a><c><b><name>Acme ?I</name></b></c></product>"
    result = read(tmp_path, written(record), "x.xml")
    assert result.catalog.column("title") == [None] * len(PRODUCTS)


def test_titles_that_the_reader_finds_itself_are_not_deeper(tmp_path: Path) -> None:
    record = (
        "<PRODUCT><CODE>?I</CODE><DESCRIPTION><TITLE>?T</TITLE><TEXT>Fine.</TEXT></DESCRIPTION>"
        "<CATEGORIES><CATEGORY>?C</CATEGORY></CATEGORIES></PRODUCT>"
    )
    result = read(tmp_path, written(record), "x.xml")
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert result.reading.columns["categories"] == "CATEGORIES"


def gs1(product: Written) -> dict[str, Any]:
    text = {"tradeItemDescription": {"value": product.title, "languageCode": "en"}}
    return {
        "tradeItem": {
            "gtin": product.id,
            "provider": {"gln": "4000001000005", "partyName": product.brand},
            "classification": {"gpcCategoryCode": "10", "gpcCategoryName": product.leaves[0]},
            "information": {"module": {**text, "brandName": product.brand}},
        }
    }


def icecat(product: Written) -> dict[str, Any]:
    name = {"Value": product.leaves[0], "Language": "EN"}
    info = {
        "IcecatId": product.id,
        "Title": product.title,
        "Brand": product.brand,
        "Category": {"CategoryID": "151", "Name": name},
    }
    return {"msg": "OK", "data": {"GeneralInfo": info, "Image": {"HighPic": "https://i.example/1"}}}


def wrapped(product: Written) -> dict[str, Any]:
    inside = {"gtin": product.id, "title": product.title, "category": product.leaves[0]}
    return {"catalogueItemState": "REGISTERED", "tradeItem": inside}


@pytest.mark.parametrize("record", [gs1, icecat, wrapped])
def test_fields_deep_inside_json(tmp_path: Path, record: Any) -> None:
    result = read(tmp_path, json.dumps(list(map(record, PRODUCTS))), "x.json")
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]
    assert paths_read(result) == LEAVES
    assert any("these fields stand deeper" in sentence for sentence in result.reading.evidence)


@pytest.mark.parametrize("record", [gs1, icecat])
def test_fields_deep_inside_json_lines(tmp_path: Path, record: Any) -> None:
    lines = "\n".join(json.dumps(record(product)) for product in PRODUCTS)
    result = read(tmp_path, lines, "x.jsonl")
    assert result.catalog.column("title") == [p.title for p in PRODUCTS]


@pytest.mark.parametrize("record", [gs1, icecat])
def test_dictionaries_are_read_as_their_file(record: Any) -> None:
    catalog = read_records(list(map(record, PRODUCTS))).catalog
    assert catalog.ids == [p.id for p in PRODUCTS]
    assert catalog.column("title") == [p.title for p in PRODUCTS]


def test_json_with_an_id_of_its_own_takes_no_name_from_deeper(tmp_path: Path) -> None:
    records = [
        {"id": p.id, "review": "Fine.", "user": {"id": n, "name": "Ann"}}
        for n, p in enumerate(PRODUCTS)
    ]
    result = read(tmp_path, json.dumps(records), "x.json")
    assert result.catalog.ids == [p.id for p in PRODUCTS]
    assert result.catalog.column("title") == [None] * len(PRODUCTS)


def test_damage_among_the_first_records_costs_none_before_it(tmp_path: Path) -> None:
    text = json.dumps(list(map(gs1, PRODUCTS)))
    result = read(tmp_path, text[:-2] + "broken", "x.json")
    assert result.catalog.ids == [p.id for p in PRODUCTS[:-1]]
    assert [refused.kind for refused in result.quarantine] == ["damaged JSON"]
