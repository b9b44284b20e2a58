"""The pages without script: plain forms on a real server."""

from __future__ import annotations

import dataclasses
import hashlib
import html
import io
import re
from importlib import resources
from typing import Any

import httpx
import pytest
from PIL import Image

HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


def field(page: httpx.Response, name: str) -> str:
    """The value of a hidden field; the form that undoes stands above that of the product."""
    return str(re.findall(rf'name="{name}" value="([^"]*)"', page.text)[-1])


def decide(client: httpx.Client, page: httpx.Response, **values: Any) -> httpx.Response:
    """Send the form of a product's page."""
    path = page.url.path
    form = {"seen": field(page, "seen"), "request_key": field(page, "request_key"), **values}
    return client.post(f"{path}/decisions", params=page.url.params, data=form)


def undo_last(client: httpx.Client, page: httpx.Response) -> httpx.Response:
    """Press the button that undoes, in the bar above every page."""
    (action,) = re.findall(
        r'<form method="post" action="([^"]*/undo[^"]*)">\s+<button[^>]*id="undo"', page.text
    )
    return client.post(html.unescape(action))


def test_a_decision_leads_to_the_next_product_and_is_kept(served: Any) -> None:
    client = served.client()
    first = client.get("/review")
    assert first.url.path == "/review/p/0"
    after = decide(client, first, verdict="accept")
    assert after.url.path == "/review/p/1"
    assert "Saved" in after.text
    kept = served.workspace.store.current()["p/0"]
    assert (kept.after, kept.reviewer, kept.reason) == (("Kitchen", "Mugs"), "Ada", "uncertain")


def test_what_lies_above_an_added_category_comes_with_it(served: Any) -> None:
    client = served.client()
    decide(client, client.get("/review/p/2"), verdict="save", add="Bowls | Garden")
    assert served.workspace.store.current()["p/2"].after == ("Bowls", "Garden", "Kitchen")


def test_an_unknown_category_is_refused_with_what_was_meant(served: Any) -> None:
    client = served.client()
    answer = decide(client, client.get("/review/p/2"), verdict="save", label="Mugs", add="Bowl")
    assert answer.status_code == 422
    assert "did you mean &#39;Bowls&#39;?" in answer.text
    assert served.workspace.store.current() == {}


def test_two_people_see_each_other(served: Any) -> None:
    ada, bob = served.client(), served.client("Bob", "reviewer")
    page = bob.get("/review/p/3")
    decide(ada, ada.get("/review/p/3"), verdict="accept")
    conflict = decide(bob, page, verdict="save", label="Garden")
    assert conflict.status_code == 409
    assert "Ada was faster" in conflict.text
    # what Bob wanted is still ticked, and his next try counts
    assert re.search(r'value="Garden"\s+checked', conflict.text)
    decide(bob, httpx.Response(200, request=page.request, text=conflict.text), label="Garden")
    assert served.workspace.store.current()["p/3"].after == ("Garden",)
    assert len(served.workspace.store.all_decisions()) == 2


def test_a_double_click_is_one_decision(served: Any) -> None:
    client = served.client()
    page = client.get("/review/p/4")
    decide(client, page, verdict="accept")
    assert decide(client, page, verdict="accept").status_code == 200
    assert len(served.workspace.store.all_decisions()) == 1


def test_look_alikes_are_decided_together_and_undone_one_by_one(served: Any) -> None:
    client = served.client()
    page = client.get("/review/p/0")
    assert "1 look-alike" in page.text
    after = decide(client, page, verdict="accept", copies="yes")
    current = served.workspace.store.current()
    assert {one.product: one.reason for one in current.values()} == {
        "p/0": "uncertain",
        "p/1": "bulk",
    }
    for _ in range(2):
        after = undo_last(client, after)
        assert "Undone" in after.text
    assert {one.state for one in served.workspace.store.current().values()} == {"open"}
    assert 'id="undo" disabled' in after.text


def test_bulk_does_what_was_previewed_and_only_for_leads(served: Any) -> None:
    ada, bob = served.client(), served.client("Bob", "reviewer")
    chosen = {"queue": "search", "label": "Bowls"}
    assert bob.post("/review/bulk", params=chosen).status_code == 403
    preview = ada.post("/review/bulk", params=chosen)
    assert "Accept 4 suggestions?" in preview.text
    assert served.workspace.store.current() == {}
    action = re.search(r'action="(/review/bulk/[^"?]+)', preview.text)
    assert action is not None
    assert "Saved 4 products" in ada.post(action.group(1), params=chosen).text
    assert served.workspace.store.current().keys() == {"p/1", "p/3", "p/5", "p/7"}


def test_bulk_after_someone_else_decided_saves_nothing(served: Any) -> None:
    ada, bob = served.client(), served.client("Bob", "reviewer")
    preview = ada.post("/review/bulk", params={"queue": "search"})
    decide(bob, bob.get("/review/p/3"), verdict="skip")
    action = re.search(r'action="(/review/bulk/[^"?]+)', preview.text)
    assert action is not None
    assert "Nothing was saved: Bob decided" in ada.post(action.group(1)).text
    assert len(served.workspace.store.all_decisions()) == 1


def test_only_the_random_sample_measures_and_bulk_does_not(served: Any) -> None:
    workspace = served.workspace
    client = served.client()
    order = workspace.queues.sample.tolist()
    page = client.get("/review", params={"queue": "sample"})
    assert page.url.path == f"/review/p/{order[0]}"
    decide(client, page, verdict="save", label="Mugs")
    found = workspace.precision()
    # Mugs was right, Kitchen came with it
    assert (found.products, found.labels, found.estimate) == (1, 2, 1.0)
    preview = client.post("/review/bulk", params={"queue": "search"})
    action = re.search(r'action="(/review/bulk/[^"?]+)', preview.text)
    assert action is not None
    client.post(action.group(1))
    assert workspace.precision().products == 1


def test_strangers_are_kept_out(served: Any) -> None:
    nobody = httpx.Client(base_url=served.base)
    assert nobody.get("/review").status_code == 401
    assert nobody.get("/review/export?format=jsonl").status_code == 401
    # the colours lie with the service, whose pages have them too
    for name in ("review.css", "colours.css"):
        assert nobody.get(f"/review/static/{name}").status_code == 200
    ada = served.client()
    foreign = {"origin": "http://evil.example"}
    assert ada.post("/review/acceptance", headers=foreign).status_code == 403
    assert ada.get("/review", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/review/p/99", 404),
        ("/review/p/-1", 404),
        ("/review/p/x", 404),
        ("/review/nowhere", 404),
        ("/nowhere", 404),
        ("/review?queue=none", 422),
        ("/review/list?state=none", 422),
        ("/review/list?from=%00", 200),
        ("/review/list?q=%3Cscript%3E", 200),
        ("/review/export?format=exe", 422),
        ("/review/image/1", 404),
        ("/review/image/0", 404),
    ],
)
def test_bad_addresses_are_refused_in_words(served: Any, path: str, status: int) -> None:
    answer = served.client().get(path, headers={"accept": "text/html"})
    assert answer.status_code == status
    assert "secret" not in answer.text
    if status == 404 and "image" not in path:
        assert "Back to the review" in answer.text


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"seen=1e3&request_key=12345678", b"verdict=fly", b"a" * 200_000, b"seen=-1"],
)
def test_bad_forms_are_refused_and_keep_nothing(served: Any, body: bytes) -> None:
    answer = served.client().post("/review/p/0/decisions", content=body)
    assert 400 <= answer.status_code < 500
    assert served.workspace.store.all_decisions() == []


def test_a_reviewers_name_is_never_markup(served: Any) -> None:
    name = "<script>alert(1)</script>"
    client = served.client(name, "reviewer")
    decide(client, client.get("/review/p/0"), verdict="accept")
    for path in ("/review/p/0", "/review/history", "/review/list?state=any", "/review/progress"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_a_picture_of_several_frames_is_told(served: Any) -> None:
    first, second = (Image.new("RGB", (40, 30), colour) for colour in ("red", "blue"))
    moving, still = io.BytesIO(), io.BytesIO()
    first.save(moving, "GIF", save_all=True, append_images=[second])
    first.save(still, "GIF")
    products = served.workspace.products
    images = [moving.getvalue(), still.getvalue(), b"no image", *[None] * (len(products) - 3)]
    catalog = products.catalog.with_images(images)
    served.workspace.products = dataclasses.replace(products, catalog=catalog)
    pages = [served.client().get(f"/review/p/{row}").text for row in range(4)]
    told = "The image has several frames. The model sees the first one only."
    assert [told in page for page in pages] == [True, False, False, False]
    assert served.client().get("/review/image/0").headers["content-type"] == "image/gif"


def test_every_page_opens(served: Any) -> None:
    client = served.client()
    decide(client, client.get("/review/p/0"), verdict="unsure")
    for path in ("/review/list", "/review/history", "/review/progress", "/review?queue=disagree"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "<h1" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert client.get("/review/export?format=history").text.count("\n") == 1


def test_the_library_in_the_page_is_the_one_we_looked_at() -> None:
    static = resources.files("shelfwise.review") / "static"
    assert hashlib.sha256((static / "htmx.min.js").read_bytes()).hexdigest() == HTMX
    assert "Zero-Clause BSD" in (static / "htmx.LICENSE.txt").read_text()


def test_a_page_that_is_sent_again_with_another_answer_is_not_called_saved(served: Any) -> None:
    client = served.client()
    page = client.get("/review/p/3")
    assert "Saved" in decide(client, page, verdict="save", label="Garden").text
    # a retry is no conflict with itself
    assert "Saved" in decide(client, page, verdict="save", label="Garden").text
    # the button "back", other ticks, and save
    again = decide(client, page, verdict="save", label="Mugs")
    assert again.status_code == 409
    assert "saved another answer" in again.text
    decide(client, httpx.Response(200, request=page.request, text=again.text), label="Mugs")
    assert "Mugs" in served.workspace.store.current()["p/3"].after
