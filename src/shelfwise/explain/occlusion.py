"""Leave-one-out evidence: how far scores fall without a word or a part of the picture."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context, Floats
from shelfwise.explain.image_occlusion import covered_files
from shelfwise.model.model import Model
from shelfwise.model.predictor import MemberPredictions
from shelfwise.vision.image_io import ImageRejectedError

_WORD = re.compile(r"[^\W_]+(?:[-'\N{RIGHT SINGLE QUOTATION MARK}][^\W_]+)*")


@dataclass(frozen=True)
class Word:
    """A word where it stands, ``text[start:end]`` of a field, and how far the score falls when it is left out everywhere."""

    field: str
    start: int
    end: int
    text: str
    weight: float


def word_drops(
    model: Model, product: Catalog, answers: MemberPredictions, context: Context
) -> tuple[list[Word], Floats]:
    """How far the scores of one product fall without each of its words.

    A word is left out of all texts and wherever it stands in them, as one mention would stand in for another.

    Returns:
        The W words, of weight 0, in the order of the fields and texts; the falls (W, L).
    """
    members = [m for m in model.members_of(model.decide_with) if _texts(product, _fields(model, [m]))]
    texts = _texts(product, _fields(model, members))
    found = [
        Word(name, m.start(), m.end(), m.group(), 0.0)
        for name, text in texts.items()
        for m in _WORD.finditer(text)
    ]
    places = {key: number for number, key in enumerate(dict.fromkeys(word.text.casefold() for word in found))}
    if not places:
        return [], np.zeros((0, len(model.labels.names)), np.float32)
    columns = {}
    for name, text in texts.items():
        spots = [word for word in found if word.field == name]
        columns[name] = [_without(text, [w for w in spots if w.text.casefold() == key]) for key in places]
    falls = _drops(model, answers, _variants(product, columns), members, context)
    return found, falls[[places[word.text.casefold()] for word in found]]


def picture_drops(
    model: Model, product: Catalog, answers: MemberPredictions, context: Context
) -> Floats | None:
    """How far the scores of one product fall (PLACES, L) when a window of its picture is blurred; None where no member reads one."""
    path = product.image_paths()[0]
    members = [m for m in model.members_of(model.decide_with) if "image" in _fields(model, [m])]
    if path is None or not members:
        return None
    with TemporaryDirectory() as folder:
        try:
            names = covered_files(path, Path(folder))
        except ImageRejectedError:
            return None
        variants = dataclasses.replace(_variants(product, {"image": names}), root=Path(folder))
        falls = _drops(model, answers, variants, members, context)
    return np.asarray(
        falls[1:] - falls[0]
    )  # the first copy is not covered: what rescaling alone does is not counted


def _drops(
    model: Model, answers: MemberPredictions, variants: Catalog, members: list[str], context: Context
) -> Floats:
    """How far the scores fall (V, L) from one product to its variants, of which only `members` can tell the difference."""
    rows = np.zeros(len(variants), np.int64)
    changed = model.predict_members(variants, context, members).predictions
    kept = {name: said.take(rows) for name, said in answers.predictions.items()}
    return model.scores(answers) - model.scores(MemberPredictions({**kept, **changed}))


def _variants(product: Catalog, columns: Mapping[str, list[str]]) -> Catalog:
    """The product V times, with other values in some columns; blank ones are missing."""
    count = len(next(iter(columns.values())))
    table = product.take(np.zeros(count, np.int64)).table
    table = table.set_column(
        table.column_names.index("id"), "id", pa.array([str(i) for i in range(count)], pa.string())
    )
    for name, values in columns.items():
        given = pa.array([value if value.strip() else None for value in values], pa.string())
        table = table.set_column(table.column_names.index(name), name, given)
    return Catalog(table, product.root, product.source)


def _fields(model: Model, members: Iterable[str]) -> list[str]:
    """The columns that `members` read, each once."""
    return list(
        dict.fromkeys(name for member in members for name in model.config.members[member].field.split("+"))
    )


def _texts(product: Catalog, fields: Iterable[str]) -> dict[str, str]:
    """Those fields of one product that are texts; JSON stands for something else (a vector, say)."""
    wanted = [name for name in fields if name in product and name not in ("id", "image")]
    values = {
        name: product.column(name)[0]
        for name in wanted
        if product.table.schema.field(name).type == pa.string()
    }
    return {name: text for name, text in values.items() if text and text[0] not in "[{"}


def _without(text: str, words: list[Word]) -> str:
    for word in reversed(words):
        text = text[: word.start] + text[word.end :]
    return text
