import random

import numpy as np
import pyarrow as pa

from shelfwise.catalog.shared_texts import shared_texts


def test_texts_are_numbered_as_they_come_whatever_their_case_and_signs() -> None:
    texts = pa.chunked_array([["Red mug!", None, "red  MUG"], ["", "Blue mug", "tee-kanne 茶壶"]])
    assert shared_texts(texts, 1, 10).tolist() == [0, -1, 0, -1, 1, 2]


def test_what_is_short_or_shared_by_many_binds_nothing() -> None:
    texts = pa.chunked_array([["ab", "a", "xyz", "xyz", "xyz", "ä ö", "ä-ö"]])
    assert shared_texts(texts, 2, 2).tolist() == [0, -1, -1, -1, -1, 2, 2]


def test_the_numbers_do_not_depend_on_portions() -> None:
    draw = random.Random(1)
    texts = [f"text {draw.randrange(3000)}" for _ in range(10_000)]
    found = shared_texts(pa.chunked_array([texts[:7000], texts[7000:]]), 1, 10_000)
    # as Arrow numbers them
    codes = pa.array(texts).dictionary_encode().indices
    np.testing.assert_array_equal(found, np.asarray(codes))
