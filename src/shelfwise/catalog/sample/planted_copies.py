"""Which products of the sample are copies of others, and how much of their texts differs."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from shelfwise.catalog.sample.noise import Record
from shelfwise.catalog.sample.products import ProductPlan

PLANTED_COPIES = "planted/near_copies.jsonl"
"""Below the folder of the sample; in a folder of its own, so that nobody takes it for a catalogue."""

_TEXTS = ("title", "description")
_MARKUP = re.compile(r"<[^>]*>")
_WORD = re.compile(r"\w+")


def planted_copies(plans: Sequence[ProductPlan], records: Sequence[Record]) -> Iterator[Record]:
    """``id``, ``copy_of`` and ``words_changed`` of each copy, in the order of the products.

    Args:
        plans: (N,) what the products are.
        records: (N,) as they are written, with their faults.
    """
    for plan, record in zip(plans, records, strict=True):
        if plan.copy_of is None:
            continue
        original = records[plan.copy_of]
        yield {
            "id": record["id"],
            "copy_of": original["id"],
            "words_changed": _words_changed(original, record),
        }


def _words_changed(original: Record, copy: Record) -> int:
    """Words of title and description that were replaced, left out or added."""
    before = _words(original)
    after = _words(copy)
    # a replaced word is missing on one side and new on the other, and counts once
    return max((before - after).total(), (after - before).total())


def _words(record: Record) -> Counter[str]:
    texts = " ".join(record.get(field) or "" for field in _TEXTS)
    # tags become blanks, as for the reader: words on both sides of them are two
    plain = html.unescape(_MARKUP.sub(" ", html.unescape(texts)))
    return Counter(_WORD.findall(plain.lower()))
