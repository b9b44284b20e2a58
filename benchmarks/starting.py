"""From nothing to the first prediction: python benchmarks/starting.py [--model MODEL]

Without a model, one of texts and images (EfficientNet-Lite0) is trained on the sample catalogue for a moment.
The times do not depend on how accurate it is. ``help`` is ``shelfwise --help`` in a new process. ``first``
imports, loads the model and prints the labels of one product, in a new process. ``backbone`` only builds the
image backbones of that model, which is not counted against it.

With ``--exported GRAPH``, the folder of an exported model, ``exported`` is its first prediction in a new
process, and ``single`` what one product takes on one thread, beside the bare graph on the same inputs. Memory
is the most that the process held.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
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
    options.add_argument("--exported", type=Path, help="an exported model, measured instead")
    args = options.parse_args()
    if args.child:
        child(args.child, args.exported or args.model)
        return
    if args.exported is not None:
        names = ("exported", "single")
        measured = {name: [None, "--exported", args.exported] for name in names}
        runs = in_turn(__file__, measured, args)
        goals = {"first prediction": 2.0, "one product over the bare graph": 1.3, "peak_mib": 700}
        write("starting_exported", args, runs, exported_figures(runs), {"goals": goals})
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
    children = {
        "help": show_help,
        "first": first,
        "backbone": backbone,
        "exported": exported,
        "single": single,
    }
    children[system](clock, model)
    clock.finish()


def exported_figures(runs: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """The least of each figure over the runs, as others use the machine too."""
    first, single = runs["exported"], runs["single"]
    wanted = {
        "seconds, first prediction": [run["seconds_all"] for run in first],
        "processor seconds of it": [run["cpu_all"] for run in first],
        "peak MiB of it": [run["peak_mib"] for run in first],
        "milliseconds, one product": [run["whole_ms"] for run in single],
        "milliseconds, bare graph": [run["bare_ms"] for run in single],
        "processor milliseconds, one product": [run["whole_cpu_ms"] for run in single],
        "processor milliseconds, bare graph": [run["bare_cpu_ms"] for run in single],
    }
    return {name: f"{min(values):.2f}" for name, values in wanted.items()}


def exported(clock: Clock, model: Path) -> None:
    """Import, load and label one product with an exported model; torch must not be imported."""

    def start() -> list[str]:
        from shelfwise.core.catalog import Catalog
        from shelfwise.core.types import Context
        from shelfwise.export.loading import open_model
        from shelfwise.model.labelling import label

        graph = open_model(model)
        catalog = Catalog.from_records([{"id": "0", **PRODUCT}])
        (decision,) = label(graph, catalog, Context())
        return [one.name for one in decision.labels]

    clock.note(labels=clock.time("all", start), torch="torch" in sys.modules)


def single(clock: Clock, model: Path, repeats: int = 50) -> None:
    """Milliseconds of one product, and of the graph on its inputs, on one thread; medians."""
    import numpy as np

    from shelfwise.core.catalog import Catalog
    from shelfwise.core.types import Context
    from shelfwise.export.loading import open_model
    from shelfwise.export.runtime import OnnxModel, runner

    graph = open_model(model)
    assert isinstance(graph, OnnxModel)
    graph.threads = 1

    def product() -> Catalog:
        return Catalog.from_records([{"id": "0", **PRODUCT}])

    def whole() -> None:
        graph.scores(graph.predict_members(product(), Context()))

    inputs = graph.inputs(product())(np.array([0])).arrays
    bare = partial(runner(graph.graph, 1), inputs)
    for name, run in (("whole", whole), ("bare", bare)):
        run()
        times = np.array([seconds_of(run) for _ in range(repeats)])
        wall, processor = np.median(times, axis=0) * 1000
        clock.note(**{f"{name}_ms": round(wall, 2), f"{name}_cpu_ms": round(processor, 2)})


def seconds_of(run: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


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
