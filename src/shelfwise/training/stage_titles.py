"""What a stage of a training is called where people read its progress."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from shelfwise.core.types import Context

_TITLES = {
    "prepare": "preparing {}",
    "member": "fitting {}",
    "answers": "predicting with {}",
    "fold": "cross-fitting {}",
    "system": "fitting the fusion {}",
    "cross": "cross-fitting the fusion {}",
}


def stage_title(stage: str) -> str:
    """A stage, named as :class:`~shelfwise.training.checkpoints.Checkpoints` keeps it, in words.

    >>> stage_title("member.title"), stage_title("fold.title.0")
    ('fitting title', 'cross-fitting title, part 1')
    """
    kind, _, name = stage.partition(".")
    part = ""
    if kind == "fold":
        name, _, number = name.rpartition(".")
        part = f", part {int(number) + 1}"
    return _TITLES[kind].format(name) + part if kind in _TITLES else stage


def tell_stage(context: Context, title: str) -> None:
    """Say what is done from now on; how far it is nobody knows."""
    with context.progress(title, 0):
        pass


def stage_display(
    context: Context, before: str = ""
) -> Callable[[str], AbstractContextManager[object]]:
    """Shows a stage as long as it lasts, with `before` in front: a plug-in may tell nothing for hours."""
    return lambda stage: context.progress(before + stage_title(stage), 0)
