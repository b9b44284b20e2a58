"""The text CNN, training and inference, beside Keras and LibMultiLabel.

python benchmarks/text_network.py CATALOG [--scale S]

CATALOG is repeated up to 90,000 products at scale 1; every fifth is only predicted. All get the same cleaned
descriptions as words, and timing begins there. There are two networks: * the paper's (one window, a hidden
layer, its loss) beside the same layers in Keras on JAX, texts padded to 300 words; * Kim's (windows 2, 4 and
8) beside LibMultiLabel's.

All begin with the packaged GloVe vectors and train as many epochs in batches of 256. So a rival's compilation
counts; ``seconds_last_epoch`` is without it. F1 is micro-F1. Its threshold is tuned on half of the predicted
products, and it is measured on the others. Where LibMultiLabel's F1 is lower after these epochs, it gets
more, up to ``--until``. Then the seconds until its F1 was ours are compared too.

Environments of the rivals are made on first use in build/peers. The multiplications of the layers of the
paper's network, three times for a training step, are given as a share of what the machine multiplies in
square matrices.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from timing import (
    Clock,
    environment,
    in_turn,
    parser,
    peak_gflops,
    processor_seconds,
    ratios,
    tuned_micro_f1,
    write,
)

PRODUCTS, BATCH, MAXLEN, DIMENSIONS = 90_000, 256, 300, 50
PAPER = {"filters": 200, "hidden": 170, "size": 5}
KIM = {"windows": (2, 4, 8), "filters": 128}
SYSTEMS = ("ours-paper", "keras", "ours-kim", "kimcnn")
FIGURES = (
    "seconds_fit",
    "seconds_last_epoch",
    "seconds_predict",
    "cpu_fit",
    "cpu_predict",
    "micro_f1",
)
HERE = Path(__file__).parent


class Words(NamedTuple):
    """The words of a task and their GloVe vectors (V, 50), 0 where there is none."""

    names: list[str]
    vectors: Any

    def begin(self, chosen: Any, reserved: int) -> Any:
        """The initial embedding of the `chosen` words, after so many rows of 0.

        Words without a vector are random, as in the paper.
        """
        chance = (
            np.random.default_rng(0)
            .uniform(-0.25, 0.25, (len(chosen), DIMENSIONS))
            .astype(np.float32)
        )
        own = self.vectors[chosen]
        return np.concatenate(
            (
                np.zeros((reserved, DIMENSIONS), np.float32),
                np.where(own.any(axis=1, keepdims=True), own, chance),
            )
        )


def main() -> None:
    """Read the command line, measure, print."""
    options = parser(__doc__, scale=0.05, repeats=1)
    options.add_argument("catalog", type=Path)
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument(
        "--until", type=int, default=40, help="most epochs of kimcnn until its F1 is ours"
    )
    options.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    args = options.parse_args()
    if args.child:
        child(args.child, args.catalog, args)
        return
    keras = ["keras==3.15.1", "jax[cpu]"]
    kim = (HERE / "peers" / "kimcnn" / "requirements.txt").read_text("utf-8").split("\n")
    interpreters: dict[str, Any] = {
        "keras": lambda: environment("keras", keras),
        "kimcnn": lambda: environment("kimcnn", kim),
    }
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "task.npz"
        prepare(args.catalog, task, round(PRODUCTS * args.scale))
        systems = {
            name: [
                interpreters.get(name, lambda: None)(),
                "--epochs",
                args.epochs,
                "--until",
                args.until,
                task,
            ]
            for name in args.systems
        }
        runs = in_turn(__file__, systems, args)
    for ours, theirs in zip(runs.get("ours-kim", []), runs.get("kimcnn", []), strict=False):
        note_equal(ours, theirs)
    compared = {}
    for ours, theirs in (("ours-paper", "keras"), ("ours-kim", "kimcnn")):
        for figure in (*FIGURES, "seconds_until_equal"):
            if ours in runs and theirs in runs and (found := ratios(runs, ours, theirs, figure)):
                compared[f"{theirs} over ours, {figure}"] = found
    write("text_network", args, runs, compared)


def note_equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """The seconds that each trained until the F1 was that of ours; nothing if a rival never got there."""
    if "failure" in ours or "failure" in theirs:
        return
    ours["seconds_until_equal"] = ours["seconds_fit"]
    reached = [seconds for seconds, f1 in theirs["by_epoch"] if f1 >= ours["micro_f1"]]
    if reached:
        theirs["seconds_until_equal"] = reached[0]


def prepare(catalog: Path, task: Path, products: int) -> None:
    """Cleaned words and targets of `products` products, repeated from the catalogue."""
    from shelfwise.catalog.labels import LabelSet
    from shelfwise.catalog.reading.reader import read_catalog
    from shelfwise.config import CatalogSettings, LabelSettings
    from shelfwise.text.cleaning import CleaningSettings, tokenize_column
    from shelfwise.text.word_vectors import load_vectors

    read = read_catalog(catalog, CatalogSettings()).catalog
    labels = LabelSet.fit(read.column("categories"), LabelSettings(min_count=100))
    targets = labels.encode(read.column("categories"))
    tokens = tokenize_column(read.column("description"), CleaningSettings(kind="description"))
    able = np.flatnonzero((tokens.lengths > 0) & (targets.sum(axis=1) > 0))
    rows = able[np.random.default_rng(0).permutation(products) % len(able)]
    chosen = tokens.take(rows)
    vectors, _ = load_vectors("auto", tokens.words, DIMENSIONS).look_up(tokens.words)
    np.savez(
        task,
        ids=chosen.ids,
        offsets=chosen.offsets,
        words=np.array(tokens.words),
        vectors=vectors,
        targets=targets[rows] > 0,
    )


def child(system: str, task: Path, args: Any) -> None:
    """One system: fit on four fifths, predict the last."""
    stored = np.load(task)
    ids, offsets, targets = stored["ids"], stored["offsets"], stored["targets"].astype(np.float32)
    words = Words(stored["words"].tolist(), stored["vectors"])
    test = np.arange(len(targets)) % 5 == 0
    clock = Clock()
    work = {
        "keras": with_keras,
        "kimcnn": with_kimcnn,
        "ours-paper": with_shelfwise,
        "ours-kim": with_shelfwise,
    }[system]
    further = {"with_shelfwise": [system], "with_kimcnn": [args.until]}.get(work.__name__, [])
    scores = work(clock, (ids, offsets, words), (targets, test), args.epochs, *further)
    clock.note(
        **{"micro_f1": tuned_micro_f1(scores, targets[test]), **clock.figures},
        train=int((~test).sum()),
        test=int(test.sum()),
        labels=targets.shape[1],
    )
    if system == "ours-paper":
        import torch

        torch.set_num_threads(args.threads)
        work_done = multiplied(offsets, targets.shape[1], ~test) * args.epochs / 1e9
        peak = peak_gflops()
        clock.note(
            peak_gflops=peak,
            gflops=work_done / clock.figures["seconds_fit"],
            share_of_peak=work_done / clock.figures["seconds_fit"] / peak,
        )
    clock.finish()


def with_shelfwise(clock: Clock, texts: Any, examples: Any, epochs: int, system: str) -> Any:
    from shelfwise.core.types import Context, Examples
    from shelfwise.modalities.text_cnn import TextCnn, TextCnnSettings
    from shelfwise.nn.memory import tune_malloc
    from shelfwise.nn.text_cnn import Texts
    from shelfwise.text.vocabulary import TokenArray

    tune_malloc()  # as the command line does

    (ids, offsets, words), (targets, test) = texts, examples
    tokens = TokenArray(ids, offsets, tuple(words.names))
    training = {
        "epochs": epochs,
        "batch_size": BATCH,
        "loss": "keras_cce" if system == "ours-paper" else "bce",
    }
    shape = (
        {}
        if system == "ours-paper"
        else {"windows": KIM["windows"], "filters": KIM["filters"], "hidden": 0, "dropout": 0.2}
    )
    settings = TextCnnSettings.model_validate(
        {"maxlen": MAXLEN, "dimensions": DIMENSIONS, "training": training, **shape}
    )
    member = TextCnn(settings, "description")
    fields, wanted = Texts(tokens.lengths > 0, tokens), ~test
    train = Examples(fields.take(np.flatnonzero(wanted)), targets[wanted])
    asked = fields.take(np.flatnonzero(test))
    ends: list[float] = []

    class Noting(Context):
        @contextmanager
        def progress(self, title: str, total: int) -> Iterator[Any]:
            yield SimpleNamespace(advance=lambda steps=1: ends.append(time.perf_counter()))

    clock.time("fit", lambda: member.fit(train, None, Noting()))
    note_last(clock, ends)
    return clock.time("predict", lambda: member.predict(asked, Context()))[0]


def with_keras(clock: Clock, texts: Any, examples: Any, epochs: int) -> Any:
    """The paper's layers as one would write them."""
    import os

    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    (ids, offsets, words), (targets, test) = texts, examples
    commonest = np.argsort(-np.bincount(ids), kind="stable")[:9_999]
    number = np.zeros(ids.max() + 1, np.int32)
    number[commonest] = np.arange(1, len(commonest) + 1)
    coded = [row[row > 0] for row in np.split(number[ids], offsets[1:-1])]
    padded = keras.utils.pad_sequences(coded, MAXLEN, padding="post", truncating="post")
    keras.utils.set_random_seed(0)
    vectors = words.begin(commonest, reserved=1)
    network = keras.Sequential(
        [
            keras.layers.Embedding(*vectors.shape, weights=[vectors]),
            keras.layers.Conv1D(PAPER["filters"], PAPER["size"], activation="relu"),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(PAPER["hidden"], activation="relu"),
            keras.layers.Dense(targets.shape[1], activation="sigmoid"),
        ]
    )
    network.compile(optimizer=keras.optimizers.Adam(1e-3), loss="categorical_crossentropy")
    ends: list[float] = []
    note_end = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())
    )
    train = (padded[~test], targets[~test])
    clock.time(
        "fit",
        lambda: network.fit(
            *train, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[note_end]
        ),
    )
    note_last(clock, ends)
    return clock.time("predict", lambda: network.predict(padded[test], batch_size=BATCH, verbose=0))


def with_kimcnn(clock: Clock, texts: Any, examples: Any, epochs: int, until: int) -> Any:
    """As its quick start, on words that are cut already, its F1 is noted after each epoch."""
    import lightning
    import torch
    from libmultilabel.nn.data_utils import PAD, UNK, get_dataset_loader
    from libmultilabel.nn.nn_utils import init_device, init_model, init_trainer

    (ids, offsets, words), (targets, test) = texts, examples
    commonest = np.argsort(-np.bincount(ids, minlength=len(words.names)), kind="stable")[:9_998]
    table = {PAD: 0, UNK: 1, **{words.names[i]: n for n, i in enumerate(commonest, start=2)}}
    names = np.array(words.names, dtype=object)
    padding = [PAD] * max(KIM["windows"])

    def rows(chosen: Any) -> list[dict[str, Any]]:
        found = (
            names[ids[offsets[i] : offsets[i + 1]]].tolist()[:MAXLEN]
            for i in np.flatnonzero(chosen)
        )
        labels = ([classes[n] for n in np.flatnonzero(row)] for row in targets[chosen])
        return [
            {"text": (text + padding)[: max(len(text), len(padding))], "label": label}
            for text, label in zip(found, labels, strict=True)
        ]

    classes = [f"{n:05}" for n in range(targets.shape[1])]  # it sorts them as texts
    device, train, asked = init_device(use_cpu=True), rows(~test), rows(test)

    def load(data: list[dict[str, Any]], shuffle: bool) -> Any:
        return get_dataset_loader(
            data,
            classes,
            device,
            batch_size=BATCH,
            shuffle=shuffle,
            data_workers=0,
            word_dict=table,
        )

    network = {
        "filter_sizes": list(KIM["windows"]),
        "num_filter_per_size": KIM["filters"],
        "embed_dropout": 0.2,
        "post_encoder_dropout": 0.2,
    }
    vectors = torch.from_numpy(words.begin(commonest, reserved=2))
    model = init_model(
        "KimCNN",
        network,
        classes,
        embed_vecs=vectors,
        learning_rate=1e-3,
        monitor_metrics=["Micro-F1"],
    )

    @torch.inference_mode()
    def predict() -> Any:
        model.eval()
        return torch.cat([model(batch) for batch in load(asked, False)]).sigmoid().numpy()

    ends: list[tuple[float, float]] = []
    f1: list[float] = []
    looking = [0.0, 0.0]

    def note_epoch(*_: Any) -> None:
        before = time.perf_counter(), processor_seconds()
        ends.append((before[0] - looking[0], before[1] - looking[1]))
        f1.append(tuned_micro_f1(predict(), targets[test]))
        model.train()
        looking[:] = (
            looking[0] + time.perf_counter() - before[0],
            looking[1] + processor_seconds() - before[1],
        )

    with tempfile.TemporaryDirectory() as folder:
        trainer = init_trainer(
            folder, epochs=max(epochs, until), silent=True, use_cpu=True, limit_val_batches=0
        )
        trainer.callbacks.append(
            lightning.pytorch.callbacks.LambdaCallback(on_train_epoch_end=note_epoch)
        )
        begun = time.perf_counter(), processor_seconds()
        trainer.fit(model, load(train, True))
    seconds = [end - begun[0] for end, _ in ends]
    clock.note(
        seconds_fit=seconds[epochs - 1],
        cpu_fit=ends[epochs - 1][1] - begun[1],
        by_epoch=list(zip(seconds, f1, strict=True)),
    )
    note_last(clock, [end for end, _ in ends[:epochs]])
    scores = clock.time("predict", predict)
    clock.note(micro_f1=f1[epochs - 1])
    return scores


def note_last(clock: Clock, ends: list[float]) -> None:
    """The time of the last epoch; of a single one that of the whole fit."""
    clock.note(
        seconds_last_epoch=ends[-1] - ends[-2] if len(ends) > 1 else clock.figures["seconds_fit"]
    )


def multiplied(offsets: Any, labels: int, train: Any) -> float:
    """Floating-point operations of one epoch of the paper's network.

    They are those of a window at each place of a text, and of the layers behind.
    """
    lengths = np.minimum(np.diff(offsets)[train], MAXLEN)
    windows = int((np.minimum(lengths, MAXLEN - PAPER["size"]) + 1).sum())
    convolution = windows * PAPER["size"] * 50 * PAPER["filters"]
    behind = len(lengths) * (PAPER["filters"] * PAPER["hidden"] + PAPER["hidden"] * labels)
    return 3.0 * 2 * (convolution + behind)


if __name__ == "__main__":
    main()
