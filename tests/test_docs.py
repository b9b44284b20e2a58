"""What README and docs show is run, or at least understood, by the program they show it of."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from shelfwise.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = typer.main.get_command(app)


def commands() -> list[tuple[str, str]]:
    """Every line in a shell block that starts with ``shelfwise``, with its page; comments and prompts taken off."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                text = line.removeprefix("$ ").strip()
                if text.startswith("shelfwise "):
                    found.append((page.name, text))
    return found


def test_there_is_something_to_check() -> None:
    assert len(commands()) >= 3


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_shown_is_understood(page: str, line: str) -> None:
    """Verb, options and arguments are parsed as the program would, without running it."""
    words = shlex.split(line, comments=True)[1:]
    if "--help" in words:
        words.remove("--help")
    name, verb, rest = COMMAND.resolve_command(COMMAND.make_context("shelfwise", words), words)
    assert verb is not None, f"{page}: there is no verb {name}"
    verb.make_context(name, rest)


def test_the_readmes_python_runs(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines as they stand, on a model where the README says the demo puts its own."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "shelfwise-demo").mkdir()
    (tmp_path / "shelfwise-demo" / "model").symlink_to(trained)
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert blocks
    assert capsys.readouterr().out.startswith("[[")


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
