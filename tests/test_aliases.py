"""Old names of settings, values and options keep working, with a note of the new one."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import typer
from pydantic import ValidationError

from shelfwise import aliases
from shelfwise.cli.main import app
from shelfwise.config import Config
from shelfwise.core import registry
from shelfwise.errors import ConfigError
from shelfwise.fusion.blend import BlendPart

MEMBERS = {"title": {"modality": "text_linear", "field": "title"}}


def plugin(name: str) -> Any:
    kind = registry.modalities if name in registry.modalities.names() else registry.fusion
    return kind.load(name)


def example(settings: Any, name: str) -> Any:
    """A value that the setting `name` takes: its default."""
    return settings.model_fields[name].default


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (name, old, new)
        for name, names in aliases.PLUGIN_SETTINGS.items()
        if name != "blend"
        for old, new in names.items()
    ],
)
def test_a_renamed_setting_is_taken_and_noted(
    name: str, old: str, new: str, caplog: pytest.LogCaptureFixture
) -> None:
    value = example(plugin(name).Settings, new)
    given = registry.settings(plugin(name), {old: value}, "members.x.settings")
    assert given == registry.settings(plugin(name), {new: value}, "members.x.settings")
    assert f"members.x.settings.{old} is now called members.x.settings.{new}" in caplog.text


def test_a_renamed_setting_of_a_blends_part(caplog: pytest.LogCaptureFixture) -> None:
    part = BlendPart.model_validate({"policy": "mean", "strangers": False})
    assert part.answer_rare_patterns is False
    assert "answer_rare_patterns" in caplog.text


@pytest.mark.parametrize(
    ("name", "setting"),
    [(name, key) for name, keys in aliases.REMOVED_SETTINGS.items() for key in keys],
)
def test_a_removed_setting_is_dropped_or_refused(
    name: str, setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    still_true, reason = aliases.REMOVED_SETTINGS[name][setting]
    given = registry.settings(plugin(name), {setting: still_true}, "systems.x.settings")
    assert given == registry.settings(plugin(name), {}, "systems.x.settings")
    assert f"systems.x.settings.{setting} is gone and can be removed" in caplog.text
    with pytest.raises(ConfigError) as refused:
        registry.settings(plugin(name), {setting: 30.0}, "systems.x.settings")
    assert str(refused.value).startswith("systems.x.settings: ")
    assert reason in str(refused.value)


def test_a_removed_setting_in_a_blends_part() -> None:
    part = BlendPart.model_validate({"policy": "logistic", "settings": {"others": "off"}})
    assert part.policy == "logistic"
    with pytest.raises(ValidationError, match="'others' of logistic is gone"):
        BlendPart.model_validate({"policy": "logistic", "settings": {"others": 30.0}})


@pytest.mark.parametrize(
    ("setting", "old", "new"),
    [
        (setting, old, new)
        for setting, names in aliases.VALUES.items()
        for old, new in names.items()
    ],
)
def test_a_renamed_value(
    setting: str, old: str, new: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config.parse({"members": MEMBERS, setting: old})
    assert getattr(config, setting) == new
    assert new in caplog.text


@pytest.mark.parametrize(
    ("verb", "old", "new"),
    [(verb, old, new) for verb, names in aliases.OPTIONS.items() for old, new in names.items()],
)
@pytest.mark.parametrize("form", ["{} 0.5", "{}=0.5"])
def test_a_renamed_option(
    verb: str, old: str, new: str, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    caplog.set_level(logging.WARNING)
    target = next(parameter for parameter in command.params if new in parameter.opts)
    arguments = ["a", "b", "--out", "c", *form.format(old).split()]
    context = command.make_context(
        verb, arguments[:1] + arguments[2:] if verb in ("train", "export") else arguments
    )
    assert str(context.params[target.name]) == "0.5"
    assert f"{old} is now called {new}" in caplog.text
