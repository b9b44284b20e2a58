"""Every setting of a run: frozen, validated, with units; TOML in and out; presets by name."""

from shelfwise.config.run import PRESET_SECONDS, PRESETS, Config
from shelfwise.config.sections import (
    CatalogSettings,
    EvaluationSettings,
    LabelSettings,
    LossName,
    MemberSettings,
    NearCopies,
    Settings,
    SplitSettings,
    StackingSettings,
    SystemSettings,
)
from shelfwise.config.values import describe

__all__ = [
    "PRESETS",
    "PRESET_SECONDS",
    "CatalogSettings",
    "Config",
    "EvaluationSettings",
    "LabelSettings",
    "LossName",
    "MemberSettings",
    "NearCopies",
    "Settings",
    "SplitSettings",
    "StackingSettings",
    "SystemSettings",
    "describe",
]
