"""The command line: every verb, every kind of bad input, nothing but sentences."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from shelfwise.cli import main

Command = Callable[..., subprocess.CompletedProcess[str]]


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence a refusal must be."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['shelfwise', '--help']\nfrom shelfwise.cli.main import app\n"
        "heavy = {'torch', 'timm', 'pandas', 'matplotlib', 'sklearn', 'pyarrow'}\n"
        "try: app()\nexcept SystemExit: print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for verb in ("demo", "train", "evaluate", "predict", "inspect", "fetch", "plugins"):
        assert verb in done.stdout


def test_version_is_the_installed_one(command: Command) -> None:
    done = command("--version")
    assert done.stdout == f"shelfwise {importlib.metadata.version('shelfwise')}\n"


def test_a_process_of_its_own_ends_the_same_way(command: Command) -> None:
    """What the tests here see of a command is what a shell sees."""
    arguments = ("plugins", "no_such_plugin")
    process = [sys.executable, "-m", "shelfwise", *arguments]
    alone = subprocess.run(process, capture_output=True, text=True, timeout=120, check=False)
    here = command(*arguments)
    assert refused(alone) == refused(here)
    assert alone.stdout == here.stdout


def test_plugins(command: Command) -> None:
    found = json.loads(command("plugins", "--json").stdout)
    assert {"text_cnn", "image"} <= set(found["modalities"])
    assert {"maximum", "mean", "ridge", "policy"} <= set(found["fusion"])


def test_evaluate_agrees_with_the_training_report(
    command: Command, trained: Path, sample: Path, tmp_path: Path
) -> None:
    results = json.loads((trained / "report" / "results.json").read_text("utf-8"))
    done = command("evaluate", trained, sample, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["system"] == results["decide_with"]
    assert figures["threshold"] == results["systems"][results["decide_with"]]["threshold"]
    assert {"micro_f1", "micro_f1_tuned", "macro_f1"} <= figures.keys()


@pytest.mark.parametrize("name", ["labels.jsonl", "labels.parquet"])
def test_predict_answers_for_every_record(
    command: Command, trained: Path, sample: Path, name: str, tmp_path: Path
) -> None:
    done = command("predict", trained, sample, "--out", tmp_path / name, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    lines = sum(1 for line in sample.read_bytes().split(b"\n") if line.strip())
    assert summary["products"] + summary["quarantined"] == lines
    assert summary["quarantined"] == len(
        Path(summary["quarantine"]).read_text("utf-8").splitlines()
    )
    assert (
        summary["refused"] == len(Path(summary["refusals"]).read_text("utf-8").splitlines()) > 0
    ), "the sample has broken images on purpose"
    if name.endswith("jsonl"):
        products = [json.loads(line) for line in (tmp_path / name).read_text("utf-8").splitlines()]
    else:
        import pyarrow.parquet as pq

        products = pq.read_table(tmp_path / name).to_pylist()
    assert len(products) == summary["rows"] == lines
    answered = [product for product in products if not product.get("refused")]
    assert len(answered) == len({p["id"] for p in answered}) == summary["products"]
    scores = dict(products[0]["scores"])
    assert products[0]["labels"] == sorted(
        label for label, score in scores.items() if score >= 0.5
    ), "the paper decides at 0.5"


def test_predict_may_write_the_highest_scores_only(
    command: Command, trained: Path, sample: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_bytes(
        b"".join(
            line
            for line in sample.read_bytes().splitlines(keepends=True)[:20]
            if b'"image"' in line
        )
    )
    shutil.copytree(sample.parent / "images", tmp_path / "images")
    answers = []
    for further in ((), ("--top", 3)):
        done = command(
            "predict", trained, few, "--out", tmp_path / "labels.jsonl", *further, "--json"
        )
        assert done.returncode == 0, done.stderr
        answers.append(
            [
                json.loads(line)
                for line in (tmp_path / "labels.jsonl").read_text("utf-8").splitlines()
            ]
        )
    for whole, short in zip(*answers, strict=True):
        assert list(short["scores"].values()) == sorted(whole["scores"].values(), reverse=True)[:3]
        assert short["scores"].items() <= whole["scores"].items()
        assert {**whole, "scores": 0} == {**short, "scores": 0}


def test_inspect(command: Command, sample: Path, tmp_path: Path) -> None:
    done = command("inspect", sample, "--out", tmp_path / "look", "--min-count", 5)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "look" / "inspect.json").read_text("utf-8"))
    assert found["accepted"] + found["quarantined"] == found["records"]
    assert (
        sum(found["reasons"].values())
        == found["quarantined"]
        == len((tmp_path / "look" / "quarantine.jsonl").read_text("utf-8").splitlines())
    )
    assert {"index.html", "figure_2.svg"} <= {p.name for p in (tmp_path / "look").iterdir()}
    assert 0.3 < found["coverage"]["title"] < 1


def bad_catalogues(folder: Path) -> dict[str, Path]:
    """Catalogues that no model can be trained on."""
    texts = {
        "empty": "",
        "no categories": '{"id": "1", "title": "mug"}\n{"id": "2", "title": "cup"}\n',
        "too few": '{"id": "1", "title": "mug", "categories": [["Mugs"]]}\n',
    }
    for name, text in texts.items():
        (folder / f"{name}.jsonl").write_text(text)
    return {
        "absent": folder / "absent.jsonl",
        "folder": folder,
        **{name: folder / f"{name}.jsonl" for name in texts},
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", "there is no catalogue"),
        ("folder", "folder"),
        ("empty", "empty"),
        ("no categories", "categor"),
        ("too few", "min-count|too few"),
    ],
)
def test_a_bad_catalogue_is_refused_in_one_sentence(
    command: Command, name: str, words: str, tmp_path: Path
) -> None:

    source = bad_catalogues(tmp_path)[name]
    message = refused(
        command(
            "train",
            source,
            "--out",
            tmp_path / "model",
            "--min-count",
            1 if name == "too few" else 2,
        )
    )
    assert re.search(words, message), message
    assert not (tmp_path / "model").exists()


def test_a_minimum_count_that_empties_the_label_set(
    command: Command, sample: Path, tmp_path: Path
) -> None:
    message = refused(command("train", sample, "--out", tmp_path / "model", "--min-count", 5000))
    assert "lower --min-count" in message
    assert not list(tmp_path.iterdir())


def test_settings_of_a_model_and_of_a_preset_together_are_refused(
    command: Callable[..., subprocess.CompletedProcess[str]],
    sample: Path,
    trained: Path,
    tmp_path: Path,
) -> None:
    asked = ("train", sample, "--out", tmp_path / "model", "--like", trained)
    assert "give --like alone" in refused(command(*asked, "--preset", "quick"))
    # its settings are read before anything else
    assert "no label has 5000 products" in refused(command(*asked, "--min-count", 5000))


def test_a_changed_model_is_refused(
    command: Command, trained: Path, sample: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained, tmp_path / "model")
    weights = tmp_path / "model" / "member.title.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    for verb in (
        ("evaluate", tmp_path / "model", sample),
        ("predict", tmp_path / "model", sample, "--out", tmp_path / "x.jsonl"),
    ):
        assert "member.title.safetensors is not what was written" in refused(command(*verb))
    assert not (tmp_path / "x.jsonl").exists()


def test_a_budget_chooses_the_preset_and_the_members(
    command: Command, sample: Path, tmp_path: Path
) -> None:
    """Minutes are enough for texts and relations. Thresholds come from cross-fitting."""
    done = command("train", sample, "--out", tmp_path / "model", "--budget", "9m", "--min-count", 8)
    assert done.returncode == 0, done.stderr
    assert "thresholds by cross-fitting" in done.stdout
    results = json.loads((tmp_path / "model" / "report" / "results.json").read_text("utf-8"))
    assert (results["preset"], results["settings"]["budget"]) == ("quick", 540)
    assert results["data"]["validation"] == 0
    assert results["decide_with"] == "blend"
    assert results["systems"]["blend"]["micro_f1_tuned"] > 0.5
    done = command(
        "predict", tmp_path / "model", sample, "--out", tmp_path / "labels.jsonl", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["labels_given"] > 0


@pytest.mark.parametrize("budget", ["soon", "-5m", "0"])
def test_what_is_no_budget(command: Command, sample: Path, budget: str, tmp_path: Path) -> None:
    assert "is no time budget; write a number followed by s, m or h" in refused(
        command("train", sample, "--out", tmp_path / "m", "--budget", budget)
    )
    assert not list(tmp_path.iterdir())


def test_a_budget_too_small_for_anything(command: Command, sample: Path, tmp_path: Path) -> None:
    message = refused(
        command("train", sample, "--out", tmp_path / "m", "--budget", "0.001s", "--min-count", 8)
    )
    assert "nothing to learn from" in message
    assert "the budget of 0.001 s is too small for title" in message
    assert not (tmp_path / "m").exists()


def test_out_may_not_be_another_folder(command: Command, sample: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"meow")
    assert "not a shelfwise model" in refused(
        command("train", sample, "--out", tmp_path / "photos")
    )


def test_an_empty_device_is_no_wish_for_any(command: Command) -> None:
    assert "--device is empty" in refused(command("--device", "", "doctor"))


@pytest.mark.parametrize(
    ("words", "place"),
    [
        # an empty path is this folder, and an empty preset was the usual one
        (["predict", "m", "c.jsonl", "--out", "o.jsonl", "--explain", ""], "--explain"),
        (["train", "c.jsonl", "--out="], "--out"),
        (["train", "c.jsonl", "--out", "m", "--preset", ""], "--preset"),
        (["ingest", "", "--out", "m"], "an argument"),
        (["similar", "m", "--id", ""], "--id"),
        (["review", "m", "c.jsonl", "--lead", ""], "--lead"),
    ],
)
def test_what_a_variable_gives_that_is_not_set_is_refused(
    command: Command, words: list[str], place: str
) -> None:
    message = refused(command(*words))
    assert message.startswith(f"error: {place} is empty; give it a value, or leave it out")
    assert place in json.loads(command(*words, "--json").stdout)["error"]


def test_a_product_may_lack_a_text(command: Command, tmp_path: Path) -> None:
    words = ["similar", tmp_path, "--title", "mug", "--description", ""]
    assert "is not a shelfwise model" in refused(command(*words))


def test_model_and_catalogue_exchanged(
    command: Command, trained: Path, sample: Path, tmp_path: Path
) -> None:
    out = ["--out", tmp_path / "o.jsonl"]
    assert "MODEL stands before CATALOG" in refused(command("predict", sample, trained, *out))
    assert "is a model, and a catalogue is needed" in refused(command("inspect", trained, *out))


def test_predictions_and_explanations_in_one_place(
    command: Command, trained: Path, sample: Path, tmp_path: Path
) -> None:
    where = tmp_path / "o.jsonl"
    assert "both name" in refused(
        command("predict", trained, sample, "--out", where, "--explain", where)
    )
    assert not where.exists()


def test_unknown_preset_and_setting(command: Command, sample: Path, tmp_path: Path) -> None:
    assert "known: paper" in refused(
        command("train", sample, "--out", tmp_path / "m", "--preset", "papier")
    )
    (tmp_path / "c.toml").write_text("seeed = 1")
    assert "seeed" in refused(
        command("train", sample, "--out", tmp_path / "m", "--config", tmp_path / "c.toml")
    )
    (tmp_path / "c.toml").write_text("preset = 'quick'")
    for verb in ("train", "compare"):
        two = ("--config", tmp_path / "c.toml", "--preset", "best")
        said = refused(command(verb, sample, "--out", tmp_path / "m", *two))
        assert "the preset asked for is 'best'" in said
        assert "has preset = 'quick'; leave one of them out" in said


def test_predictions_need_a_known_ending(
    command: Command, trained: Path, sample: Path, tmp_path: Path
) -> None:
    assert ".jsonl or .parquet" in refused(
        command("predict", trained, sample, "--out", tmp_path / "x.xls")
    )


def test_a_kill_leaves_no_half_written_model(sample: Path, tmp_path: Path) -> None:
    """kill -9 in the middle of a training: no model folder, and --resume finishes the job."""
    command = [
        sys.executable,
        "-m",
        "shelfwise",
        "train",
        sample,
        "--out",
        tmp_path / "model",
        "--preset",
        "paper",
        "--config",
        tmp_path / "quick.toml",
    ]
    (tmp_path / "quick.toml").write_text(
        "labels = { min_count = 8 }\nevaluation = { bootstrap = 10 }\n"
        + "".join(
            f"[members.{m}.settings]\nfilters = 8\ntraining = {{ epochs = 2 }}\n"
            for m in ("title", "description")
        )
        + "[members.image.settings]\nbackbone = 'test_efficientnet'\nweights = 'random'\n"
        + "train_last = 0\ntraining = { epochs = 1 }\n"
    )
    process = subprocess.Popen(
        command, env={**os.environ, "SHELFWISE_CACHE": str(tmp_path / "cache")}
    )
    stage = tmp_path / "model.partial" / "member.title.safetensors"
    for _ in range(6000):
        if stage.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert stage.exists()
    assert not (tmp_path / "model").exists()
    done = subprocess.run(
        [*map(str, command), "--resume", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model" / "MANIFEST.json").exists()
    assert not (tmp_path / "model.partial").exists()


def test_an_error_of_arrow_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def overflow(standalone_mode: bool) -> None:
        # an error as Arrow itself makes it: these bytes are no UTF-8
        pa.array([b"\xff"]).cast(pa.string())

    monkeypatch.setattr(main, "app", overflow)
    with pytest.raises(SystemExit) as left:
        main.main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: Arrow could not work on the data: Invalid UTF8")
    assert said.endswith("split the file; if not, please report it\n")
    assert said.count("\n") == 1


def test_other_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "app", lambda standalone_mode: [][0])
    with pytest.raises(IndexError):
        main.main()


@pytest.mark.parametrize("verb", ["inspect", "audit", "predict", "parquet", "ingest"])
def test_names_of_files_that_are_not_utf_8(
    verb: str, command: Command, title_model: Path, sample: Path, tmp_path: Path
) -> None:
    """What cannot work with such a name says so in a sentence."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    catalogue = folder / os.fsdecode(b"shop\xe9.jsonl")
    lines = sample.read_bytes().splitlines(keepends=True)
    catalogue.write_bytes(b"".join(lines[:40]))
    calls: dict[str, list[object]] = {
        "inspect": ["inspect", catalogue, "--out", folder / "look"],
        "audit": ["audit", title_model, catalogue, "--out", folder / "audit"],
        "predict": ["predict", title_model, catalogue, "--out", folder / "labels.jsonl"],
        "parquet": ["predict", title_model, catalogue, "--out", folder / "labels.parquet"],
        "ingest": ["ingest", catalogue, "--out", folder / "shards"],
    }
    done = command(*calls[verb], "--json")
    if verb in ("parquet", "ingest"):
        assert done.returncode == 2
        assert "is not UTF-8, and cannot be used here" in json.loads(done.stdout)["error"]
    else:
        assert done.returncode == 0, done.stderr
        # the document is JSON, whatever the names
        json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("redirect", [">&-", "> /dev/full"])
@pytest.mark.parametrize("option", ["", "--json"])
def test_a_standard_output_that_takes_nothing_ends_in_no_traceback(
    redirect: str, option: str
) -> None:
    line = f"{sys.executable} -m shelfwise plugins {option} {redirect}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    # nobody listens, which is no error; a full disk is one
    assert (done.returncode == 0) == (redirect == ">&-")


def test_no_file_gets_the_number_of_a_closed_standard_output() -> None:
    code = (
        "import os; from shelfwise.cli import main; main._open_standard_streams(); "
        "number = os.open('/', 0); os.write(2, str(number).encode())"
    )
    line = f'{sys.executable} -c "{code}" >&-'
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert int(done.stderr) >= 3
