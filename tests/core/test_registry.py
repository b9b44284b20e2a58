"""Plug-ins are found by file name, listed without being imported, and refused with a useful sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from shelfwise.core import registry
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.registry import Registry
from shelfwise.errors import ConfigError, PluginError

POLICY = """
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import PluginSettings

class {name}(FusionPolicy):
    Settings = PluginSettings
    def fit(self, outputs, targets, validation, context): return self
    def fuse(self, outputs): return outputs.scores[:, 0]
"""


@pytest.fixture
def plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Registry:
    """A package of plug-ins of its own, named after the test."""
    package = f"plugins_of_{request.node.name}"
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "first.py").write_text(POLICY.format(name="First"))
    (folder / "_shared.py").write_text("raise RuntimeError('helpers are no plug-ins')")
    (folder / "crowded.py").write_text(POLICY.format(name="One") + POLICY.format(name="Two"))
    (folder / "empty.py").write_text("from shelfwise.fusion.maximum import Maximum\n")
    (folder / "lacking.py").write_text("import a_library_that_nobody_has\n")
    (folder / "broken.py").write_text("import shelfwise.no_such_room\n")
    monkeypatch.syspath_prepend(tmp_path)
    return Registry("fusion policy", package, "shelfwise.core.fusion_policy:FusionPolicy")


def test_files_are_the_names_and_helpers_are_not(plugins: Registry) -> None:
    assert plugins.names() == ["broken", "crowded", "empty", "first", "lacking"]


def test_loads_the_one_class_of_a_file(plugins: Registry) -> None:
    assert plugins.load("first").__name__ == "First"


def test_unknown_name_is_refused_with_the_nearest(plugins: Registry) -> None:
    with pytest.raises(PluginError, match="no fusion policy called 'frist'; did you mean 'first'"):
        plugins.load("frist")
    with pytest.raises(PluginError, match="no fusion policy called 'xyz'; known: broken, crowded"):
        plugins.load("xyz")


def test_a_removed_plugin_says_what_to_use_instead() -> None:
    wanted = "the fusion policy 'boosted' was removed: it was never better than 'logistic'; name that policy"
    with pytest.raises(PluginError, match=wanted):
        registry.fusion.load("boosted")


def test_a_missing_library_is_named_with_the_fix(plugins: Registry) -> None:
    with pytest.raises(
        PluginError, match=r"'lacking' needs the library 'a_library_that_nobody_has'.*pip install"
    ):
        plugins.load("lacking")


def test_a_missing_module_of_our_own_is_a_bug_and_not_hidden(plugins: Registry) -> None:
    with pytest.raises(ModuleNotFoundError):
        plugins.load("broken")


@pytest.mark.parametrize(("name", "count"), [("crowded", 2), ("empty", 0)])
def test_a_file_defines_exactly_one_plugin(plugins: Registry, name: str, count: int) -> None:
    with pytest.raises(PluginError, match=f"exactly one FusionPolicy, it defines {count}"):
        plugins.load(name)


def test_other_distributions_add_plugins(
    plugins: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("foreign", f"{plugins.package}.first:First", plugins.package)
    monkeypatch.setattr(
        "shelfwise.core.registry.entry_points",
        lambda group: [point] if group == plugins.package else [],
    )
    assert "foreign" in plugins.names()
    assert issubclass(plugins.load("foreign"), FusionPolicy)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, plugins: Registry) -> Callable[..., None]:
    """Lets other packages offer plug-ins: name -> where each of them stands."""

    def offer(name: str, *places: str) -> None:
        points = [
            EntryPoint(name, f"{plugins.package}.{place}", plugins.package) for place in places
        ]
        monkeypatch.setattr("shelfwise.core.registry.entry_points", lambda group: points)

    return offer


def test_two_plugins_of_one_name_are_refused(
    plugins: Registry, offered: Callable[..., None]
) -> None:
    offered("foreign", "first:First", "empty:Maximum")
    with pytest.raises(PluginError, match=r"'foreign' is offered by .*first.* and .*empty"):
        plugins.load("foreign")
    offered("first", "empty:Maximum")
    with pytest.raises(PluginError, match=r"'first' is offered by shelfwise and .*uninstall"):
        Registry(plugins.kind, plugins.package, plugins.base).load("first")


def test_a_foreign_plugin_that_fails_when_it_is_imported_is_named(
    plugins: Registry, offered: Callable[..., None]
) -> None:
    offered("foreign", "_shared:Any")
    with pytest.raises(PluginError, match=r"cannot be imported .RuntimeError: helpers are no plug"):
        plugins.load("foreign")


@pytest.mark.parametrize("place", ["first:POLICY", "first:PluginSettings", "first:FusionPolicy"])
def test_what_is_no_plugin_is_refused(
    plugins: Registry, offered: Callable[..., None], place: str
) -> None:
    offered("foreign", place)
    with pytest.raises(PluginError, match=r"is no whole FusionPolicy|cannot be imported"):
        plugins.load("foreign")


def test_settings_are_checked_and_say_where() -> None:
    ridge = registry.fusion.load("ridge")
    assert registry.settings(ridge, {"alpha": "auto"}, "systems.ridge.settings").alpha == "auto"
    with pytest.raises(ConfigError, match=r"systems\.ridge\.settings: setting alhpa"):
        registry.settings(ridge, {"alhpa": 1}, "systems.ridge.settings")


def test_listing_imports_no_plugin_and_nothing_heavy() -> None:
    code = (
        "import sys; from shelfwise.core import registry\n"
        "names = registry.modalities.names() + registry.fusion.names()\n"
        "assert 'ridge' in names, names\n"
        "heavy = {'torch', 'timm', 'transformers', 'sklearn'}\n"
        "loaded = [m for m in sys.modules if m.split('.')[0] in heavy or m.startswith('shelfwise.fusion.')]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_members_of_texts_and_numbers_load_no_encoders_library() -> None:
    code = (
        "import sys; from shelfwise.core.registry import modalities\n"
        "for name in ('text_linear', 'kernel_logistic', 'graph', 'tabular'): modalities.load(name)\n"
        "heavy = {'timm', 'torchvision', 'transformers', 'huggingface_hub'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
