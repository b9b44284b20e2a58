"""Libraries of extras are refused in a sentence where they are missing."""

from __future__ import annotations

import json

import pytest

from shelfwise.core.libraries import installed_version, library
from shelfwise.errors import PluginError


def test_what_is_missing_is_named_with_its_extra() -> None:
    assert library("json", "image", "an image backbone") is json
    sentence = (
        "an image backbone needs the library 'a_library_that_nobody_has', which is not installed: "
        r"pip install 'shelfwise\[image\]'"
    )
    with pytest.raises(PluginError, match=sentence):
        library("a_library_that_nobody_has", "image", "an image backbone")


def test_a_library_that_is_not_installed_has_no_version() -> None:
    assert installed_version("a_library_that_nobody_has") is None
    assert installed_version("pytest") == pytest.__version__
