"""How often a GPU would be asked for something in the training of small networks.

python benchmarks/kernel_launches.py [--out FILE]

Needs no GPU: the trainings run on the processor, and torch's profiler counts their operations. One that only
makes a view, or only takes memory, is none of a GPU's. All others count as one launch of a kernel. A GPU may
need two for one, and what a processor does in two steps may be one there, so counts are good to some tenths.
An operation whose result the program reads is a wait: the GPU is then idle until it is asked again.

The policy network, the head and the text network are those of the preset `recommended` and the paper's; the
products are made up. A step is the difference between trainings of two epochs and of one, over their steps.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from shelfwise.core.types import Context, MemberOutputs
from shelfwise.modalities.text_cnn import TextCnnSettings, TextNetwork
from shelfwise.nn import batched_training
from shelfwise.nn.batched_training import fit_as_one
from shelfwise.nn.fusion.policy_network import (
    PolicyBatches,
    PolicySettings,
    fit_policy,
    new_network,
)
from shelfwise.nn.mlp import ClassifierSettings, RowClassifier
from shelfwise.nn.text_cnn import WordBatches
from shelfwise.nn.training_loop import LoopSettings, fit_network
from shelfwise.text.vocabulary import Ragged

PRODUCTS, MEMBERS, LABELS, NETWORKS, BATCH = 2048, 3, 126, 6, 256
FOLDS = 5

NO_KERNEL = re.compile(
    r"aten::(_reshape_alias|_unsafe_view|alias|as_strided|chunk|detach_?|diagonal|empty(_\w+)?|expand(_as)?"
    r"|flatten|item|mT|is_nonzero|_local_scalar_dense|lift_fresh|narrow|new_empty(_\w+)?|numpy_T|permute"
    r"|reshape|resize_|resolve_\w+|result_type|select|set_|slice|split|squeeze|t|to|transpose_?|unbind"
    r"|unfold|unsqueeze_?|view(_as)?)"
)
"""Operations that only make a view, take memory or read a number."""

READS = frozenset({"aten::item", "aten::is_nonzero"})
NETWORK: dict[str, Any] = {
    "hidden": [[330, "sigmoid"], [270, "tanh"]],
    "input": "logits",
    "residual": True,
    "dropout": 0.3,
    "presence_bits": True,
    "member_dropout": 0.2,
}
TRAINING: dict[str, Any] = {"schedule": "cosine", "loss": "bce", "learning_rate": 3e-3}


def main() -> None:
    """Count, print the figures as JSON, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    steps = PRODUCTS // BATCH
    found: dict[str, Any] = {
        name: a_step(fit, steps)
        for name, fit in {
            "policy network": fit_one_policy,
            "policy networks of five folds and of all products, as one": fit_policies_as_one,
            "head of rows": fit_head,
            "heads of five folds, as one": fit_heads_as_one,
            "text network": fit_text_network,
        }.items()
    }
    found["the same, a training of two epochs"] = {
        "one after the other": {
            name: NETWORKS * count for name, count in counted(fit_one_policy, 2).items()
        },
        "as one": counted(fit_policies_as_one, 2),
    }
    text = json.dumps(found, indent=1)
    print(text)
    if args.out:
        args.out.write_text(text + "\n", "utf-8")


def a_step(fit: Callable[[int], object], steps: int) -> dict[str, float]:
    """Launches and waits of one step of a training that `fit` does, given a number of epochs."""
    once, twice = counted(fit, 1), counted(fit, 2)
    return {name: round((twice[name] - once[name]) / steps, 2) for name in once}


def counted(fit: Callable[[int], object], epochs: int) -> dict[str, int]:
    """Launches and waits of a whole training."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        fit(epochs)
    launches = waits = 0
    for event in profile.events():
        if event.name in READS:
            # inside another operation it is a number that the processor has
            waits += not (event.cpu_parent and event.cpu_parent.name.startswith("aten::"))
        elif is_launch(event):
            launches += 1
    return {"launches": launches, "waits": waits}


def is_launch(event: Any) -> bool:
    """Whether a profiled operation is one that a GPU does: none that is made of others of these."""
    if not event.name.startswith("aten::") or NO_KERNEL.fullmatch(event.name):
        return False
    inside = list(event.cpu_children)
    while inside:
        inner = inside.pop()
        if inner.name.startswith("aten::") and not NO_KERNEL.fullmatch(inner.name):
            return False
        inside += inner.cpu_children
    return True


def made_up(products: int, seed: int) -> tuple[MemberOutputs, Any]:
    """Scores of members that know something of their products, and targets (N, L)."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((products, LABELS)) < 0.02).astype(np.float32)
    noise = rng.normal(0, 1, (products, MEMBERS, LABELS))
    scores = (1 / (1 + np.exp(3 - 4 * targets[:, None] - noise))).astype(np.float32)
    return MemberOutputs(scores, np.ones((products, MEMBERS), np.bool_), ()), targets


def policy_settings(epochs: int) -> PolicySettings:
    """The policy network of the preset `recommended`."""
    return PolicySettings.model_validate({**NETWORK, "training": {**TRAINING, "epochs": epochs}})


def fit_one_policy(epochs: int) -> None:
    """One fold's policy, as on a processor."""
    fit_policy(*made_up(PRODUCTS, 0), None, policy_settings(epochs), Context())


def fit_policies_as_one(epochs: int) -> None:
    """The policies of all folds, as on a GPU; one of them has fewer products."""
    chosen = policy_settings(epochs)
    examples = [made_up(PRODUCTS - 40 * (fold == 0), fold) for fold in range(NETWORKS)]
    networks = [new_network(outputs, chosen, 0) for outputs, _ in examples]
    read = [(PolicyBatches(outputs), targets) for outputs, targets in examples]
    fit_as_one(networks, read, chosen.training, [Context()] * NETWORKS, "policy")


def fit_head(epochs: int) -> None:
    """A head of 384 numbers a product, as behind a frozen sentence encoder."""
    RowClassifier.fit(rows_of_head(0), None, head_settings(epochs), Context(), "head")


def fit_heads_as_one(epochs: int) -> None:
    """The heads of five folds, as on a GPU, which is pretended to have room for them."""
    examples = [rows_of_head(fold) for fold in range(FOLDS)]
    with mock.patch.object(batched_training, "device_with_room", return_value=torch.device("cuda")):
        RowClassifier.fit_each(examples, head_settings(epochs), [Context()] * FOLDS, "head")


def rows_of_head(seed: int) -> tuple[Any, Any]:
    """Rows (N, 384) and targets (N, L)."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(PRODUCTS, 384)).astype(np.float32), made_up(PRODUCTS, seed)[1]


def head_settings(epochs: int) -> ClassifierSettings:
    """A head trained as members of the preset `recommended` are, in larger batches."""
    training = LoopSettings.model_validate({**TRAINING, "epochs": epochs})
    return ClassifierSettings(training=training)


def fit_text_network(epochs: int) -> None:
    """The paper's network for titles, on words by chance."""
    rng = np.random.default_rng(0)
    chosen = TextCnnSettings(training=LoopSettings(epochs=epochs))
    network = TextNetwork(torch.randn(1000, chosen.dimensions), LABELS, chosen)
    texts = Ragged(
        rng.integers(2, 1000, 10 * PRODUCTS, np.int32), np.arange(0, 10 * PRODUCTS + 1, 10)
    )
    fit_network(
        network, WordBatches(texts, chosen), made_up(PRODUCTS, 0)[1], chosen.training, Context()
    )


if __name__ == "__main__":
    main()
