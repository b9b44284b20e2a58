"""Signatures of models: who has the private key says that a model is theirs (Ed25519, RFC 8032).

The signature is over the bytes of the manifest, which has the sha256 of every other file.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from shelfwise.config.written_files import read_written_file
from shelfwise.core.libraries import library
from shelfwise.disk.claims import claimed
from shelfwise.disk.files import temporary_name
from shelfwise.disk.folders import sync
from shelfwise.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SIGNED = "MANIFEST.json"
SIGNATURE = f"{SIGNED}.sig"
"""64 bytes beside the manifest."""

SIGNATURE_BYTES = 64
MAX_KEY_BYTES = 10_000
"""Of a key file; one of Ed25519 has 120."""

PRIVATE_KEY_FIX = "make one with: openssl genpkey -algorithm ed25519 -out private.pem"
PUBLIC_KEY_FIX = "make it with: openssl pkey -in private.pem -pubout -out public.pem"


def write_signature(folder: Path, content: bytes, private_key: Path) -> dict[str, str]:
    """Sign the manifest `content` of the verified model in `folder`; an older signature is replaced.

    Returns:
        Where the signature is, and the sha256 of the public key that belongs to it, in hex.

    Raises:
        ConfigError: the key cannot be read or is of another kind.
        PluginError: the extra ``sign`` is not installed.
        BundleError: the model was replaced since `content` was read.
        StorageError: another run is writing `folder`, or the disk refuses.
    """
    key = _private_key(private_key)
    signed = key.sign(content)
    folder = Path(os.path.realpath(folder))
    with claimed(folder):
        # another version may have come since it was verified: the signature is of what was verified only
        if (folder / SIGNED).read_bytes() != content:
            raise BundleError(f"{folder} was replaced while it was signed; sign it again")
        # it grows beside the folder: readers refuse whatever is in a model and not part of it
        temporary = temporary_name(folder)
        try:
            temporary.write_bytes(signed)
            sync(temporary)
            temporary.rename(folder / SIGNATURE)
        finally:
            temporary.unlink(missing_ok=True)
        sync(folder)
    return {"signature": str(folder / SIGNATURE), "public_key": _digest(key.public_key())}


def check_signature(
    folder: Path, content: bytes, signature: bytes | None, public_key: Path
) -> None:
    """Refuse a model that the holder of the private key did not sign.

    Args:
        folder: the model, for messages.
        content: the bytes of its manifest.
        signature: what lies beside it; None if nothing does.
        public_key: the file of the key, PEM.

    Raises:
        BundleError: there is no signature, or it is not by that key of that manifest.
        ConfigError: the key cannot be read or is of another kind.
        PluginError: the extra ``sign`` is not installed.
    """
    key = _public_key(public_key)
    if signature is None:
        raise BundleError(
            f"the model {folder} is not signed, but a signature by the key {public_key} is demanded; "
            f"sign it with: shelfwise sign {folder} --key PRIVATE.pem"
        )
    from cryptography.exceptions import InvalidSignature

    try:
        # the manifest has a digest of every file, so it stands for all of them
        key.verify(signature, content)
    except InvalidSignature:
        raise BundleError(
            f"the signature of the model {folder} is not by the key {public_key}, or the model was changed "
            "after it was signed; get it again from who signed it, or name their public key"
        ) from None


def _private_key(file: Path) -> Ed25519PrivateKey:
    library("cryptography", "sign", "a signature")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read_key(file, "private", PRIVATE_KEY_FIX)
    try:
        # no password is asked for: one in a command or a variable would be kept somewhere
        key = load_pem_private_key(content, password=None)
    except TypeError:
        raise ConfigError(
            f"the private key {file} is encrypted; decrypt it for the moment of signing with: "
            f"openssl pkey -in {file} -out decrypted.pem"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _no_key(file, "private", PRIVATE_KEY_FIX) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _other_kind(file, "private", PRIVATE_KEY_FIX)
    return key


def _public_key(file: Path) -> Ed25519PublicKey:
    library("cryptography", "sign", "a signature")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read_key(file, "public", PUBLIC_KEY_FIX)
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise _no_key(file, "public", PUBLIC_KEY_FIX) from None
    if not isinstance(key, Ed25519PublicKey):
        raise _other_kind(file, "public", PUBLIC_KEY_FIX)
    return key


def _read_key(file: Path, which: str, fix: str) -> bytes:
    try:
        return read_written_file(file, MAX_KEY_BYTES)
    except OSError as error:
        raise ConfigError(
            f"the {which} key {file} cannot be read ({error.strerror}); {fix}"
        ) from None


def _no_key(file: Path, which: str, fix: str) -> ConfigError:
    return ConfigError(f"{file} is not a {which} key in PEM format; {fix}")


def _other_kind(file: Path, which: str, fix: str) -> ConfigError:
    return ConfigError(f"{file} is a {which} key of another kind, expected Ed25519; {fix}")


def _digest(key: Ed25519PublicKey) -> str:
    """By which a public key is told from others."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()
