"""One image in twenty is bad, in thirty ways: every verb ends well and names each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.torture.bad_images import write_bad_images
from tests.torture.commands import Commands
from tests.torture.conftest import WORDS, write_catalogue
from tests.vision.test_image_io import photo, stored

pytestmark = pytest.mark.torture

SETTINGS = """
decide_with = "mean"
[labels]
min_count = 5
[stacking]
folds = 2
[evaluation]
bootstrap = 0
[members.image]
modality = "image"
field = "image"
[members.image.settings]
backbone = "test_efficientnet"
weights = "random"
train_last = 0
training = { epochs = 1, batch_size = 64 }
[systems.mean]
policy = "mean"
members = ["title", "image"]
"""


def write_shop(folder: Path, products: int) -> dict[str, str]:
    """A catalogue with images, of which one in twenty is bad; product -> kind of its image."""
    images = folder / "images"
    images.mkdir(parents=True)
    for name in WORDS:
        (images / f"{name}.png").write_bytes(stored(photo()))
    kinds = list(write_bad_images(images).items())
    assert len(kinds) == 30
    rows = [json.loads(line) for line in write_catalogue(folder / "c", products).open("rb")]
    bad = {}
    for number, row in enumerate(rows):
        row["image"] = f"images/{row['categories'][0]}.png"
        if number % 20 == 7:
            kind, file = kinds[number // 20 % len(kinds)]
            row["image"] = f"images/{file}"
            bad[row["id"]] = kind
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "catalogue.jsonl").write_text(lines, "utf-8")
    (folder / "settings.toml").write_text(SETTINGS, "utf-8")
    return bad


def test_5_percent_bad_images_of_30_kinds(
    commands: Commands, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    products = 600
    bad = write_shop(tmp_path / "shop", products)
    assert len(set(bad.values())) == 30
    catalogue, model = tmp_path / "shop" / "catalogue.jsonl", tmp_path / "model"
    config = ["--preset", "quick", "--config", tmp_path / "shop" / "settings.toml"]
    done = commands.run("train", catalogue, "--out", model, *config)
    assert done.code == 0, done.said
    results = json.loads((model / "report" / "results.json").read_text("utf-8"))
    told = {one["id"] for part in results["refused"].values() for one in part}
    assert told == bad.keys(), {bad.get(name, name) for name in told ^ bad.keys()}
    out = tmp_path / "labels.jsonl"
    done = commands.run("predict", model, catalogue, "--out", out)
    assert done.code == 0, done.said
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    # a product with a bad image is labelled by its title
    assert sum(bool(row["labels"]) for row in rows if row["id"] in bad) == len(bad)
    [listed] = tmp_path.glob("labels.jsonl.refused*") or tmp_path.glob("labels*refused*")
    refused = {json.loads(line)["id"] for line in listed.read_text("utf-8").splitlines()}
    assert refused == bad.keys()
    look, audit = tmp_path / "look", tmp_path / "audit"
    for verb in (
        ("inspect", catalogue, "--out", look),
        ("audit", model, catalogue, "--out", audit),
    ):
        done = commands.run(*verb)
        assert done.code == 0, done.said
    seen(
        f"{len(bad)} of {products} images bad, in {len(set(bad.values()))} ways: train, predict, "
        f"inspect and audit end well; {len(told)} named by train, {len(refused)} by predict"
    )
