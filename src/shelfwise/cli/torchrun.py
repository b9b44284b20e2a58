"""Verbs on several processes, which ``torchrun`` starts with one and the same command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps

from shelfwise.errors import ConfigError

SHARED_VERBS = ("train", "compare")
"""Those that fit networks; with any other, each process would do, print and write the same as the others."""


def processes() -> int:
    """How many of them torchrun started; 1 where it did not start this one."""
    # other programs set WORLD_SIZE, too
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 1
    return int(os.environ["WORLD_SIZE"])


def refuse_several_processes(verb: str | None) -> None:
    """Let only verbs that know of several processes go on.

    Raises:
        ConfigError: there are several, and `verb` is another one.
    """
    if processes() > 1 and verb not in SHARED_VERBS:
        raise ConfigError(
            f"torchrun started {processes()} processes, but only {' and '.join(SHARED_VERBS)} can share "
            f"their work; start {verb} without torchrun"
        )


def on_all_processes(verb: Callable[..., None]) -> Callable[..., None]:
    """`verb` in process 0, while all other processes compute what it shares out."""

    # typer reads options and help off the signature
    @wraps(verb)
    def run(*arguments: object, **options: object) -> None:
        if processes() == 1:
            verb(*arguments, **options)
            return
        from shelfwise.nn.batch_shares import compute_shares
        from shelfwise.nn.distributed import process_group
        from shelfwise.nn.memory import tune_malloc

        with process_group() as rank:
            if rank == 0:
                verb(*arguments, **options)
                return
            tune_malloc()
            compute_shares()

    return run
