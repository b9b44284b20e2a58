"""``shelfwise sign``: a signature beside a model's manifest."""

from __future__ import annotations

from pathlib import Path

from shelfwise.model.bundle import sign_bundle


def sign(model: Path, key: Path) -> dict[str, str]:
    """Sign `model` with the private key in the file `key`.

    Returns:
        The model, where its signature is, and the sha256 of the public key that belongs to it, in hex.

    Raises:
        ShelfwiseError: as :func:`~shelfwise.model.bundle.sign_bundle`.
    """
    return {"model": str(model), **sign_bundle(model, key)}
