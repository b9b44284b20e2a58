"""Multipart requests: bytes come as they were sent, and nothing that was sent is passed over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from shelfwise.service.answers.problems import Problem
from shelfwise.service.requests.request_models import CategorizeRequest
from shelfwise.service.requests.request_reading import read_request, worker_products
from shelfwise.service.settings import ServiceSettings

IMAGE = bytes(range(256))
KIND = b"multipart/form-data; boundary=x"


def part(name: bytes, content: bytes, further: bytes = b"") -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="' + name + b'"' + further
    return head + b"\r\n\r\n" + content + b"\r\n"


def read(*parts: bytes, kind: bytes = KIND) -> list[dict[str, Any]]:
    """The products as a worker gets them."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"".join(parts) + b"--x--\r\n", "more_body": False}

    settings = ServiceSettings()
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}
    reading = read_request(Request(scope, receive), CategorizeRequest, settings)
    body, files = asyncio.run(reading)
    return worker_products(body.products, files, (), settings)


def request(title: bytes = "Müg 茶".encode(), image: str = "photo") -> bytes:
    named = f'"image": {{"part": "{image}"}}'.encode()
    return part(b"request", b'{"products": [{"title": "' + title + b'", ' + named + b"}]}")


# with curl, -F photo=@file is a file, and -F photo=<file is a text
@pytest.mark.parametrize("further", [b"", b'; filename="a.jpg"'], ids=["text", "file"])
@pytest.mark.parametrize("kind", [KIND, KIND + b"; charset=utf-16"])
def test_bytes_and_texts_are_what_was_sent(further: bytes, kind: bytes) -> None:
    [product] = read(request(), part(b"photo", IMAGE, further), kind=kind)
    assert product["title"] == "Müg 茶"
    assert product["image"] == IMAGE
    [named] = read(request(image="фото"), part("фото".encode(), IMAGE, further), kind=kind)
    assert named["image"] == IMAGE


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        # it was read as another encoding
        ([request(b"M\xfcg"), part(b"photo", IMAGE)], "it is not UTF-8"),
        ([request(), part(b"photo", IMAGE), part(b"photo2", IMAGE)], "is the image of no product"),
        ([request(), part(b"phot\xff", IMAGE)], "name of a part is not UTF-8"),
        ([request(), *(part(b"%d" % n, b"") for n in range(40))], "Too many fields"),
        ([b"further\r\n", request(), part(b"photo", IMAGE)], "Invalid multipart data"),
        ([request()], "no part of that name"),
    ],
)
def test_what_is_in_doubt_is_refused(parts: list[bytes], detail: str) -> None:
    with pytest.raises(Problem, match=detail):
        read(*parts)
