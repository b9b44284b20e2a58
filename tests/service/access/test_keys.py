"""Keys from the environment: what is in doubt is refused, so that no door is open by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfwise.errors import ConfigError
from shelfwise.service.access.access_control import key_digest
from shelfwise.service.access.keys import VARIABLES, read_keys

KEY = "a-key-of-this-test-alone"


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("ending", ["", "_FILE"])
@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_a_variable_that_is_set_to_nothing_is_not_no_key(
    monkeypatch: pytest.MonkeyPatch, variable: str, ending: str, value: str
) -> None:
    monkeypatch.setenv(variable + ending, value)
    with pytest.raises(ConfigError, match=f"{variable}{ending} is set but empty"):
        read_keys()


def test_a_key_in_two_places_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("another-key-of-this-test")
    monkeypatch.setenv("SHELFWISE_KEY", KEY)
    monkeypatch.setenv("SHELFWISE_KEY_FILE", str(file))
    with pytest.raises(ConfigError, match="are both set"):
        read_keys()


# the byte order mark is an editor's, not the key's
@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"\ufeff{KEY}\r\n"])
def test_a_key_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    file.write_text(content, "utf-8")
    monkeypatch.setenv("SHELFWISE_KEY_FILE", str(file))
    assert list(read_keys()) == [key_digest(KEY)]


@pytest.mark.parametrize(
    "key", ["short", "a-key with-a-blank-in-it", "ein-schlüssel-von-uns", "\udc80" * 16]
)
def test_a_key_that_is_no_key_is_refused_and_not_told(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SHELFWISE_KEY", key)
    with pytest.raises(ConfigError, match="16 characters or more") as refusal:
        read_keys()
    assert key not in str(refusal.value)
