"""From nothing to the first prediction: python benchmarks/starting.py [--model MODEL]

Without a model, one of texts and images (EfficientNet-Lite0) is trained on the sample catalogue for a moment.
The times do not depend on how accurate it is. ``help`` is ``shelfwise --help`` in a new process. ``first``
imports, loads the model and prints the labels of one product, in a new process. ``backbone`` only builds the
image backbones of that model, which is not counted against it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from timing import Clock, in_turn, parser, write

MEMBERS: dict[str, Any] = {
    "title": {"modality": "text_linear", "field": "title"},
    "description": {
        "modality": "text_cnn",
        "field": "description",
        "settings": {"training": {"epochs": 1}},
    },
    "image": {
        "modality": "image",
        "field": "image",
        "settings": {
            "backbone": "tf_efficientnet_lite0",
            "weights": "random",
            "train_last": 0,
            "training": {"epochs": 1},
        },
    },
}
PRODUCT = {
    "title": "Ceramic coffee mug with a handle",
    "description": "A large blue mug for coffee or tea, safe in the dishwasher.",
}
GOALS = {"help": 0.5, "first prediction, backbone apart": 3.0}


def main() -> None:
    """Read the command line, measure, print."""
    options = parser(__doc__, scale=0.1, repeats=5)
    options.add_argument("--model", type=Path)
    args = options.parse_args()
    if args.child:
        child(args.child, args.model)
        return
    with tempfile.TemporaryDirectory() as folder:
        model = args.model or train(Path(folder), round(2400 * args.scale))
        runs = in_turn(
            __file__,
            {name: [None, "--model", model] for name in ("help", "first", "backbone")},
            args,
        )
    least = {
        name: min(run.get("seconds_all", float("inf")) for run in found)
        for name, found in runs.items()
    }
    compared = {f"least seconds, {name}": f"{seconds:.2f}" for name, seconds in least.items()}
    compared["least seconds, first without backbone"] = f"{least['first'] - least['backbone']:.2f}"
    write("starting", args, runs, compared, {"goals": GOALS})


def train(folder: Path, products: int) -> Path:
    """A model of text and images, trained on the sample in a moment."""
    from shelfwise.catalog.sample import write_sample
    from shelfwise.commands.train import train as learn
    from shelfwise.config import Config

    config = Config.parse(
        {
            "labels": {"min_count": 8},
            "members": MEMBERS,
            "systems": {"mean": {"policy": "mean"}},
            "decide_with": "mean",
        }
    )
    learn(write_sample(folder / "sample", products=products), folder / "model", config)
    return folder / "model"


def child(system: str, model: Path) -> None:
    """One start."""
    clock = Clock()
    {"help": show_help, "first": first, "backbone": backbone}[system](clock, model)
    clock.finish()


def show_help(clock: Clock, model: Path) -> None:
    clock.time(
        "all",
        lambda: subprocess.run(
            [sys.executable, "-m", "shelfwise", "--help"], capture_output=True, check=True
        ),
    )


def first(clock: Clock, model: Path) -> None:
    def start() -> list[list[str]]:
        categorizer = clock.time("import", imported)
        fitted = clock.time("load", lambda: categorizer.load(model))
        labels: list[list[str]] = clock.time("predict", lambda: fitted.categorize([PRODUCT]))
        return labels

    clock.note(labels=clock.time("all", start))


def imported() -> Any:
    from shelfwise import Categorizer

    return Categorizer


def backbone(clock: Clock, model: Path) -> None:
    """What timm takes to import and to build the model's image networks, with no weights read."""
    import json

    members = json.loads((model / "config.json").read_text("utf-8"))["members"]
    names = [
        member["settings"].get("backbone", "resnet50")
        for member in members.values()
        if member["modality"] == "image"
    ]

    def build() -> None:
        import timm

        for name in names:
            timm.create_model(name)

    clock.time("all", build if names else lambda: None)


if __name__ == "__main__":
    main()
