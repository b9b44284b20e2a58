"""One source record, checked as a whole: the product it is, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from shelfwise.catalog.reading.byte_stream import RecordError
from shelfwise.catalog.reading.images.image_paths import read_image
from shelfwise.catalog.reading.missing import is_missing
from shelfwise.catalog.reading.value_parsing import (
    Paths,
    Rules,
    read_description,
    read_further,
    read_id,
    read_paths,
    read_price,
    read_related,
    read_text,
)

# characters of a value that a message shows whole, and those of a longer one
_MAX_SHOWN = 80
_SHOWN = 60


def _by_rules(read: Callable[[Any, Rules], Any]) -> BeforeValidator:
    """A validator that reads a value by the rules that validation is given as its context."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        return read(value, _rules_of(info))

    return BeforeValidator(validate)


def _rules_of(info: ValidationInfo) -> Rules:
    # whoever makes a single product may do without rules
    if isinstance(info.context, Rules):
        return info.context
    return Rules()


def _read_all_further(values: Mapping[Any, Any]) -> dict[str, str]:
    """The further columns that hold something, as text."""
    texts = {}
    for name, value in values.items():
        text = read_further(value)
        if text is not None:
            texts[str(name)] = text
    return texts


Id = Annotated[str, _by_rules(read_id)]
Text = Annotated[str | None, BeforeValidator(read_text)]
Description = Annotated[str | None, BeforeValidator(read_description)]
Image = Annotated[str | bytes | None, _by_rules(read_image)]
Categories = Annotated[Paths | None, _by_rules(read_paths)]
Price = Annotated[float | None, _by_rules(read_price)]
Relations = dict[str, list[str]]
Related = Annotated[Relations | None, BeforeValidator(read_related)]
Further = Annotated[dict[str, str], BeforeValidator(_read_all_further)]


class Product(BaseModel):
    """One product, cleaned. Every field but the id may be None; empty texts, empty lists and NaN become None.

    Args:
        id: what the source calls the product; kept as written, without surrounding space.
        title: plain text, without mark-up or entities.
        description: plain text; a list of paragraphs becomes one text.
        image: relative path below the catalogue's folder, with forward slashes, or the content of an image
            file; whether there is such a file, or whether it is an image, is not checked.
        categories: paths from the root to the leaf, each a list of names.
        price: in the source's currency, 0 or more.
        brand: plain text.
        related: relation name -> ids of other products.
        further: the source's other columns, as text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    title: Text = None
    description: Description = None
    image: Image = None
    categories: Categories = None
    price: Price = None
    brand: Text = None
    related: Related = None
    further: Further = Field(default_factory=dict)


def why(error: ValidationError, values: Mapping[str, Any]) -> RecordError:
    """Why a record was refused, in plain words: product, field, what was found, what is expected.

    >>> try:
    ...     Product.model_validate({"id": "B01", "title": {"size": 3}})
    ... except ValidationError as error:
    ...     why(error, {"id": "B01", "title": {"size": 3}}).reason
    "product 'B01': the title is {'size': 3}; expected a text, or a list of texts"
    """
    faults = error.errors(include_url=False)
    identifier = values.get("id")
    product = "a product without an id"
    if not is_missing(identifier):
        product = f"product {_short(identifier)}"
    first = str(faults[0]["loc"][0])
    # records are counted by the first of their faults
    kind = "missing" if is_missing(values.get(first)) else "unusable"
    sentences = "; ".join(_sentence(fault, values) for fault in faults)
    return RecordError(f"{kind} {first}", f"{product}: {sentences}")


def _sentence(error: Any, values: Mapping[str, Any]) -> str:
    """One fault: the field, what was found and what is expected."""
    name = str(error["loc"][0])
    if name == "id" and name not in values and is_missing(values.get("title", "")):
        return "there is neither an id nor a title to tell the product by"
    if name not in values:
        return f"the {name} is missing; expected a column named {name}"
    if error["type"] == "value_error":
        # the functions that read values say what they expect
        expected = error["msg"].removeprefix("Value error, ")
    else:
        expected = _first_lower(error["msg"])
    value = values[name]
    found = "missing" if is_missing(value) else _short(value)
    return f"the {name} is {found}; expected {expected}"


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _short(value: Any) -> str:
    """A value as Python writes it, cut where it is long."""
    text = repr(value)
    if len(text) <= _MAX_SHOWN:
        return text
    return f"{text[:_SHOWN]}... ({len(text):,} characters)"
