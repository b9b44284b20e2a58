"""Random numbers from a seed: the same in a thread of its own as in the process, and no others change."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from shelfwise.nn.dropout import Dropout
from shelfwise.nn.fusion.feature_reader import keep_members
from shelfwise.nn.seeding import (
    generator,
    own_random_numbers,
    random_state,
    set_random_state,
    torch_seed,
    training_seed,
)


def drawn() -> Tensor:
    """What a policy network draws in a step."""
    units = Dropout(0.3)(torch.ones(8, 16))
    kept = keep_members(torch.ones(8, 4, dtype=torch.bool), 0.5)
    return torch.cat([units.flatten(), kept.flatten().float()])


def trained() -> Tensor:
    with training_seed(3):
        return torch.stack([drawn(), drawn()])


def in_own_thread(work: Callable[[], Tensor]) -> Tensor:
    with ThreadPoolExecutor(1, initializer=own_random_numbers) as executor:
        return executor.submit(work).result()


def test_a_thread_of_its_own_draws_what_the_process_would() -> None:
    assert torch.equal(in_own_thread(trained), trained())
    assert not torch.equal(trained()[0], trained()[1])


def test_a_thread_of_its_own_leaves_the_process_alone() -> None:
    before = torch.get_rng_state()
    in_own_thread(trained)
    assert torch.equal(torch.get_rng_state(), before)
    assert generator() is None


def test_first_weights_are_the_same_in_every_thread() -> None:
    def made() -> Tensor:
        with torch_seed(5):
            return torch.nn.Linear(4, 4).weight.detach()

    before = torch.get_rng_state()
    wanted = made()
    with ThreadPoolExecutor(4, initializer=own_random_numbers) as executor:
        found = list(executor.map(lambda _: made(), range(64)))
    assert all(torch.equal(one, wanted) for one in found)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_state_of_ones_own_is_drawn_on_from() -> None:
    def again() -> Tensor:
        with training_seed(3):
            state = random_state()
            first = drawn()
            set_random_state(state)
            return torch.stack([first, drawn()])

    for found in (again(), in_own_thread(again)):
        assert torch.equal(found[0], found[1])
