"""What README and docs show is run, or at least understood, by the program they show it of."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from shelfwise.cli.main import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = typer.main.get_command(app)
ELISION = "..."
"""A line that stands for any number of lines left out."""


def blocks(page: Path, *languages: str) -> list[str]:
    """The code blocks of `page` in one of `languages`."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [code for language, code in fenced if language in languages]


def commands() -> list[tuple[str, str]]:
    """Every ``shelfwise`` line in a shell block, with its page; comments and prompts taken off."""
    found = []
    for page in PAGES:
        for block in blocks(page, "sh", "bash", "console"):
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


def test_every_option_is_on_a_page() -> None:
    shown = "".join(page.read_text("utf-8") for page in PAGES)
    for verb, command in COMMAND.commands.items():
        for option in command.params:
            names = [name for name in option.opts if name.startswith("--")]
            assert not names or any(name in shown for name in names), f"{verb}: {names}"


def session() -> list[tuple[str, list[str]]]:
    """The README's commands in order, each with the lines it is shown to print."""
    shown: list[tuple[str, list[str]]] = []
    for block in blocks(README, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                shown.append((line.removeprefix("$ "), []))
            elif line:
                shown[-1][1].append(line)
    return shown


def shape(line: str) -> str:
    """A printed line without what differs between machines: numbers, and the blanks that align them."""
    return re.sub(r"\s+", " ", re.sub(r"\d+(?:\.\d+)?", "0", line)).strip()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's commands have been run, as they stand, and printed what it shows."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "examples").symlink_to(ROOT / "examples")
    for line, shown in session():
        words = [sys.executable, "-m", *shlex.split(line)]
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        printed = [shape(text) for text in done.stdout.splitlines() if text]
        assert len(printed) == len(shown) or ELISION in shown, f"{line} prints {done.stdout}"
        if "similar" not in words:  # which products are the most similar may hang on a last digit
            missing = [text for text in shown if text != ELISION and shape(text) not in printed]
            assert not missing, f"{line} prints {done.stdout}"
    return folder


def test_the_readmes_commands_run_and_print_what_it_shows(shop: Path) -> None:
    assert len(session()) == 5
    for name in ("look/index.html", "model/report/index.html", "labels.jsonl", "audit/index.html"):
        assert (shop / name).is_file()


def test_the_readmes_python_runs_and_prints_what_it_shows(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines as they stand, on the model that the commands before have trained."""
    (code,) = blocks(README, "python")
    monkeypatch.chdir(shop)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out in blocks(README, "")


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_example_for_scikit_learn_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nouns = ["Mugs", "Lamps", "Shirts"]
    rows = []
    for number in range(48):
        noun = nouns[number % 3]
        gift = number % 4 == 0
        title = f"{noun.lower()} {'for giving' if gift else 'to keep'}"
        rows.append(f'{title},"{noun}, Gifts"' if gift else f"{title},{noun}")
    (tmp_path / "products.csv").write_text("\n".join(["title,labels", *rows]), "utf-8")
    monkeypatch.chdir(tmp_path)
    [code] = [code for code in blocks(ROOT / "docs" / "python.md", "python") if "sklearn" in code]
    exec(compile(code, "python.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == printed[1] == "[1. 1.]"
    assert printed[2].endswith(" 1.0")


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """What its headings are called in links: in lower case, blanks as hyphens, without other signs."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_to_sections_lead_to_their_headings() -> None:
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text("utf-8")):
            linked = page.parent / target if target else page
            assert anchor in anchors(linked), f"{page.name} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_is_wrapped(page: Path) -> None:
    """Lines outside of tables and code have at most 110 columns."""
    outside_code = re.sub(
        r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    prose = [line for line in outside_code.splitlines() if not line.startswith(("|", "!["))]
    assert not [line for line in prose if len(line) > 110]
