"""A request that finds the queue full is refused before anything reads it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shelfwise.service.engine.admission import Admission, Job
from shelfwise.service.metrics import Metrics
from shelfwise.service.requests.early_refusal import EarlyRefusal
from shelfwise.service.requests.request_metrics import RequestMetrics
from shelfwise.service.settings import ServiceSettings


async def asked(
    path: str,
    waiting: int,
    body: list[tuple[bytes, bool]],
    metrics: Metrics | None = None,
) -> tuple[int, list[Any]]:
    """How often the application was reached, and what was sent, with so many products waiting."""
    settings = ServiceSettings(queue_products=2, max_products=2)
    metrics = metrics or Metrics()
    admission = Admission(settings, metrics)
    if waiting:
        admission.admit(Job.of("categorize", [{"id": n} for n in range(waiting)], {}, 30))
    reached = 0
    sent: list[Any] = []
    parts = [{"type": "http.request", "body": part, "more_body": more} for part, more in body] or [
        {"type": "http.disconnect"}
    ]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal reached
        reached += 1

    async def receive() -> Any:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": "POST", "headers": []}
    await RequestMetrics(EarlyRefusal(app, admission), metrics)(scope, receive, send)
    return reached, sent


@pytest.mark.parametrize("whole", [True, False])
def test_a_full_queue_refuses_before_the_request_is_parsed(whole: bool) -> None:
    body = [(b"{no json", not whole)]
    reached, sent = asyncio.run(asked("/v1/categorize", 2, body))
    assert reached == 0
    assert sent[0]["status"] == 429
    headers = dict(sent[0]["headers"])
    assert int(headers[b"retry-after"]) >= 1
    # a connection on which a body is still under way cannot be used again
    assert (headers.get(b"connection") == b"close") is not whole


@pytest.mark.parametrize(("path", "waiting"), [("/v1/categorize", 1), ("/v1/labels", 2)])
def test_whatever_may_have_a_place_is_let_through(path: str, waiting: int) -> None:
    reached, sent = asyncio.run(asked(path, waiting, [(b"", False)]))
    assert (reached, sent) == (1, [])


@pytest.mark.parametrize(
    ("path", "body", "products"),
    [
        ("/v1/categorize", b'{"products": [{"title": "[,]"}, {}, {"title": "x"}]}', 3),
        ("/v1/similar", b'{"product": {"title": "Mug"}}', 1),
        # what holds no products that anyone could count
        ("/v1/categorize", b'{"products": []}', 0),
        ("/v1/categorize", b"", 0),
        ("/v1/categorize", b'{"products": [{"title": "\xff', 0),
        ("/v1/categorize", b'{"products": ' + b"[" * 100_000, 0),
    ],
)
def test_metrics_count_a_refused_requests_products_and_its_route(
    path: str, body: bytes, products: int
) -> None:
    metrics = Metrics()
    asyncio.run(asked(path, 2, [(body, False)], metrics))
    text = metrics.text().decode()
    assert f'shelfwise_products_total{{outcome="refused"}} {products}.0\n' in text
    assert 'shelfwise_shed_total{reason="queue"} 1.0\n' in text
    assert f'shelfwise_requests_total{{code="429",route="{path}"}} 1.0\n' in text
