"""Feeds of products in XML."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from shelfwise.catalog.reading.reader import ReadResult, read_catalog
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


def test_entities_are_forbidden(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a><item><id>&c;</id></item></a>'
    with pytest.raises(CatalogError, match="defines entities of its own"):
        read(tmp_path, bomb.encode())


def test_no_records(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="read as xml, has 0 records"):
        read(tmp_path, b"<html><p>Hello</p></html>")
