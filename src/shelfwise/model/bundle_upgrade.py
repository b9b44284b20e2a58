"""Models of older versions: format 1 (shelfwise 0.1) under the names of format 2, and how words were split.

No number changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shelfwise import aliases
from shelfwise.core.types import State
from shelfwise.errors import BundleError

Values = Mapping[str, Any]
Sections = Mapping[str, State]

NOVELTY_PARTS = {"abstention": "conformal", "surroundings": "text_distance"}
JOINT_DESCRIPTION = {"cleaning": {"kind": "description"}, "maxlen": 300}
"""How the joint network reads descriptions by default."""

SIGNALS = {"silence": "log_prob_no_label"}


def upgrade(config: Values, facts: Values, sections: Sections) -> tuple[Values, Values, Sections]:
    """The settings, facts and sections of a format 1 model, renamed.

    Raises:
        BundleError: the model uses a plug-in, or a setting of one, that is gone.
    """
    renamed = {}
    for name, state in sections.items():
        renamed[aliases.SECTIONS.get(name, name)] = state
    # The detector's own arrays and facts have new names too.
    if "novelty" in renamed:
        renamed["novelty"] = _novelty(renamed["novelty"])
    return _config(config), aliases.rename_keys(facts, aliases.SECTIONS), renamed


def keep_segmentation(config: Values, facts: Values) -> Values:
    """The settings of a model, whose texts are split into words as they were in its training.

    Models from before Unicode's rules do not say how they split words.
    """
    if "segmentation" in facts or "members" not in config:
        return config
    members = {}
    for name, member in config["members"].items():
        members[name] = _split_at_blanks(member)
    return {**config, "members": members}


def _split_at_blanks(member: Values) -> Values:
    """One entry of ``[members]`` with the setting that older versions had no name for."""
    settings = dict(member["settings"])
    if member["modality"] in ("text_linear", "text_bag", "kernel_logistic"):
        settings["segmentation"] = "blanks"
    # networks over words have it among the rules of cleaning
    if member["modality"] == "text_cnn":
        settings = _cleaned_as_before(settings)
    if member["modality"] == "joint":
        texts = {**settings.get("texts", {})}
        for field in member["field"].split("+"):
            # what the joint network did with a field that its settings do not name
            default = JOINT_DESCRIPTION if field == "description" else {}
            texts[field] = _cleaned_as_before(texts.get(field, default))
        settings["texts"] = texts
    return {**member, "settings": settings}


def _cleaned_as_before(settings: Values) -> dict[str, Any]:
    """Settings of a text network with the rule of cleaning that older versions had no name for."""
    return {**settings, "cleaning": {**settings.get("cleaning", {}), "segmentation": "blanks"}}


def _config(config: Values) -> Values:
    """The settings of a run; those of its plug-ins too."""
    members = {}
    for name, member in config["members"].items():
        members[name] = _plugin(member, "modality")
    systems = {}
    for name, system in config["systems"].items():
        systems[name] = _plugin(system, "policy")
    # Nobody typed these names today, so no note is logged.
    renamed = aliases.rename_values(config, silent=True)
    return {**renamed, "members": members, "systems": systems}


def _plugin(entry: Values, kind: str) -> Values:
    """One entry of ``[members]`` or ``[systems]``; the parts of a blend are such entries themselves."""
    name = entry[kind]
    if name in aliases.REMOVED:
        raise BundleError(
            f"the model uses the plug-in {name!r}, which is gone: {aliases.REMOVED[name]}"
        )
    settings = aliases.rename_keys(entry["settings"], aliases.PLUGIN_SETTINGS.get(name, {}))
    try:
        # the model predicts as ever if these had the value that always holds now
        settings = aliases.drop_removed(settings, name)
    except ValueError as error:
        raise BundleError(f"the model cannot be loaded: {error}") from None
    if name == "blend":
        settings["parts"] = [_blend_part(part) for part in settings["parts"]]
    return {**entry, "settings": settings}


def _blend_part(part: Values) -> Values:
    """One policy of a blend."""
    renamed = aliases.rename_keys(part, aliases.PLUGIN_SETTINGS["blend"])
    # A part without settings has the policy's defaults, in which nothing is to be renamed.
    return _plugin(renamed, "policy") if "settings" in renamed else renamed


def _novelty(state: State) -> State:
    """The parts of the novelty detector, and the signals that it combines."""
    facts = aliases.rename_keys(state.facts, NOVELTY_PARTS)
    conformal = facts["conformal"]
    if "signals" in conformal:
        signals = [SIGNALS.get(name, name) for name in conformal["signals"]]
        facts["conformal"] = {**conformal, "signals": signals}
    arrays = {_array_name(name): value for name, value in state.arrays.items()}
    return State(arrays, facts)


def _array_name(name: str) -> str:
    """``abstention.reference.silence`` is ``conformal.reference.log_prob_no_label``."""
    renamed = {**SIGNALS, **NOVELTY_PARTS}
    return ".".join(renamed.get(word, word) for word in name.split("."))
