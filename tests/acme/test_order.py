"""The way of an order: each state of it and of its authorizations leads to one step."""

from typing import Any

import pytest

from postroom.acme.objects import Authorization, Challenge, Identifier, Order, Problem
from postroom.acme.order import Answer, Download, Finalize, LookAtAuthorization, LookAtOrder, Refused, next_step

HTTP = Challenge("http-01", "c/http", token="t")
DNS = Challenge("dns-01", "c/dns", token="t")


def order(status: Any, *urls: str, **more: Any) -> Order:
    return Order(status, urls, "f", **more)


def authorization(status: Any, *challenges: Challenge, name: str = "a.test", wildcard: bool = False) -> Authorization:
    return Authorization(Identifier("dns", name), status, challenges or (HTTP, DNS), wildcard)


def test_each_authorization_is_looked_at_and_answered_before_any_is_waited_for() -> None:
    pending = order("pending", "1", "2")
    seen: dict[str, Authorization] = {}
    assert next_step(pending, seen, (), "http-01") == LookAtAuthorization("1")
    seen["1"] = authorization("pending")
    assert next_step(pending, seen, (), "http-01") == Answer("1", "a.test", HTTP)
    assert next_step(pending, seen, ("c/http",), "http-01") == LookAtAuthorization("2")
    second = Challenge("http-01", "c/2", token="u")
    seen["2"] = authorization("pending", second, name="B.test")
    assert next_step(pending, seen, ("c/http",), "http-01") == Answer("2", "b.test", second)
    assert next_step(pending, seen, ("c/http", "c/2"), "http-01") == LookAtAuthorization("1", again=True)
    seen["1"] = authorization("valid")
    assert next_step(pending, seen, ("c/http", "c/2"), "http-01") == LookAtAuthorization("2", again=True)
    seen["2"] = authorization("valid")
    assert next_step(pending, seen, ("c/http", "c/2"), "http-01") == LookAtOrder()


def test_what_is_valid_already_needs_no_proof() -> None:
    """An authority may remember (RFC 8555 §7.4)."""
    assert next_step(order("pending", "1"), {"1": authorization("valid")}, (), "http-01") == LookAtOrder()
    assert next_step(order("ready", "1"), {}, (), "http-01") == Finalize("f")


def test_the_end_of_the_way() -> None:
    assert next_step(order("processing"), {}, (), "http-01") == LookAtOrder()
    assert next_step(order("valid"), {}, (), "http-01") == LookAtOrder()
    assert next_step(order("valid", certificate="c"), {}, (), "http-01") == Download("c")


@pytest.mark.parametrize("status", ["invalid", "deactivated", "expired", "revoked"])
def test_a_name_that_is_refused_ends_it_with_words(status: str) -> None:
    step = next_step(order("invalid", "1"), {"1": authorization(status, wildcard=True)}, (), "dns-01")
    assert step == Refused(f"*.a.test: {status}")


def test_the_words_tell_what_the_authority_found() -> None:
    problem = Problem("urn:ietf:params:acme:error:connection", "no route")
    failed = authorization("invalid", Challenge("http-01", "c", "invalid", "t", problem))
    both = {"1": failed, "2": authorization("expired", name="b.test")}
    step = next_step(order("pending", "1", "2"), both, ("c",), "http-01")
    assert step == Refused("a.test: http-01 failed: connection: no route; b.test: expired")
    assert next_step(order("invalid", error=problem), {}, (), "http-01") == Refused("connection: no route")
    assert next_step(order("invalid"), {}, (), "http-01") == Refused("the order is invalid")


def test_a_challenge_that_is_not_offered() -> None:
    """Names with a wildcard can be proved by dns-01 alone."""
    step = next_step(order("pending", "1"), {"1": authorization("pending", DNS, wildcard=True)}, (), "http-01")
    assert step == Refused("*.a.test: the authority does not offer http-01 for it, only dns-01")
