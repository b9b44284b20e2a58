"""Images and whole products a second, and the latency of one product.

python benchmarks/inference.py --work DIR --out DIR

A model of the preset `paper` is trained once on the embedded sample, for a few epochs, and exported, as it is
and in 8 bits. Then these are timed in turn, repeated:

* images, JPEG decoding included: the plain loop of timm (Pillow, timm's own transform, eager, channels-last),
  and the same loop with ONNX Runtime's defaults on a plain export, each in a process of its own; and ours
  with torch, as a graph, and as a graph in 8 bits;
* products of title, description and image: ours, likewise;
* one product at a time, beside the bare forward passes of the same engine on prepared inputs, and beside
  decoding its image.

Every ratio is that of one round; the median of the rounds and their range are given. Macro-F1 is measured on
many products of another sample, which no model has seen. On a few hundred, what 8 bits cost is lost in noise.
Run nothing else on the machine meanwhile.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import timm
import torch
from command_line import described
from PIL import Image
from timm.data import create_transform, resolve_data_config

from shelfwise.catalog.reading.reader import read_catalog
from shelfwise.catalog.sample import write_sample
from shelfwise.categorizer import Categorizer
from shelfwise.commands.export import exported
from shelfwise.commands.train import train
from shelfwise.config import Config
from shelfwise.core.catalog import Catalog
from shelfwise.core.types import Context
from shelfwise.export.graph import parts_of, system_of
from shelfwise.export.quantization import in_eight_bits
from shelfwise.export.runtime import OnnxModel
from shelfwise.metrics.multilabel import decision_metrics
from shelfwise.model.model import Model
from shelfwise.model.predictor import Predictor
from shelfwise.nn.memory import tune_malloc
from shelfwise.vision.image_io import Resizing, decode_image, read_image
from shelfwise.vision.pretrained_weights import find_weights, load_backbone

BATCH = 32
BACKBONE = "tf_efficientnet_lite0"
LEARNING = {"epochs": 10, "loss": "bce"}
QUICK = {
    "threshold": "global",
    "labels": {"min_count": 8},
    "evaluation": {"bootstrap": 0},
    "members": {
        "title": {"settings": {"training": LEARNING}},
        "description": {"settings": {"training": LEARNING}},
        "image": {
            "settings": {
                "backbone": BACKBONE,
                "weights": "package",
                "frozen_bn": "inference",
                "training": LEARNING,
            }
        },
    },
    "systems": {
        "image+title+description": {
            "settings": {"training": {"epochs": 60, "loss": "bce", "batch_size": 32}}
        }
    },
}


def main() -> None:
    """Train if need be, measure, print, write."""
    parser = described(__doc__)
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("build/inference"),
        help="where the sample and the model are kept",
    )
    parser.add_argument(
        "--images",
        type=Path,
        help="a folder of JPEG files for the loop over images; unset: the sample's",
    )
    parser.add_argument(
        "--products", type=int, default=600, help="of the sample that is trained on"
    )
    parser.add_argument(
        "--held",
        type=int,
        default=2000,
        help="products of another sample that macro-F1 is measured on",
    )
    parser.add_argument("--count", type=int, default=256, help="pictures, and products, a round")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder for inference.json")
    options = parser.parse_args()
    tune_malloc()  # as the command line does
    models = prepare(options.work, options.products)
    catalog = labelled(options.work, options.held, seed=1)
    whole = catalog.take(
        np.flatnonzero(
            [
                None not in row
                for row in zip(*map(catalog.column, ("title", "description", "image")), strict=True)
            ]
        )
    )
    whole = whole.take(np.resize(np.arange(len(whole)), options.count))
    images = images_of(options.images, whole, options.count)
    machine = {
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "timm": timm.__version__,
    }
    found: dict[str, Any] = {"machine": machine}
    measured = {
        "images": lambda: compared(
            image_loops(models["images"], images, options.work),
            len(images),
            options.repeats,
            "timm",
        ),
        "products": lambda: compared(
            loops(models["products"], whole), len(whole), options.repeats, "torch"
        ),
        "latency": lambda: latencies(models["products"], whole, options.repeats),
    }
    for name, measure in measured.items():
        found[name] = measure()
        show(name, found[name])
    found["macro_f1"] = {
        what: {name: macro_f1(some[name], catalog) for name in ("graph", "graph, int8")}
        for what, some in models.items()
    }
    for what, figures in found["macro_f1"].items():
        print(
            f"macro-F1 of {what}, another sample: "
            + ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        )
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "inference.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def prepare(work: Path, products: int) -> dict[str, dict[str, Predictor]]:
    """The model, its graph, and its graph in 8 bits.

    Once with its final system ("products"), once with the image classifier alone ("images").
    """
    folder = work / f"model-{products}"
    if not folder.exists():
        train(
            write_sample(work / "sample-0", products),
            folder,
            Config.load("paper", changes=QUICK),
            context=Context(),
        )
    model = Categorizer.load(folder).model_
    training_products = labelled(work, products, seed=0)
    found = {}
    for name, one in (
        ("products", model),
        ("images", replace(model, decide_with="image", decision_rule=None)),
    ):
        graph = exported(one)
        found[name] = {
            "torch": one,
            "graph": graph,
            "graph, int8": in_eight_bits(graph, training_products, 1.0, Context()),
        }
    return found


def labelled(work: Path, products: int, seed: int) -> Catalog:
    """The sample of a seed; that of seed 0 is for training."""
    return read_catalog(
        write_sample(work / f"sample-{seed}", products, seed), Config.load("paper").catalog
    ).catalog


def images_of(folder: Path | None, catalog: Catalog, count: int) -> list[Path]:
    """`count` JPEG files."""
    paths = (
        sorted(folder.glob("*.jpg"))
        if folder
        else [path for path in catalog.image_sources() if path is not None]
    )
    usable = [path for path in paths[: 4 * count] if is_image(path)]
    return [usable[i] for i in np.resize(np.arange(len(usable)), count)]


def is_image(path: Path) -> bool:
    """Whether Pillow opens it: the rivals' loops have no means against files that are none."""
    try:
        Image.open(path).convert("RGB")
    except OSError:
        return False
    return True


def image_loops(
    models: dict[str, Predictor], images: Sequence[Path], work: Path
) -> dict[str, Callable[[], Any]]:
    """What is timed on images, by name.

    Each rival has a process of its own, which our settings of memory and threads do not reach.
    """
    catalog = Catalog.from_records(
        {"id": str(i), "image": str(path)} for i, path in enumerate(images)
    )
    rivals = {"timm": timm_loop, "ONNX Runtime, defaults": onnxruntime_loop}
    spawn = multiprocessing.get_context("spawn")
    children = {
        name: spawn.Pool(1, begin, (loop, list(images), work)) for name, loop in rivals.items()
    }
    return {
        **{name: partial(child.apply, go) for name, child in children.items()},
        **loops(models, catalog),
    }


RIVAL: list[Callable[[], Any]] = []


def begin(
    loop: Callable[[list[Path], Path], Callable[[], Any]], images: list[Path], work: Path
) -> None:
    """Make a child process ready."""
    RIVAL[:] = [loop(images, work)]


def go() -> None:
    """One round of a child process."""
    RIVAL[0]()


def classifier() -> tuple[torch.nn.Module, Callable[[Sequence[Path]], torch.Tensor]]:
    """timm's network with a layer for 23 labels, and images as timm prepares them."""
    network = load_backbone(find_weights(BACKBONE, "package"))
    network.set_submodule("classifier", torch.nn.Linear(int(network.num_features), 23))
    transform = create_transform(**resolve_data_config({}, model=network))
    return network, lambda paths: torch.stack(
        [transform(Image.open(path).convert("RGB")) for path in paths]
    )


def timm_loop(images: list[Path], work: Path) -> Callable[[], Any]:
    """timm's eager network, channels-last."""
    network, tensors = classifier()
    network = network.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run() -> None:
        for some in batches(images):
            network(tensors(some).contiguous(memory_format=torch.channels_last)).sigmoid()

    return run


def onnxruntime_loop(images: list[Path], work: Path) -> Callable[[], Any]:
    """The same network, exported plainly and run with ONNX Runtime's defaults."""
    network, tensors = classifier()
    path, any_size = work / "plain.onnx", torch.export.Dim.DYNAMIC
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, 224, 224),),
        path,
        dynamo=True,
        dynamic_shapes=({0: any_size},),
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path)
    name = session.get_inputs()[0].name

    def run() -> None:
        for some in batches(images):
            session.run(None, {name: tensors(some).numpy()})

    return run


def loops(models: dict[str, Predictor], catalog: Catalog) -> dict[str, Callable[[], Any]]:
    """Ours, on any catalogue; nothing is kept from round to round."""

    return {name: partial(answers, model, catalog) for name, model in models.items()}


def answers(model: Predictor, catalog: Catalog) -> Any:
    """Scores of the final system, for a copy of the catalogue, which remembers no cleaned text."""
    return model.scores(model.predict_members(replace(catalog), Context()))


def batches(paths: Sequence[Path]) -> list[Sequence[Path]]:
    """Of 32."""
    return [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]


def compared(
    timed: dict[str, Callable[[], Any]], count: int, repeats: int, rival: str
) -> dict[str, Any]:
    """Rate of each of `timed`, and its ratio to that of `rival`, round by round."""
    for run in timed.values():
        run()
    rounds = [{name: count / seconds(run) for name, run in timed.items()} for _ in range(repeats)]
    found = {}
    for name in timed:
        ratios = [one[name] / one[rival] for one in rounds]
        found[name] = {
            "a second": spread([one[name] for one in rounds]),
            f"times {rival}": spread(ratios),
        }
    return found


def latencies(
    models: dict[str, Predictor], catalog: Catalog, repeats: int, products: int = 20
) -> dict[str, Any]:
    """Milliseconds of a single product, over rounds.

    "asked" is the whole, "bare" the forward passes of the same engine alone, "decoding" that of its image.

    "ratio" is the whole over the bare passes, "but decoding" the same without decoding.
    """
    found = {}
    for name, model in models.items():
        singles = [catalog.take([row]) for row in range(products)]
        bare = (
            graph_passes(model, singles)
            if isinstance(model, OnnxModel)
            else torch_passes(model, singles)
        )
        whole = [partial(answers, model, one) for one in singles]
        decoding = [
            partial(decoded, path)
            for one in singles
            for path in one.image_sources()
            if path is not None
        ]
        for run in (*bare, *whole, *decoding):
            run()
        rounds = [
            [sum(map(seconds, runs)) / products * 1000 for runs in (whole, bare, decoding)]
            for _ in range(repeats)
        ]
        a, b, d = np.array(rounds).T
        figures = {
            "asked": a,
            "bare": b,
            "decoding": d,
            "ratio": a / b,
            "but decoding": (a - d) / b,
        }
        found[name] = {what: spread(values.tolist()) for what, values in figures.items()}
    return found


def decoded(path: Path) -> Any:
    """An image as every one of our engines gets it."""
    return decode_image(read_image(path), Resizing())


def graph_passes(model: OnnxModel, singles: Sequence[Catalog]) -> list[Callable[[], Any]]:
    """The graph on each product's inputs, with all cores."""
    session = onnxruntime.InferenceSession(model.graph.read())
    return [
        partial(session.run, None, dict(model.inputs(one)(np.array([0])).arrays)) for one in singles
    ]


def torch_passes(model: Model, singles: Sequence[Catalog]) -> list[Callable[[], Any]]:
    """The networks of the graph, in torch: the members', one after the other, and what fuses them."""
    system = system_of(model, parts_of(model))
    graph = exported(model)

    @torch.inference_mode()
    def forward(given: Sequence[torch.Tensor]) -> None:
        system(*given)

    found = []
    for one in singles:
        arrays = graph.inputs(one)(np.array([0])).arrays
        found.append(partial(forward, [torch.from_numpy(array) for array in arrays.values()]))
    return found


def macro_f1(model: Predictor, catalog: Catalog) -> float:
    """At the model's own threshold."""
    truth = model.labels.encode(catalog.column("categories")) > 0
    return decision_metrics(
        truth, model.decide(model.scores(model.predict_members(catalog, Context())))
    )["macro_f1"]


def seconds(run: Callable[[], Any]) -> float:
    """How long `run` takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def spread(values: Sequence[float]) -> list[float]:
    """Median, lowest and highest."""
    return [round(value, 3) for value in (statistics.median(values), min(values), max(values))]


def show(what: str, found: dict[str, Any]) -> None:
    """The figures as a table: median, and range."""
    columns = list(next(iter(found.values())))
    print(f"\n{what:24}" + "".join(f"{column:>28}" for column in columns))
    for name, figures in found.items():
        print(
            f"{name:24}"
            + "".join(
                f"{middle:.2f} ({least:.2f} to {most:.2f})".rjust(28)
                for middle, least, most in figures.values()
            )
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
