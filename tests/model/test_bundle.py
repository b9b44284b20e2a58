"""Bundles: written whole or not at all, and any change after saving is refused."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shelfwise.core.types import State
from shelfwise.decision.thresholds import Thresholds
from shelfwise.errors import BundleError
from shelfwise.model.bundle import Bundle, load_bundle, save_bundle
from shelfwise.model.bundle_reader import manifest_text


def test_round_trip(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "model")
    again = load_bundle(tmp_path / "model")
    assert (again.config, again.labels, again.facts) == (bundle.config, bundle.labels, bundle.facts)
    assert again.sections.keys() == bundle.sections.keys()
    np.testing.assert_array_equal(
        again.sections["member.title"].arrays["w"], bundle.sections["member.title"].arrays["w"]
    )
    assert again.sections["member.title"].facts == {"epochs": 3}
    assert again.sections["system.max"] == State()
    assert [p.name for p in tmp_path.iterdir()] == ["model"], "nothing temporary may stay behind"


def test_names_stand_in_a_model_as_they_are(bundle: Bundle, tmp_path: Path) -> None:
    """People read these files, too."""
    save_bundle(bundle, tmp_path / "model")
    assert "Töpfe & Co" in (tmp_path / "model" / "labels.json").read_text("utf-8")


def test_what_is_no_model_is_refused_with_how_to_train_one(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("folder", "absent"):
        path = tmp_path / name
        with pytest.raises(BundleError) as refused:
            load_bundle(path)
        assert str(refused.value) == (
            f"{path} is not a shelfwise model: it has no MANIFEST.json; "
            f"train one with: shelfwise train CATALOG --out {path}"
        )


def test_a_catalogue_in_the_place_of_a_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    # and not to train to where the catalogue is
    with pytest.raises(
        BundleError, match=r"file is a file, and a model is a folder .* before CATALOG$"
    ):
        load_bundle(tmp_path / "file")


def test_the_root_is_no_model() -> None:
    with pytest.raises(BundleError, match="/ is not a shelfwise model"):
        load_bundle(Path("/"))


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to("model")
    with pytest.raises(BundleError, match="model cannot be opened: Too many levels of symbolic"):
        load_bundle(tmp_path / "model")


def test_what_labels_need_is_read_without_the_rest(bundle: Bundle, tmp_path: Path) -> None:
    state = State({"weights": np.arange(3.0)})
    members = {f"member.{name}": state for name in ("title", "image", "price")}
    systems = {f"system.{name}": state for name in ("blend", "mean")}
    remembering = {name: state for name in ("nearest_neighbours", "out_of_fold")}
    facts = {
        "members": ["title", "image", "price"],
        "systems": {"blend": ["title", "price"], "mean": ["title", "image"]},
        "decide_with": "blend",
    }
    sections = {**members, **systems, **remembering, "novelty": state}
    save_bundle(replace(bundle, facts=facts, sections=sections), tmp_path / "model")
    read = load_bundle(tmp_path / "model", labels_only=True)
    assert set(read.sections) == {"member.title", "member.price", "system.blend", "novelty"}
    assert read.facts["members"] == ["title", "price"]
    assert read.facts["systems"] == {"blend": ["title", "price"]}
    # a single member decides
    facts = {**facts, "decide_with": "image"}
    save_bundle(replace(bundle, facts=facts, sections=sections), tmp_path / "model")
    read = load_bundle(tmp_path / "model", labels_only=True)
    assert set(read.sections) == {"member.image", "novelty"}
    assert (read.facts["members"], read.facts["systems"]) == (["image"], {})


@pytest.mark.parametrize(
    "facts",
    [{"members": ["title"]}, {"systems": {"max": []}}, {"members": ["title"], "systems": 1}],
)
def test_a_model_that_names_no_members_or_no_systems_is_read_as_a_whole(
    facts: dict[str, object], bundle: Bundle, tmp_path: Path
) -> None:
    save_bundle(replace(bundle, facts=facts), tmp_path / "model")
    read = load_bundle(tmp_path / "model", labels_only=True)
    assert read.facts == facts
    assert read.sections.keys() == bundle.sections.keys()


def test_every_changed_byte_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "model")
    for path in sorted((tmp_path / "model").iterdir()):
        original = path.read_bytes()
        for place in {0, len(original) // 2, len(original) - 1}:
            for bit in (0x01, 0x07, 0x80):
                path.write_bytes(
                    original[:place] + bytes([original[place] ^ bit]) + original[place + 1 :]
                )
                with pytest.raises(
                    BundleError, match=r"changed after|cannot be read|not a manifest"
                ):
                    load_bundle(tmp_path / "model")
        path.write_bytes(original)
    load_bundle(tmp_path / "model")


def test_missing_and_added_files_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "model")
    for path in sorted((tmp_path / "model").iterdir()):
        original = path.read_bytes()
        path.unlink()
        told = "it has no" if path.name == "MANIFEST.json" else f"{path.name} is missing; "
        with pytest.raises(BundleError, match=told):
            load_bundle(tmp_path / "model")
        path.write_bytes(original)
    (tmp_path / "model" / "extra.safetensors").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"extra\.safetensors is not part of the model"):
        load_bundle(tmp_path / "model")


def test_the_report_is_not_part_of_the_manifest(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "model")
    (tmp_path / "model" / "report").mkdir()
    (tmp_path / "model" / "report" / "index.html").write_text("read and annotated")
    assert load_bundle(tmp_path / "model").labels == bundle.labels


def test_facts_may_name_files_whose_names_are_no_text(bundle: Bundle, tmp_path: Path) -> None:
    facts = {"file": os.fsdecode(b"caf\xe9.csv")}
    save_bundle(replace(bundle, facts=facts), tmp_path / "model")
    assert load_bundle(tmp_path / "model").facts == facts


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(
    value: float, bundle: Bundle, tmp_path: Path
) -> None:
    weights = np.array([0, value, 1], np.float32)
    sections = {"member.title": State({"w": weights})}
    save_bundle(replace(bundle, sections=sections), tmp_path / "model")
    with pytest.raises(BundleError, match=r"title\.safetensors: the array 'w' holds numbers that"):
        load_bundle(tmp_path / "model")


def test_weights_are_looked_through_behind_whole_numbers(bundle: Bundle, tmp_path: Path) -> None:
    arrays = {"counts": np.arange(3), "w": np.array([np.nan], np.float32)}
    sections = {"member.title": State(arrays)}
    save_bundle(replace(bundle, sections=sections), tmp_path / "model")
    with pytest.raises(BundleError, match=r"title\.safetensors: the array 'w' holds numbers that"):
        load_bundle(tmp_path / "model")


def test_thresholds_that_all_follow_the_global_one_are_read_again(
    bundle: Bundle, tmp_path: Path
) -> None:
    """Of a rule for each label the shrink may be infinite."""
    fitted = Thresholds("per_label", np.full(3, 0.5), float("inf"))
    parts = State.of_parts({"thresholds": fitted.state()})
    save_bundle(replace(bundle, sections={"decision_rule": parts}), tmp_path / "model")
    stored = load_bundle(tmp_path / "model").sections["decision_rule"]
    assert Thresholds.from_state(stored.part("thresholds")).shrink == float("inf")


def test_a_pipe_in_the_place_of_a_file_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    """Opened as a file is, it would be waited for without end."""
    save_bundle(bundle, tmp_path / "model")
    (tmp_path / "model" / "facts.json").unlink()
    os.mkfifo(tmp_path / "model" / "facts.json")
    with pytest.raises(BundleError, match=r"facts\.json is not a file"):
        load_bundle(tmp_path / "model")


def test_a_folder_in_the_place_of_a_file_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "model")
    (tmp_path / "model" / "facts.json").unlink()
    (tmp_path / "model" / "facts.json").mkdir()
    with pytest.raises(BundleError, match=r"facts\.json is not a file"):
        load_bundle(tmp_path / "model")


def test_a_model_without_its_facts_is_refused_in_a_sentence(bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_bundle(bundle, folder)
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    del manifest["files"]["facts.json"]
    (folder / "facts.json").unlink()
    (folder / "MANIFEST.json").write_text(manifest_text(manifest))
    with pytest.raises(BundleError, match=r"has no facts\.json"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("labels.json", "3", r"labels\.json: expected a list of label names"),
        # its keys would be taken for names
        ("labels.json", '{"Mugs": 1}', r"labels\.json: expected a list of label names"),
        ("labels.json", '["Mugs", 3]', r"labels\.json: expected a list of label names"),
        ("labels.json", "[]", r"labels\.json: expected at least one label name"),
        ("labels.json", '["Mugs", "Mugs"]', r"labels\.json: expected each label name once"),
        ("config.json", "[]", r"config\.json: expected a JSON object, found list"),
        (
            "config.json",
            '{"members": {"title": 1}}',
            r"expected the settings of a training \(TypeError: ",
        ),
        ("facts.json", "null", r"facts\.json: expected a JSON object, found NoneType"),
        ("member.title.json", "[1]", r"title\.json: expected a JSON object, found list"),
        (
            "member.title.json",
            "{",
            r"title\.json cannot be read as JSON: .*; restore the model from a copy or train again$",
        ),
        ("member.title.safetensors", "{}", r"title\.safetensors is not a safetensors file: "),
    ],
)
def test_values_of_another_kind_are_refused_even_if_the_manifest_agrees(
    file: str, text: str, expected: str, bundle: Bundle, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    save_bundle(bundle, folder)
    (folder / file).write_text(text, "utf-8")
    manifest = json.loads((folder / "MANIFEST.json").read_text("utf-8"))
    manifest["files"][file] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "MANIFEST.json").write_text(manifest_text(manifest), "utf-8")
    with pytest.raises(BundleError, match=expected):
        load_bundle(folder)


@pytest.mark.parametrize("manifest", ["[]", '{"format": 2, "files": {"../secret.json": ""}}'])
def test_a_manifest_of_another_kind_or_of_files_elsewhere_is_refused(
    manifest: str, bundle: Bundle, tmp_path: Path
) -> None:
    save_bundle(bundle, tmp_path / "model")
    (tmp_path / "model" / "MANIFEST.json").write_text(manifest_text(json.loads(manifest)))
    with pytest.raises(BundleError, match=r"is not a manifest of format 1 or 2; "):
        load_bundle(tmp_path / "model")


def test_a_full_disk_leaves_the_old_model(bundle: Bundle, tmp_path: Path) -> None:
    """The write is refused by the system itself: a limit on the size of files, in a process of its own."""
    save_bundle(bundle, tmp_path / "model")
    script = (
        "import numpy as np, resource, signal, sys; from pathlib import Path\n"
        "from shelfwise.model.bundle import Bundle, save_bundle; from shelfwise.core.types import State\n"
        "from shelfwise.errors import BundleError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "big = State({'w': np.zeros(100_000, np.float32)})\n"
        "try: save_bundle(Bundle({}, ('other',), {}, {'member.title': big}), Path(sys.argv[1]))\n"
        "except BundleError as error: print(error); sys.exit(2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "could not write the model" in done.stdout
    assert load_bundle(tmp_path / "model").labels == bundle.labels
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 50_000
    assert os.listdir(tmp_path) == ["model"]


def test_no_pickle(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("pickle was used")

    for name in ("dump", "dumps", "load", "loads"):
        monkeypatch.setattr(pickle, name, refuse)
    save_bundle(bundle, tmp_path / "model")
    load_bundle(tmp_path / "model")
