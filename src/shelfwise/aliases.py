"""Names that were changed, and what they are now: settings, command line options and parts of a saved model.

Old names keep working. Where a person wrote the name, a note says the new one. In a saved model the name is
changed silently.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

log = logging.getLogger("shelfwise")

PLUGIN_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "kernel_logistic": {
        "cost": "C",
        "narrowness": "gamma",
        "sentences": "text_weight",
        "pictures": "image_weight",
        "links": "relations_weight",
    },
    "text_linear": {"cost": "C"},
    "hierarchical": {"learnt_from": "trained_on"},
    "blend": {"strangers": "answer_rare_patterns"},
}
"""By plug-in, its renamed settings."""

VALUES: Mapping[str, Mapping[str, str]] = {
    "threshold": {"tuned": "global"},
    "consistency": {"likeliest": "most_probable"},
}
"""By setting of the whole run, its renamed values."""

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "train": {"--before": "--compare-with"},
    "predict": {"--precision": "--target-precision", "--abstain": "--novelty-rate"},
    "audit": {"--share": "--top-fraction"},
    "export": {"--gate": "--max-f1-loss"},
}
"""By verb, its renamed options."""

SECTIONS: Mapping[str, str] = {
    "decider": "decision_rule",
    "outsiders": "novelty",
    "relabelling": "label_mapping",
    "neighbours": "nearest_neighbours",
}
"""Renamed parts of a model on disk, since format 2."""

REMOVED: Mapping[str, str] = {
    "boosted": "it was never better than 'logistic'; name that policy instead, or use shelfwise 0.1",
}
"""Plug-ins that are gone, and what to use instead."""

REMOVED_SETTINGS: Mapping[str, Mapping[str, tuple[Any, str]]] = {
    "logistic": {
        "others": ("off", "corrections by the scores of other labels overfitted small catalogues")
    },
}
"""By plug-in, its settings that are gone.

The value that means what always happens now, and why it is gone.
"""


def rename_keys(
    values: Mapping[str, Any], names: Mapping[str, str], where: str = ""
) -> dict[str, Any]:
    """`values` under their names of today.

    Args:
        where: the place of `values` in a settings file, for the note; empty says nothing.
    """
    # a new mapping in the old order: what is saved from it is the same bytes
    renamed: dict[str, Any] = {}
    for key, value in values.items():
        new = names.get(key, key)
        # a saved model is no person: its names are changed without a note
        if new != key and where:
            note(f"{where}.{key}", f"{where}.{new}")
        renamed[new] = value
    return renamed


def rename_values(values: Mapping[str, Any], silent: bool = False) -> dict[str, Any]:
    """Settings of a run whose values have new names."""
    renamed = dict(values)
    for key, names in VALUES.items():
        old = renamed.get(key)
        # a value may be a number or a table; only a word can have been renamed
        if isinstance(old, str) and old in names:
            renamed[key] = names[old]
            if not silent:
                note(f"{key} = {old!r}", f"{key} = {names[old]!r}")
    return renamed


def drop_removed(values: Mapping[str, Any], plugin: str, where: str = "") -> dict[str, Any]:
    """`values` of a plug-in's settings without those that are gone.

    Args:
        where: the place of `values` in a settings file, for the note; empty says nothing.

    Raises:
        ValueError: a setting that is gone has a value that cannot be met any more.
    """
    kept = dict(values)
    for key, (still_true, reason) in REMOVED_SETTINGS.get(plugin, {}).items():
        if key not in kept:
            continue
        value = kept.pop(key)
        # any other value asks for what shelfwise cannot do any more
        if value != still_true:
            raise ValueError(
                f"the setting {key!r} of {plugin} is gone ({reason}), and its value {value!r} with it; "
                f"remove it, which means what {still_true!r} meant"
            )
        if where:
            log.warning(
                "%s.%s is gone and can be removed; %r is what always happens", where, key, value
            )
    return kept


def note(old: str, new: str) -> None:
    """Tell that a name a person wrote is called otherwise now."""
    log.warning("%s is now called %s; the old name still works", old, new)
