"""A client of a service, with nothing but Python's own library."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any

from shelfwise.errors import ConfigError, ShelfwiseError

MAX_TRIES = 5


class ServiceError(ShelfwiseError):
    """The service refused a request; the message is its own.

    Args:
        status: the HTTP status.
        problem: the members of the problem.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status}: {problem.get('detail', 'no reason given')}")
        self.status = status
        self.problem = problem


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

    def categorize(self, products: Iterable[Mapping[str, Any]], **options: Any) -> list[Any]:
        """The decisions for `products`, in their order. An image may be given as bytes.

        Raises:
            ServiceError: the service refused the request, or is too busy for several tries.
        """
        sent = [_as_json(product) for product in products]
        answer = self.post("/v1/categorize", {"products": sent, **options})
        found: list[Any] = answer["products"]
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
                wait = error.headers.get("Retry-After")
                # 429 and 503 name their time; whatever else is refused will be refused again
                if wait is None or attempt == MAX_TRIES - 1:
                    raise ServiceError(error.code, _problem(error)) from None
                time.sleep(float(wait))
        raise AssertionError("unreachable")

    def _send(self, path: str, body: bytes) -> Any:
        headers = {"content-type": "application/json"}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self.address + path, body, headers)
        with urllib.request.urlopen(  # nosec B310 # http and https only, see above
            request, timeout=self.timeout
        ) as answer:
            return json.load(answer)


def _as_json(product: Mapping[str, Any]) -> dict[str, Any]:
    """A product whose image, if it is bytes, is base64."""
    values = dict(product)
    if isinstance(values.get("image"), bytes):
        values["image"] = {"data": base64.b64encode(values["image"]).decode()}
    return values


def _problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.load(error)
        return values
    except ValueError:
        return {}
