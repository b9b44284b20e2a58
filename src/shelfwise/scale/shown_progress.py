"""How far the workers of an engine are, as progress that a person sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack

from shelfwise.core.types import Context, Progress
from shelfwise.scale.engine import Advanced, Encoded, Event, Failed, Finished


def with_progress(
    events: Iterable[Event], context: Context, title: str, rows: int
) -> Iterator[Finished | Failed]:
    """Show how many products are done, and what of them is encoded; hand on what came of the shards.

    Products are done in thousands. What takes long before, such as their images, has a bar of its own, or
    the first thousand would look like work that stands still.

    Args:
        title: of what is done.
        rows: products in all.
    """
    with ExitStack() as bars:
        products = bars.enter_context(context.progress(title, rows))
        stages: dict[str, Progress] = {}
        for event in events:
            if isinstance(event, Advanced):
                products.advance(event.rows)
            elif isinstance(event, Encoded):
                if event.stage not in stages:
                    # how many there are is not known: not every product has an image
                    stages[event.stage] = bars.enter_context(context.progress(event.stage, 0))
                stages[event.stage].advance(event.steps)
            else:
                yield event
