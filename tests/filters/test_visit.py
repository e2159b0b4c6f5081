"""Milters during one SMTP connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.filters.milters import DISCARD, REJECT, Milter
from tests.filters.peers import CLIENT, SOURCE, dialer, run, serving, spool

from postroom.base import MailError
from postroom.dns import StaticResolver
from postroom.filters import Filters, FilterSettings, FilterVisit


@asynccontextmanager
async def visiting(milter: Milter, **settings: Any) -> AsyncIterator[FilterVisit]:
    async with serving(milter.talk) as peer:
        address = {"address": peer.address}
        chosen: dict[str, Any] = {"kind": "milter", "timeout_seconds": 1.0, "idle_connections": 0} | address | settings
        filters = Filters(
            {"one": FilterSettings(**chosen)}, dialer(), hostname="foo.com", resolver=StaticResolver(), spool=spool
        )
        visit = filters.visit(CLIENT)
        assert visit is not None
        try:
            yield visit
        finally:
            visit.close()
            filters.close()


def code(error: MailError | None) -> int:
    return 0 if error is None else error.code


def test_each_command_is_heard_at_its_time() -> None:
    async def body() -> None:
        milter = Milter()
        async with visiting(milter) as visit:
            assert await visit.connected() is None
            assert milter.commands() == "OC"
            assert await visit.mail(SOURCE) is None
            assert milter.commands() == "OCHM"
            assert await visit.recipient(SOURCE, "bob@foo.com") is None
            await visit.refused_recipient(SOURCE, "nobody@foo.com")
            assert milter.commands() == "OCHMR"

    run(body())


@pytest.mark.parametrize(
    ("at", "codes"), [(b"C", (0, 550, 0)), (b"H", (0, 550, 0)), (b"M", (0, 550, 0)), (b"R", (0, 0, 550))]
)
def test_a_refusal_is_told_where_the_client_expects_one(at: bytes, codes: tuple[int, int, int]) -> None:
    async def body() -> None:
        async with visiting(Milter(says={at: [REJECT]})) as visit:
            first = code(await visit.connected())
            second = code(await visit.mail(SOURCE))
            third = code(await visit.recipient(SOURCE, "bob@foo.com")) if not second else 0
            assert (first, second, third) == codes

    run(body())


def test_the_connection_ends_when_a_milter_wants_it() -> None:
    async def body() -> None:
        for reply in ((b"4", b""), (b"f", b""), (b"y", b"421 4.7.0 go away\0")):
            async with visiting(Milter(says={b"C": [reply]})) as visit:
                assert code(await visit.connected()) == 421

    run(body())


def test_what_may_not_refuse_does_not() -> None:
    async def body() -> None:
        async with visiting(Milter(says={b"M": [REJECT]}), strongest="junk") as visit:
            assert await visit.connected() is None
            assert await visit.mail(SOURCE) is None
            assert await visit.recipient(SOURCE, "bob@foo.com") is None
        async with visiting(Milter(says={b"M": [DISCARD]})) as visit:
            assert await visit.mail(SOURCE) is None

    run(body())


@pytest.mark.parametrize(("policy", "wanted"), [("defer", 451), ("tag", 0), ("accept", 0)])
def test_one_that_is_not_there_follows_its_policy(policy: str, wanted: int) -> None:
    async def body() -> None:
        async with visiting(Milter(), on_failure=policy, address="127.0.0.1:1") as visit:
            assert code(await visit.connected()) == 0
            assert code(await visit.mail(SOURCE)) == wanted
            assert code(await visit.recipient(SOURCE, "bob@foo.com")) == wanted
            await visit.refused_recipient(SOURCE, "x@foo.com")

    run(body())


def test_mail_of_people_is_left_out_where_the_settings_say_so() -> None:
    async def body() -> None:
        milter = Milter()
        async with visiting(milter, signed_in=False) as visit:
            await visit.connected()
            assert await visit.mail(replace(SOURCE, user="ann@bar.com")) is None
            assert milter.commands() == "OC"
            await visit.mail(SOURCE)
            assert milter.commands() == "OCHM"

    run(body())


def test_new_names_and_tls_are_told() -> None:
    async def body() -> None:
        milter = Milter()
        async with visiting(milter) as visit:
            await visit.connected()
            await visit.mail(SOURCE)
            await visit.mail(replace(SOURCE, hello="other.bar.com"))
            await asyncio.sleep(0)
            assert milter.data(b"H") == [b"mx.bar.com\0", b"other.bar.com\0"]

    run(body())
