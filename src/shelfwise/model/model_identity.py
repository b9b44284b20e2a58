"""What a model folder tells without loading the model, and so without torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from shelfwise.config import CatalogSettings
from shelfwise.model.bundle_reader import FORMATS, FolderReader, read_folder
from shelfwise.model.bundle_upgrade import upgrade


@dataclass(frozen=True)
class ModelIdentity:
    """A model, seen from outside.

    Args:
        fingerprint: a sha256 over all of its files.
        labels: how many labels it gives.
        catalog: how it reads catalogues.
    """

    fingerprint: str
    labels: int
    catalog: CatalogSettings

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The facts of the model in `folder`.

        Raises:
            BundleError: there is none, or one that was changed.
        """
        return read_folder(folder, cls._of)

    @classmethod
    def _of(cls, reader: FolderReader) -> Self:
        config = reader.json("config.json")
        if reader.format != FORMATS[-1]:
            config, _, _ = upgrade(config, {}, {})
        settings = CatalogSettings.model_validate(config["catalog"])
        fingerprint = hashlib.sha256(reader.manifest).hexdigest()
        return cls(fingerprint, len(reader.json("labels.json")), settings)
