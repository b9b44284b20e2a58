"""Every setting of a run: frozen, validated, with units; TOML in and out; presets by name.

A preset is a TOML file in ``presets/``; a user's file and the command line override it, key by key.
"""

from __future__ import annotations

import reprlib
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shelfwise import aliases
from shelfwise.errors import ConfigError

Probability = Annotated[float, Field(ge=0, le=1)]

LossName = Literal["keras_cce", "bce", "softmax_ce", "focal", "asymmetric", "class_balanced"]
PRESETS = ("paper", "authors_code", "recommended", "quick", "best", "everything")
PRESET_SECONDS = {"quick": 600.0, "recommended": 7200.0}
"""The largest budget that each is chosen for; with more time, the best."""


_MOST_SHOWN = 80


class Settings(BaseModel):
    """Base of all settings: frozen; unknown names and infinite numbers are refused."""

    # TOML can write inf and nan; JSON, which models are saved as, cannot
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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


NearCopies = Literal["same_text", "similar_text"]


class SplitSettings(Settings):
    """How products are divided. `grouped` keeps near-copies on one side; `random` is the paper's shuffle."""

    method: Literal["grouped", "random"] = "grouped"
    near_copies: NearCopies = Field(
        "same_text",
        description="what makes products near-copies: one title or description but for case and signs, or "
        "also half of their word pairs (extra copies)",
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
    folds: int = Field(5, ge=2)
    max_products: int = Field(
        200_000,
        ge=100,
        description="products that fusion policies, calibration, thresholds and limits learn from; of more, "
        "a draw in which rare labels stay",
    )


class EvaluationSettings(Settings):
    """What is measured."""

    bootstrap: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="resamples of the test products for the intervals; 0 for none",
    )
    top: int = Field(15, ge=1, description="rows of the tables of most misclassified categories")


class Config(Settings):
    """A whole run."""

    preset: str = "recommended"
    # what torch and numpy take
    seed: int = Field(0, ge=0, lt=2**63)
    catalog: CatalogSettings = CatalogSettings()
    labels: LabelSettings = LabelSettings()
    split: SplitSettings = SplitSettings()
    stacking: StackingSettings = StackingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    decide_with: str = Field(
        "auto",
        description="the final system, whose decisions the model gives; auto: the best on validation",
    )
    calibration: Literal["auto", "none", "sigmoid", "beta", "isotonic"] = Field(
        "none",
        description="how the final system's scores become probabilities; auto: by cross-validated log loss",
    )
    threshold: Literal["global", "per_label", "per_product"] | Probability = Field(
        "global",
        description="the score from which a label is given: a number; or global: one for all labels, tuned "
        "on out-of-fold scores; per_label: one a label, drawn to the global one where the label is rare; "
        "per_product: the labels with the largest expected F1 (final system only; needs calibration)",
    )
    consistency: Literal["none", "closure", "most_probable"] = Field(
        "closure",
        description="where labels have ancestors; closure: a label brings all its ancestors; most_probable: "
        "the most probable set without a contradiction; none: each label by itself",
    )
    refit: bool = Field(
        True,
        description="without a test catalogue: once the figures are taken, fit the final system again "
        "on all products; false saves the model that was scored",
    )
    budget: float | None = Field(
        None,
        gt=0,
        description="seconds for fitting; members are taken in their order; unset: no limit",
    )
    members: dict[str, MemberSettings]
    systems: dict[str, SystemSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_agree(self) -> Config:
        # nothing could be fitted
        if not self.members:
            raise ValueError("a run needs at least one entry under [members]")
        for name, system in self.systems.items():
            # a system may only fuse what the run fits
            unknown = [m for m in system.members if m not in self.members]
            if unknown:
                raise ValueError(
                    f"system {name!r} names the members {unknown}; known: {', '.join(self.members)}"
                )
            # both have a row in the results, under their name
            if name in self.members:
                raise ValueError(
                    f"{name!r} is both a member and a system; give the system another name"
                )
        # a misspelt name would be found only after everything is fitted
        if self.decide_with != "auto" and self.decide_with not in {*self.members, *self.systems}:
            raise ValueError(
                f"decide_with is {self.decide_with!r}; "
                f"known: auto, {', '.join([*self.members, *self.systems])}"
            )
        # two ways to choose a set of labels: neither could keep its promise
        if self.consistency == "most_probable" and self.threshold == "per_product":
            raise ValueError(
                "consistency is 'most_probable' and threshold 'per_product', but each of them chooses a "
                "product's set of labels by itself; "
                "set consistency to 'closure', or threshold to 'global' or 'per_label'"
            )
        # thresholds need products that the members have not learnt from
        if not self.split.validation_fraction and self.stacking.fitted_on != "oof":
            raise ValueError(
                f"stacking.fitted_on is {self.stacking.fitted_on!r}, but without validation products "
                "(split.validation_fraction = 0) thresholds need out-of-fold scores of the training "
                "products: set it to 'oof'"
            )
        return self

    @classmethod
    def load(
        cls,
        preset: str = "recommended",
        file: Path | str | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Config:
        """The preset, with `file` (TOML) laid over it, with `changes` laid over both.

        Raises:
            ConfigError: unknown preset, unreadable file, or a setting that is unknown or out of range.

        >>> Config.load("paper", changes={"labels": {"min_count": 15}}).labels.min_count
        15
        """
        # a settings file may name its preset; it counts before the argument
        over = _read_toml(Path(file)) if file is not None else {}
        name = str(over.pop("preset", preset))
        if name not in PRESETS:
            raise ConfigError(f"there is no preset called {name!r}; known: {', '.join(PRESETS)}")
        base = tomllib.loads(
            files("shelfwise").joinpath("presets", f"{name}.toml").read_text("utf-8")
        )
        return cls.parse(_merge(_merge({**base, "preset": name}, over), changes or {}))

    @staticmethod
    def preset_within(seconds: float) -> str:
        """The preset that makes the most of a budget of time.

        >>> Config.preset_within(120), Config.preset_within(1800), Config.preset_within(8 * 3600)
        ('quick', 'recommended', 'best')
        """
        return next((name for name, most in PRESET_SECONDS.items() if seconds <= most), "best")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Config:
        """Validate plain values (as :meth:`dump` gives them)."""
        try:
            return cls.model_validate(aliases.rename_values(values))
        except ValidationError as error:
            raise ConfigError(describe(error)) from None

    def changed(self, changes: Mapping[str, Any]) -> Config:
        """The same settings, with `changes` laid over them.

        Raises:
            ConfigError: a setting that is unknown or out of range.
        """
        return self.parse(_merge(self.dump(), changes))

    def dump(self) -> dict[str, Any]:
        """Plain JSON-ready values; ``Config.parse(config.dump()) == config``."""
        return self.model_dump(mode="json")


def describe(error: ValidationError) -> str:
    """A pydantic error as one sentence: setting, what it got, what is expected."""
    return "; ".join(
        f"setting {'.'.join(map(str, e['loc'])) or 'top level'}: {e['msg']}"
        + ("" if e["type"] in ("value_error", "missing") else f" (got {_shown(e['input'])})")
        for e in error.errors()
    )


def _shown(value: Any) -> str:
    """A wrong value, as it was written, but for what is too long or too deep for a sentence."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = _MOST_SHOWN
    return short.repr(value)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        # tables are merged key by key; a list or a value replaces what was there.
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no settings file {path}") from None
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"the settings file {path} cannot be read: {reason}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} is not valid TOML: {error}") from None
    # the parser calls itself for every list within a list
    except RecursionError:
        raise ConfigError(
            f"the settings file {path} is not valid TOML: too deeply nested"
        ) from None
