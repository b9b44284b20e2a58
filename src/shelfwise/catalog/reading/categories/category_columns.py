"""Categories that are spread over several columns: one a level of the path, or one of 0 and 1 a label."""

# ruff: noqa: RUF001 - the letters of other languages look like ours

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

from shelfwise.catalog.reading.categories.category_detection import detect_signs
from shelfwise.catalog.reading.categories.category_signs import CategorySigns
from shelfwise.catalog.reading.categories.sign_lists import LEVEL_SIGNS
from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.columns.whole_paths import goes_on
from shelfwise.catalog.reading.missing import MISSING

_NO_LABELS = re.compile(
    r"(?:is|has|in|on|can|published|featured|available|active|gift_card|taxable|enabled|visible|stock"
    r"|lagernd|auf_lager|aktiv|sichtbar|verfügbar|actif|attivo|activo|ativo|disponible|disponibile)(?:_|$)"
)
"""Columns of 0 and 1 that say something else than a category."""

_PREFIX = re.compile(
    r"(?i)(?:product_|item_)?(?:categor(?:y|ies)|cat|labels?|tags?|class|kategori(?:a|e|en|er|ler)?|cat[ée]gories?"
    r"|categor[ií]as?)(?:_+|[:=./]\s*| - )(?=.)"
)
"""A word before the labels that are names of columns."""

_ON = frozenset(
    (
        *("1", "1.0", "true", "t", "yes", "y", "x", "ja", "j", "oui", "wahr", "vrai", "verdadero"),
        *("да", "si", "sí", "sì", "sim", "evet", "tak", "ano", "igen", "kyllä", "✓", "✔", "☑"),
        # what spreadsheets write
        *("waar", "vero", "verdadeiro", "sant", "sand", "sann", "tosi", "prawda", "pravda", "igaz"),
        *("doğru", "истина"),
    )
)
_OFF = frozenset(
    (
        *("0", "0.0", "false", "f", "no", "n", "nein", "non", "falsch", "faux", "falso", "нет"),
        *("não", "hayir", "hayır", "nie", "ne", "nej", "nei", "nem", "ei", "✗", "✘", "☐", ""),
        *("onwaar", "falskt", "falsk", "usann", "epätosi", "fałsz", "nepravda", "hamis"),
        *("yanlış", "yanliş", "ложь"),
    )
)

MOSTLY = 0.9
"""From this share of the rows on columns of levels are taken for whole paths."""

_HALF = 0.5

_YES_AND_NO = 2
_LISTED = 2
"""Labels that a user is shown."""

MIN_INDICATORS = 3
"""Columns of 0 and 1 below which they are taken for properties of the product."""


@dataclass(frozen=True)
class CategoryColumns:
    """The columns that make up the categories.

    Args:
        names: the source's columns; of levels from the root down.
        kind: ``levels``, one path; ``labels``, one label a column; ``indicators``, one label a column that
            holds 1, its name, which may be a written path; ``paths``, one written path a column;
            ``growing``, written paths of which each goes on where the one before ends, so that the last says
            all.
        signs: what separates the levels of written paths.
        prefix: what stands in the names of indicators before their labels, as in ``category_Mugs``.
    """

    names: tuple[str, ...]
    kind: Literal["levels", "labels", "indicators", "paths", "growing"]
    signs: CategorySigns = field(default_factory=CategorySigns)
    prefix: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names without their prefix: those of indicators are the labels."""
        return tuple(name.removeprefix(self.prefix) for name in self.names)

    def told_labels(self) -> str:
        """What a user is told of indicators."""
        listed = ", ".join(self.labels[:_LISTED])
        told = f"{len(self.names)} columns of 0 and 1 ({listed}, ...) are the labels"
        if self.prefix:
            told += f", whose names are read without {self.prefix!r}"
        return told

    def combine(self, values: Mapping[str, Any]) -> list[list[str]] | None:
        """The paths of one record.

        >>> CategoryColumns(("level1", "level2"), "levels").combine({"level1": "A", "level2": "B"})
        [['A', 'B']]
        """
        if self.kind == "indicators":
            return self._indicated(values)
        filled = [text for name in self.names for text in column_texts(values.get(name))]
        if self.kind == "labels":
            return [[text] for text in filled] or None
        # each column repeats the path of the one before and goes on: the longest says all
        if self.kind == "growing":
            filled = [text for text in filled if not any(goes_on(text, low) for low in filled)]
        if self.kind in ("paths", "growing"):
            return [self.signs.levels(text) for text in filled] or None
        # an empty level is left out, and not what stands below it
        path = [level for text in filled for level in self.signs.levels(text)]
        return [path] if path else None

    def _indicated(self, values: Mapping[str, Any]) -> list[list[str]] | None:
        """The paths of the columns that say yes; None where none does."""
        texts = (column_text(values.get(name)) for name in self.names)
        on = [name for name, text in zip(self.labels, texts, strict=True) if is_on(text)]
        return [self.signs.levels(name) for name in on] or None

    def told_gaps(self, columns: Mapping[str, Sequence[Any]]) -> str | None:
        """What a user is told of levels that are empty above others; None where there are none.

        Args:
            columns: by name, the first values of each.
        """
        if self.kind != "levels":
            return None
        rows = list(zip(*(map(column_text, columns[name]) for name in self.names), strict=False))
        gaps = sum(any(low and not high for high, low in pairwise(row)) for row in rows)
        if not gaps:
            return None
        return (
            f"{gaps} of the first {len(rows)} rows have an empty level above another one; their paths are "
            "read without it"
        )


def find_indicator_columns(columns: Mapping[str, Sequence[Any]]) -> CategoryColumns | None:
    """Columns that hold 0 and 1 and nothing else, each of them both.

    Args:
        columns: by name, the first values of each.
    """
    kinds = {name: _kind_of(name, values) for name, values in columns.items()}
    found = [name for name, kind in kinds.items() if kind == "both"]
    if len(found) < MIN_INDICATORS:
        return None
    # in a sorted file, some labels come further down
    found = [name for run in _runs(kinds) if "both" in map(kinds.get, run) for name in run]
    prefix = _common_prefix(found)
    # beside columns that say of themselves that they are categories, others are something else
    names = tuple(name for name in found if name.startswith(prefix))
    labels = [name.removeprefix(prefix) for name in names]
    signs = detect_signs(labels, several_paths=False).signs
    # a slash in the name of a column is part of it
    is_path = any(sign in signs.separator for sign in LEVEL_SIGNS)
    return CategoryColumns(names, "indicators", signs if is_path else CategorySigns(), prefix)


def _kind_of(name: str, values: Sequence[Any]) -> Literal["both", "off", ""]:
    """Whether a column says yes and no, or no only; empty for one of another kind."""
    seen = {column_text(value).lower() for value in values}
    if not seen <= _ON | _OFF or _NO_LABELS.match(normal_name(name)):
        return ""
    if seen & _ON:
        return "both" if seen & _OFF else ""
    # what is never filled says nothing
    return "off" if seen - {""} else ""


def _runs(kinds: Mapping[str, str]) -> list[list[str]]:
    """Columns that say yes or no, those beside each other together."""
    runs: list[list[str]] = [[]]
    for name, kind in kinds.items():
        if kind:
            runs[-1].append(name)
        elif runs[-1]:
            runs.append([])
    return runs


def _common_prefix(names: Sequence[str]) -> str:
    """What most names begin with, where it says that a label follows; pandas' ``get_dummies`` writes it so.

    >>> _common_prefix(["category_Mugs", "category_Lamps", "category_Rugs", "sold"])
    'category_'
    """
    found = Counter(match[0] for match in map(_PREFIX.match, names) if match)
    if not found:
        return ""
    prefix, count = found.most_common(1)[0]
    return prefix if count >= max(MIN_INDICATORS, _HALF * len(names)) else ""


def with_written_paths(
    found: CategoryColumns, columns: Mapping[str, Sequence[Any]]
) -> CategoryColumns:
    """The same columns, as what they hold: names, or whole paths.

    Args:
        found: levels or labels by their names.
        columns: by name, the first values of each.
    """
    # a row has a cell a column, and a cell the texts that it holds
    cells = [map(column_texts, columns[name]) for name in found.names]
    rows = list(zip(*cells, strict=False))
    filled = [[text for cell in row for text in cell] for row in rows]
    texts = [text for row in filled for text in row]
    signs = detect_signs(texts, several_paths=False).signs
    # only rows with several filled cells tell whether one goes on where another ends
    several = [list(filter(None, row)) for row in rows if sum(map(bool, row)) > 1]
    growing = [row for row in several if all(_all_go_on(high, low) for high, low in pairwise(row))]
    if several and len(growing) >= MOSTLY * len(several):
        return replace(found, kind="growing", signs=signs)
    written = sum(any(sign in row[0] for sign in LEVEL_SIGNS) for row in filled if row)
    if not written and signs.separator:
        # a sign that names have, too
        written = sum(signs.separator in row[0] for row in filled if row)
    if written and written >= MOSTLY * sum(map(bool, filled)):
        return replace(found, kind="paths", signs=signs)
    if found.kind == "levels" and _come_in_any_column(rows):
        return replace(found, kind="labels")
    return _with_paths_below(found, filled)


def _with_paths_below(found: CategoryColumns, filled: Sequence[Sequence[str]]) -> CategoryColumns:
    """Levels of which those below the first are written paths: ``Home``, and ``Kitchen > Mugs``."""
    below = [text for row in filled for text in row[1:]]
    written = [text for text in below if any(sign in text for sign in LEVEL_SIGNS)]
    if found.kind != "levels" or not written or len(written) < _HALF * len(below):
        return found
    return replace(found, signs=detect_signs(below, several_paths=False).signs)


def _come_in_any_column(rows: Sequence[Sequence[Sequence[str]]]) -> bool:
    """Whether most names stand now in one column and now in another, as those of levels do not."""
    places: dict[str, set[int]] = {}
    for row in rows:
        for place, cell in enumerate(row):
            # a level that repeats the one above says that there is none
            if not (place and cell == row[place - 1]):
                for name in cell:
                    places.setdefault(name, set()).add(place)
    names = [name for row in rows for cell in row for name in cell]
    moving = sum(len(places[name]) > 1 for name in names)
    return len(rows) >= MIN_INDICATORS and moving > _HALF * len(names)


def _all_go_on(highs: Sequence[str], lows: Sequence[str]) -> bool:
    """Whether each of some written paths begins with one of the column before and has a level more."""
    return all(any(goes_on(high, low) for high in highs) for low in lows)


def is_on(text: str) -> bool:
    """Whether a product has the label whose column holds the text.

    >>> is_on("1"), is_on("TRUE"), is_on("0"), is_on("")
    (True, True, False, False)
    """
    return text.lower() in _ON


def is_on_or_off(text: str) -> bool:
    """Whether a text says yes or no."""
    return text.lower() in _ON or text.lower() in _OFF


def are_of_two_words(columns: Sequence[Sequence[Any]]) -> bool:
    """Whether several columns hold the same two words, which are yes and no in some language.

    >>> are_of_two_words([["ano", "ne"]] * 3), are_of_two_words([["Mugs", "Gifts"]])
    (True, False)
    """
    texts = {column_text(value) for values in columns for value in values}
    return len(columns) >= MIN_INDICATORS and len(texts) == _YES_AND_NO


def column_texts(value: Any) -> list[str]:
    """What is in one such column: a text, several where it holds a list, none where it is empty.

    >>> column_texts(" Mugs "), column_texts(["Mugs", "Gifts"]), column_texts(None)
    (['Mugs'], ['Mugs', 'Gifts'], [])
    """
    cells = value if isinstance(value, list | tuple) else (value,)
    return [text for text in map(column_text, cells) if text]


def column_text(value: Any) -> str:
    """The value of one such column as a text, empty where it is missing."""
    if value is None or value != value:
        return ""
    text = str(value).strip()
    return "" if text in MISSING else text
