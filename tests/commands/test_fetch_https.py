"""Fetching over HTTPS from a real server: whose certificate is trusted, and where redirects may lead."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from shelfwise.commands.fetch import fetch_images
from shelfwise.config import CatalogSettings
from shelfwise.core.types import Context
from shelfwise.errors import ConfigError
from shelfwise.fetching.allowlist import Allowlist
from shelfwise.fetching.download import Limits

HOST = "img.test"
FAST = Limits(max_bytes=300_000, seconds=5.0, delay=0.0, tries=3)

Fetch = Callable[..., dict[str, Any]]


async def this_machine(host: str, port: int) -> list[str]:
    """The address of every host; the names of these tests are known to nobody else."""
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def proof(authority: trustme.CA, *hosts: str) -> ssl.SSLContext:
    """What a server proves with that it is one of these hosts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts).configure_cert(context)
    return context


@pytest.fixture
def serving(server: Any) -> Callable[..., Any]:
    """Starts a server with such a proof, or without one."""

    @contextmanager
    def serve(certificate: ssl.SSLContext | None = None) -> Iterator[Any]:
        with type(server)(certificate) as running:
            yield running
            running.shutdown()

    return serve


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Fetch the images at these URLs from hosts of an intranet, if no allowlist says otherwise."""

    def run(urls: list[str], allowlist: Allowlist) -> dict[str, Any]:
        catalog = tmp_path / "products.csv"
        rows = [f"{number},{url}\n" for number, url in enumerate(urls)]
        catalog.write_text("id,image_url\n" + "".join(rows), "utf-8")
        folder = tmp_path / "images"
        return fetch_images(catalog, folder, allowlist, CatalogSettings(), Context(), FAST)

    return run


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is trusted as the documentation says."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def intranet(*servers: Any) -> Allowlist:
    return Allowlist.of([], [f"*.test:{one.server_port}" for one in servers], this_machine)


@pytest.mark.usefixtures("trusted")
def test_a_host_with_a_certificate_of_a_named_authority_is_asked(
    fetch: Fetch, serving: Any, authority: trustme.CA
) -> None:
    with serving(proof(authority, HOST)) as server:
        found = fetch([server.url("image/1", HOST), server.url("gone/2", HOST)], intranet(server))
    assert found["fetched"] == 1
    assert found["failed"] == {"the host answered 404": 1}
    # the connection goes to an address, and the host still learns its own name
    assert server.hosts == {f"{HOST}:{server.server_port}"}


def test_a_certificate_of_nobody_known_is_refused_in_words(
    fetch: Fetch, serving: Any, authority: trustme.CA
) -> None:
    with serving(proof(authority, HOST)) as server:
        urls = [server.url(f"image/{number}", HOST) for number in range(20)]
        found = fetch(urls, intranet(server))
    assert not server.hits
    [(reason, count)] = found["later"].items()
    assert count == 20
    assert "the host's certificate is not trusted (" in reason
    assert reason.endswith("name its authority's file: SSL_CERT_FILE=FILE.pem")
    # as many as are open at once, and none of them again
    assert server.connections <= FAST.parallel
    # with the authority's file the same call would fetch them
    assert not found["finished"]


def test_a_certificate_that_signs_itself_is_refused(
    fetch: Fetch, serving: Any, authority: trustme.CA
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = authority.cert_pem.bytes() + authority.private_key_pem.bytes()
    with trustme.Blob(own).tempfile() as file:
        context.load_cert_chain(file)
    with serving(context) as server:
        found = fetch([server.url("image/1", HOST)], intranet(server))
    assert not server.hits
    assert "self-signed certificate" in next(iter(found["later"]))


@pytest.mark.usefixtures("trusted")
def test_the_certificate_of_another_host_is_refused(
    fetch: Fetch, serving: Any, authority: trustme.CA
) -> None:
    with serving(proof(authority, "other.test")) as server:
        found = fetch([server.url("image/1", HOST)], intranet(server))
    assert not server.hits
    [reason] = found["later"]
    assert f"not valid for '{HOST}'" in reason
    # no file of an authority would help
    assert "SSL_CERT_FILE" not in reason


@pytest.mark.usefixtures("trusted")
def test_a_host_without_encryption_is_told(fetch: Fetch, serving: Any) -> None:
    with serving() as server:
        url = server.url("image/1", HOST).replace("http:", "https:")
        found = fetch([url], intranet(server))
    assert "no secure connection to the host can be made" in next(iter(found["later"]))


@pytest.mark.usefixtures("trusted")
def test_a_redirect_from_https_to_http_is_refused(
    fetch: Fetch, serving: Any, authority: trustme.CA
) -> None:
    with serving(proof(authority, HOST)) as server, serving() as plain:
        target = plain.url("image/1", HOST)
        allowed = intranet(server, plain)
        found = fetch([server.url(f"to/{target}", HOST)], allowed)
        assert found["later"] == {"a redirect leads from https to http, which is not secure": 1}
        assert not plain.hits
        # the other way round is the usual one
        found = fetch([plain.url(f"to/{server.url('image/2', HOST)}", HOST)], allowed)
        assert found["fetched"] == 1


@pytest.mark.usefixtures("trusted")
def test_a_redirect_to_a_private_address_is_refused(
    fetch: Fetch, serving: Any, authority: trustme.CA
) -> None:
    with (
        serving(proof(authority, HOST)) as server,
        serving(proof(authority, "inside.test")) as canary,
    ):
        # the host of the redirect is allowed by name, and only public addresses may be connected to
        public = [f"inside.test:{canary.server_port}"]
        private = [f"{HOST}:{server.server_port}"]
        target = canary.url("image/1", "inside.test")
        found = fetch(
            [server.url(f"to/{target}", HOST)], Allowlist.of(public, private, this_machine)
        )
    [reason] = found["later"]
    assert "inside.test has an address that is not public" in reason
    assert canary.connections == 0


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such file"), ("mugs", "no certificate can be read from it")]
)
def test_a_file_of_authorities_that_cannot_be_used_is_told(
    fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, words: str
) -> None:
    file = tmp_path / "mine.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(ConfigError, match=f"SSL_CERT_FILE is .*mine.pem.*: .*{words}"):
        fetch(["https://img.test/1.png"], Allowlist.of(["img.test"]))
    assert not (tmp_path / "products.csv.images.json").exists()
