"""What the service answers; the words are those of ``shelfwise predict``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ModelVersion(BaseModel):
    """Which model answered."""

    digest: str = Field(description="of the model's manifest")
    preset: str


class Timing(BaseModel):
    """Where the time went."""

    queue_ms: float
    inference_ms: float


class GivenLabel(BaseModel):
    """A label that a product is given."""

    name: str
    path: list[str] = Field(description="labels from the root of the taxonomy to this one")
    score: float = Field(description="its probability")
    queue: Literal["accept", "review", "reject"] | None
    members: dict[str, float] | None


class RejectedField(BaseModel):
    """A field that was there and could not be used."""

    field: str
    reason: str


class LabelledProduct(BaseModel):
    """What is decided for one product."""

    id: str | None
    labels: list[GivenLabel]
    queue: Literal["accept", "review", "reject", "novel"] | None
    accepted: list[str]
    to_review: list[str]
    novelty: float | None = Field(description="near 1 for a product unlike anything in training")
    scores: dict[str, float]
    used_modalities: list[str]
    missing_modalities: list[str]
    rejected: list[RejectedField]
    warnings: list[str]


class CategorizeAnswer(BaseModel):
    """Decisions in the order of the request's products."""

    model: ModelVersion
    products: list[LabelledProduct]
    timing: Timing


class SimilarProduct(BaseModel):
    """A training product."""

    id: str
    title: str | None
    similarity: float
    labels: list[str]


class SimilarAnswer(BaseModel):
    """Training products, most similar first."""

    model: ModelVersion
    similar: list[SimilarProduct]
    warnings: list[str] = Field(description="what was not used of the product, and why")
    timing: Timing


class ExplainAnswer(BaseModel):
    """The texts as they were read, and a reason for each label."""

    model: ModelVersion
    id: str | None
    texts: dict[str, str]
    reasons: dict[str, dict[str, Any]]
    timing: Timing


class Label(BaseModel):
    """A label that the model can give."""

    name: str
    path: list[str]
    parents: list[str]
    children: list[str]
    support: int | None = Field(description="training products that carry it")
    threshold: float | None = Field(description="the score from which on it is given")


class LabelsAnswer(BaseModel):
    """Labels, in the model's order."""

    model: ModelVersion
    labels: list[Label]
    total: int = Field(description="how many fit the question, whatever was left out")


class ProblemAnswer(BaseModel):
    """An error, after RFC 9457. It never repeats what was sent."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    index: int | None = None
    request_id: str | None = None
