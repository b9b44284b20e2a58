"""A thread's number of cores: set inside the block, given back after it, and no other thread's business."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from shelfwise.nn.threads import torch_threads, use_torch_threads


def count_in(executor: ThreadPoolExecutor) -> int:
    return executor.submit(torch.get_num_threads).result()


def test_the_number_is_the_calling_threads_alone() -> None:
    before = torch.get_num_threads()
    with ThreadPoolExecutor(1) as older:
        default = count_in(older)
        with torch_threads(before + 1):
            assert torch.get_num_threads() == before + 1
            assert count_in(older) == default
            with ThreadPoolExecutor(1) as newer:
                assert count_in(newer) == default
            with torch_threads(1), ThreadPoolExecutor(1) as newest:
                assert torch.get_num_threads() == 1
                assert count_in(newest) == default
            assert torch.get_num_threads() == before + 1
        assert count_in(older) == default
    assert torch.get_num_threads() == before


def test_the_number_comes_back_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="a step failed"), torch_threads(before + 2):
        raise ValueError("a step failed")
    assert torch.get_num_threads() == before


def test_where_torch_has_one_number_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch without OpenMP."""
    numbers = [4]
    monkeypatch.setattr(torch, "get_num_threads", lambda: numbers[-1])
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    with torch_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4


def test_many_threads_at_once_leave_the_default_alone() -> None:
    before = torch.get_num_threads()
    with ThreadPoolExecutor(8, initializer=use_torch_threads, initargs=(1,)) as executor:
        counts = list(executor.map(lambda _: torch.get_num_threads(), range(64)))
    assert set(counts) == {1}
    with ThreadPoolExecutor(1) as newer:
        assert count_in(newer) == before
