"""From the bytes of a request to checked products: JSON, or multipart with the images beside it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from shelfwise.service.answers.problems import Problem
from shelfwise.service.engine.product_ids import id_as_in_files
from shelfwise.service.engine.submit import DisconnectedError
from shelfwise.service.requests.request_models import Product
from shelfwise.service.requests.strict_json import parse_json
from shelfwise.service.settings import ServiceSettings

Model = TypeVar("Model", bound=BaseModel)

REQUEST_PART = "request"
"""The part of a multipart request that holds the JSON."""

MAX_DEADLINE_MS = 600_000

_BYTES_AS_LETTERS = "latin-1"


async def read_request(
    request: Request, model: type[Model], settings: ServiceSettings
) -> tuple[Model, dict[str, bytes]]:
    """The request as `model`, and the files of a multipart request by the names of their parts.

    Raises:
        Problem: 400, 413, 415 or 422.
        DisconnectedError: the caller is gone.
    """
    # without what follows, such as a charset
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    files: dict[str, bytes] = {}
    try:
        if kind == "application/json":
            body = await request.body()
        elif kind == "multipart/form-data":
            body, files = await _read_parts(request, settings)
        else:
            raise Problem(
                415, "media-type", "send application/json, or multipart/form-data with images"
            )
    except ClientDisconnect:
        raise DisconnectedError from None
    return checked(model, parse_json(body)), files


def checked(model: type[Model], values: Any) -> Model:
    """`values` as `model`.

    Raises:
        Problem: 422, with the first field at fault and what was expected of it.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # never the input, which may be a whole image
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        place = faults[0]["loc"]
        message = faults[0]["msg"]
        # the name of an unknown field is the caller's word: its place is told, not its name
        if faults[0]["type"] == "extra_forbidden":
            place = place[:-1]
            message = "there is no such field; /openapi.json lists those there are"
        raise invalid_field(place, message, error.error_count()) from None


def worker_products(
    products: Sequence[Product],
    files: Mapping[str, bytes],
    columns: Sequence[str],
    settings: ServiceSettings,
) -> list[dict[str, Any]]:
    """The products as a worker takes them, images as bytes.

    Args:
        columns: further columns that the model reads.

    Raises:
        Problem: 422, with the product and the field at fault.
    """
    if len(products) > settings.max_products:
        raise Problem(
            422,
            "too-many-products",
            f"a request may have {settings.max_products} products, and this one has "
            f"{len(products)}; send several",
            field="products",
        )
    _check_ids(products)
    _check_parts_are_used(products, files)
    found = []
    for index, product in enumerate(products):
        values = product.model_dump(exclude={"image"}, exclude_none=True)
        _check_columns(values.get("columns", {}), columns, index)
        # the whole number that JSON knows nothing of
        if "price" in values:
            values["price"] = float(values["price"])
        if "columns" in values:
            values["columns"] = {k: _digits_kept(v) for k, v in values["columns"].items()}
        values["image"] = _image(product, files, index)
        found.append(values)
    return found


def _digits_kept(value: str | bool | int | float) -> str | bool | float:
    """The value of a further column; a whole number of any size with the digits that a file would have."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def deadline_seconds(request: Request, settings: ServiceSettings) -> float:
    """How long the answer may take, from now.

    Raises:
        Problem: 400, the header is no number of milliseconds.
    """
    text = request.headers.get("x-deadline-ms")
    if text is None:
        return settings.deadline_seconds
    # isdigit alone also takes digits of other scripts, and int() any number of them
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_DEADLINE_MS))
    if not fits or not 1 <= int(text) <= MAX_DEADLINE_MS:
        raise Problem(
            400,
            "deadline",
            f"the header X-Deadline-Ms must be milliseconds from 1 to {MAX_DEADLINE_MS}",
        )
    return int(text) / 1000


async def _read_parts(
    request: Request, settings: ServiceSettings
) -> tuple[bytes, dict[str, bytes]]:
    """The JSON and the files of a multipart request.

    Raises:
        Problem: 400, it is no multipart body, or has no part with JSON.
    """
    # Starlette makes texts of parts that are no files, by whichever encoding fits: by this one each byte is a
    # letter, so that all bytes come back
    kind = f"{request.headers['content-type']}; charset={_BYTES_AS_LETTERS}"
    parser = MultiPartParser(
        Headers({"content-type": kind}),
        request.stream(),
        max_files=settings.max_products + 1,
        max_fields=settings.max_products + 1,
        max_part_size=settings.max_body_bytes,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        # its messages name limits and what is missing, never what was sent
        detail = f"the body is no multipart/form-data that can be used: {error.message}"
        raise Problem(400, "not-multipart", detail) from None
    files: dict[str, bytes] = {}
    for letters, part in form.multi_items():
        name = _part_name(letters)
        if name in files:
            raise Problem(400, "part-twice", "two parts of the request have one name")
        # file names are of no interest: only the part's name is ever used
        if isinstance(part, UploadFile):
            files[name] = await part.read()
        else:
            files[name] = part.encode(_BYTES_AS_LETTERS)
    await form.close()
    if REQUEST_PART not in files:
        raise Problem(
            400, "no-request-part", f"a multipart request needs a part {REQUEST_PART!r} with JSON"
        )
    return files.pop(REQUEST_PART), files


def _part_name(letters: str) -> str:
    """The name of a part, as JSON writes it."""
    try:
        return letters.encode(_BYTES_AS_LETTERS).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "not-multipart", "the name of a part is not UTF-8") from None


def _check_parts_are_used(products: Sequence[Product], files: Mapping[str, bytes]) -> None:
    """Refuse a part that no product names: it would change nothing, without a word.

    Raises:
        Problem: 422, there is one.
    """
    named = {product.image.part for product in products if product.image is not None}
    if not files.keys() <= named:
        detail = "a part of the request is the image of no product; name it as the image's 'part'"
        raise Problem(422, "invalid", detail, field="image.part")


def _image(product: Product, files: Mapping[str, bytes], index: int) -> bytes | None:
    """The bytes of a product's image.

    Raises:
        Problem: 422, they cannot be had.
    """
    image = product.image
    if image is None:
        return None
    # both or neither
    if (image.data is None) == (image.part is None):
        detail = "an image has either 'data' (base64) or 'part' (the name of a part of the request)"
        raise Problem(422, "invalid", detail, field="image", index=index)
    if image.part is not None:
        if image.part not in files:
            detail = "the request has no part of that name"
            raise Problem(422, "invalid", detail, field="image.part", index=index)
        return files[image.part]
    assert image.data is not None
    try:
        return base64.b64decode(image.data, validate=True)
    except (binascii.Error, ValueError):
        detail = "this is not base64; send the bytes of the image file in base64"
        raise Problem(422, "invalid", detail, field="image.data", index=index) from None


def _check_ids(products: Sequence[Product]) -> None:
    """Refuse what is no id in a file, and two products with one id: their answers could be mixed up."""
    seen: set[str] = set()
    for index, product in enumerate(products):
        try:
            identity = id_as_in_files(product.id)
        except ValueError as error:
            detail = f"this is no id; expected {error}"
            raise Problem(422, "invalid", detail, field="id", index=index) from None
        if identity is not None and identity in seen:
            detail = "another product of the request has the same id"
            raise Problem(422, "invalid", detail, field="id", index=index)
        seen |= set() if identity is None else {identity}


def _check_columns(given: Mapping[str, Any], known: Sequence[str], index: int) -> None:
    """Refuse a column that the model does not read: it would change nothing, without a word."""
    if not set(given) - set(known):
        return
    listed = ", ".join(known) or "none"
    detail = f"the model does not read one of these columns; further columns it reads: {listed}"
    raise Problem(422, "invalid", detail, field="columns", index=index)


def invalid_field(place: tuple[int | str, ...], message: str, count: int) -> Problem:
    """The first of `count` faults, at `place` in the request."""
    index = next((part for part in place if isinstance(part, int)), None)
    # keys of mappings are the caller's words: only our own names are told
    names = [part for part in place if part in _OWN_NAMES]
    # the product is told by its index
    if names[:1] in (["product"], ["products"]) and (index is not None or len(names) > 1):
        names = names[1:]
    more = f" ({count - 1} more faults)" if count > 1 else ""
    return Problem(422, "invalid", f"{message}{more}", ".".join(map(str, names)) or None, index)


_OWN_NAMES = frozenset(
    [
        *Product.model_fields,
        *("data", "part", "products", "product", "precision", "novelty_rate", "top", "reasons"),
        *("k", "evidence", "path"),
    ]
)
