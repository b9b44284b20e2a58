"""``shelfwise plugins NAME`` prints every setting of every plug-in, so that nobody has to read its source."""

from __future__ import annotations

from typing import Any

import pytest

from shelfwise.commands.plugins import list_plugins, plugin_settings, settings_table
from shelfwise.core import registry
from shelfwise.errors import PluginError

PLUGINS = [name for names in list_plugins().values() for name in names]
MIN_WORDS = 3


def by_name(plugin: str) -> dict[str, dict[str, Any]]:
    return {setting["name"]: setting for setting in plugin_settings(plugin)["settings"]}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_setting_has_a_text(plugin: str) -> None:
    described = plugin_settings(plugin)
    assert described["summary"]
    without = [setting["name"] for setting in described["settings"] if not setting["text"]]
    assert not without, "give these a Field(description=...)"
    short = [s["name"] for s in described["settings"] if len(s["text"].split()) < MIN_WORDS]
    assert not short, "say what these do, in words that make sense without the source"


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_setting_is_listed_once(plugin: str) -> None:
    names = [setting["name"] for setting in plugin_settings(plugin)["settings"]]
    assert len(names) == len(set(names))
    kind = registry.modalities if plugin in registry.modalities.names() else registry.fusion
    fields = set(kind.load(plugin).Settings.model_fields)
    assert {name.split(".")[0].removesuffix("[]") for name in names} == fields
    assert settings_table(plugin_settings(plugin)).count("\n") >= 2 * len(names)


def test_a_table_is_followed_by_its_settings_with_the_defaults_of_the_plugin() -> None:
    settings = by_name("image")
    assert settings["training"]["type"] == "table"
    assert settings["training.epochs"]["default"] == "25"
    assert by_name("text_cnn")["training.epochs"]["default"] == "30"
    assert settings["training.epochs"]["range"] == ">= 1"
    assert settings["training.optimizer"]["type"] == '"adam" | "adamw" | "adadelta"'
    names = list(settings)
    assert names.index("training.epochs") == names.index("training") + 1


def test_tables_in_tables_and_lists_of_tables() -> None:
    joint = by_name("joint")
    assert joint["texts"]["default"] == ""
    assert joint["texts.NAME.maxlen"]["default"] == "57"
    assert joint["image.hidden"]["default"] == "512"
    assert joint["texts.NAME.cleaning.kind"]["type"].startswith('"')
    blend = by_name("blend")
    assert blend["parts"]["default"] is None
    assert blend["parts[].policy"]["default"] is None
    assert blend["parts[].weight"]["default"] == "1.0"
    search = by_name("search")
    assert search["network.training.epochs"]["default"] == "40"
    assert search["network.hidden"]["type"].startswith("list of [integer, ")


def test_the_text_is_two_lines_a_setting() -> None:
    lines = settings_table(plugin_settings("ridge")).splitlines()
    assert lines[0].startswith("ridge (fusion policy): Linear fusion")
    assert lines[2] == 'alpha: number | "auto", default 1.0, >= 0'
    assert lines[3].startswith("    ")
    assert settings_table(plugin_settings("maximum")).endswith("It has no settings.")
    assert "parts[].policy: text, required" in settings_table(plugin_settings("blend"))
    assert "\ntraining: table\n" in settings_table(plugin_settings("policy"))


def test_unknown_and_removed_names_say_what_to_do() -> None:
    with pytest.raises(
        PluginError, match=r"no plug-in called 'rigde'; did you mean 'ridge'\? known: modalities: "
    ):
        plugin_settings("rigde")
    with pytest.raises(PluginError, match=r"'boosted' was removed: .*name that policy instead"):
        plugin_settings("boosted")
