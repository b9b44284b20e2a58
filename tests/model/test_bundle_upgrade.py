"""A model that shelfwise 0.1 saved (format 1) loads, and predicts what it predicted then."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shelfwise.commands.predict import predict_catalog
from shelfwise.core.types import Context, State
from shelfwise.errors import BundleError
from shelfwise.export.loading import open_model
from shelfwise.fusion.logistic import Logistic, LogisticSettings
from shelfwise.modalities.joint import Joint, JointSettings
from shelfwise.model.bundle import load_bundle, save_bundle
from shelfwise.model.bundle_upgrade import keep_segmentation, upgrade

SAVED = Path(__file__).parent / "model_of_format_1.zip"
"""A migrated blend of two members, 20 products, and what ``predict`` of 0.1 wrote for them."""


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    zipfile.ZipFile(SAVED).extractall(tmp_path)
    return tmp_path


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_it_predicts_what_it_predicted(saved: Path) -> None:
    model = open_model(saved / "model")
    predict_catalog(model, saved / "catalog.jsonl", saved / "new.jsonl", Context(), 0.9, 0.05)
    before = rows_of(saved / "predictions.jsonl")
    after = rows_of(saved / "new.jsonl")
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert [row["labels"] for row in after] == [row["labels"] for row in before]
    assert [row["novelty"] for row in after] == [row["outside"] for row in before]
    queues = {"outside": "novel"}
    assert [row["queue"] for row in after] == [
        queues.get(row["queue"], row["queue"]) for row in before
    ]
    for new, old in zip(after, before, strict=True):
        assert new["scores"] == pytest.approx(old["scores"], abs=1e-6)


def test_it_is_saved_again_under_the_names_of_today(saved: Path, tmp_path: Path) -> None:
    save_bundle(open_model(saved / "model").bundle(), tmp_path / "again")
    manifest = json.loads((tmp_path / "again" / "MANIFEST.json").read_text())
    assert manifest["format"] == 2
    sections = load_bundle(tmp_path / "again").sections
    assert {"decision_rule", "novelty", "label_mapping", "nearest_neighbours"} <= sections.keys()
    assert not {"decider", "outsiders", "relabelling", "neighbours"} & sections.keys()


def test_facts_have_the_names_of_today(saved: Path) -> None:
    facts = load_bundle(saved / "model").facts
    assert facts["decision_rule"]["calibration"] == "sigmoid"
    assert "decider" not in facts


def test_what_labels_need_is_read_without_the_rest(saved: Path) -> None:
    whole = load_bundle(saved / "model")
    read = load_bundle(saved / "model", labels_only=True)
    assert whole.sections.keys() - read.sections.keys() == {"nearest_neighbours", "out_of_fold"}
    assert read.facts == whole.facts


def test_no_note_is_logged_for_names_nobody_typed(
    saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_model(saved / "model")
    assert "is now called" not in caplog.text


def test_a_removed_plugin_is_named_with_what_to_use_instead() -> None:
    config = {"members": {}, "systems": {"all": {"policy": "boosted", "settings": {}}}}
    with pytest.raises(BundleError, match=r"'boosted', which is gone: .*'logistic'"):
        upgrade(config, {}, {})


def with_logistic(settings: dict[str, Any], blended: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"policy": "logistic", "settings": settings}
    if blended:
        entry = {"policy": "blend", "settings": {"parts": [entry]}}
    return {"members": {}, "systems": {"all": entry}}


@pytest.mark.parametrize("blended", [False, True])
def test_a_removed_setting_is_dropped_or_refused(
    blended: bool, caplog: pytest.LogCaptureFixture
) -> None:
    config, _, _ = upgrade(with_logistic({"shrink": 3.0, "others": "off"}, blended), {}, {})
    assert config["systems"] == with_logistic({"shrink": 3.0}, blended)["systems"]
    assert not caplog.text
    with pytest.raises(BundleError, match="'others' of logistic is gone"):
        upgrade(with_logistic({"others": 30.0}, blended), {}, {})


def test_arrays_of_a_removed_setting_are_not_kept() -> None:
    centre = np.zeros((2, 1, 1), np.float32)
    own = np.zeros((3, 3), np.float32)
    arrays = {"centre": centre, "mean": centre[0], "spread": centre[0], "own_1": own}
    policy = Logistic(LogisticSettings()).restore(State(arrays))
    assert not {"mean", "spread"} & policy.state().arrays.keys()


def test_texts_of_an_older_model_are_parted_into_words_as_in_its_training(saved: Path) -> None:
    model = open_model(saved / "model")
    assert all(
        member.settings["segmentation"] == "blanks"
        for member in model.config.members.values()
        if member.modality == "text_linear"
    )
    assert model.novelty is not None
    assert model.novelty.text_distance is None or (
        model.novelty.text_distance.segmentation == "blanks"
    )


@pytest.mark.parametrize(
    ("modality", "settings", "wanted"),
    [
        ("text_bag", {"words": [1]}, {"words": [1], "segmentation": "blanks"}),
        ("kernel_logistic", {}, {"segmentation": "blanks"}),
        ("image", {}, {}),
        (
            "text_cnn",
            {"cleaning": {"kind": "description"}},
            {"cleaning": {"kind": "description", "segmentation": "blanks"}},
        ),
    ],
)
def test_only_what_reads_words_is_told(
    modality: str, settings: dict[str, Any], wanted: dict[str, Any]
) -> None:
    member = {"modality": modality, "field": "title", "settings": settings}
    config = keep_segmentation({"members": {"one": member}}, {})
    assert config["members"]["one"]["settings"] == wanted
    # a model that says how it parts words is left as it is
    told = {"members": {"one": member}}
    assert keep_segmentation(told, {"segmentation": "unicode"}) == told


def test_the_joint_network_reads_its_fields_as_before() -> None:
    member = {"modality": "joint", "field": "title+description", "settings": {}}
    config = keep_segmentation({"members": {"one": member}}, {})
    joint = Joint(JointSettings(**config["members"]["one"]["settings"]), "title+description")
    for name in ("title", "description"):
        before = Joint(JointSettings(), "title+description").text_settings(name)
        now = joint.text_settings(name)
        cleaning = now.cleaning.model_copy(update={"segmentation": "unicode"})
        assert now.model_copy(update={"cleaning": cleaning}) == before
        assert now.cleaning.segmentation == "blanks"


def test_what_a_joint_network_was_told_of_its_fields_stays() -> None:
    texts = {"title": {"maxlen": 7, "cleaning": {"kind": "title"}}, "brand": {"maxlen": 3}}
    member = {"modality": "joint", "field": "title", "settings": {"texts": texts}}
    config = keep_segmentation({"members": {"one": member}}, {})
    cleaning = {"kind": "title", "segmentation": "blanks"}
    assert config["members"]["one"]["settings"]["texts"] == {
        "title": {"maxlen": 7, "cleaning": cleaning},
        "brand": {"maxlen": 3},
    }
