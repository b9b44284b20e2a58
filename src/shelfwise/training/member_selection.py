"""Which members suit a catalogue: the configured ones, reading only fields that its products have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shelfwise.config import Config, MemberSettings, SystemSettings
from shelfwise.core.catalog import Catalog
from shelfwise.errors import ConfigError
from shelfwise.similar_names import did_you_mean

MIN_SHARE = 0.05
"""Share of the products that must have a field for a member of several fields to read it."""

VECTOR_FIELDS = frozenset({"image", "related"})
"""What ``kernel_logistic`` reads as something else than words, by the name of the field."""


def check_fields(config: Config, catalog: Catalog) -> None:
    """Find a misspelt field before anything is fitted.

    Raises:
        ConfigError: a member reads a field that the catalogue does not have.
    """
    for name, member in config.members.items():
        for field in member.field.split("+"):
            if field not in catalog:
                fix = did_you_mean(field, catalog.columns)
                where = catalog.source or "the catalogue"
                raise ConfigError(
                    f"setting members.{name}.field: {where} has no column {field!r}; {fix}"
                    f"it has: {', '.join(catalog.columns)}"
                )


def adapt_to_catalog(config: Config, catalog: Catalog) -> Config:
    """`config` with members that read only fields the catalogue has.

    A member of several fields ("title+description+image") drops those that hardly any product has. If two
    members become the same by that, the first stays and replaces the other in the systems that name it and in
    ``decide_with``. Members that were the same from the start are what the user wanted, and stay. A member
    whose fields are all missing stays as it is: fitting says why it cannot be run.
    """
    members: dict[str, MemberSettings] = {}
    replacement: dict[str, str] = {}
    # In the configured order, so that the first of two equal members is the one that stays.
    for name, member in config.members.items():
        trimmed = _trimmed(member, catalog)
        changed = {other for other, known in members.items() if known != config.members[other]}
        # Only a pair of which one has changed has *become* the same.
        candidates = (
            members if trimmed != member else [other for other in members if other in changed]
        )
        twin = next((other for other in candidates if _same_member(members[other], trimmed)), None)
        replacement[name] = twin or name
        if twin is None:
            members[name] = trimmed
    systems = {name: _with_members(system, replacement) for name, system in config.systems.items()}
    final = replacement.get(config.decide_with, config.decide_with)
    return config.model_copy(update={"members": members, "systems": systems, "decide_with": final})


def _trimmed(member: MemberSettings, catalog: Catalog) -> MemberSettings:
    """The member without those of its fields that hardly any product has."""
    fields = member.field.split("+")
    if len(fields) == 1:
        return member
    # Without any field that is there, the member stays as it is, for fitting to say why it cannot be run.
    kept = [name for name in fields if _share(catalog, name) >= MIN_SHARE]
    return member.model_copy(update={"field": "+".join(kept or fields)})


def _with_members(system: SystemSettings, replacement: Mapping[str, str]) -> SystemSettings:
    """The system with its members replaced, each named once."""
    members = dict.fromkeys(replacement[member] for member in system.members)
    return system.model_copy(update={"members": tuple(members)})


def _same_member(one: MemberSettings, other: MemberSettings) -> bool:
    """Whether both are the same classifier of the same field."""
    return one.field == other.field and _classifier_of(one) == _classifier_of(other)


def _classifier_of(member: MemberSettings) -> tuple[str, dict[str, Any]]:
    """The plug-in and the settings that decide what the member learns."""
    modality = member.modality
    settings = dict(member.settings)
    fields = member.field.split("+")
    # left with words alone, neither vectors nor lists, it is the classifier of text_linear
    without_vectors = settings.get("encoder") == "off" and VECTOR_FIELDS.isdisjoint(fields)
    if modality == "kernel_logistic" and without_vectors:
        del settings["encoder"]
        modality = "text_linear"
        settings["present"] = "all"
    # of one field, products that have any of the fields have all of them
    if len(fields) == 1:
        settings.pop("present", None)
    return modality, settings


def _share(catalog: Catalog, name: str) -> float:
    """The share of products that have something in the column `name`."""
    if not len(catalog):
        return 0.0
    return int(catalog.has_value(name).sum()) / len(catalog)
