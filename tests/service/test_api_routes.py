"""A real server answers what ``predict`` decides, and refuses what it cannot read."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shelfwise import Categorizer
from shelfwise.service.answers.answer_models import CategorizeAnswer
from tests.service.conftest import Server

Products = list[dict[str, Any]]


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def image_of(
    kind: str, mode: str = "RGB", size: tuple[int, int] = (40, 30), **options: Any
) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of `side` squared pixels in a few kilobytes."""
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG", optimize=True)
    return file.getvalue()


@pytest.fixture(scope="module")
def products(records: Products, sample: Path) -> Products:
    chosen = []
    for record in records[:8]:
        # the sample names images that are missing, as real catalogues do
        path = sample.parent / (record["image"] or "")
        image = path.read_bytes() if path.is_file() else None
        chosen.append({**record, "image": image, "categories": None})
    return chosen


def sent(products: Products) -> Products:
    """Products as JSON."""
    found = []
    for product in products:
        values = {name: product[name] for name in ("id", "title", "description") if product[name]}
        if product["image"]:
            values["image"] = {"data": base64_of(product["image"])}
        found.append(values)
    return found


def test_http_and_python_and_batches_of_any_size_decide_alike(
    server: Server, trained: Path, products: Products
) -> None:
    wanted = [one.to_dict() for one in Categorizer.load(trained).label(products, precision=0.9)]
    values = {"products": sent(products), "precision": 0.9, "top": 1000}
    answer = server.post("/v1/categorize", values)
    assert answer.status_code == 200, answer.text
    # the service does not check its own answers: nothing is missing, and nothing is there undescribed
    assert CategorizeAnswer.model_validate(answer.json()).model_dump(mode="json") == answer.json()
    together = answer.json()["products"]
    alone = []
    for one in sent(products):
        alone += server.post("/v1/categorize", {**values, "products": [one]}).json()["products"]
    for expected, got, single in zip(wanted, together, alone, strict=True):
        for product in (got, single):
            assert product["id"] == expected["id"]
            assert [label["name"] for label in product["labels"]] == [
                label["name"] for label in expected["labels"]
            ]
            for name in ("queue", "accepted", "to_review", "used_modalities"):
                assert product[name] == (
                    list(expected[name]) if isinstance(expected[name], tuple) else expected[name]
                )
            for name, score in expected["scores"].items():
                assert abs(product["scores"][name] - score) < 1e-4


def test_images_in_parts_are_as_those_in_base64(server: Server, products: Products) -> None:
    product = next(one for one in products if one["image"])
    plain = sent([product])
    whole = server.post("/v1/categorize", {"products": plain})
    parts = {
        "request": (None, json.dumps({"products": [{**plain[0], "image": {"part": "p"}}]})),
        "p": ("../../etc/passwd", product["image"]),
    }
    in_parts = server.post("/v1/categorize", files=parts)
    assert in_parts.status_code == 200, in_parts.text
    assert in_parts.json()["products"] == whole.json()["products"]
    assert "image" in in_parts.json()["products"][0]["used_modalities"]


def test_members_say_what_each_of_them_thinks(server: Server, products: Products) -> None:
    values = {"products": sent(products[:3]), "reasons": "members"}
    answer = server.post("/v1/categorize", values).json()
    labels = [label for product in answer["products"] for label in product["labels"]]
    assert labels
    for label in labels:
        assert label["members"].keys() <= {"title", "description", "image"}
        assert label["members"]


@pytest.mark.parametrize("path", ["categorize", "similar", "explain"])
def test_every_example_of_the_description_is_answered(server: Server, path: str) -> None:
    description = server.get("/openapi.json").json()
    body = description["paths"][f"/v1/{path}"]["post"]["requestBody"]
    examples = body["content"]["application/json"]["examples"]
    assert examples
    for name, example in examples.items():
        answer = server.post(f"/v1/{path}", example["value"])
        assert answer.status_code == 200, (name, answer.text)


def test_the_description_says_what_an_image_and_a_part_need(server: Server) -> None:
    description = server.get("/openapi.json").json()
    body = description["paths"]["/v1/similar"]["post"]["requestBody"]["content"]
    whole = body["application/json"]["schema"]
    image = whole["properties"]["product"]["properties"]["image"]["anyOf"][0]
    assert [one["required"] for one in image["oneOf"]] == [["data"], ["part"]]
    for wrong in ({}, {"data": None}, {"data": "aGk=", "part": "photo"}):
        answer = server.post("/v1/similar", {"product": {"image": wrong}})
        assert answer.status_code == 422
    # the part of a multipart request is the same JSON
    part = body["multipart/form-data"]["schema"]["properties"]["request"]
    assert part["properties"] == whole["properties"]
    assert part["type"] == "object"


def test_labels_can_be_searched_and_paged(server: Server) -> None:
    whole = server.get("/v1/labels", params={"limit": 1000}).json()
    assert whole["total"] == len(whole["labels"])
    page = server.get("/v1/labels", params={"limit": 2, "offset": 1}).json()
    assert page["labels"] == whole["labels"][1:3]
    assert page["total"] == whole["total"]
    child = next(label for label in whole["labels"] if label["parents"])
    below = server.get("/v1/labels", params={"parent": child["parents"][0]}).json()["labels"]
    assert child in below
    found = server.get("/v1/labels", params={"q": child["name"].upper()}).json()["labels"]
    assert child in found


def test_what_the_service_tells_of_itself_has_no_path(server: Server, trained: Path) -> None:
    info = server.get("/info").json()
    assert info["threads_per_worker"] == 1
    assert info["model"]["runs_on"]["kind"] == "cpu"
    assert str(trained) not in json.dumps(info)
    assert server.get("/healthz").json() == {"status": "alive"}
    assert "shelfwise_model_info" in server.get("/metrics").text


MUG = {"title": "Mug"}
SECRET = "s3cret"


@pytest.mark.parametrize(
    ("product", "field"),
    [
        ({"price": False, "title": SECRET}, "price"),
        ({"price": "12"}, "price"),
        ({"price": -1}, "price"),
        ({"price": 10**400}, "price"),
        ({"title": 5}, "title"),
        ({"title": "x" * 20_001}, "title"),
        ({"titel": SECRET}, None),
        ({SECRET: 1}, None),
        ({"id": ""}, "id"),
        ({"id": "a\x00b"}, "id"),
        ({"id": "x" * 9_000}, "id"),
        ({"image": "../../etc/passwd"}, "image"),
        ({"image": "file:///etc/passwd"}, "image"),
        ({"image": {"path": "/etc/passwd"}}, "image"),
        ({"image": {"url": "http://127.0.0.1/"}}, "image"),
        ({"image": {"url": "http://169.254.169.254/latest/meta-data"}}, "image"),
        ({"image": {"data": "not base64 " + SECRET}}, "image.data"),
        ({"image": {"part": SECRET}}, "image.part"),
        ({"image": {}}, "image"),
        ({"columns": {"colour": SECRET}}, "columns"),
        ({"related": {"also": SECRET}}, "related"),
    ],
)
def test_a_product_that_cannot_be_right_is_refused_with_its_place_and_field(
    server: Server, product: dict[str, Any], field: str | None
) -> None:
    answer = server.post("/v1/categorize", {"products": [MUG, product]})
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["index"] == 1
    assert problem.get("field") == field
    assert SECRET not in answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"products": [{"price": NaN}]}', 400),
        (b'{"products": [{"price": 1e400}]}', 400),
        (b'{"products": [{"title": "\\ud800"}]}', 400),
        (b'{"products": [{"title": "\xff"}]}', 400),
        (b'{"products": [{"title": "a", "title": "b"}]}', 400),
        (b"[" * 100_000, 400),
        (b'{"products": [{"price": ' + b"7" * 5_000 + b"}]}", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'{"products": []}', 422),
        (b'{"products": {}}', 422),
        (b'{"products": [null]}', 422),
        (b'{"products": [{}], "precision": 0.5}', 422),
        (b'{"products": [{}], "top": 0}', 422),
        (b'{"products": [{}], "reasons": "all"}', 422),
        (b'{"products": [{"id": "1"}, {"id": "1"}]}', 422),
    ],
)
def test_a_body_that_is_no_request_is_a_fault_of_the_caller(
    server: Server, body: bytes, status: int
) -> None:
    headers = {"content-type": "application/json"}
    answer = server.post("/v1/categorize", content=body, headers=headers)
    assert answer.status_code == status, answer.text


def test_one_product_more_than_fit_is_told_how_many_do(server: Server) -> None:
    answer = server.post("/v1/categorize", {"products": [MUG] * 33})
    assert answer.status_code == 422
    assert "32" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/v1/categorize", "POST", {"content-type": "text/plain"}, 415),
        ("/v1/categorize", "POST", {}, 415),
        ("/v1/categorize", "POST", {"content-type": "multipart/form-data"}, 400),
        ("/v1/categorize", "GET", {}, 405),
        ("/v1/nothing", "GET", {}, 404),
        ("/v1/%2e%2e/healthz", "GET", {}, 404),
        ("/v1/labels?limit=0", "GET", {}, 422),
        ("/v1/labels?limit=x" + SECRET, "GET", {}, 422),
        ("/docs", "GET", {}, 404),
    ],
)
def test_other_requests_that_are_refused(
    server: Server, path: str, method: str, headers: dict[str, str], status: int
) -> None:
    import httpx

    answer = httpx.request(method, server.address + path, headers=headers, timeout=60)
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == status
    assert SECRET not in answer.text


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "600001", "9" * 400, "٣"])
def test_a_deadline_is_milliseconds(server: Server, text: str) -> None:
    headers = {"x-deadline-ms": text.encode()}
    answer = server.post("/v1/categorize", {"products": [MUG]}, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "identity",
    ["a/b", "..", "%2f", "x" * 5_000, "كوب", "\N{GRINNING FACE}", "<script>", "1.0", "nan"],
)
def test_ids_of_any_script_come_back_as_they_were(server: Server, identity: str) -> None:
    values = {"products": [{"id": identity, "title": "<script>alert(1)</script>Mug\x00"}]}
    answer = server.post("/v1/categorize", values)
    assert answer.status_code == 200, answer.text
    assert answer.json()["products"][0]["id"] == identity


def test_a_product_without_anything_gets_no_label_and_a_sentence(server: Server) -> None:
    [product] = server.post("/v1/categorize", {"products": [{}]}).json()["products"]
    assert product["labels"] == []
    assert "none of the fields" in product["warnings"][0]


@pytest.mark.parametrize(
    ("content", "used"),
    [
        (image_of("PNG"), True),
        (image_of("JPEG"), True),
        (image_of("JPEG", "CMYK"), True),
        (image_of("WEBP"), True),
        (image_of("JPEG")[:-40], None),
        (b"", False),
        (b"\x00", False),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", False),
        (b"%!PS-Adobe-3.0 EPSF-3.0", False),
        (image_of("PNG")[:60], False),
    ],
)
def test_an_image_that_cannot_be_used_costs_the_image_and_not_the_product(
    server: Server, content: bytes, used: bool | None
) -> None:
    values = {"products": [{"title": "Mug", "image": {"data": base64_of(content)}}]}
    answer = server.post("/v1/categorize", values)
    assert answer.status_code == 200, answer.text
    [product] = answer.json()["products"]
    assert "title" in product["used_modalities"]
    # the end of a file that breaks off may be filled in, or refused: either is told
    if used is not None:
        assert ("image" in product["used_modalities"]) is used
    refused = [one["field"] for one in product["rejected"]]
    assert ("image" in product["used_modalities"]) is ("image" not in refused)
    assert bool(refused) is bool(product["warnings"])


@pytest.mark.parametrize("side", [9_000, 12_000])
def test_a_bomb_is_refused_and_takes_no_memory(server: Server, side: int) -> None:
    content = bomb(side)
    assert len(content) < 30_000
    assert zlib.crc32(content)
    before = resident_megabytes(server)
    values = {"products": [MUG, {"title": "Mug", "image": {"data": base64_of(content)}}]}
    for _ in range(3):
        answer = server.post("/v1/categorize", values)
        assert answer.status_code == 422, answer.text
        assert answer.json()["index"] == 1
        assert answer.json()["field"] == "image"
    assert resident_megabytes(server) - before < 50


def resident_megabytes(server: Server) -> float:
    """Of the server and its workers."""
    pages = 0
    for process in [server.process.pid, *server.workers()]:
        pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def test_products_computed_together_do_not_change_each_other(server: Server) -> None:
    """Two callers may use one id; what is wrong with one's image is not told to the other."""
    import concurrent.futures

    good = {
        "products": [{"id": "same", "title": "Mug", "image": {"data": base64_of(image_of("PNG"))}}]
    }
    bad = {"products": [{"id": "same", "title": "Mug", "image": {"data": base64_of(b"no image")}}]}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: server.post("/v1/categorize", one), [good, bad] * 12))
    for answer, refused in zip(answers, [False, True] * 12, strict=True):
        assert bool(answer.json()["products"][0]["rejected"]) is refused


def test_the_client_of_a_few_lines(server: Server) -> None:
    from shelfwise.service.client import Client, ServiceError

    client = Client(server.address)
    [product] = client.categorize([{"id": "1", "title": "Mug", "image": image_of("PNG")}], top=1)
    assert product["used_modalities"] == ["title", "image"] or "image" in product["used_modalities"]
    with pytest.raises(ServiceError, match="422") as refused:
        client.categorize([{"price": False}])
    assert refused.value.problem["field"] == "price"
