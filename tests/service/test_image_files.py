"""Image files that are not what they are called, or hold more than one image."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from PIL import Image

from tests.service.conftest import Server
from tests.service.test_api_routes import base64_of, image_of


def answer_for(server: Server, content: bytes) -> Any:
    values = {"products": [{"title": "Mug", "image": {"data": base64_of(content)}}]}
    answer = server.post("/v1/categorize", values)
    assert answer.status_code == 200, answer.text
    return answer.json()["products"]


def test_a_png_that_is_called_a_jpeg_is_read_as_what_it_is(server: Server) -> None:
    content = image_of("PNG")
    request = json.dumps({"products": [{"title": "Mug", "image": {"part": "p"}}]})
    parts = {"request": (None, request), "p": ("mug.jpg", content, "image/jpeg")}
    answer = server.post("/v1/categorize", files=parts)
    assert answer.status_code == 200, answer.text
    products = answer.json()["products"]
    assert "image" in products[0]["used_modalities"]
    assert products[0]["warnings"] == []
    assert products == answer_for(server, content)


def test_of_an_animated_webp_the_first_image_counts(server: Server) -> None:
    drawn = np.random.default_rng(1).integers(0, 255, (2, 30, 40, 3), np.uint8)
    first, second = (Image.fromarray(pixels) for pixels in drawn)
    files = {name: io.BytesIO() for name in ("animated", "first", "second")}
    more = {"save_all": True, "append_images": [second], "duration": 100}
    first.save(files["animated"], "WEBP", lossless=True, **more)
    first.save(files["first"], "PNG")
    second.save(files["second"], "PNG")
    answers = {name: answer_for(server, file.getvalue()) for name, file in files.items()}
    assert "image" in answers["animated"][0]["used_modalities"]
    told = answers["animated"][0].pop("warnings")
    assert told == ["the image has several frames or pages; the first one was used"]
    assert answers["first"][0].pop("warnings") == []
    assert answers["animated"] == answers["first"]
    assert answers["animated"] != answers["second"]
