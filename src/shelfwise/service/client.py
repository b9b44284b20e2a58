"""A client of a service, with nothing but Python's own library."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any

from shelfwise.errors import ConfigError, ShelfwiseError

MAX_TRIES = 5

MAX_WAIT = 120.0
"""Seconds that a service may ask to wait; one that asks for more is not waited for."""


class ServiceError(ShelfwiseError):
    """The service refused a request; the message is its own.

    Args:
        status: the HTTP status; 0 where there was no answer.
        problem: the members of the problem.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        detail = problem.get("detail", "no reason given")
        super().__init__(f"{status}: {detail}" if status else str(detail))
        self.status = status
        self.problem = problem


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Python would send the key on to wherever the answer leads, and nothing of what was asked."""

    def redirect_request(self, *_: Any) -> None:
        """Take a redirect for an answer like any other."""
        return


class Client:
    """Asks a service.

    Args:
        address: such as ``http://127.0.0.1:8000``.
        key: where the service needs one.
        timeout: seconds for one answer.

    Raises:
        ConfigError: the address is none of HTTP.
    """

    def __init__(self, address: str, key: str | None = None, timeout: float = 60) -> None:
        # the library would also read file: and ftp:
        if not address.startswith(("http://", "https://")):
            raise ConfigError(
                f"the address of the service is {address!r}, expected one that begins with http:// or "
                "https://, such as http://127.0.0.1:8000"
            )
        self.address = address.rstrip("/")
        self._key = key
        self.timeout = timeout
        self._opener = urllib.request.build_opener(_NoRedirects)

    def categorize(self, products: Iterable[Mapping[str, Any]], **options: Any) -> list[Any]:
        """The decisions for `products`, in their order. An image may be given as bytes.

        Raises:
            ServiceError: the service refused the request, or is too busy for several tries.
        """
        sent = [_as_json(product) for product in products]
        answer = self.post("/v1/categorize", {"products": sent, **options})
        found = answer.get("products") if isinstance(answer, dict) else None
        if not isinstance(found, list) or len(found) != len(sent):
            raise self._other_answer(200)
        return found

    def post(self, path: str, values: Mapping[str, Any]) -> Any:
        """The answer to `values`; a service that is too busy is asked again when it says so.

        Raises:
            ServiceError: as :meth:`categorize`.
        """
        for attempt in range(MAX_TRIES):
            try:
                return self._send(path, json.dumps(values).encode())
            except urllib.error.HTTPError as error:
                wait = _seconds(error.headers.get("Retry-After"))
                # 429 and 503 name their time; whatever else is refused will be refused again
                if wait is None or attempt == MAX_TRIES - 1:
                    raise ServiceError(error.code, _problem(error)) from None
                time.sleep(wait)
            except (OSError, http.client.HTTPException) as error:
                detail = f"{self.address} gives no answer: {getattr(error, 'reason', error)}"
                raise ServiceError(0, {"detail": detail}) from None
        raise AssertionError("unreachable")

    def _send(self, path: str, body: bytes) -> Any:
        headers = {"content-type": "application/json"}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self.address + path, body, headers)
        with self._opener.open(request, timeout=self.timeout) as answer:
            try:
                return json.load(answer)
            except (ValueError, RecursionError):
                raise self._other_answer(answer.status) from None

    def _other_answer(self, status: int) -> ServiceError:
        detail = f"{self.address} gives no answer of shelfwise; is it the address of the service?"
        return ServiceError(status, {"detail": detail})


def _as_json(product: Mapping[str, Any]) -> dict[str, Any]:
    """A product whose image, if it is bytes, is base64."""
    values = dict(product)
    if isinstance(values.get("image"), bytes):
        values["image"] = {"data": base64.b64encode(values["image"]).decode()}
    return values


def _seconds(text: str | None) -> float | None:
    """How long to wait; None for no such number, or one that nobody would wait for."""
    try:
        seconds = float(text or "nan")
    except ValueError:
        return None
    # also false for what is no number
    return seconds if 0 <= seconds <= MAX_WAIT else None


def _problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    where = error.headers.get("Location")
    if where is not None:
        return {"detail": f"the address leads to {where}; give that one, if it is the service's"}
    try:
        values = json.load(error)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
