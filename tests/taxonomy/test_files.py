"""Google's and Shopify's files read alike, and a sentence for every file that is neither."""

from __future__ import annotations

import json

import pytest

from shelfwise.errors import TaxonomyError
from shelfwise.taxonomy.files import Category, read_taxonomy

PATHS = [("Animals & Pet Supplies",), ("Animals & Pet Supplies", "Live Animals"), ("Media",)]
GOOGLE = """# Google_Product_Taxonomy_Version: 2021-09-21
1 - Animals & Pet Supplies
3237 - Animals & Pet Supplies > Live Animals
783 - Media
"""
WITHOUT_IDS = """# Google_Product_Taxonomy_Version: 2021-09-21
Animals & Pet Supplies
Animals & Pet Supplies > Live Animals
Media
"""
SHOPIFY = """# Shopify Product Taxonomy - Categories: 2024-07
# Format: {GID} : {Ancestor name} > ... > {Category name}

gid://shopify/TaxonomyCategory/ap                : Animals & Pet Supplies
gid://shopify/TaxonomyCategory/ap-1              : Animals & Pet Supplies > Live Animals
gid://shopify/TaxonomyCategory/me : Media
"""


def node(name: str, title: str, parent: str | None = None) -> dict[str, object]:
    gid = "gid://shopify/TaxonomyCategory/"
    return {
        "id": gid + name,
        "name": title,
        "level": 0,
        "full_name": "unused",
        "parent_id": parent and gid + parent,
        "children": [],
    }


VERTICALS = [
    {
        "name": "A",
        "prefix": "ap",
        "categories": [node("ap-1", "Live Animals", "ap"), node("ap", "Animals & Pet Supplies")],
    },
    {"name": "M", "prefix": "me", "categories": [node("me", "Media")]},
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (GOOGLE, ["1", "3237", "783"]),
        (WITHOUT_IDS, [None] * 3),
        ("\ufeff" + WITHOUT_IDS.replace("\n", "\r\n"), [None] * 3),
        (SHOPIFY, [f"gid://shopify/TaxonomyCategory/{name}" for name in ("ap", "ap-1", "me")]),
        (
            json.dumps({"version": "1", "verticals": VERTICALS}),
            [f"gid://shopify/TaxonomyCategory/{n}" for n in ("ap", "ap-1", "me")],
        ),
    ],
)
def test_all_shapes_hold_the_same_categories(tmp_path, text, ids):
    file = tmp_path / "taxonomy"
    file.write_text(text, "utf-8")
    found = sorted(read_taxonomy(file), key=lambda category: category.path)
    assert found == [Category(path, identity) for path, identity in zip(PATHS, ids, strict=True)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# only a comment\n", "names no category"),
        ("1 - Pets\nBirds\n", r"line 2 of .* is 'Birds'; expected a category as in line 1"),
        ("Pets >  > Birds\n", "line 1 of"),
        ("Pets\nPets\n", r"the path 'Pets' more than once"),
        ("1 - Pets\n1 - Birds\n", r"the id '1' more than once"),
        ('{"verticals": [{"name": "A"}]}', r"verticals\.0\.categories.*expected"),
        (
            json.dumps({"verticals": [{"categories": [node("a", "A", "z")]}]}),
            "names the parent 'gid://shopify/TaxonomyCategory/z'",
        ),
        (
            json.dumps({"verticals": [{"categories": [node("a", "A", "b"), node("b", "B", "a")]}]}),
            "lies below itself",
        ),
    ],
)
def test_what_is_no_taxonomy_is_refused_in_a_sentence(tmp_path, text, message):
    file = tmp_path / "taxonomy.txt"
    file.write_text(text, "utf-8")
    with pytest.raises(TaxonomyError, match=message):
        read_taxonomy(file)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(TaxonomyError, match=r"there is no taxonomy file .*; check the path"):
        read_taxonomy(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"Caf\xe9\n")
    with pytest.raises(TaxonomyError, match="expected text in UTF-8"):
        read_taxonomy(tmp_path / "latin.txt")
