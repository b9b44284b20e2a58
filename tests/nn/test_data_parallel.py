"""Pieces of a batch on several cores: the same answers and gradients as the whole batch on one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shelfwise.core.types import Context, Examples
from shelfwise.modalities.text_cnn import TextCnn, TextCnnSettings
from shelfwise.nn.data_parallel import data_parallel
from shelfwise.nn.text_cnn import TextBranch, Texts, TextSettings, WordBatches
from shelfwise.nn.threads import torch_threads
from shelfwise.text.vocabulary import Ragged, TokenArray


@pytest.fixture(autouse=True)
def cores():
    with torch_threads(3):
        yield


@pytest.fixture
def texts() -> Ragged:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 12, 20)
    return Ragged(
        rng.integers(1, 30, lengths.sum()).astype(np.int32),
        np.concatenate([[0], np.cumsum(lengths)]),
    )


def gradients(branch: TextBranch, inputs: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
    branch.zero_grad()
    answer = branch.features(*inputs)
    weights = torch.linspace(-1, 2, answer.numel()).reshape(answer.shape)
    (answer * weights).sum().backward()
    return answer.detach(), [p.grad.clone() for p in branch.parameters() if p.grad is not None]


@pytest.mark.parametrize(
    "shape",
    [
        {"embedding": "non_static"},
        {"embedding": "static", "windows": (2, 4), "hidden": 0},
        {"embedding": "multichannel", "windows": (3,)},
        {"embedding": "non_static", "graph": "pool"},
    ],
    ids=lambda shape: "-".join(map(str, shape.values())),
)
@pytest.mark.parametrize("rows", [20, 7, 2])
def test_pieces_answer_and_learn_as_the_whole_batch_does(texts, shape, rows):
    settings = TextSettings.model_validate({"maxlen": 12, "filters": 6, "hidden": 4, **shape})
    torch.manual_seed(0)
    branch = TextBranch(torch.randn(30, 8), settings)
    inputs = WordBatches(texts, settings).batch(np.arange(rows))
    plain, wanted = gradients(branch, inputs)
    with branch.on_all_cores():
        assert torch.get_num_threads() == 1
        shared, found = gradients(branch, inputs)
    assert torch.get_num_threads() == 3
    torch.testing.assert_close(shared, plain)
    assert len(found) == len(wanted) > 0
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_every_thread_multiplies_on_one_core_and_none_remains(texts):
    layer = nn.Linear(4, 3)
    seen = []

    def work(rows: Tensor) -> Tensor:
        seen.append(torch.get_num_threads())
        return layer(rows)

    with data_parallel(work, list(layer.parameters())) as parallel:
        answer = parallel([(torch.ones(2, 4),), (torch.zeros(1, 4),)])
    torch.testing.assert_close(answer, layer(torch.tensor([[1.0] * 4, [1.0] * 4, [0.0] * 4])))
    assert seen == [1, 1]


def test_the_same_digits_whichever_thread_computes() -> None:
    """A thread that has computed nothing yet would multiply on all cores, with other last digits."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 12, 400)
    tokens = TokenArray(
        rng.integers(0, 500, lengths.sum()).astype(np.int32),
        np.append(0, np.cumsum(lengths)),
        tuple(f"w{i}" for i in range(500)),
    )
    train = Examples(Texts(lengths > 0, tokens), (rng.random((400, 60)) < 0.05).astype(np.float32))
    settings = TextCnnSettings.model_validate(
        {
            "embedding": "rand",
            "dimensions": 50,
            "filters": 20,
            "hidden": 20,
            "training": {"epochs": 2, "batch_size": 256},
        }
    )
    with torch_threads(2):
        found = [
            TextCnn(settings, "title").fit(train, None, Context()).state().arrays for _ in range(16)
        ]
    for other in found[1:]:
        assert all(np.array_equal(found[0][name], other[name]) for name in other)


def test_an_error_in_a_piece_is_raised():
    def work(rows: Tensor) -> Tensor:
        raise RuntimeError("a piece failed")

    with (
        data_parallel(work, [nn.Parameter(torch.ones(1))]) as parallel,
        pytest.raises(RuntimeError, match="a piece failed"),
    ):
        parallel([(torch.ones(1),), (torch.ones(1),)])
