"""What callers may send. Unknown names and values of another type are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[
    str,
    # what a catalogue file may hold: one line, without control characters
    StringConstraints(min_length=1, max_length=8_192, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
Text = Annotated[str, StringConstraints(max_length=20_000)]
ShortText = Annotated[str, StringConstraints(max_length=1_000)]
Ids = Annotated[list[Id], Field(max_length=1_000)]


class _Strict(BaseModel):
    """No value is made fit: ``false`` is no price."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class ImageData(_Strict):
    """An image: its bytes in base64, or the name of a part of a multipart request."""

    # the two fields exclude each other; the answer to a wrong request says it in words, later
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("data", "part")
            ]
        }
    )

    data: str | None = Field(
        None,
        description="the bytes of a JPEG, PNG or WebP file, in base64",
        json_schema_extra={"contentEncoding": "base64"},
    )
    part: ShortText | None = Field(None, description="the name of the part that holds the file")


class Product(_Strict):
    """A product. Give what you know of it; no field is required."""

    id: Id | None = Field(None, description="comes back in the answer; also finds co-purchases")
    title: Text | None = Field(None, examples=["Mug with a handle"])
    description: Text | None = None
    image: ImageData | None = None
    price: float | None = Field(None, ge=0, description="in the currency of the training products")
    brand: ShortText | None = None
    related: dict[ShortText, Ids] | None = Field(
        None,
        description="ids of other products, by relation",
        examples=[{"also_bought": ["S000054"]}],
    )
    columns: dict[ShortText, Text | bool | int | float] | None = Field(
        None, description="further columns that the model reads; /info lists them"
    )


Products = Annotated[list[Product], Field(min_length=1)]
Precision = Annotated[float, Field(gt=0, lt=1)]


class CategorizeRequest(_Strict):
    """Products to label."""

    products: Products
    precision: Precision | None = Field(
        None,
        description="the share of accepted labels that is promised to be right: 0.9, 0.95 or 0.99",
    )
    novelty_rate: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="the share of ordinary products that may be taken for novel"
    )
    top: Annotated[int, Field(ge=1, le=1_000)] = Field(5, description="how many scores to tell")
    reasons: Literal["none", "members"] = Field(
        "none", description="members: tell each member's own score of every label"
    )

    def options(self) -> dict[str, Any]:
        """What holds for all products."""
        return self.model_dump(exclude={"products"})


class SimilarRequest(_Strict):
    """A product, to find the training products most like it."""

    product: Product
    k: Annotated[int, Field(ge=1, le=100)] = Field(10, description="how many to find")


class ExplainRequest(_Strict):
    """A product whose labels to explain."""

    product: Product
    evidence: bool = Field(
        False,
        description="find words, parts of the image and training products too; takes seconds",
    )


class ModelRequest(_Strict):
    """A model to change to."""

    path: ShortText = Field(description="of its folder, below the service's folder of models")
