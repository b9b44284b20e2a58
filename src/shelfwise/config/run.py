"""The settings of a whole run: its sections, members and systems; presets by name.

A preset is a TOML file in ``presets/``; a user's file and the command line override it, key by key.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shelfwise import aliases
from shelfwise.config.sections import (
    CatalogSettings,
    EvaluationSettings,
    LabelSettings,
    MemberSettings,
    Probability,
    Settings,
    SplitSettings,
    StackingSettings,
    SystemSettings,
)
from shelfwise.config.values import describe, merged, read_toml
from shelfwise.errors import ConfigError
from shelfwise.similar_names import did_you_mean

NO_PRESET = "none"
"""The preset of settings that stand alone."""

PRESETS = ("paper", "authors_code", "recommended", "quick", "best", "everything")
PRESET_SECONDS = {"quick": 600.0, "recommended": 7200.0}
"""The largest budget that each is chosen for; with more time, the best."""


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
    members: dict[str, MemberSettings] = Field(default_factory=dict)
    systems: dict[str, SystemSettings] = Field(default_factory=dict)

    @field_validator("threshold", mode="wrap")
    @classmethod
    def _name_or_number(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        # of a value that is neither, pydantic tells what is wrong with it as each of them
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError(
                "threshold",
                "expected 'global', 'per_label', 'per_product' or a number from 0 to 1",
            ) from None

    @model_validator(mode="after")
    def _names_can_be_files(self) -> Config:
        for name in (*self.members, *self.systems):
            # each is a part of the model, with files of its name
            if not name.strip() or any(sign in "/\\" or not sign.isprintable() for sign in name):
                raise ValueError(
                    f"{name!r} cannot be the name of a member or system: it is empty, or holds a slash or "
                    "a sign that cannot be seen"
                )
        return self

    @model_validator(mode="after")
    def _names_agree(self) -> Config:
        # nothing could be fitted
        if not self.members:
            raise ValueError(
                "a run needs at least one entry under [members]; the preset none has no member, so the "
                "settings file must name some"
            )
        for name, system in self.systems.items():
            # one member would count twice, as if its weight were doubled
            if len(set(system.members)) < len(system.members):
                raise ValueError(f"system {name!r} names a member twice: {list(system.members)}")
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
        preset: str | None = None,
        file: Path | str | Mapping[str, Any] | None = None,
        changes: Mapping[str, Any] | None = None,
        default: str = "recommended",
    ) -> Config:
        """The preset, with `file` (TOML, or its values) laid over it, with `changes` laid over both.

        The preset is `preset`, or the one that `file` or `changes` name, or else `default`. The preset
        ``none`` is empty: members and systems are those of `file` and `changes` alone.

        Raises:
            ConfigError: unknown preset, or two of them; unreadable file, or a setting that is unknown or out
                of range.

        >>> Config.load("paper", changes={"labels": {"min_count": 15}}).labels.min_count
        15
        """
        settings = _settings_of(file)
        over = merged(settings, changes or {})
        # a file or mapping was written for its preset: under another one it would train something else
        name = str(over.get("preset", default if preset is None else preset))
        if preset not in (None, name):
            where = file if isinstance(file, str | os.PathLike) else "config"
            raise ConfigError(
                f"the preset asked for is {preset!r}, and {where} has preset = {name!r}; "
                "leave one of them out"
            )
        base = _values_of_preset(name)
        # a mistake in the file is one even where a change takes the place of it
        if settings and changes:
            return cls.parse({**merged(base, settings), "preset": name}).changed(changes)
        return cls.parse({**merged(base, over), "preset": name})

    @staticmethod
    def preset_within(seconds: float) -> str:
        """The preset that makes the most of a budget of time.

        >>> Config.preset_within(120), Config.preset_within(1800), Config.preset_within(8 * 3600)
        ('quick', 'recommended', 'best')
        """
        return next((name for name, most in PRESET_SECONDS.items() if seconds <= most), "best")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Config:
        """Validate plain values (as :meth:`dump` gives them).

        Raises:
            ConfigError: a setting is unknown or out of range.
        """
        try:
            return cls.model_validate(aliases.rename_values(values))
        except ValidationError as error:
            raise ConfigError(describe(error, cls)) from None

    def changed(self, changes: Mapping[str, Any]) -> Config:
        """The same settings, with `changes` laid over them.

        Raises:
            ConfigError: a setting that is unknown or out of range.
        """
        return self.parse(merged(self.dump(), changes))

    def dump(self) -> dict[str, Any]:
        """Plain JSON-ready values; ``Config.parse(config.dump()) == config``."""
        return self.model_dump(mode="json")


def _settings_of(file: Path | str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The values of a settings file; those of a mapping are these values.

    Raises:
        ConfigError: it is neither, or cannot be read.
    """
    if file is None or isinstance(file, Mapping):
        return dict(file or {})
    if isinstance(file, str | os.PathLike):
        return read_toml(Path(file))
    raise ConfigError(
        f"the settings are of the type {type(file).__name__}; give a TOML file, or a mapping such as "
        "{'labels': {'min_count': 2}}"
    )


def _values_of_preset(name: str) -> dict[str, Any]:
    """What a preset sets.

    Raises:
        ConfigError: there is none of that name.
    """
    if name in PRESETS:
        text = files("shelfwise").joinpath("presets", f"{name}.toml").read_text("utf-8")
        return tomllib.loads(text)
    if name != NO_PRESET:
        known = ", ".join((*PRESETS, NO_PRESET))
        similar = did_you_mean(name, (*PRESETS, NO_PRESET))
        raise ConfigError(f"there is no preset called {name!r}; {similar}known: {known}")
    return {}
