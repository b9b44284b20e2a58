"""The sections of the settings: frozen, validated, with units."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Probability = Annotated[float, Field(ge=0, le=1)]

FOLDS_OF_MANY = 3
"""Two thirds of many products teach a member nearly what all of them do."""

LossName = Literal["keras_cce", "bce", "softmax_ce", "focal", "asymmetric", "class_balanced"]


class Settings(BaseModel):
    """Base of all settings: frozen; unknown names, infinite numbers and true as a number are refused."""

    # TOML can write inf and nan; JSON, which models are saved as, cannot
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        # Python's true is 1: a threshold of true would give no label at all
        if isinstance(value, bool) and info.field_name is not None:
            annotation = cls.model_fields[info.field_name].annotation
            if annotation not in (bool, Any) and bool not in get_args(annotation):
                raise ValueError(f"got {value}; expected no truth value here")
        return value


class CatalogSettings(Settings):
    """How a catalogue file is read."""

    format: str = Field(
        "auto", description="name of the file format; auto: the one that the file looks like"
    )
    encoding: str | None = Field(
        None,
        description="of the file's text, such as utf-8, utf-16, cp1252 or latin-1; unset: found out",
    )
    quoting: Literal["standard", "none"] = Field(
        "standard",
        description="of CSV and TSV; standard: a field in quotes may hold separators and line breaks; none: "
        "quotes are letters",
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="our field name -> the source's column name"
    )
    category_separator: str | None = Field(
        None,
        description="between the levels of a path that is written as text; unset: found in the column",
    )
    category_delimiter: str | None = Field(
        None,
        description="between several paths of one product in a text; unset: found in the column",
    )
    repeated_ids: Literal["auto", "join", "first"] = Field(
        "auto",
        description="rows that repeat a product with other categories; join: these are added to it; first: "
        "only its first row counts; auto: join, where the file's beginning has such rows",
    )
    departments: tuple[str, ...] = Field(
        (), description="keep products with one of these names in a path; empty keeps all"
    )
    require: tuple[str, ...] = Field(
        (), description="fields a training product must have (the paper: title, description, image)"
    )
    sample: int | None = Field(
        None,
        ge=1,
        description="train on a uniform sample of at most so many products (the paper: 119,073)",
    )


class LabelSettings(Settings):
    """How category paths become labels."""

    mode: Literal["flat", "path", "leaf"] = "flat"
    min_count: int | None = Field(
        None, ge=1, description="products a label needs; unset: max(2, round(400 / 119073 * N))"
    )


NearCopies = Literal["same_text", "similar_text", "similar_picture"]


class SplitSettings(Settings):
    """How products are divided. `grouped` keeps near-copies on one side; `random` is the paper's shuffle."""

    method: Literal["grouped", "random"] = "grouped"
    near_copies: NearCopies = Field(
        "same_text",
        description="what makes products near-copies: one title or description but for case and signs; "
        "similar_text: also half of their word pairs; similar_picture: also nearly the same picture where "
        "the titles share some words (both need the extra copies)",
    )
    train_fraction: float = Field(
        90_000 / 119_073,
        gt=0,
        lt=1,
        description="share of products, where no test catalogue is given",
    )
    validation_fraction: float = Field(
        0.1,
        ge=0,
        lt=0.5,
        description="share of the training part kept for thresholds and early stopping; "
        "0: thresholds rest on cross-fitting",
    )


class MemberSettings(Settings):
    """One fitted modality: which plug-in reads which field."""

    modality: str
    field: str
    settings: dict[str, Any] = Field(default_factory=dict)


class SystemSettings(Settings):
    """One fusion of members, with a row of its own in the results."""

    policy: str
    members: tuple[str, ...] = Field(
        (),
        description="the members it fuses, in this order; empty: every member that can be fitted",
    )
    settings: dict[str, Any] = Field(default_factory=dict)


class StackingSettings(Settings):
    """What trained fusion policies are fitted on."""

    fitted_on: Literal["in_sample", "oof", "holdout"] = "oof"
    folds: int = Field(
        5,
        ge=2,
        description="parts of the training products; each is scored by members fitted on the others",
    )
    three_folds_from: int | None = Field(
        None,
        ge=100,
        description="training products from which on there are three folds, where `folds` is more: members "
        "are fitted four times in place of six; unset: never",
    )
    max_products: int = Field(
        200_000,
        ge=100,
        description="products that fusion policies, calibration, thresholds and limits learn from; of more, "
        "a draw in which rare labels stay",
    )

    def folds_of(self, products: int) -> int:
        """The folds of so many training products.

        >>> StackingSettings(folds=5, three_folds_from=1000).folds_of(999)
        5
        >>> StackingSettings(folds=5, three_folds_from=1000).folds_of(1000)
        3
        """
        are_many = self.three_folds_from is not None and products >= self.three_folds_from
        return min(self.folds, FOLDS_OF_MANY) if are_many else self.folds


class EvaluationSettings(Settings):
    """What is measured."""

    bootstrap: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="resamples of the test products for the intervals; 0 for none",
    )
    top: int = Field(15, ge=1, description="rows of the tables of most misclassified categories")
