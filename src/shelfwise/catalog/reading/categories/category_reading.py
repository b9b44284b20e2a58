"""How the texts of a column of categories are read: as the settings say, else as the column itself says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from shelfwise.catalog.reading.categories.category_detection import detect_signs, mixed_level_sign
from shelfwise.catalog.reading.categories.category_signs import CategorySigns, with_flags
from shelfwise.catalog.reading.categories.category_text import read_name, signs_only
from shelfwise.catalog.reading.categories.two_readings import question_of_two_readings
from shelfwise.catalog.reading.categories.written_lists import unpacked
from shelfwise.catalog.reading.columns.column_mapping import normal_name
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.objects.category_values import category_values
from shelfwise.config import CatalogSettings
from shelfwise.errors import CatalogError, TwoReadingsError

_ONE_PATH = re.compile(r"breadcrumb|(?:categor|kategor|taxon)\w*(?:path|pfad|hierarchy)(?:_|$)")


def category_texts(values: Iterable[Any]) -> tuple[list[str], list[str]]:
    """The texts that hold written paths: values that are texts, and the items of values that are flat lists.

    Both without mark-up and brackets, whose signs would count as separators.
    """
    whole: list[str] = []
    items: list[str] = []
    for value in values:
        value = category_values(unpacked(value))
        if isinstance(value, str) and not is_missing(value):
            whole.append(signs_only(value))
        elif isinstance(value, list):
            items.extend(read_name(item) for item in value if isinstance(item, str))
    return whole, items


def category_signs(
    texts: list[str], items: list[str], column: str, settings: CatalogSettings, evidence: list[str]
) -> CategorySigns:
    """What the settings say, and what the column says where they say nothing.

    Args:
        texts: values that are one text each.
        items: of flat lists; each may be a written path, but holds no second one.
    """
    configured = configured_signs(settings, texts)
    if _is_heureka(column, [*texts, *items], settings):
        evidence.append(f"{column}: '|' separates levels, as the feeds of Heureka have it")
        return CategorySigns("|")
    # items of lists lie beside each other already: only their levels are open
    if not texts and settings.category_separator is None:
        found = detect_signs(items, several_paths=False)
        evidence.extend(f"{column}: {sentence}" for sentence in found.evidence)
        return replace(found.signs, delimiter=configured.delimiter)
    if settings.category_separator is not None and settings.category_delimiter is not None:
        return configured
    found = detect_signs(texts)
    evidence.extend(f"{column}: {sentence}" for sentence in found.evidence)
    _check_mixed_signs(column, texts, found.signs, settings)
    open_setting = settings.category_delimiter is None and settings.category_separator is None
    # who has set one of the two has answered
    if found.other is not None and open_setting:
        question = question_of_two_readings(texts, column, found.signs, found.other)
        readings = tuple((one.separator, one.delimiter) for one in (found.signs, found.other))
        raise TwoReadingsError(question, column, readings)
    signs = found.signs
    if open_setting and signs.delimiter and not signs.separator and _is_one_path(column):
        # the names in a breadcrumb or a path lie below each other, whatever stands between
        evidence.append(
            f"{column}: {signs.delimiter!r} separates levels, as the column is called a path"
        )
        return replace(signs, separator=signs.delimiter, delimiter="", escaped=False, bare=False)
    # what the settings say goes before what was found
    if settings.category_separator is not None:
        signs = replace(signs, separator=configured.separator)
    if settings.category_delimiter is not None:
        signs = with_flags(replace(signs, delimiter=configured.delimiter), texts)
    return signs


def _check_mixed_signs(
    column: str, texts: Sequence[str], signs: CategorySigns, settings: CatalogSettings
) -> None:
    """Refuse paths of which some have one sign between their levels, and some another.

    Raises:
        CatalogError: there are such.
    """
    if settings.category_separator is not None:
        return
    other = mixed_level_sign(texts, signs.separator)
    if other is not None:
        one = signs.separator.strip()
        raise CatalogError(
            f"the column {column!r} has {one!r} between the levels of some paths and {other!r} between those "
            f"of others; write one sign in all, e.g. {one!r} in the place of {other!r}; or take one, "
            f"and the other stays in names, under [catalog]: category_separator = {json.dumps(one)}"
        )


def _is_heureka(column: str, texts: Sequence[str], settings: CatalogSettings) -> bool:
    """Whether the column is one of Heureka's feeds, in which each text is one path, ``A | B | C``."""
    settled = settings.category_separator is not None or settings.category_delimiter is not None
    if settled or normal_name(column) != "categorytext":
        return False
    return any("|" in text for text in texts) and not any(">" in text for text in texts)


def _is_one_path(column: str) -> bool:
    """Whether a column is called a breadcrumb, or a path in the singular.

    >>> _is_one_path("breadCrumbs"), _is_one_path("Default category path"), _is_one_path("tags")
    (True, True, False)
    """
    return _ONE_PATH.search(normal_name(column)) is not None


def configured_signs(settings: CatalogSettings, texts: list[str]) -> CategorySigns:
    """The signs of the settings; blank ones mean that there are none."""
    separator = settings.category_separator if settings.category_separator is not None else " > "
    delimiter = settings.category_delimiter if settings.category_delimiter is not None else "|"
    signs = CategorySigns(
        separator if separator.strip() else "", delimiter if delimiter.strip(" ") else ""
    )
    return with_flags(signs, texts)
