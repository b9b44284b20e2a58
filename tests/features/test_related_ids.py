"""Lists of related products as counts of ids."""

import pytest

from shelfwise.core.catalog import Catalog
from shelfwise.errors import ConfigError
from shelfwise.features.co_purchase import id_keys
from shelfwise.features.related_ids import related_ids


def test_listed_ids_and_the_own_one_are_counted() -> None:
    catalog = Catalog.from_records(
        [
            {"id": "a", "related": {"also_bought": ["b", "x"], "also_viewed": ["x"]}},
            {"id": "b", "related": None},
            {"id": "c", "related": {"also_bought": []}},
        ]
    )
    grams = related_ids(catalog)
    place = {int(key): i for i, key in enumerate(grams.keys)}
    a, b, x = (place[int(key)] for key in id_keys(["a", "b", "x"]))
    counts = grams.counts.toarray()
    assert counts[0, [a, b, x]].tolist() == [1, 1, 2]
    assert not counts[1:].any(), "who lists nothing has not even an id"
    assert len(grams.keys) == 3


def test_a_field_without_lists_is_refused() -> None:
    with pytest.raises(ConfigError, match="maps relations to lists of ids"):
        related_ids(Catalog.from_records([{"id": "a", "title": "mug"}]), "title")
