"""A service that demands signatures of its models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shelfwise.core.trusted_key import PUBLIC_KEY_VARIABLE
from shelfwise.model.bundle import sign_bundle
from tests.service.conftest import Server


def test_a_service_takes_signed_models_only_where_a_key_is_given(
    start: Callable[..., Server], small: Path, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    plain = pem.NoEncryption()
    private.write_bytes(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, plain))
    info = pem.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem.Encoding.PEM, info))
    model = shutil.copytree(small, tmp_path / "model")
    demand = {PUBLIC_KEY_VARIABLE: str(public)}
    refused = start(model, ready=False, **demand)
    assert refused.process.wait(120) == 2
    sign_bundle(model, private)
    served = start(model, **demand)
    answer = served.post("/v1/categorize", {"products": [{"title": "Mug with a handle"}]})
    assert answer.status_code == 200, answer.text
    served.end()
    # the reader of the first one's words has had time to finish
    assert any("is not signed" in line for line in refused.errors), refused.errors
