"""People on other machines: addresses that a lead makes, and where a review listens."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from shelfwise.commands.review import ReviewEndpoint, checked_address
from shelfwise.errors import ConfigError
from shelfwise.review.people import People
from shelfwise.service.access.sessions import Sessions, Visitor


def invited(client: httpx.Client, name: str, role: str) -> httpx.Response:
    return client.post("/review/people", data={"name": name, "role": role})


def test_a_lead_makes_an_address_that_works_once(served: Any) -> None:
    lead = served.client()
    answer = invited(lead, " Eve  <Ops> ", "reviewer")
    assert answer.headers["cache-control"] == "no-store"
    assert "An address for Eve &lt;Ops&gt;" in answer.text
    found = re.search(r'readonly value="([^"]*)"', answer.text)
    assert found is not None
    eve = httpx.Client(follow_redirects=True)
    page = eve.get(found.group(1))
    assert page.status_code == 200
    assert "Eve &lt;Ops&gt; (reviewer)" in page.text
    assert httpx.get(found.group(1)).status_code == 403
    assert "Eve &lt;Ops&gt;" in lead.get("/review/progress").text
    # the address stands in no page that is opened later
    assert found.group(1).rpartition("/")[2] not in lead.get("/review/progress").text


def test_only_leads_make_addresses(served: Any) -> None:
    reviewer = served.client("Bob", "reviewer")
    assert invited(reviewer, "Mallory", "lead").status_code == 403
    assert "Make an address" not in reviewer.get("/review/progress").text
    assert httpx.post(f"{served.base}/review/people", data={"name": "M"}).status_code == 401


@pytest.mark.parametrize(
    ("name", "role", "status"),
    [
        ("", "reviewer", 422),
        (" ", "reviewer", 422),
        ("x" * 81, "reviewer", 422),
        ("Eve\u202e", "reviewer", 422),
        ("Eve", "admin", 422),
        ("Bob", "lead", 409),
        ("Bob", "reviewer", 200),
    ],
)
def test_a_name_tells_one_person(served: Any, name: str, role: str, status: int) -> None:
    assert invited(served.client(), name, role).status_code == status


def test_a_name_twice_is_refused_at_the_start() -> None:
    both = [Visitor("Ada", "lead"), Visitor("Ada", "reviewer")]
    with pytest.raises(ConfigError, match="occurs twice"):
        People("http://127.0.0.1:8001", Sessions(), both)


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "Eve\u202e"])
def test_a_name_that_tells_nobody_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(ConfigError, match=r"--lead .* is no name"):
        People("http://127.0.0.1:8001", Sessions(), [Visitor(name, "lead")])


def test_blanks_make_no_other_name() -> None:
    people = [Visitor("Ada  Lovelace ", "lead"), Visitor("Ada Lovelace", "reviewer")]
    with pytest.raises(ConfigError, match="occurs twice"):
        People("http://127.0.0.1:8001", Sessions(), people)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_alone_needs_no_address(host: str) -> None:
    assert checked_address(ReviewEndpoint(host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "review.example.com"])
def test_other_machines_need_an_address(host: str) -> None:
    with pytest.raises(ConfigError, match="say how people open the page"):
        checked_address(ReviewEndpoint(host))


@pytest.mark.parametrize(
    "address",
    [
        "review.example.com",
        "ftp://review.example.com",
        "https://",
        "https://review.example.com/shop",
        "https://review.example.com?x=1",
        "https://ada:secret@review.example.com",
        "https://review.example.com:port",
        "https://[::1",
        "javascript:alert(1)",
        "https://*",
        "https://review example.com",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="must be http:// or https:// and a name"):
        checked_address(ReviewEndpoint(address=address))


def test_an_address_is_taken_as_browsers_write_it() -> None:
    endpoint = ReviewEndpoint("0.0.0.0", address="https://Review.Example.com:8443/")
    assert checked_address(endpoint) == "https://review.example.com:8443"
    named = ReviewEndpoint("0.0.0.0", address="http://läden.example")
    assert checked_address(named) == "http://xn--lden-loa.example"
    assert checked_address(ReviewEndpoint(address="http://[::1]:80")) == "http://[::1]:80"


def test_by_https_cookies_are_sent_by_nothing_else() -> None:
    ada = Visitor("Ada", "lead")
    assert Sessions(https=True).cookie(ada).endswith("; Secure")
    assert "Secure" not in Sessions().cookie(ada)
