"""A new model while the old one serves: verify, warm, try, compare, switch; or say why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from shelfwise.core.free_memory import free_bytes
from shelfwise.errors import ShelfwiseError
from shelfwise.service.answers.problems import Problem
from shelfwise.service.engine.admission import Admission, Answer, Job
from shelfwise.service.engine.submit import submit
from shelfwise.service.engine.worker_set import WorkerSet
from shelfwise.service.settings import ServiceSettings

State = Literal["checking", "loading", "trying", "live", "refused"]

MEMORY_MARGIN = 1.1
"""A new model may be larger than the one that serves."""


@dataclass
class Swap:
    """One attempt to change the model.

    Args:
        name: of the new model's folder.
        state: how far it is.
        detail: why it was refused, or what will be different.
        digest: of the new model, once it is loaded.
        changed: of the products that were tried, how many get other labels than before.
        tried: how many products both models labelled.
    """

    name: str
    state: State = "checking"
    detail: str = ""
    digest: str | None = None
    changed: int | None = None
    tried: int | None = None
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return dict(vars(self))


class SwapRefusedError(ShelfwiseError):
    """The new model must not serve; the message is the reason."""


async def prepare(
    folder: Path, old: WorkerSet, settings: ServiceSettings, admission: Admission, swap: Swap
) -> WorkerSet:
    """Workers of the model in `folder`, ready to serve. `swap` is kept up to date on the way.

    Raises:
        SwapRefusedError: there is not enough memory, or the new model gives no answers.
        WorkerError: it cannot be loaded.
    """
    _check_memory(old)
    swap.state = "loading"
    new = WorkerSet(folder, settings, admission)
    await new.start()
    try:
        swap.digest = new.facts["digest"]
        swap.state = "trying"
        await _try(new, old, swap)
    # the new workers would else go on beside the old ones
    except BaseException:
        await new.close()
        raise
    return new


def _check_memory(old: WorkerSet) -> None:
    """Refuse where a second set of workers would not fit beside the first."""
    free = free_bytes()
    sizes = [worker.resident_bytes for worker in old.live]
    known = [size for size in sizes if size is not None]
    # not every system tells
    if free is None or not known:
        return
    needed = int(sum(known) * MEMORY_MARGIN)
    if free < needed:
        raise SwapRefusedError(
            f"a second model needs about {needed / 1e6:,.0f} MB beside the one that serves, and "
            f"{free / 1e6:,.0f} MB are free; use fewer workers, or restart the service with the "
            "new model"
        )


async def _try(new: WorkerSet, old: WorkerSet, swap: Swap) -> None:
    """Label some training products with both models, and compare.

    Raises:
        SwapRefusedError: the new model fails on one of them, or gives no label to any.
    """
    titles = [*new.facts["probes"], *old.facts["probes"]] or ["Mug with a handle"]
    products = [{"id": str(place), "title": title} for place, title in enumerate(titles)]
    # workers of the new set serve nobody yet, so they may be asked directly
    after = await new.workers[0].ask("categorize", products, {"top": 1})
    names = []
    for answer in after["answers"]:
        if "problem" in answer:
            detail = answer["problem"]["detail"]
            raise SwapRefusedError(f"the new model fails on a training product: {detail}")
        names.append(_names(answer))
    if not any(names):
        raise SwapRefusedError(
            f"the new model gives no label to any of {len(names)} training products"
        )
    fields = set(old.facts["fields"]) - set(new.facts["fields"])
    if fields:
        swap.warnings.append(f"the new model does not read: {', '.join(sorted(fields))}")
    gone = {one["name"] for one in old.facts["labels"]} - {
        one["name"] for one in new.facts["labels"]
    }
    if gone:
        swap.warnings.append(f"{len(gone)} labels are no longer given")
    swap.tried = len(products)
    swap.changed = await _count_changed(old, products, names)


async def _count_changed(
    old: WorkerSet, products: list[dict[str, str]], names: list[list[str]]
) -> int | None:
    """How many products get other labels than the old model gives them; None where it cannot tell now."""
    try:
        before = await submit(old.admission, Job.of("categorize", products, {"top": 1}, 30))
    except Problem:
        # a full queue must not stop a swap
        return None
    changed = 0
    for answer, now in zip(before, names, strict=True):
        # a product that the old model fails on gets nothing from it, which must not stop a swap either
        given = [] if "problem" in answer else _names(answer)
        changed += given != now
    return changed


def _names(answer: Answer) -> list[str]:
    """The labels in the answer for a product."""
    return sorted(label["name"] for label in answer["labels"])
