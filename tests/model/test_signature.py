"""Signatures: a model is taken from the holder of a key only, where a public key is given."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shelfwise.core.trusted_key import PUBLIC_KEY_VARIABLE
from shelfwise.core.types import State
from shelfwise.errors import BundleError, ConfigError, PluginError, StorageError
from shelfwise.model import signature
from shelfwise.model.bundle import Bundle, load_bundle, save_bundle, sign_bundle

Command = Callable[..., subprocess.CompletedProcess[str]]


def write_keys(folder: Path, name: str = "shop") -> tuple[Path, Path]:
    """A private and a public key, as openssl writes them."""
    key = Ed25519PrivateKey.generate()
    return write_pem(folder, name, key)


def write_pem(folder: Path, name: str, key: object, password: bytes = b"") -> tuple[Path, Path]:
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    private, public = folder / f"{name}.private.pem", folder / f"{name}.public.pem"
    pem = serialization.Encoding.PEM
    pkcs8 = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(pem, pkcs8, encryption))  # type: ignore[attr-defined]
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, spki))  # type: ignore[attr-defined]
    return private, public


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "shop"
    save_bundle(Bundle({}, ("Mugs",), {}, {"member.title": State()}), folder)
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return write_keys(tmp_path)


def demand(monkeypatch: pytest.MonkeyPatch, public: Path) -> None:
    monkeypatch.setenv(PUBLIC_KEY_VARIABLE, str(public))


def test_a_signed_model_loads_with_its_key_and_without(
    model: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = keys
    sign_bundle(model, private)
    assert load_bundle(model).labels == ("Mugs",)
    demand(monkeypatch, public)
    assert load_bundle(model).labels == ("Mugs",)
    assert [path.name for path in model.parent.iterdir()] == ["shop"], "nothing temporary stays"


def test_openssl_makes_the_keys_and_verifies_the_signature(model: Path, tmp_path: Path) -> None:
    """The commands that messages and docs name, as they stand there."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine")

    def openssl(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["openssl", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    openssl("genpkey", "-algorithm", "ed25519", "-out", "private.pem")
    openssl("pkey", "-in", "private.pem", "-pubout", "-out", "public.pem")
    sign_bundle(model, tmp_path / "private.pem")
    files = ["-in", f"{model}/MANIFEST.json", "-sigfile", f"{model}/{signature.SIGNATURE}"]
    key = ["-pubin", "-inkey", "public.pem"]
    assert "Verified" in openssl("pkeyutl", "-verify", "-rawin", *key, *files).stdout


def test_a_model_without_a_signature_is_refused_where_a_key_is_given(
    model: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    demand(monkeypatch, keys[1])
    with pytest.raises(BundleError, match=r"shop is not signed.*sign it with: shelfwise sign"):
        load_bundle(model)


def test_a_model_signed_by_somebody_else_is_refused(
    model: Path, keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_bundle(model, write_keys(tmp_path, "stranger")[0])
    demand(monkeypatch, keys[1])
    with pytest.raises(BundleError, match="is not by the key"):
        load_bundle(model)


def test_a_model_that_was_sealed_again_is_refused(
    model: Path, keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manifest that agrees with changed files protects against damage; the signature, against people."""
    sign_bundle(model, keys[0])
    other = tmp_path / "other"
    save_bundle(Bundle({}, ("Weapons",), {}, {"member.title": State()}), other)
    shutil.copy(model / signature.SIGNATURE, other)
    assert load_bundle(other).labels == ("Weapons",)
    demand(monkeypatch, keys[1])
    with pytest.raises(BundleError, match="was changed after it was signed"):
        load_bundle(other)


@pytest.mark.parametrize("place", range(0, 64, 7))
def test_every_changed_byte_of_a_signature_is_refused(
    place: int, model: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_bundle(model, keys[0])
    demand(monkeypatch, keys[1])
    file = model / signature.SIGNATURE
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(BundleError, match="the signature of the model"):
        load_bundle(model)


@pytest.mark.parametrize("content", [b"", b"x" * 63, b"x" * 65, b"x" * 100_000])
def test_signatures_of_a_wrong_length_are_refused(
    content: bytes, model: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / signature.SIGNATURE).write_bytes(content)
    demand(monkeypatch, keys[1])
    with pytest.raises(BundleError, match="the signature of the model"):
        load_bundle(model)


def test_a_longer_signature_is_not_cut_to_one_that_fits(
    model: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_bundle(model, keys[0])
    with (model / signature.SIGNATURE).open("ab") as file:
        file.write(b"\n")
    demand(monkeypatch, keys[1])
    with pytest.raises(BundleError, match="the signature of the model"):
        load_bundle(model)


def test_a_replaced_model_has_no_signature_of_the_old_one(
    model: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_bundle(model, keys[0])
    # the signature is the model's own file, and no other one that would be lost
    save_bundle(Bundle({}, ("Pots",), {}, {}), model)
    assert not (model / signature.SIGNATURE).exists()
    demand(monkeypatch, keys[1])
    with pytest.raises(BundleError, match="is not signed"):
        load_bundle(model)


def test_a_damaged_model_is_not_signed(model: Path, keys: tuple[Path, Path]) -> None:
    (model / "labels.json").write_text('["Pots"]')
    with pytest.raises(BundleError, match=r"labels\.json is not what was written"):
        sign_bundle(model, keys[0])
    assert not (model / signature.SIGNATURE).exists()


def test_what_was_not_verified_is_not_signed(model: Path, keys: tuple[Path, Path]) -> None:
    with pytest.raises(BundleError, match="was replaced while it was signed"):
        signature.write_signature(model, b"the manifest of the version before", keys[0])
    assert not (model / signature.SIGNATURE).exists()


def test_a_model_that_is_being_written_is_not_signed(model: Path, keys: tuple[Path, Path]) -> None:
    from shelfwise.disk.claims import claimed

    with claimed(model), pytest.raises(StorageError, match="is being written"):
        sign_bundle(model, keys[0])


def test_keys_that_are_none_are_refused_in_a_sentence(
    model: Path, keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = keys
    curve = write_pem(tmp_path, "curve", generate_private_key(SECP256R1()))
    locked, _ = write_pem(tmp_path, "locked", Ed25519PrivateKey.generate(), b"secret")
    absent, notes = tmp_path / "absent.pem", tmp_path / "notes.txt"
    notes.write_text("no key")
    fix = "make one with: openssl genpkey -algorithm ed25519 -out private.pem"
    for file, words in (
        (absent, f"the private key {absent} cannot be read (No such file or directory); {fix}"),
        (notes, f"{notes} is not a private key in PEM format; {fix}"),
        (public, f"{public} is not a private key in PEM format; {fix}"),
        (curve[0], f"{curve[0]} is a private key of another kind, expected Ed25519; {fix}"),
        (
            locked,
            f"the private key {locked} is encrypted; decrypt it for the moment of signing with: "
            f"openssl pkey -in {locked} -out decrypted.pem",
        ),
    ):
        with pytest.raises(ConfigError) as refused:
            sign_bundle(model, file)
        assert str(refused.value) == words
    sign_bundle(model, private)
    fix = "make it with: openssl pkey -in private.pem -pubout -out public.pem"
    for file, words in (
        (absent, f"the public key {absent} cannot be read (No such file or directory); {fix}"),
        (private, f"{private} is not a public key in PEM format; {fix}"),
        (curve[1], f"{curve[1]} is a public key of another kind, expected Ed25519; {fix}"),
    ):
        demand(monkeypatch, file)
        with pytest.raises(ConfigError) as refused:
            load_bundle(model)
        assert str(refused.value) == words


def test_a_model_is_signed_where_signatures_are_demanded(
    model: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be signed already."""
    demand(monkeypatch, keys[1])
    told = sign_bundle(model, keys[0])
    assert load_bundle(model).labels == ("Mugs",)
    key = serialization.load_pem_public_key(keys[1].read_bytes())
    assert told == {
        "signature": str(model / "MANIFEST.json.sig"),
        "public_key": hashlib.sha256(key.public_bytes_raw()).hexdigest(),  # type: ignore[union-attr]
    }


def test_a_demand_without_a_key_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unset variable in a start script must not let any model in."""
    monkeypatch.setenv(PUBLIC_KEY_VARIABLE, "")
    with pytest.raises(ConfigError, match="set but empty"):
        load_bundle(model)


def test_without_the_library_nothing_is_taken_as_signed(
    model: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_bundle(model, keys[0])
    demand(monkeypatch, keys[1])
    monkeypatch.setitem(sys.modules, "cryptography", None)
    told = r"a signature needs the library 'cryptography', .*: pip install 'shelfwise\[sign\]'$"
    with pytest.raises(PluginError, match=told):
        load_bundle(model)
    with pytest.raises(PluginError, match=told):
        sign_bundle(model, keys[0])
