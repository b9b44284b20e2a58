"""With ``--json`` every verb prints one JSON document and nothing else, also where it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer.main
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shelfwise.cli.main import app

Command = Callable[..., subprocess.CompletedProcess[str]]

VERBS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]

SMALL = """
labels = { min_count = 8 }
evaluation = { bootstrap = 10 }
stacking = { folds = 2 }
decide_with = "title"
systems = {}
refit = false
[members.graph.settings]
training = { epochs = 1 }
[members.tabular.settings]
training = { epochs = 1 }
"""
"""Laid over the preset quick: nothing takes long."""

STAYING = ("review", "serve")
"""Verbs that run until they are ended."""

ENDING = [
    # half a minute on a machine with nothing else to do
    pytest.param(verb, marks=[pytest.mark.slow] if verb == "demo" else [])
    for verb in VERBS
    if verb not in STAYING
]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop(sample: Path, tmp_path: Path) -> Iterator[Path]:
    """A catalogue whose images stand on a server, with one record that cannot be read."""
    files = partial(_Quiet, directory=str(sample.parent / "images"))
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        name = next((sample.parent / "images").glob("*.jpg")).name
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        catalog = tmp_path / "shop.csv"
        catalog.write_text(f"id,title,image_url\n1,Mug,{url}\n,No id,\n", "utf-8")
        yield catalog
        server.shutdown()


@pytest.fixture
def calls(trained: Path, sample: Path, shop: Path, tmp_path: Path) -> dict[str, list[Any]]:
    """A small call of every verb that ends by itself."""
    small = tmp_path / "small.toml"
    small.write_text(SMALL, "utf-8")
    out = tmp_path / "out"
    host = shop.read_text("utf-8").split("/")[2]
    learn = ["--preset", "quick", "--config", small]
    return {
        "audit": [trained, sample, "--out", out],
        "compare": [sample, "--out", out, "--systems", "title", *learn],
        "demo": ["--out", out, "--products", 240, "--budget", "9m"],
        "doctor": [],
        "evaluate": [trained, sample],
        "export": [shop, "--parquet", out],
        "fetch": [shop, "--images", tmp_path / "images", "--allow-private", host],
        "init": [sample, "--out", tmp_path / "new.toml"],
        "ingest": [shop, "--out", out],
        "inspect": [shop, "--out", out],
        "label": [trained, shop, "--out", out, "--workers", 1],
        "plugins": [],
        "predict": [trained, shop, "--out", tmp_path / "labels.jsonl"],
        "sample": ["--out", out, "--products", 5, "--no-images"],
        "sign": [shutil.copytree(trained, tmp_path / "signed"), "--key", private_key(tmp_path)],
        "similar": [trained, "--title", "Blue mug"],
        "train": [sample, "--out", out, *learn],
    }


def private_key(folder: Path) -> Path:
    """A file with a new Ed25519 key."""
    file = folder / "key.pem"
    key = ed25519.Ed25519PrivateKey.generate()
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key.private_bytes(*form))
    return file


def document(text: str) -> Any:
    """The one document that `text` must be, on one line."""

    def no_number(name: str) -> Any:
        raise AssertionError(f"{name} is no JSON")

    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    return json.loads(text, parse_constant=no_number)


@pytest.mark.parametrize("verb", ENDING)
def test_a_verb_prints_one_document(
    verb: str, calls: dict[str, list[Any]], command: Command
) -> None:
    done = command(verb, *calls[verb], "--json")
    assert done.returncode == 0, done.stderr
    assert document(done.stdout)


@pytest.mark.parametrize("verb", STAYING)
def test_a_verb_that_stays_prints_one_document(
    verb: str, trained: Path, sample: Path, tmp_path: Path
) -> None:
    catalog = [sample, "--decisions", tmp_path / "decisions.db"] if verb == "review" else []
    words = [verb, trained, *catalog, "--port", 0, "--json"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-m", "shelfwise", *map(str, words)],
        stdout=pipe,
        stderr=pipe,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest, said = process.communicate(timeout=60)
    assert "address" in document(first), said
    assert rest == ""


def refusal(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The document of a refusal, which people can read on stderr, too."""
    assert done.returncode == 2, done.stderr
    found: dict[str, str] = document(done.stdout)
    assert set(found) == {"error", "kind"}
    assert f"error: {found['error']}\n" in done.stderr
    assert "Traceback" not in done.stderr
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_a_call_that_is_not_understood_is_refused_as_json(verb: str, command: Command) -> None:
    found = refusal(command(verb, "--no-such-option", "--json"))
    assert "--no-such-option" in found["error"]
    # as it was, in words, without
    done = command(verb, "--no-such-option")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--no-such-option" in done.stderr


TALKATIVE = """
import os, subprocess, sys
from shelfwise.core.fusion_policy import FusionPolicy
from shelfwise.core.types import PluginSettings

print("loading the talkative plug-in")
os.write(1, b"as a library in C does\\n")
subprocess.run([sys.executable, "-c", "print('and a process')"])

class Talkative(FusionPolicy):
    Settings = PluginSettings
    def fit(self, outputs, targets, validation, context): return self
    def fuse(self, outputs): return outputs.scores[:, 0]
"""


def test_what_a_plugin_prints_goes_to_standard_error(tmp_path: Path) -> None:
    installed = tmp_path / "talkative-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: talkative\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        "[shelfwise.fusion]\ntalkative = talkative:Talkative\n"
    )
    (tmp_path / "talkative.py").write_text(TALKATIVE)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "shelfwise", "plugins", "talkative", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert document(done.stdout)["name"] == "talkative"
    assert done.stderr.splitlines() == [
        "loading the talkative plug-in",
        "as a library in C does",
        "and a process",
    ]


def test_who_asks_for_help_reads_it(command: Command) -> None:
    done = command("inspect", "--json", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage" in done.stdout


def test_what_shelfwise_refuses_is_json_too(
    command: Command, trained: Path, tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing.csv"
    for words in (
        ("inspect", nothing, "--out", tmp_path / "look"),
        ("train", nothing, "--out", tmp_path / "model"),
        ("evaluate", trained, nothing),
    ):
        found = refusal(command(*words, "--json"))
        assert found["kind"] == "CatalogError"
        assert "there is no catalogue" in found["error"]
    found = refusal(command("plugins", "no_such_plugin", "--json"))
    assert found["kind"] == "PluginError"


def test_an_open_question_has_its_exit_code(command: Command, tmp_path: Path) -> None:
    catalog = tmp_path / "products.csv"
    catalog.write_text("id,title,shelf\n1,Mug,Home\n", "utf-8")
    done = command("init", catalog, "--out", tmp_path / "new.toml", "--json")
    assert done.returncode == 3
    assert document(done.stdout)["open_questions"]


def test_a_number_that_json_does_not_have_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    from shelfwise.cli.terminal import print_json

    print_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": "NaN é"})
    assert capsys.readouterr().out == '{"a": null, "b": [null, 1.5], "c": "NaN é"}\n'
