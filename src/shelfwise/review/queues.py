"""In what order products are shown, and which of them: the queues and the filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from shelfwise.core.types import Bools, Int64Array
from shelfwise.review.database.decision_rows import Decision
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.running_precision import Precision, random_order, running_precision

Queue = Literal["uncertain", "wrong", "sample", "disagree", "search"]

QUEUES: tuple[Queue, ...] = get_args(Queue)

TITLES: Mapping[Queue, str] = {
    "uncertain": "Uncertain",
    "wrong": "Perhaps wrong",
    "sample": "Random sample",
    "disagree": "Fields disagree",
    "search": "All products",
}

PURPOSE: Mapping[Queue, str] = {
    "uncertain": "Products that the model is least sure about. Deciding these teaches it most.",
    "wrong": "Products whose categories are more suspect than the average product's, the most suspect first.",
    "sample": "Products drawn by chance. Only this queue measures how many labels are right.",
    "disagree": "Products whose fields contradict each other: the image says one thing, the title another.",
    "search": "Every product that the filter finds, in the order of the catalogue.",
}

State = Literal["waiting", "decided", "any"]


SURELY = 0.5
"""Suspicion from which on a product is worth a look, however many others are worse."""


@dataclass(frozen=True)
class Filter:
    """What is shown; it is in the address, so that it can be sent to a colleague.

    Args:
        queue: the order, and which products belong at all.
        text: words that the title or the id holds.
        label: a label that the product has or that is suggested for it.
        state: whether people have decided.
    """

    queue: Queue = "uncertain"
    text: str = ""
    label: str = ""
    state: State = "waiting"


@dataclass(frozen=True)
class ForPerson:
    """What is otherwise for one person than for the others.

    Args:
        second_looks: rows that the person is to decide without seeing what another one has decided.
        elsewhere: row -> who else has it open, and for how many minutes at most.
    """

    second_looks: frozenset[int] = frozenset()
    elsewhere: Mapping[int, tuple[str, int]] = field(default_factory=dict)


EVERYBODY = ForPerson()


class Queues:
    """The queues of one catalogue; what nobody needs to look at is left out of them."""

    def __init__(self, products: ReviewProducts) -> None:
        self.products = products
        self.sample: Int64Array = random_order(len(products), products.seed)
        self._orders = {
            "uncertain": _falling(products.uncertainty, ~products.automatic),
            "wrong": _falling(products.suspicion, _suspect(products)),
            "sample": self.sample,
            "disagree": _falling(products.disagreement, products.disagreement > 0),
            "search": np.arange(len(products)),
        }
        self._members = {}
        for queue, order in self._orders.items():
            # whether a product is in a queue is asked for every row of a list
            members = np.zeros(len(products), np.bool_)
            members[order] = True
            self._members[queue] = members

    def rows(
        self, chosen: Filter, current: Mapping[str, Decision], person: ForPerson = EVERYBODY
    ) -> list[int]:
        """The rows that a filter finds, in the queue's order."""
        words = chosen.text.casefold().split()
        # second looks belong to the random sample
        second = person.second_looks if chosen.queue == "sample" else frozenset()
        found = []
        for row in self._orders[chosen.queue].tolist():
            decided = self.is_decided(row, current) and row not in second
            if self._fits(row, chosen, words, current, decided):
                found.append(row)
        return found

    def next_row(
        self,
        chosen: Filter,
        current: Mapping[str, Decision],
        after: int | None = None,
        person: ForPerson = EVERYBODY,
    ) -> int | None:
        """The first product to look at, or the one that follows the row `after`; None at the end.

        What another person has open is passed over.
        """
        rows = self.rows(chosen, current, person)
        rows = [row for row in rows if row not in person.elsewhere]
        if after is None:
            return rows[0] if rows else None
        order = self._orders[chosen.queue].tolist()
        # a product that was just decided is in the order, but not among the rows
        place = order.index(after) if after in order else -1
        later = set(order[place + 1 :])
        following = [row for row in rows if row in later]
        rest = [row for row in rows if row != after]
        # what was passed over comes again at the end
        candidates = following or rest
        return candidates[0] if candidates else None

    def progress(self, queue: Queue, current: Mapping[str, Decision]) -> tuple[int, int]:
        """How many products of a queue are decided, and how many it has."""
        members = self._members[queue]
        done = 0
        # decided products are fewer than products
        for identity in current:
            row = self.products.row_of.get(identity)
            if row is not None and members[row]:
                done += self.is_decided(row, current)
        return done, len(self._orders[queue])

    def is_decided(self, row: int, current: Mapping[str, Decision]) -> bool:
        """Whether somebody has decided about the product as it is now."""
        decision = current.get(self.products.ids[row])
        if decision is None or decision.state != "decided":
            return False
        return decision.fingerprint == self.products.fingerprint(row)

    def measured(self, current: Mapping[str, Decision]) -> list[int]:
        """The rows that measure: those of the sample up to the first that nobody has looked at.

        To leave the hard ones out would flatter. A decision in bulk is no look.
        """
        found = []
        for row in self.sample.tolist():
            decision = current.get(self.products.ids[row])
            if decision is None or decision.reason == "bulk" or not self.is_decided(row, current):
                break
            found.append(row)
        return found

    def precision(self, current: Mapping[str, Decision], automatic: bool = False) -> Precision:
        """The precision of what the model suggests, from the random sample so far.

        Args:
            automatic: of products that are accepted without a person only.
        """
        products = self.products
        labels = products.suggested.sum(axis=1).astype(np.int64)
        if automatic:
            labels = labels * products.automatic
        counts = []
        rights = []
        for row in self.measured(current):
            counts.append(int(labels[row]))
            right = set(current[products.ids[row]].after) & set(products.suggestion(row))
            # a product whose suggestion is not counted has none that is right
            rights.append(len(right) if labels[row] else 0)
        return running_precision(
            np.array(counts, np.int64),
            np.array(rights, np.int64),
            len(products),
            max(1, int(labels.max(initial=0))),
        )

    def _fits(
        self,
        row: int,
        chosen: Filter,
        words: list[str],
        current: Mapping[str, Decision],
        decided: bool,
    ) -> bool:
        if chosen.state == "decided" and not decided:
            return False
        if chosen.state == "waiting" and decided:
            return False
        identity = self.products.ids[row]
        if words:
            text = f"{self.products.titles[row]} {identity}".casefold()
            if not all(word in text for word in words):
                return False
        if not chosen.label:
            return True
        decision = current.get(identity)
        if decision is not None and decided:
            return chosen.label in decision.after
        # undecided ones are found by what they have and by what is suggested
        has = self.products.starting_labels(row)
        return chosen.label in has or chosen.label in self.products.suggestion(row)


def _suspect(products: ReviewProducts) -> Bools:
    """(N,) which products are more likely wrong than one that was drawn by chance."""
    suspicion = products.suspicion
    labelled = np.array([bool(names) for names in products.given], np.bool_)
    if not labelled.any():
        return labelled
    # below it the random sample finds as many mistakes, and measures as well
    average = suspicion[labelled].mean()
    suspect = (suspicion > average) | (suspicion >= SURELY)
    return np.asarray(labelled & suspect, np.bool_)


def _falling(values: np.ndarray, chosen: np.ndarray) -> Int64Array:
    """The chosen rows, the highest value first; of equals the first of the catalogue."""
    order = np.argsort(-values, kind="stable")
    return np.asarray(order[chosen[order]], np.int64)
