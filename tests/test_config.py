"""Settings: presets are as in the paper and the scripts; wrong settings are refused in one sentence."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from shelfwise.config import PRESETS, Config
from shelfwise.core.registry import make_member, make_policy
from shelfwise.errors import ConfigError


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_names_valid_plugins_and_all_but_the_quick_one_the_ten_rows(
    preset: str, ten_rows: set[str]
) -> None:
    config = Config.load(preset)
    assert ({*config.members, *config.systems} >= ten_rows) == (preset != "quick")
    for name in config.members:
        make_member(config, name)
    for name in config.systems:
        make_policy(config, name)
    assert Config.parse(config.dump()) == config


def test_paper() -> None:
    config = Config.load("paper")
    title, image = make_member(config, "title").settings, make_member(config, "image").settings
    assert (title.maxlen, title.truncating, title.graph, title.unknown, title.dropout) == (
        57,
        "post",
        "conv",
        "uniform",
        0,
    )
    assert (
        title.filters,
        title.windows,
        title.hidden,
        title.dimensions,
        title.vocabulary_size,
    ) == (
        200,
        (5,),
        170,
        120,
        10_000,
    )
    assert (
        title.training.epochs,
        title.training.batch_size,
        title.training.learning_rate,
        title.training.loss,
    ) == (
        30,
        256,
        1e-3,
        "keras_cce",
    )
    assert make_member(config, "description").settings.maxlen == 300
    assert (
        image.backbone,
        image.train_last,
        image.frozen_bn,
        image.training.epochs,
        image.training.loss,
    ) == (
        "resnet50",
        40,
        "batch_stats",
        25,
        "keras_cce",
    )
    assert config.stacking.fitted_on == "in_sample"
    assert config.threshold == 0.5
    assert config.catalog.sample == 119_073
    assert config.split.method == "random"
    assert make_policy(config, "ridge").settings.alpha == 1.0
    tri = make_policy(config, "image+title+description").settings
    assert [tuple(layer) for layer in tri.hidden] == [(330, "sigmoid"), (270, "tanh")]
    assert (tri.training.epochs, tri.training.loss) == (20, "keras_cce")


def test_authors_code_differs_from_the_paper_where_the_scripts_do() -> None:
    config = Config.load("authors_code")
    title, image = make_member(config, "title").settings, make_member(config, "image").settings
    assert (title.maxlen, title.truncating, title.graph, title.unknown) == (
        54,
        "pre",
        "pool",
        "zeros",
    )
    assert (image.train_last, image.training.loss) == (24, "bce")
    assert make_policy(config, "ridge").settings.alpha == 0.0


@pytest.mark.parametrize("preset", ["quick", "recommended", "best"])
def test_presets_that_decide_by_cross_fitting(preset: str) -> None:
    config = Config.load(preset)
    assert config.split.validation_fraction == 0
    assert config.stacking.fitted_on == "oof"
    assert config.decide_with == "blend"
    assert not config.systems["blend"].members, "over all members that the catalogue allows"
    reads = {name: make_policy(config, name).reads for name in config.systems}
    assert set(reads.values()) == {"scores"}, "features have no out-of-fold version to tune on"


def test_quick_takes_fewer_steps_and_folds_of_many_products_only() -> None:
    config = Config.load("quick")
    loops = [make_member(config, name).settings.training for name in ("graph", "tabular")]
    loops.append(make_policy(config, "blend").parts_[1].settings.training)
    for loop in loops:
        assert loop.epochs_of(9_999) == loop.epochs
        assert loop.steps_of(50_000) * loop.epochs_of(50_000) <= loop.max_steps
    assert config.stacking.folds_of(9_999) == 5
    assert config.stacking.folds_of(10_000) == 3
    for preset in ("recommended", "best"):
        stacking = Config.load(preset).stacking
        assert stacking.folds_of(10**9) == stacking.folds


def test_a_larger_preset_has_the_members_of_a_smaller() -> None:
    quick, recommended, best = (
        Config.load(name).members for name in ("quick", "recommended", "best")
    )
    assert quick.keys() - {"kernel_logistic"} < recommended.keys() < best.keys()


@pytest.mark.parametrize(
    ("seconds", "preset"),
    [
        (1, "quick"),
        (600, "quick"),
        (601, "recommended"),
        (7200, "recommended"),
        (7201, "best"),
        (1e9, "best"),
    ],
)
def test_the_preset_of_a_budget(seconds: float, preset: str) -> None:
    assert Config.preset_within(seconds) == preset


def test_a_file_is_laid_over_the_preset_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        'preset = "paper"\n[labels]\nmin_count = 5\nmode = "leaf"\n[members.title.settings]\nmaxlen = 20\n'
    )
    config = Config.load(None, file, {"labels": {"min_count": 9}})
    assert (config.preset, config.labels.min_count, config.labels.mode) == ("paper", 9, "leaf")
    assert make_member(config, "title").settings.maxlen == 20
    assert make_member(config, "title").settings.truncating == "post", (
        "the rest of the member stays the preset's"
    )


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("seeed = 1", "setting seeed: there is no such setting; did you mean 'seed'"),
        ("[labels]\nmin_cuont = 2", "labels.min_cuont: .*did you mean 'min_count'"),
        (
            "[members.t]\nmodality = 'vector'\nfield = 'v'\nC = 3",
            "known: field, modality, settings",
        ),
        ("[labels]\nmin_count = true", "labels.min_count: got True; expected no truth value"),
        ("threshold = true", r"threshold: expected .* a number from 0 to 1 \(got True\)"),
        ("threshold = 'Global'", r"^setting threshold: expected 'global', .* \(got 'Global'\)$"),
        (
            "[members.'../x']\nmodality = 'vector'\nfield = 'v'",
            r"'\.\./x' cannot be the name of a member",
        ),
        ("[systems.' ']\npolicy = 'mean'", "' ' cannot be the name of a member or system"),
        (
            "[systems.x]\npolicy = 'mean'\nmembers = ['title', 'title']",
            "system 'x' names a member twice",
        ),
        ("[labels]\nmode = 'tree'", "labels.mode.*'flat', 'path' or 'leaf'.*got 'tree'"),
        ("[split]\ntrain_fraction = 2.0", "split.train_fraction.*less than 1"),
        ("decide_with = 'magic'", "decide_with is 'magic'; known: auto"),
        (
            "[systems.x]\npolicy = 'mean'\nmembers = ['sound']",
            r"names the members \['sound'\]; known: .*title",
        ),
        ("budget = 0", "setting budget: .*greater than 0.*got 0"),
        (
            "[split]\nvalidation_fraction = 0",
            "fitted_on is 'in_sample', but without validation products .* set it to 'oof'",
        ),
        (
            "preset = 'papier'",
            "no preset called 'papier'; did you mean 'paper'. known: paper, .*, none",
        ),
        ("preset = 'none'", r"at least one entry under \[members\]; the preset none has no member"),
        ("preset = 'quik'", "no preset called 'quik'; did you mean 'quick'. known"),
        ("[members.x]\nmodality = 'image'", r"^setting members\.x\.field: is missing$"),
        ("[labels", "not valid TOML"),
        ("\udce9 = 1", "not valid TOML: byte 0 is not UTF-8; save it as UTF-8"),
    ],
)
def test_wrong_settings_are_refused(toml: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(toml, "utf-8", "surrogateescape")
    with pytest.raises(ConfigError, match=message):
        Config.load(None, file, default="paper")


def test_two_presets_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "best.toml"
    file.write_text("preset = 'best'")
    with pytest.raises(
        ConfigError, match=r"is 'quick', and .*best.toml has preset = 'best'; leave"
    ):
        Config.load("quick", file)
    with pytest.raises(ConfigError, match="is 'quick', and config has preset = 'best'; leave"):
        Config.load("quick", {"preset": "best"})
    # a mapping that names a preset has its members, too
    assert Config.load(file={"preset": "best"}) == Config.load("best") == Config.load(None, file)


@pytest.mark.parametrize(
    ("toml", "changes", "message"),
    [
        ("[labels]\nmin_count = 'ten'", {"labels": {"min_count": 5}}, "labels.min_count: .*'ten'"),
        ("labels = 5", {"labels": {"min_count": 5}}, "setting labels: .*got 5"),
        ("seed = 1.5", {"seed": 0}, "setting seed: .*got 1.5"),
    ],
)
def test_a_mistake_that_a_change_takes_the_place_of_is_told(
    toml: str, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(toml)
    for settings in (file, tomllib.loads(toml)):
        with pytest.raises(ConfigError, match=message):
            Config.load("quick", settings, changes)


def test_a_plugins_settings_are_checked_too() -> None:
    config = Config.load("paper", changes={"members": {"title": {"settings": {"maxlenn": 3}}}})
    with pytest.raises(ConfigError, match=r"members\.title\.settings: setting maxlenn"):
        make_member(config, "title")


def test_true_is_no_number_for_a_plugin() -> None:
    config = Config.load("quick", changes={"members": {"title": {"settings": {"C": True}}}})
    with pytest.raises(ConfigError, match="setting C: got True; expected no truth value here"):
        make_member(config, "title")


def test_settings_can_stand_alone(tmp_path: Path) -> None:
    file = tmp_path / "alone.toml"
    file.write_text(
        "preset = 'none'\ndecide_with = 'text'\n[members.text]\nmodality = 'text_linear'\nfield = 'title'\n"
    )
    config = Config.load(None, file)
    assert (config.preset, list(config.members), config.systems) == ("none", ["text"], {})
    # as a model keeps them, and as they are read again from there
    assert Config.load(config.preset, changes=config.dump()) == config


def test_no_such_file() -> None:
    with pytest.raises(ConfigError, match="no settings file"):
        Config.load("paper", "nowhere.toml")


NUMBERS_OUT_OF_RANGE = (
    "threshold = nan",
    "threshold = inf",
    "threshold = -0.5",
    "threshold = 5.0",
    "budget = inf",
    "budget = nan",
    "seed = 1000000000000000000000000000000",
    "seed = -1",
    "[evaluation]\nbootstrap = 1000000000000",
    "[split]\nvalidation_fraction = nan",
)


@pytest.mark.parametrize("text", NUMBERS_OUT_OF_RANGE)
def test_numbers_out_of_range_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text, "utf-8")
    name = text.rpartition("\n")[2].partition(" ")[0]
    with pytest.raises(ConfigError, match=rf"setting .*{name}.* \(got "):
        Config.load("quick", file)


def test_settings_of_plug_ins_are_finite_too() -> None:
    changes = {"members": {"title": {"settings": {"C": float("inf")}}}}
    config = Config.load("quick", changes=changes)
    with pytest.raises(ConfigError, match=r"members\.title\.settings: setting C: .*finite"):
        make_member(config, "title")


WRONG_FILES = {
    "a folder": None,
    "nested": b"a = " + b"[" * 5_000 + b"]" * 5_000,
    "nested keys": b".".join([b"a"] * 2_000) + b" = 1",
    "other bytes": b"\xff\xfe = 1",
    "a number for a table": b"members = 3",
    "a word for a table": b"systems = 'x'",
    "a list for a table": b"[members]\ntitle = [1]",
    "a long word": b"labels = '" + b"x" * 100_000 + b"'",
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_settings_file_of_any_content_is_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "settings.toml"
    content = WRONG_FILES[kind]
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        Config.load("quick", file)
    assert len(str(refused.value)) < 500
