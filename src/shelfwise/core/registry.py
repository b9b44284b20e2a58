"""Plug-ins by file name: ``modalities/text_cnn.py`` is the modality ``text_cnn``.

Listing never imports a plug-in (``--help`` stays fast); loading imports exactly one file. Another
distribution adds plug-ins with entry points in the groups ``shelfwise.modalities`` and ``shelfwise.fusion``.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from pydantic import ValidationError

from shelfwise import aliases
from shelfwise.config import Config, describe
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.modality import Modality
from shelfwise.errors import ConfigError, PluginError


@dataclass(frozen=True)
class Registry:
    """The plug-ins of one kind.

    Args:
        kind: the word used in messages, e.g. ``"modality"``.
        package: dotted name of the package whose files are the plug-ins; also the entry-point group.
        base: module and name of the abstract class that every plug-in subclasses, with a colon between them.
    """

    kind: str
    package: str
    base: str

    def names(self) -> list[str]:
        """All plug-in names, sorted, without importing any of them."""
        spec = find_spec(self.package)
        assert spec is not None, self.package
        own = {
            m.name
            for m in pkgutil.iter_modules(spec.submodule_search_locations or [])
            if not m.name.startswith("_")
        }
        return sorted(own | self._entry_points.keys())

    def load(self, name: str) -> Any:
        """The plug-in class called `name`.

        Raises:
            PluginError: no such plug-in (with the nearest name), one that was removed (with what to use
                instead), or a library it needs is missing.
        """
        if name in self._entry_points:
            return self._entry_points[name].load()
        if name not in self.names():
            if name in aliases.REMOVED:
                raise PluginError(f"the {self.kind} {name!r} was removed: {aliases.REMOVED[name]}")
            near = difflib.get_close_matches(name, self.names(), n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise PluginError(
                f"there is no {self.kind} called {name!r}; {hint}known: {', '.join(self.names())}"
            )
        try:
            module = importlib.import_module(f"{self.package}.{name}")
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] == __name__.split(".")[0]:
                raise  # a mistake in the house, not a library to install
            raise PluginError(
                f"the {self.kind} {name!r} needs the library {error.name!r}, which is not installed; "
                f"install every plug-in's libraries with: pip install 'shelfwise[all]'"
            ) from error
        home, _, contract = self.base.partition(":")
        base = getattr(importlib.import_module(home), contract)
        found = [
            c
            for c in vars(module).values()
            if inspect.isclass(c)
            and issubclass(c, base)
            and c.__module__ == module.__name__
            and not inspect.isabstract(c)
        ]
        if len(found) != 1:
            raise PluginError(
                f"{module.__name__} must define exactly one {contract}, it defines {len(found)}"
            )
        return found[0]

    @cached_property
    def _entry_points(self) -> dict[str, Any]:
        """By name, what installed packages offer; to ask reads the description of every package there is."""
        return {point.name: point for point in entry_points(group=self.package)}


def settings(plugin: Any, values: Mapping[str, Any], where: str) -> Any:
    """The plug-in's own settings from plain values.

    Raises:
        ConfigError: a setting is unknown or out of range; `where` names its place in the settings file.
    """
    try:
        renamed = aliases.PLUGIN_SETTINGS.get(plugin.__module__.rpartition(".")[2], {})
        return plugin.Settings.model_validate(aliases.rename_keys(values, renamed, where))
    except ValidationError as error:
        raise ConfigError(f"{where}: {describe(error)}") from None


modalities = Registry("modality", "shelfwise.modalities", "shelfwise.core.modality:Modality")
fusion = Registry("fusion policy", "shelfwise.fusion", "shelfwise.core.fusion_policy:FusionPolicy")


def make_member(config: Config, name: str) -> Modality:
    """An unfitted member as `config` describes it."""
    wanted = config.members[name]
    plugin: type[Modality] = modalities.load(wanted.modality)
    return plugin(settings(plugin, wanted.settings, f"members.{name}.settings"), wanted.field)


def make_policy(config: Config, name: str) -> FusionPolicy:
    """An unfitted fusion policy as `config` describes it."""
    wanted = config.systems[name]
    plugin: type[FusionPolicy] = fusion.load(wanted.policy)
    return plugin(settings(plugin, wanted.settings, f"systems.{name}.settings"))
