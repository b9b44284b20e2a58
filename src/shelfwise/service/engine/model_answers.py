"""What a worker answers: decisions, similar products and explanations of products that came over HTTP.

Products are computed together, but no product changes the answer of another.
"""

from __future__ import annotations

import dataclasses
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from shelfwise.catalog.reading.python.python_records import read_records
from shelfwise.core.catalog import SCHEMA, Catalog
from shelfwise.core.types import Context
from shelfwise.errors import BundleError, ConfigError, PluginError, ShelfwiseError
from shelfwise.export.loading import open_model
from shelfwise.export.runtime import OnnxModel
from shelfwise.model.labelling import LabelRequest, label
from shelfwise.model.model import require_members
from shelfwise.model.predictor import Predictor
from shelfwise.service.engine.model_facts import model_facts
from shelfwise.service.engine.product_ids import id_as_in_files
from shelfwise.vision.image_io import is_first_of_several, read_image, too_many_pixels

if TYPE_CHECKING:
    from shelfwise.categorizer import Categorizer

log = logging.getLogger("shelfwise")

Answer = dict[str, Any]
"""Of one product: what was asked for, or ``{"problem": {"status", "kind", "detail", ...}}``."""

FIRST_FRAME = "the image has several frames or pages; the first one was used"

NO_IMAGES = "the image was not used: the model reads no images"


@dataclass(frozen=True)
class ModelAnswers:
    """Answers by one model.

    Args:
        predictor: the model, exported or not.
        digest: of its manifest.
    """

    predictor: Predictor
    digest: str

    @classmethod
    def load(cls, folder: Path, on_one_thread: bool = False) -> Self:
        """The model in `folder`, after its files were verified and a product was labelled.

        Args:
            on_one_thread: it computes on one thread from now on, as does all of torch in this process.

        Raises:
            BundleError: no model there, or a file that was changed since it was saved.
        """
        from shelfwise.disk.files import sha256_of_file
        from shelfwise.model.bundle_reader import MANIFEST

        predictor = open_model(folder)
        if on_one_thread:
            _use_one_thread(predictor)
        answers = cls(predictor, sha256_of_file(folder / MANIFEST)[:16])
        # whatever is imported or built at the first product is so before the first caller waits for it
        list(label(predictor, answers._catalog([{"title": "Mug with a handle"}])[0], Context()))
        return answers

    def facts(self) -> dict[str, Any]:
        """What the service tells of the model."""
        return model_facts(self.predictor, self.digest)

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """One answer for each product of `message`, in its order."""
        started = time.perf_counter()
        products = message["products"]
        answers = self._answers(message["task"], products, message["options"])
        return {"answers": answers, "seconds": time.perf_counter() - started}

    def _answers(
        self, task: str, products: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
    ) -> list[Answer]:
        compute: Callable[..., list[Answer]] = {
            "categorize": self._categorize,
            "similar": self._similar,
            "explain": self._explain,
        }[task]
        try:
            return self._in_places(compute, products, options)
        except ShelfwiseError as error:
            problem = {"problem": _asked_in_vain(error)}
            return [problem] * len(products)
        # one product that a plug-in trips over must not cost its neighbours their answers
        except Exception:
            if len(products) > 1:
                middle = len(products) // 2
                halves = products[:middle], products[middle:]
                return [answer for half in halves for answer in self._answers(task, half, options)]
            log.exception("a product could not be computed")
            return [{"problem": {"status": 500, "kind": "internal", "detail": _INTERNAL}}]

    def _in_places(
        self,
        compute: Callable[..., list[Answer]],
        products: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
    ) -> list[Answer]:
        """Answers of all products; those that the reader refuses have a problem for an answer."""
        catalog, places = self._catalog(products)
        answers: list[Answer] = [{"problem": _UNREADABLE}] * len(products)
        if not len(catalog):
            return answers
        for place, answer in zip(places, compute(catalog, options), strict=True):
            # a product without an id was given one for its computation
            answers[place] = {"id": products[place].get("id"), **answer}
        return self._with_image_problems(products, answers)

    def _with_image_problems(
        self, products: Sequence[Mapping[str, Any]], answers: list[Answer]
    ) -> list[Answer]:
        """The answers, with what is to be said of images whether or not the model reads any."""
        with_image = [
            place
            for place, one in enumerate(products)
            # an image that was used has been decoded, so it is not too large
            if one.get("image") is not None
            and "image" not in answers[place].get("used_modalities", ())
        ]
        contents = [products[place]["image"] for place in with_image]
        for place, reason in zip(with_image, too_many_pixels(contents), strict=True):
            # whoever sends so large an image is told, not only warned
            if reason is not None:
                answers[place] = {"problem": _refused_image(reason)}
            elif "image" not in self.predictor.fields and "warnings" in answers[place]:
                answers[place]["warnings"] = [*answers[place]["warnings"], NO_IMAGES]
        return answers

    def _catalog(self, products: Sequence[Mapping[str, Any]]) -> tuple[Catalog, list[int]]:
        """The products that the reader accepts, cleaned as those of a file, and their places."""
        records = [_record(product) for product in products]
        reading = read_records(records)
        table = reading.catalog.table
        places = [int(place) for place in table.column("id").to_pylist()]
        # what surrounds an id is no part of it in a file: the model knows it without
        ids = [id_as_in_files(products[place].get("id")) or uuid.uuid4().hex for place in places]
        column = table.column_names.index("id")
        table = table.set_column(column, "id", pa.array(ids, pa.string()))
        catalog = dataclasses.replace(reading.catalog, table=table)
        images = [products[place].get("image") for place in places]
        # only bytes: no path that came over HTTP is ever opened
        return catalog.with_images(images), places

    def _categorize(self, catalog: Catalog, options: Mapping[str, Any]) -> list[Answer]:
        request = LabelRequest(
            precision=options.get("precision"),
            novelty_rate=options.get("novelty_rate"),
            top=options.get("top"),
            members=options.get("reasons") == "members",
        )
        context = Context(seed=self.predictor.config.seed)
        decisions = label(self.predictor, catalog, context, request)
        answers: list[Answer] = []
        for decision, image in zip(decisions, catalog.image_sources(), strict=True):
            values = decision.to_dict()
            if "image" in decision.used_modalities and image is not None:
                values["warnings"] = [*values["warnings"], *_notes_on(read_image(image))]
            # a record that cannot be read has a problem for an answer
            del values["id"], values["refused"]
            values["rejected"] = [
                {"field": one.field, "reason": one.reason} for one in decision.rejected
            ]
            answers.append(values)
        return answers

    def _similar(self, catalog: Catalog, options: Mapping[str, Any]) -> list[Answer]:
        found = self._categorizer.similar_with_warnings(catalog, options.get("k", 10))
        return [{"similar": products, "warnings": list(told)} for products, told in found]

    def _explain(self, catalog: Catalog, options: Mapping[str, Any]) -> list[Answer]:
        from shelfwise.explain.explanation import explain_products

        model = require_members(self.predictor, "explain labels")
        context = Context(seed=model.config.seed)
        evidence = bool(options.get("evidence"))
        answers = []
        for explanation in explain_products(model, catalog, context, evidence=evidence):
            values = explanation.to_dict()
            del values["id"]
            answers.append(values)
        return answers

    @cached_property
    def _categorizer(self) -> Categorizer:
        # it imports torch, which an exported model does without
        from shelfwise.categorizer import Categorizer

        return Categorizer.from_model(self.predictor)


def _use_one_thread(predictor: Predictor) -> None:
    if isinstance(predictor, OnnxModel):
        predictor.threads = 1
        return
    # an exported model does without torch
    import torch

    torch.set_num_threads(1)


def _record(product: Mapping[str, Any]) -> dict[str, Any]:
    """A product as the reader takes it; every column of ours is there, so that no other stands in for it."""
    own: dict[str, Any] = {name: product.get(name) for name in SCHEMA.names}
    # a place stands for the id meanwhile, and images are given as bytes afterwards
    del own["id"], own["image"]
    return own | dict(product.get("columns") or {})


def _notes_on(image: bytes) -> list[str]:
    """What a caller is to know of an image that was used."""
    return [FIRST_FRAME] if is_first_of_several(image) else []


def _asked_in_vain(error: ShelfwiseError) -> dict[str, Any]:
    """What the model cannot do, as a problem."""
    # an exported model has no members; a model may lack an index or limits
    if isinstance(error, BundleError | PluginError):
        return {"status": 501, "kind": "not-in-this-model", "detail": str(error)}
    if isinstance(error, ConfigError):
        return {"status": 422, "kind": "not-in-this-model", "detail": str(error)}
    # its message may hold what was sent
    return dict(_UNREADABLE)


def _refused_image(reason: str) -> dict[str, Any]:
    return {"status": 422, "kind": "image-refused", "detail": reason, "field": "image"}


_UNREADABLE: dict[str, Any] = {
    "status": 422,
    "kind": "product-refused",
    "detail": "the product cannot be read as one of a catalogue; see the types of its fields",
}
_INTERNAL = "the product could not be computed; the service's log has the reason"
