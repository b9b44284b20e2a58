"""Leave-one-out evidence: how far scores fall without a word, or without a part of the image.

Dimensions: W words of a product, V variants of it, L labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import regex

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Floats
from shelfwise.explain.image_occlusion import covered_images
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions
from shelfwise.text.scripts import IDEOGRAPH
from shelfwise.vision.image_io import ImageRejectedError

_LETTER = rf"[\p{{L}}\p{{M}}\p{{N}}--{IDEOGRAPH}]"
_WORD = regex.compile(
    rf"{IDEOGRAPH}\p{{M}}*|{_LETTER}+(?:[-'\N{{RIGHT SINGLE QUOTATION MARK}}]{_LETTER}+)*",
    regex.V1,
)
"""An ideograph, or letters and digits with hyphens and apostrophes between them."""


@dataclass(frozen=True)
class Word:
    """A word where it stands in a text.

    Args:
        field: the field whose text it stands in.
        start, end: it is ``text[start:end]``.
        text: the word.
        weight: how far the score falls when the word is left out everywhere.
    """

    field: str
    start: int
    end: int
    text: str
    weight: float


def word_drops(
    model: Model, product: Catalog, answers: MemberPredictions, context: Context
) -> tuple[list[Word], Floats]:
    """How far the scores of one product fall without each of its words.

    A word is left out of all texts and wherever it stands in them: one mention would stand in for another.

    Returns:
        The W words, of weight 0, in the order of the fields and texts; the falls (W, L).
    """
    members = []
    for name in model.members_of(model.decide_with):
        # the others see no difference between the variants
        if texts_of(product, model.fields_of([name])):
            members.append(name)
    texts = texts_of(product, model.fields_of(members))
    words = []
    for field, text in texts.items():
        for match in _WORD.finditer(text):
            words.append(Word(field, match.start(), match.end(), match.group(), 0.0))
    # one variant a distinct word, whatever its case
    keys = [word.text.casefold() for word in words]
    variant_of = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    if not variant_of:
        return [], np.zeros((0, len(model.labels.names)), np.float32)
    columns = {}
    for field, text in texts.items():
        in_field = [word for word in words if word.field == field]
        columns[field] = [_without(text, _same_word(in_field, key)) for key in variant_of]
    variants = _text_variants(product, columns)
    falls = _falls(model, answers, variants, members, context)
    return words, falls[[variant_of[key] for key in keys]]


def image_drops(
    model: Model, product: Catalog, answers: MemberPredictions, context: Context
) -> Floats | None:
    """How far the scores of one product fall (WINDOWS, L) when a window of its image is blurred.

    None where there is no usable image, or no member that reads one.
    """
    source = product.image_sources()[0]
    members = []
    for name in model.members_of(model.decide_with):
        if "image" in model.fields_of([name]):
            members.append(name)
    if source is None or not members:
        return None
    try:
        images = covered_images(source)
    except ImageRejectedError:
        return None
    variants = _copies(product, len(images)).with_images(images)
    falls = _falls(model, answers, variants, members, context)
    # the first copy has nothing covered: what rescaling alone changes is not counted
    return np.asarray(falls[1:] - falls[0])


def texts_of(product: Catalog, fields: Iterable[str]) -> dict[str, str]:
    """Those of the `fields` of one product that are texts, and not empty."""
    texts = {}
    for name in fields:
        if name not in product or name in ("id", "image"):
            continue
        if product.table.schema.field(name).type != pa.string():
            continue
        text = product.column(name)[0]
        # JSON in a text column stands for something else, a vector say
        if text and text[0] not in "[{":
            texts[name] = text
    return texts


def _falls(
    model: Model,
    answers: MemberPredictions,
    variants: Catalog,
    members: Sequence[str],
    context: Context,
) -> Floats:
    """How far the scores fall (V, L) from one product to its variants, which differ for `members` only."""
    first = np.zeros(len(variants), np.int64)
    changed = model.predict_members(variants, context, members).predictions
    # what the other members predicted of the product holds for its variants
    unchanged = {name: prediction.take(first) for name, prediction in answers.predictions.items()}
    after = model.scores(MemberPredictions({**unchanged, **changed}))
    return np.asarray(model.scores(answers) - after)


def _text_variants(product: Catalog, columns: Mapping[str, Sequence[str]]) -> Catalog:
    """The product V times, with other texts in some columns; a blank one is missing."""
    count = len(next(iter(columns.values())))
    variants = _copies(product, count)
    table = variants.table
    for name, texts in columns.items():
        # a member takes an empty text for absent only where it is null
        values = [text if text.strip() else None for text in texts]
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, pa.string()))
    return Catalog(table, product.root, product.source)


def _copies(product: Catalog, count: int) -> Catalog:
    """One product so many times, each with an id of its own."""
    table = product.take(np.zeros(count, np.int64)).table
    ids = pa.array([str(number) for number in range(count)], pa.string())
    place = table.column_names.index("id")
    return Catalog(table.set_column(place, "id", ids), product.root, product.source)


def _same_word(words: Iterable[Word], key: str) -> list[Word]:
    return [word for word in words if word.text.casefold() == key]


def _without(text: str, words: Sequence[Word]) -> str:
    """`text` without those words, which are given in the order they stand."""
    # from the end, so that the places of the words before stay right
    for word in reversed(words):
        text = text[: word.start] + text[word.end :]
    return text
