"""JSON that could be read in two ways is refused, and never repeated."""

from __future__ import annotations

import pytest

from shelfwise.service.answers.problems import Problem
from shelfwise.service.requests.strict_json import parse_json


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"price": NaN}',
        b'{"price": -Infinity}',
        b'{"price": 1e400}',
        b'{"title": "\\ud800secret"}',
        b'{"\\uDC00secret": 1}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"title": "secret\xff"}',
        b'{"price": ' + b"7" * 5_000 + b"}",
        b'{"title": "secret", "title": "other"}',
        b'{"a": 1} secret',
        "secret".encode("utf-16"),
    ],
)
def test_what_is_no_json_is_refused_without_a_word_of_it(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse_json(body)
    assert refused.value.status == 400
    assert "secret" not in refused.value.detail
    assert "777" not in refused.value.detail


def test_pairs_of_surrogates_and_what_only_looks_like_one_are_text() -> None:
    assert parse_json(b'{"title": "\\ud83d\\ude00 \\\\ud800 \\u00e9"}') == {
        "title": "\N{GRINNING FACE} \\ud800 é"
    }
