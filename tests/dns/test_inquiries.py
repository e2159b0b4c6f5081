"""Checks that are led to their end by a resolver."""

import asyncio

import pytest

from postroom.dns import StaticResolver
from postroom.dns.api import Mx
from postroom.dns.inquiries import ask, pursue
from postroom.mailauth.questions import Inquiry, Question, Reply


def resolver() -> StaticResolver:
    return StaticResolver(
        txt_records={"b.test": ["v=x"]},
        a_records={"b.test": ["192.0.2.1"]},
        aaaa_records={"b.test": ["2001:db8::1"]},
        mx_records={"b.test": [(10, "mx.b.test")], "null.test": [(0, "")]},
        failing={"broken.test"},
    )


@pytest.mark.parametrize(
    ("question", "records"),
    [
        (Question("TXT", "b.test"), (b"v=x",)),
        (Question("A", "b.test"), ("192.0.2.1",)),
        (Question("AAAA", "b.test"), ("2001:db8::1",)),
        (Question("MX", "b.test"), ("mx.b.test",)),
        (Question("MX", "null.test"), ()),
    ],
)
def test_each_kind_of_question(question: Question, records: tuple[bytes | str, ...]) -> None:
    reply = asyncio.run(ask(resolver(), question))
    assert (reply.records, reply.exists, reply.failed) == (records, True, "")


def test_what_is_not_there_and_what_fails() -> None:
    reply = asyncio.run(ask(resolver(), Question("TXT", "nowhere.test")))
    assert (reply.records, reply.exists, reply.failed) == ((), False, "")
    reply = asyncio.run(ask(resolver(), Question("TXT", "broken.test")))
    assert reply.failed


def test_a_check_gets_its_answers_one_after_another() -> None:
    def check() -> Inquiry[list[Reply]]:
        hosts = yield Question("MX", "b.test")
        text = yield Question("TXT", "b.test")
        return [hosts, text]

    found = asyncio.run(pursue(resolver(), check()))
    assert [one.names for one in found] == [["mx.b.test"], []]
    assert found[1].texts == [b"v=x"]


def test_null_mx_is_what_the_resolver_says() -> None:
    assert asyncio.run(resolver().mx("null.test")).records == (Mx(0, ""),)
