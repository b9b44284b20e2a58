"""One catalogue under review: what people may do with it, whichever page they do it on."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shelfwise.errors import LabelError, StorageError
from shelfwise.review.database.decision_rows import Decision, Labels, Proposal, Reason, State
from shelfwise.review.database.decisions import DecisionStore
from shelfwise.review.database.open_products import OpenProducts
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.database.second_opinions import SecondOpinion, SecondOpinions, rows_for_two
from shelfwise.review.queues import Filter, ForPerson, Queues
from shelfwise.review.running_precision import Precision, is_broken
from shelfwise.service.access.sessions import Visitor
from shelfwise.similar_names import did_you_mean

MAX_PREVIEWS = 20
"""Previews of bulk decisions that are kept; older ones have to be made again."""


@dataclass(frozen=True)
class BulkPreview:
    """A decision about many products that waits to be confirmed.

    Args:
        rows: the products.
        seen: what each one's `seq` was when the preview was made.
    """

    rows: tuple[int, ...]
    seen: tuple[int, ...]


class Workspace:
    """A catalogue, its queues and its decisions."""

    def __init__(self, products: ReviewProducts, store: DecisionStore) -> None:
        self.store = store
        self.opinions = SecondOpinions(store.database)
        self.open_products = OpenProducts()
        # requests come in threads, and one may take it again on its way
        self.lock = threading.RLock()
        self._previews: dict[str, BulkPreview] = {}
        _refuse_another_catalogs(store, products)
        store.open_catalog(products.catalog.fingerprint(), products.catalog.source, len(products))
        self._open(products, Queues(products))

    def _open(self, products: ReviewProducts, queues: Queues) -> None:
        """Show the suggestions in `products` from now on."""
        self.store.open_model(products.model_digest, products.names)
        self.products = products
        self.queues = queues
        # what was decided under another model stays known, also where this one has no such label
        decided = {name for one in self.store.current().values() for name in one.after}
        given = {name for labels in products.given for name in labels or ()}
        self.label_names: Sequence[str] = sorted(given | decided | products.all_paths.keys())
        self._known = frozenset(self.label_names)

    def use(self, products: ReviewProducts) -> None:
        """Show what another model suggests, for the same products.

        Previews of bulk decisions are dropped, and the promise of automatic acceptance is checked anew.

        Raises:
            StorageError: the disk did not take it; the old suggestions stay.
        """
        # the same random sample, whatever the model's seed
        products = replace(
            products,
            catalog=self.products.catalog,
            seed=self.products.seed,
            # labels that the new model lacks keep their places in the tree
            further_paths=self.products.all_paths,
        )
        queues = Queues(products)
        with self.lock:
            self._open(products, queues)
            self._previews.clear()
            enabled, _ = self.store.acceptance()
            if enabled and products.promise is None:
                why = "stopped by itself: the model that is used now promises nothing"
                self.store.switch_acceptance(False, why)
            self.check_promise()

    def labels_of(self, row: int, current: dict[str, Decision]) -> Labels:
        """The labels of a product: those decided on, or else the catalogue's."""
        decision = current.get(self.products.ids[row])
        if decision is not None and decision.state == "decided":
            return decision.after
        return self.products.starting_labels(row)

    def closed(self, names: Iterable[str]) -> Labels:
        """The labels and all that lie above them.

        Raises:
            LabelError: nobody knows a label of that name.
        """
        chosen = {name.strip() for name in names} - {""}
        for name in sorted(chosen - self._known):
            fix = did_you_mean(name, self.label_names).rstrip() or "choose one of the list"
            raise LabelError(f"there is no category named {name!r}; {fix}")
        above = {parent for name in chosen for parent in self.products.ancestors(name)}
        return tuple(sorted(chosen | above))

    def decide(
        self,
        rows: Sequence[int],
        after: Labels,
        seen: int,
        request_key: str,
        reason: Reason,
        visitor: Visitor,
        state: State = "decided",
    ) -> list[Decision]:
        """Keep one person's decision about a product, and about look-alikes that follow it in `rows`.

        Args:
            seen: the `seq` of the first product that the person saw.

        Raises:
            ConflictError: somebody else has decided about one of them meanwhile.
        """
        current = self.store.current()
        batch = secrets.token_hex(8) if len(rows) > 1 else None
        proposals = []
        for number, row in enumerate(rows):
            latest = current.get(self.products.ids[row])
            followed = latest.seq if latest is not None else 0
            proposals.append(
                Proposal(
                    product=self.products.ids[row],
                    fingerprint=self.products.fingerprint(row),
                    seen=seen if number == 0 else followed,
                    before=self.labels_of(row, current),
                    after=after if state == "decided" else self.labels_of(row, current),
                    suggested=self.products.suggestion(row),
                    # only the first was looked at
                    reason=reason if number == 0 else "bulk",
                    request_key=request_key if number == 0 else f"{request_key}/{row}",
                    state=state,
                    batch=batch,
                )
            )
        kept = self.store.decide(proposals, visitor.name, visitor.role)
        self.check_promise()
        return kept

    def for_person(self, name: str, current: dict[str, Decision]) -> ForPerson:
        """What is otherwise for one person than for the others."""
        answered = {opinion.product for opinion in self.opinions.all()}
        second = set()
        for row in rows_for_two(self.queues.sample):
            first = current.get(self.products.ids[row])
            if first is None or first.product in answered or first.reviewer == name:
                continue
            # what was taken back, or accepted with others, is no answer of a person
            looked_at = first.action == "decide" and first.reason == "sample"
            if looked_at and self.queues.is_decided(row, current):
                second.add(row)
        return ForPerson(frozenset(second), self.open_products.elsewhere(name))

    def give_second_opinion(
        self, row: int, labels: Labels, first: int, request_key: str, visitor: Visitor
    ) -> bool:
        """Keep what a person made of a product whose first decision they have not seen.

        Returns:
            Whether it was kept; not where the first decision does not stand any more, or where the page
            was sent before with another answer.
        """
        standing = self.store.latest(self.products.ids[row])
        if standing is None or standing.id != first or standing.reviewer == visitor.name:
            return False
        shown = [candidate.name for candidate in self.products.shown(row)]
        by = (visitor.name, visitor.role)
        return self.opinions.add(standing, labels, shown, by, request_key)

    def last_to_undo(self, name: str) -> Decision | SecondOpinion | None:
        """What a person decided last, of all that nobody has taken back."""
        decision = self.store.last_to_undo(name)
        own = [opinion for opinion in self.opinions.all() if opinion.second_by == name]
        found: list[Decision | SecondOpinion] = [*own]
        if decision is not None:
            found.append(decision)
        return max(found, key=lambda one: one.decided_at, default=None)

    def preview_bulk(self, chosen: Filter) -> tuple[str, BulkPreview]:
        """Prepare to accept the suggestions of every product that a filter finds.

        Returns:
            A token that confirms exactly these products, and the preview.
        """
        current = self.store.current()
        rows = self.queues.rows(chosen, current)
        seen = [self._seq(row, current) for row in rows]
        token = secrets.token_urlsafe(12)
        self._previews[token] = BulkPreview(tuple(rows), tuple(seen))
        while len(self._previews) > MAX_PREVIEWS:
            # the oldest comes first
            self._previews.pop(next(iter(self._previews)))
        return token, self._previews[token]

    def confirm_bulk(self, token: str, visitor: Visitor) -> list[Decision] | None:
        """Accept what was previewed, all or nothing; None where there is no such preview any more.

        Raises:
            ConflictError: somebody else has decided about one of the products since the preview.
        """
        preview = self._previews.get(token)
        if preview is None:
            return None
        current = self.store.current()
        proposals = []
        for row, seen in zip(preview.rows, preview.seen, strict=True):
            proposals.append(
                Proposal(
                    product=self.products.ids[row],
                    fingerprint=self.products.fingerprint(row),
                    seen=seen,
                    before=self.labels_of(row, current),
                    after=self.products.suggestion(row),
                    suggested=self.products.suggestion(row),
                    reason="bulk",
                    request_key=f"{token}/{row}",
                    batch=token,
                )
            )
        # one transaction: all are kept or none
        return self.store.decide(proposals, visitor.name, visitor.role)

    def precision(self) -> Precision:
        """Of all suggestions, from the random sample so far."""
        return self.queues.precision(self.store.current())

    def accepted_precision(self) -> Precision:
        """Of what is accepted without a person, from the random sample so far."""
        return self.queues.precision(self.store.current(), automatic=True)

    def check_promise(self) -> None:
        """Turn automatic acceptance off where the sample proves that it breaks its promise."""
        enabled, _ = self.store.acceptance()
        promise = self.products.promise
        if not enabled or promise is None:
            return
        precision = self.accepted_precision()
        # at any time, as the interval holds at every look
        if is_broken(precision, promise):
            self.store.switch_acceptance(
                False,
                f"stopped by itself: at most {precision.high:.1%} of the accepted labels are right, "
                f"and {promise:.0%} were promised",
            )

    def _seq(self, row: int, current: dict[str, Decision]) -> int:
        latest = current.get(self.products.ids[row])
        return latest.seq if latest is not None else 0


def _refuse_another_catalogs(store: DecisionStore, products: ReviewProducts) -> None:
    """Refuse a file about another catalogue: acceptance that was turned on there would hold here.

    Raises:
        StorageError: nothing in it is about a product as this catalogue has it.
    """
    known = store.catalogs()
    if not known or products.catalog.fingerprint() in known:
        return
    decisions = store.current()
    for one in decisions.values():
        row = products.row_of.get(one.product)
        # one product that is the same in every value tells a new edition of the same catalogue
        if row is not None and products.fingerprint(row) == one.fingerprint:
            return
    accepting, _ = store.acceptance()
    if decisions or accepting:
        before = list(known.values())[-1]
        raise StorageError(
            f"{store.path} was begun with {before}, and no decision in it is about a product as "
            f"{products.catalog.source} has it; give --decisions FILE for this catalogue"
        )
