"""Which members and systems of the settings are compared, and variants with other trained layers."""

from __future__ import annotations

from collections.abc import Sequence

from shelfwise.config import Config, MemberSettings
from shelfwise.errors import ConfigError
from shelfwise.similar_names import did_you_mean


def select_systems(config: Config, wanted: Sequence[str]) -> Config:
    """`config` with the named members and systems only, and the members that these need.

    "all" keeps everything. ``NAME@N`` is a variant of the member NAME whose last N layers are trained:
    ``image@0``, ``image@24``, ``image@all``. So a sweep over the trained layers (Yosinski et al. 2014) is a
    list of names.

    Raises:
        ConfigError: no such member or system.
    """
    if "all" in wanted:
        return config
    # a variant is a further member beside the one it is made from
    variants = {name: _variant(config, name) for name in wanted if "@" in name}
    members = {**config.members, **variants}
    for name in wanted:
        if name not in members and name not in config.systems:
            raise ConfigError(_unknown_system(config, name))
    systems = {name: system for name, system in config.systems.items() if name in wanted}
    needed = set(wanted)
    for system in systems.values():
        # a system that names no members fuses all there are
        needed |= set(system.members or config.members)
    kept = {name: member for name, member in members.items() if name in needed}
    return config.model_copy(update={"members": kept, "systems": systems, "decide_with": "auto"})


def _unknown_system(config: Config, name: str) -> str:
    """What is wrong with a name, and which names there are."""
    known = [*config.members, *config.systems]
    hint = did_you_mean(name, known)
    return f"there is no system called {name!r}; {hint}known: all, {', '.join(known)}"


def _variant(config: Config, name: str) -> MemberSettings:
    """The member of MEMBER@LAYERS, with that many trained layers."""
    base, _, layers = name.partition("@")
    if base not in config.members or not (layers == "all" or layers.isdigit()):
        form = "write MEMBER@LAYERS with a number or all, e.g. image@24"
        raise ConfigError(f"{name!r} is no variant of a member; {form}")
    member = config.members[base]
    train_last = layers if layers == "all" else int(layers)
    return member.model_copy(update={"settings": {**member.settings, "train_last": train_last}})
