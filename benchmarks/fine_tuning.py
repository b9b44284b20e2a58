"""Fine-tuning the last layers of an image network, beside a plain timm loop.

python benchmarks/fine_tuning.py [--scale S]

Scale 1 is 600 images of the sample catalogue and ResNet-50 at its own size. Both start from the same random
weights, see the same batches in the same order and use the same optimiser. The plain loop marks its frozen
parameters, and runs the whole network in every epoch, on images decoded beforehand. Ours decodes and runs the
frozen part once, before its first epoch (``seconds_prepare``).

``allowed`` is the ratio of the multiply-adds of a training step: (all + 2 trained) / (3 trained). The trained
weights are compared after the epochs. Ours come from images encoded in half precision, and Adam divides by
the size of a gradient, which makes that visible.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from timing import Clock, in_turn, parser, ratios, write

PICTURES, BATCH = 600, 32
SYSTEMS = ("shelfwise", "timm", "shelfwise-head", "timm-head")


def main() -> None:
    """Read the command line, measure, print."""
    options = parser(__doc__, scale=0.1, repeats=1)
    options.add_argument("--backbone", default="resnet50")
    options.add_argument("--size", type=int, default=224, help="pixels")
    options.add_argument("--last", type=int, default=40, help="layers that train")
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--work", type=Path)
    args = options.parse_args()
    if args.child:
        child(args)
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepare(work, round(PICTURES * args.scale), args.backbone)
        given = [
            "--work",
            work,
            "--backbone",
            args.backbone,
            "--size",
            args.size,
            "--last",
            args.last,
            "--epochs",
            args.epochs,
        ]
        runs = in_turn(__file__, {name: [None, *given] for name in SYSTEMS}, args)
        distance = apart(work)
    compared: dict[str, Any] = {
        "distance between the trained weights, over the way they went": f"{distance:.2g}"
    }
    for ours, theirs in (SYSTEMS[:2], SYSTEMS[2:]):
        for figure in ("seconds_later_epoch", "cpu_later_epoch", "seconds_all", "peak_mib"):
            if found := ratios(runs, ours, theirs, figure):
                compared[f"{theirs} over {ours}, {figure}"] = found
    if "allowed" in runs["timm"][0]:
        compared["allowed by the multiply-adds"] = f"{runs['timm'][0]['allowed']:.2f}"
    write("fine_tuning", args, runs, compared)


def prepare(work: Path, images: int, backbone: str) -> None:
    """Pictures, and random weights that both start from."""
    import timm
    import torch
    from safetensors.torch import save_file

    from shelfwise.catalog.reading.reader import read_catalog
    from shelfwise.catalog.sample import write_sample

    source = write_sample(work / "sample", products=images)
    (work / "catalog.txt").write_text(str(source), "utf-8")
    catalog = read_catalog(source).catalog
    np.save(
        work / "rows.npy",
        [
            row
            for row, name in enumerate(catalog.column("image"))
            if name and is_image(catalog.root / name)
        ],
    )
    torch.manual_seed(0)
    save_file(timm.create_model(backbone).state_dict(), work / "start.safetensors")


def is_image(path: Path) -> bool:
    """The sample has some files that are none."""
    from shelfwise.vision.image_io import ImageRejectedError, Resizing, decode_image, read_image

    try:
        decode_image(read_image(path), Resizing(32, "stretch"))
    except ImageRejectedError:
        return False
    return True


def child(args: Any) -> None:
    """One system trains; its trained weights are left in the work folder."""
    import torch

    torch.set_num_threads(args.threads)
    system, _, head = args.child.partition("-")
    clock = Clock()
    weights = {"shelfwise": with_shelfwise, "timm": with_timm}[system](
        clock, args, 0 if head else args.last
    )
    if not head:
        np.savez(args.work / f"{system}.npz", **weights)
    clock.finish()


def task(work: Path) -> tuple[Any, Any]:
    """The products that have an image, and generated targets (N, 20)."""
    from shelfwise.catalog.reading.reader import read_catalog

    read, rows = (
        read_catalog(Path((work / "catalog.txt").read_text("utf-8"))).catalog,
        np.load(work / "rows.npy"),
    )
    targets = (np.random.default_rng(0).random((len(rows), 20)) < 0.15).astype(np.float32)
    return read.take(rows), targets


def with_shelfwise(clock: Clock, args: Any, last: int) -> dict[str, Any]:
    from shelfwise.core.types import Context, Examples
    from shelfwise.modalities.image import Image, ImageSettings
    from shelfwise.nn.memory import tune_malloc

    tune_malloc()  # as the command line does
    training = {"epochs": args.epochs, "batch_size": BATCH, "loss": "bce", "learning_rate": 1e-4}
    shape = {
        "backbone": args.backbone,
        "weights": str(args.work / "start.safetensors"),
        "size": args.size,
        "train_last": last,
    }
    member = Image(ImageSettings.model_validate({**shape, "training": training}), "image")
    catalog, targets = task(args.work)
    marks: list[tuple[float, float]] = []

    class Noting(Context):
        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Any]:
            yield SimpleNamespace(
                advance=lambda steps=1: marks.append((time.perf_counter(), time.process_time()))
            )

    def work() -> None:
        inputs = clock.time("prepare", lambda: member.prepare(catalog, Context()))
        member.fit(Examples(inputs, targets), None, Noting())

    clock.time("all", work)
    note_epochs(clock, marks)
    return {name.removeprefix("backbone."): value for name, value in member.state().arrays.items()}


def with_timm(clock: Clock, args: Any, last: int) -> dict[str, Any]:
    import timm
    import torch
    from safetensors.torch import load_file
    from torch.nn import functional as F

    from shelfwise.nn.initialization import init_like_keras
    from shelfwise.vision.image_io import Resizing, decode_image, read_image
    from shelfwise.vision.layer_freezing import trained_modules

    catalog, targets = task(args.work)
    resizing = Resizing(args.size, "stretch")
    pixels = torch.from_numpy(
        np.stack(
            [
                decode_image(read_image(catalog.root / name), resizing)
                for name in catalog.column("image")
            ]
        )
    )
    network = timm.create_model(args.backbone)
    network.load_state_dict(load_file(args.work / "start.safetensors"))
    network.reset_classifier(0)
    trained = trained_modules(network, args.backbone, last)
    network.reset_classifier(targets.shape[1])
    head = network.get_classifier()
    torch.manual_seed(0)
    head.reset_parameters()
    init_like_keras(head)
    modules = [network.get_submodule(name) for name in trained] + [head]
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for parameter in (p for module in modules for p in module.parameters(recurse=False)):
        parameter.requires_grad_(True)
    network.to(memory_format=torch.channels_last)
    mean, spread = (
        torch.tensor(network.pretrained_cfg[key]).view(1, 3, 1, 1) * 255 for key in ("mean", "std")
    )
    clock.note(allowed=allowed(network, modules, args.size))
    optimiser = torch.optim.Adam(
        [p for p in network.parameters() if p.requires_grad], lr=1e-4, eps=1e-7
    )
    order, marks = np.random.default_rng(0), [(time.perf_counter(), time.process_time())]

    def work() -> None:
        for _ in range(args.epochs):
            network.eval()
            for module in modules:
                module.train()
            rows = order.permutation(len(pixels))
            for start in range(0, len(rows), BATCH):
                some = torch.from_numpy(rows[start : start + BATCH])
                batch = ((pixels[some].permute(0, 3, 1, 2).float() - mean) / spread).contiguous(
                    memory_format=torch.channels_last
                )
                optimiser.zero_grad()
                F.binary_cross_entropy_with_logits(
                    network(batch), torch.from_numpy(targets)[some]
                ).backward()
                optimiser.step()
            marks.append((time.perf_counter(), time.process_time()))

    clock.time("all", work)
    note_epochs(clock, marks[1:])
    return {name: value.numpy() for name, value in network.state_dict().items() if value.ndim}


def note_epochs(clock: Clock, marks: list[tuple[float, float]]) -> None:
    """The median time of the epochs after the first; `marks` are the ends of all."""
    later = np.median(np.diff(np.array(marks), axis=0), axis=0) if len(marks) > 1 else (None, None)
    clock.note(seconds_later_epoch=later[0], cpu_later_epoch=later[1])


def allowed(network: Any, trained: list[Any], size: int) -> float:
    """How many times as long a step of the whole network must take by its multiply-adds."""
    import torch

    counts: dict[Any, float] = {}

    def count(module: Any, inputs: Any, output: Any) -> None:
        counts[module] = (
            output[0].numel() * module.weight[0].numel()
            if output.ndim == 4
            else module.weight.numel()
        )

    hooks = [
        m.register_forward_hook(count)
        for m in network.modules()
        if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))
    ]
    network.eval()
    with torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    of_trained = sum(counts.get(module, 0.0) for module in trained)
    return (sum(counts.values()) + 2 * of_trained) / (3 * of_trained)


def apart(work: Path) -> float:
    """The distance between both systems' trained weights, as a share of the distance from the start.

    NaN where one failed.
    """
    from safetensors.numpy import load_file

    if not all((work / f"{name}.npz").exists() for name in ("shelfwise", "timm")):
        return float("nan")
    ours, theirs, start = (
        np.load(work / "shelfwise.npz"),
        np.load(work / "timm.npz"),
        load_file(work / "start.safetensors"),
    )
    shared = [
        name
        for name in start
        if name in ours
        and name in theirs
        and start[name].ndim
        and ours[name].shape == start[name].shape
    ]
    between, gone = (
        sum(float(np.square(a[name] - b[name]).sum()) for name in shared)
        for a, b in ((ours, theirs), (theirs, start))
    )
    return float(np.sqrt(between / gone))


if __name__ == "__main__":
    main()
