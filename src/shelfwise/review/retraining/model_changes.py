"""Another model while people review: trained or loaded in the background, compared, then used or not."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from shelfwise.core.trusted_key import trusted_key
from shelfwise.core.types import Context
from shelfwise.disk.folders import make_folders
from shelfwise.errors import ShelfwiseError
from shelfwise.review.database.model_events import ModelEvents
from shelfwise.review.database.products import ReviewProducts
from shelfwise.review.retraining.background_work import BackgroundWork, lower_priority
from shelfwise.review.retraining.kept_models import (
    digest_of,
    keep_new,
    models_folder,
    put_in_place,
    training_seconds,
)
from shelfwise.review.retraining.learning import (
    Sources,
    TrainingData,
    needs_training_catalog,
    training_data,
    training_data_with,
)
from shelfwise.review.retraining.model_comparison import compare
from shelfwise.review.retraining.proposed_model import ChangeStatus, Proposed
from shelfwise.review.retraining.training_process import StoppedError, TrainingProcess
from shelfwise.review.workspace import Workspace
from shelfwise.service.access.sessions import Visitor
from shelfwise.service.answers.problems import Problem

log = logging.getLogger("shelfwise")

TRAIN = (sys.executable, "-m", "shelfwise", "train")

Suggest = Callable[[Path, Context], ReviewProducts]
"""Lets the model in a folder suggest labels for the catalogue under review."""


class ModelChanges:
    """What becomes of the model of one review; one change at a time.

    Args:
        workspace: the review.
        sources: its files.
        suggest: see :data:`Suggest`.
        context: seed and cache for `suggest`.
        train: the command that trains.
    """

    def __init__(
        self,
        workspace: Workspace,
        sources: Sources,
        suggest: Suggest,
        context: Context,
        train: Sequence[str] = TRAIN,
    ) -> None:
        self.workspace = workspace
        self.sources = sources
        self.events = ModelEvents(workspace.store.database)
        # replaced as a whole: whoever reads it sees one moment
        self.status = ChangeStatus()
        self._suggest = suggest
        self._context = context
        self._train = train
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None

    @property
    def is_replaced(self) -> bool:
        """Whether another program has put another model in the place of the one in use."""
        found = digest_of(self.sources.model)
        return found is not None and found != self.workspace.products.model_digest

    def training_data(self) -> TrainingData:
        """What can be learnt now, as far as the catalogue under review tells."""
        return training_data(self.workspace)

    def why_not(self) -> str | None:
        """Why no model can be trained now; None where one can."""
        if trusted_key() is not None:
            return (
                "Only signed models are accepted here, and nobody could sign a new one before it is loaded. "
                "Train it with `shelfwise train --corrections`, sign it, and put it in the place of the "
                "model: this page then offers to load it."
            )
        if self.sources.training is None:
            needed = needs_training_catalog(self.workspace)
            if needed is not None:
                return needed
        if not self.training_data().decisions:
            return "There is nothing to learn from yet: decide some products outside of the random sample."
        return None

    def train(self, visitor: Visitor) -> None:
        """Begin to train a model on the decisions.

        Raises:
            Problem: another change is under way, or there is nothing to learn from.
        """
        reason = self.why_not()
        if reason is not None:
            raise Problem(409, "cannot-learn", reason)
        seconds = training_seconds(self.sources.model)
        self._begin("Training a new model", lambda work: self._trained(work, visitor), seconds)

    def look_at(self, folder: Path) -> None:
        """Begin to compare the model in `folder` with the one in use.

        Raises:
            Problem: another change is under way.
        """
        self._begin("Loading the other model", lambda work: self._loaded(work, folder, {}, None))

    def stop(self) -> None:
        """Stop what is under way. The model in use and all decisions stay as they are."""
        work = self.status.work
        if work is not None:
            work.stop()

    def close(self) -> None:
        """Stop what is under way, and wait for its end."""
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def use(self, visitor: Visitor) -> str:
        """Use the proposed model from now on; the old one is kept. What is to be said of it.

        Raises:
            Problem: none is proposed.
            ShelfwiseError: it could not be put in place; the old one is still in use.
        """
        with self._lock:
            proposed = self._ready()
            model = self.sources.model
            old_digest = self.workspace.products.model_digest
            said = "The new model is used now."
            # one that another program has put there is in its place already
            if proposed.products.model_digest != digest_of(model):
                self._check_unchanged(proposed)
                old = put_in_place(proposed.folder, model, old_digest)
                said += f" The old one is kept in {old} and can be brought back."
            self.workspace.use(proposed.products)
            facts = {**proposed.facts, "before": old_digest}
            self.events.add("used", proposed.products.model_digest, visitor.name, facts)
            self.status = ChangeStatus()
            return said

    def keep(self, visitor: Visitor) -> str:
        """Go on with the model in use; the proposed one stays on the disk. What is to be said of it.

        Raises:
            Problem: none is proposed.
        """
        with self._lock:
            proposed = self._ready()
            # what was turned down is written down, too
            facts = {**proposed.facts, "instead_of": proposed.products.model_digest}
            digest = self.workspace.products.model_digest
            self.events.add("kept", digest, visitor.name, facts)
            said = f"The old model stays in use. The new one was not deleted: it lies in {proposed.folder}."
            self.status = ChangeStatus()
            return said

    def _ready(self) -> Proposed:
        proposed = self.status.proposed
        if proposed is None:
            raise Problem(
                409, "nothing-proposed", "no other model is proposed any more; look again"
            )
        return proposed

    def _check_unchanged(self, proposed: Proposed) -> None:
        """Refuse a folder that holds another model than the one that was compared."""
        if digest_of(proposed.folder) != proposed.products.model_digest:
            raise ShelfwiseError(
                f"{proposed.folder} was changed or removed since the comparison; "
                "the old model is still in use: keep it, then train again"
            )

    def _begin(
        self,
        title: str,
        make: Callable[[BackgroundWork], Proposed],
        expected: float | None = None,
    ) -> None:
        with self._lock:
            if self.status.state in ("working", "ready"):
                raise Problem(
                    409,
                    "change-under-way",
                    "a model is being trained or waits to be judged: finish that first",
                )
            work = BackgroundWork(title, expected)
            self.status = ChangeStatus("working", work=work)
            # a daemon: the review ends without waiting for it
            self._thread = threading.Thread(target=self._run, args=(work, make), daemon=True)
            self._thread.start()

    def _run(self, work: BackgroundWork, make: Callable[[BackgroundWork], Proposed]) -> None:
        """Do the work; whatever happens, the model in use and the decisions stay as they are."""
        lower_priority()
        try:
            status = ChangeStatus("ready", proposed=make(work))
        except StoppedError as stopped:
            status = ChangeStatus("idle", f"{stopped}.")
        except (ShelfwiseError, OSError) as error:
            status = ChangeStatus("failed", str(error))
        # of whatever kind: the page would else wait for ever
        except Exception:
            log.exception("another model could not be made ready")
            status = ChangeStatus("failed", "a fault of the program; its log has the reason")
        with self._lock:
            self.status = status

    def _trained(self, work: BackgroundWork, visitor: Visitor) -> Proposed:
        """Train in a process of its own, then compare."""
        sources = self.sources
        work.tell("gathering decisions", 0, 0)
        if sources.training is None:
            found = self.training_data()
        else:
            found = training_data_with(
                self.workspace, sources.training, work.context(self._context)
            )
        folder = models_folder(sources.model) / ".training"
        make_folders(folder)
        new = folder / "model"
        # what was read here is done, and the training reads the file by itself
        work.tell("starting the training", 0, 0)
        work.run(TrainingProcess(self._command(found, folder, new), folder / "output.txt"))
        # kept beside the one in use, which is not touched
        place = keep_new(new, sources.model)
        facts = {
            "decisions": len(found.decisions),
            "sample": found.sample,
            "look_alikes": found.look_alikes,
            "seconds": round(work.seconds, 1),
        }
        shutil.rmtree(folder, ignore_errors=True)
        digest = digest_of(place)
        assert digest is not None
        self.events.add("trained", digest, visitor.name, facts)
        return self._loaded(work, place, facts, found.left_out)

    def _command(self, found: TrainingData, folder: Path, new: Path) -> list[str]:
        """The training as one would type it."""
        sources = self.sources
        corrections, left_out = found.write(folder)
        command = [*self._train, str(sources.training or sources.catalog)]
        if sources.training is not None:
            command += ["--further", str(sources.catalog)]
        command += ["--corrections", str(corrections)]
        # an option with an empty file would be an error
        if found.left_out:
            command += ["--leave-out", str(left_out)]
        return [*command, "--like", str(sources.model), "--out", str(new), "--json"]

    def _loaded(
        self,
        work: BackgroundWork,
        folder: Path,
        facts: Mapping[str, Any],
        measuring: Collection[str] | None,
    ) -> Proposed:
        """Let a model suggest labels, and compare them with those in use.

        Raises:
            ShelfwiseError: it is the model in use, or the catalogue's file has changed.
        """
        work.title = "Comparing both models"
        work.expected = None
        products = self._suggest(folder, work.context(self._context))
        if products.model_digest == self.workspace.products.model_digest:
            raise ShelfwiseError(
                "the new model is the same as the one in use, to the last byte: nothing would change"
            )
        old = self.workspace.products.catalog
        # rows of decisions would mean other products
        if products.catalog.fingerprint() != old.fingerprint():
            raise ShelfwiseError(
                "the catalogue is read otherwise than when the review began: its file has changed, or the "
                "other model reads it by other settings; start the review again"
            )
        work.tell("comparing", 0, 0)
        return Proposed(folder, products, compare(self.workspace, products, measuring), facts)
