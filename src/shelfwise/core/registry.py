"""Plug-ins by file name: ``modalities/text_cnn.py`` is the modality ``text_cnn``.

Listing never imports a plug-in, so that ``--help`` stays fast; loading imports exactly one file. Another
distribution adds plug-ins with entry points in the groups ``shelfwise.modalities``, ``shelfwise.fusion``
and ``shelfwise.formats``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from shelfwise import aliases
from shelfwise.config import Config, describe
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.modality import Modality
from shelfwise.errors import ConfigError, PluginError
from shelfwise.similar_names import did_you_mean


@dataclass(frozen=True)
class Registry:
    """The plug-ins of one kind.

    Args:
        kind: the word used in messages, e.g. ``"modality"``.
        package: dotted name of the package whose files are the plug-ins.
        base: module and name of the abstract class that every plug-in subclasses, with a colon between them.
        group: the entry-point group; by default it is called like the package.
    """

    kind: str
    package: str
    base: str
    group: str = ""

    def names(self) -> list[str]:
        """All plug-in names, sorted, without importing any of them."""
        return sorted(self._built_in() | self._entry_points.keys())

    def _built_in(self) -> set[str]:
        """The names of our own files."""
        spec = find_spec(self.package)
        assert spec is not None, self.package
        files = pkgutil.iter_modules(spec.submodule_search_locations or [])
        # a file whose name starts with an underscore is a helper, no plug-in
        return {file.name for file in files if not file.name.startswith("_")}

    def load(self, name: str) -> Any:
        """The plug-in class called `name`.

        Raises:
            PluginError: no such plug-in (with the nearest name), one that was removed (with what to use
                instead), a library it needs is missing, or another package has one of this name.
        """
        # The contract is imported here, not above: listing names must stay quick.
        home, _, contract = self.base.partition(":")
        base = getattr(importlib.import_module(home), contract)
        if name in self._entry_points:
            return self._load_installed(name, base)
        if name not in self._built_in():
            raise PluginError(self._unknown(name))
        module = self._import(name)
        found = [value for value in vars(module).values() if _is_plugin(value, base, module)]
        if len(found) != 1:
            count = len(found)
            raise PluginError(
                f"{module.__name__} must define exactly one {contract}, it defines {count}"
            )
        return found[0]

    def _load_installed(self, name: str, base: type) -> Any:
        """The plug-in that another package offers.

        Raises:
            PluginError: the name is taken, or what stands there is no plug-in of this kind.
        """
        points = self._entry_points[name]
        packages = [point.dist.name if point.dist else point.value for point in points]
        if name in self._built_in():
            packages.insert(0, "shelfwise")
        # which of two would be loaded is chance, and a model would hang on it
        if len(packages) > 1:
            raise PluginError(
                f"the {self.kind} {name!r} is offered by {' and '.join(packages)}; uninstall all but one"
            )
        try:
            found = points[0].load()
        except Exception as error:
            # code of others may fail in any way
            raise PluginError(
                f"the {self.kind} {name!r} of {packages[0]} cannot be imported "
                f"({type(error).__name__}: {error}); repair or uninstall it"
            ) from error
        if not inspect.isclass(found) or not issubclass(found, base) or inspect.isabstract(found):
            raise PluginError(
                f"the {self.kind} {name!r} of {packages[0]} is no whole {base.__name__}; "
                "repair or uninstall it"
            )
        return found

    def _import(self, name: str) -> ModuleType:
        """The plug-in's file, imported."""
        try:
            return importlib.import_module(f"{self.package}.{name}")
        except ModuleNotFoundError as error:
            package = __name__.split(".")[0]
            if error.name is None or error.name.split(".")[0] == package:
                raise  # a mistake of our own, not a library to install
            raise PluginError(
                f"the {self.kind} {name!r} needs the library {error.name!r}, which is not installed; "
                "install every plug-in's libraries with: pip install 'shelfwise[all]'"
            ) from error

    def _unknown(self, name: str) -> str:
        """Why there is no plug-in `name`, in words."""
        if name in aliases.REMOVED:
            return f"the {self.kind} {name!r} was removed: {aliases.REMOVED[name]}"
        # A typing mistake is likelier than a missing plug-in.
        hint = did_you_mean(name, self.names())
        return f"there is no {self.kind} called {name!r}; {hint}known: {', '.join(self.names())}"

    @cached_property
    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        """What installed packages offer, by name. Cached: it reads the description of every package."""
        found: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group or self.package):
            found.setdefault(point.name, []).append(point)
        return found


def settings(plugin: Any, values: Mapping[str, Any], where: str) -> Any:
    """The plug-in's own settings from plain values.

    Raises:
        ConfigError: a setting is unknown, gone or out of range; `where` names its place in the settings file.
    """
    # A plug-in is called like its file.
    name = plugin.__module__.rpartition(".")[2]
    renamed = aliases.rename_keys(values, aliases.PLUGIN_SETTINGS.get(name, {}), where)
    try:
        return plugin.Settings.model_validate(aliases.drop_removed(renamed, name, where))
    except ValidationError as error:
        raise ConfigError(f"{where}: {describe(error, plugin.Settings)}") from None
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


modalities = Registry("modality", "shelfwise.modalities", "shelfwise.core.modality:Modality")
formats = Registry(
    "file format",
    "shelfwise.catalog.reading.formats",
    "shelfwise.catalog.reading.file_format:FileFormat",
    group="shelfwise.formats",
)
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


def exportable_policies() -> list[str]:
    """The names of the fusion policies that have an ONNX form, sorted; imports every policy."""
    names = []
    for name in fusion.names():
        try:
            plugin: type[FusionPolicy] = fusion.load(name)
        except PluginError:
            continue  # a library it needs is missing, so there is no fitted policy of this kind
        if plugin.to_module is not FusionPolicy.to_module:
            names.append(name)
    return names


def _is_plugin(value: object, base: type, module: ModuleType) -> bool:
    """Whether `value` is a concrete subclass of `base` that `module` defines itself."""
    if not inspect.isclass(value) or inspect.isabstract(value):
        return False
    return issubclass(value, base) and value.__module__ == module.__name__
