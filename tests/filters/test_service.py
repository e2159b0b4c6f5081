"""All filters of a message: which, in which order, what comes of it."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from tests.filters.milters import CONTINUE, DISCARD, REJECT, Milter
from tests.filters.peers import BODY, HEADER, SOURCE, Talk, dialer, run, serving, spool
from tests.filters.test_clamav import clamd
from tests.filters.test_rspamd import request, response

from postroom.dns import StaticResolver
from postroom.filters import Client, ContentSource, Filtered, Filters, FilterSettings
from postroom.filters import service as service_module
from postroom.filters.types import Content


def rspamd(seen: list[bytes] | None = None, **told: Any) -> Talk:
    answer = {"action": "no action", "score": 0.0, "required_score": 15.0} | told

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        message = await request(reader)
        if seen is not None:
            seen.append(message)
        writer.write(response(json.dumps(answer).encode()))

    return talk


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def filtered(
    *wanted: tuple[str, Talk | None, dict[str, Any]], source: ContentSource = SOURCE, octets: bytes = HEADER + BODY
) -> Filtered | None:
    """By filters that are called a, b, c … in that order; no talk: nobody is there."""
    async with AsyncExitStack() as held:
        settings = {}
        for number, (kind, talk, more) in enumerate(wanted):
            address = (await held.enter_async_context(serving(talk))).address if talk is not None else "127.0.0.1:1"
            chosen: dict[str, Any] = {
                "kind": kind,
                "address": address,
                "timeout_seconds": 1.0,
                "idle_connections": 0,
                "order": number,
            }
            settings["abcdef"[number]] = FilterSettings(**(chosen | more))
        filters = Filters(settings, dialer(), hostname="foo.com", resolver=StaticResolver(), spool=spool)
        filtering = filters.begin(source)
        if filtering is None:
            return None
        with spool(octets) as message:
            try:
                return await filtering.conclude(HEADER, message, len(HEADER))
            finally:
                filters.close()


def test_all_say_what_they_found() -> None:
    async def body() -> None:
        found = await filtered(
            ("rspamd", rspamd(score=3.5), {"weight": 2.0}),
            ("clamav", clamd(lambda octets: b"OK"), {}),
            ("milter", Milter().talk, {}),
        )
        assert found is not None
        assert (found.action, found.error, found.words) == ("accept", None, "")
        assert [(part.name, part.points) for part in found.parts] == [
            ("filter.a", 7.0),
            ("filter.b", 0.0),
            ("filter.c", 0.0),
        ]
        assert found.told == ("a: no action, 3.5 of 15", "b: nothing found", "c: accepted")
        assert not found.changes_content
        assert found.prefix == b""

    run(body())


def test_who_sees_what() -> None:
    async def body() -> None:
        person = replace(SOURCE, user="ann@bar.com")
        lmtp = replace(SOURCE, client=Client("lmtp", "unix"))
        assert await filtered() is None
        assert await filtered(("rspamd", None, {"signed_in": False}), source=person) is None
        assert await filtered(("rspamd", None, {"listeners": ("smtp",)}), source=lmtp) is None
        assert await filtered(("rspamd", rspamd(), {"listeners": ("smtp",)})) is not None
        assert await filtered(("rspamd", rspamd(), {}), source=person) is not None

    run(body())


def test_the_gravest_of_those_asked_together() -> None:
    async def body() -> None:
        found = await filtered(
            ("rspamd", rspamd(action="add header", score=7), {}),
            ("clamav", clamd(lambda octets: b"Worm FOUND"), {}),
        )
        assert found is not None
        assert found.error is not None
        assert (found.action, found.error.text, found.words) == ("reject", "The message contains Worm", "b: Worm found")
        assert [part.points for part in found.parts] == [7.0, 0.0]

    run(body())


def test_who_stands_behind_a_refusal_is_not_asked() -> None:
    async def body() -> None:
        late: list[bytes] = []
        found = await filtered(
            ("milter", Milter(says={b"E": [REJECT]}).talk, {}),
            ("rspamd", rspamd(late), {}),
            ("rspamd", rspamd(late), {}),
        )
        assert found is not None
        assert found.action == "reject"
        assert late == []

    run(body())


def test_each_sees_what_those_before_have_made() -> None:
    async def body() -> None:
        seen: list[bytes] = []
        changing = Milter(
            says={b"E": [(b"m", b"\0\0\0\1Subject\0New\0"), (b"h", b"X-M\0one\0"), (b"b", b"New body\r\n"), CONTINUE]}
        )
        second = Milter(says={b"E": [(b"i", b"\0\0\0\1X-M\0two\0"), CONTINUE]})
        found = await filtered(
            ("rspamd", rspamd(seen, milter={"add_headers": {"X-R": "r"}}), {}),
            ("milter", changing.talk, {}),
            ("milter", second.talk, {}),
            ("rspamd", rspamd(seen), {}),
        )
        assert found is not None
        assert seen[0] == HEADER + BODY
        new = b"X-M: two\r\nX-R: r\r\nX-M: one\r\nFrom: ann@bar.com\r\nSubject: New\r\nX-One: 1\r\n\r\n"
        assert seen[1] == new + b"New body\r\n"
        assert changing.data(b"L")[0] == b"X-R\0r\0"
        assert second.data(b"B") == [b"New body\r\n"]
        assert found.header == new
        assert found.body is not None
        assert found.body.getvalue() == b"New body\r\n"
        found.close()

    run(body())


def test_additions_alone_leave_the_message_as_it_is() -> None:
    async def body() -> None:
        found = await filtered(("rspamd", rspamd(milter={"add_headers": {"X-R": "r"}}), {}))
        assert found is not None
        assert (found.prefix, found.header, found.changes_content) == (b"X-R: r\r\n", None, False)

    run(body())


def test_the_envelope_of_all_together() -> None:
    async def body() -> None:
        first = Milter(says={b"E": [(b"+", b"<c@foo.com>\0"), (b"e", b"<x@foo.com>\0"), CONTINUE]})
        second = Milter(
            says={b"E": [(b"-", b"<c@foo.com>\0"), (b"-", b"<bob@foo.com>\0"), (b"+", b"<d@foo.com>\0"), CONTINUE]}
        )
        found = await filtered(("milter", first.talk, {}), ("milter", second.talk, {}))
        assert found is not None
        assert [one.address for one in found.added] == ["d@foo.com"]
        assert found.removed == ("c@foo.com", "bob@foo.com")
        assert found.mail_from == "x@foo.com"

    run(body())


@pytest.mark.parametrize("talk", [None, hangs, rspamd(action=5)])
@pytest.mark.parametrize(
    ("policy", "action", "marked"), [("accept", "accept", False), ("tag", "accept", True), ("defer", "defer", False)]
)
def test_a_failure_follows_its_policy(talk: Talk | None, policy: str, action: str, marked: bool) -> None:
    async def body() -> None:
        found = await filtered(("rspamd", talk, {"on_failure": policy, "timeout_seconds": 0.1}))
        assert found is not None
        assert found.action == action
        assert (found.prefix == b"Postroom-Unfiltered: a (it did not answer)\r\n") == marked
        assert found.told[0].startswith("a: not asked: ")

    run(body())


def test_a_large_message_is_not_shown_and_that_is_said() -> None:
    async def body() -> None:
        found = await filtered(("clamav", None, {"max_octets": 10}))
        assert found is not None
        assert (found.action, found.prefix) == (
            "accept",
            b"Postroom-Unfiltered: a (the message is too large for it)\r\n",
        )

    run(body())


def test_changes_that_cannot_be_made_are_a_failure() -> None:
    async def body() -> None:
        bad = rspamd(milter={"add_headers": {"X-Good": "1", "Bad Name": "2"}})
        found = await filtered(("rspamd", bad, {}))
        assert found is not None
        assert found.prefix == b"Postroom-Unfiltered: a (it did not answer)\r\n"
        deferred = await filtered(("rspamd", bad, {"on_failure": "defer"}))
        assert deferred is not None
        assert deferred.action == "defer"

    run(body())


def test_what_is_to_be_discarded_is_kept_as_junk() -> None:
    async def body() -> None:
        found = await filtered(("milter", Milter(says={b"E": [DISCARD]}).talk, {}))
        assert found is not None
        assert found.junk
        assert found.words == "a: it wants the message discarded"

    run(body())


def test_an_error_of_our_own_is_a_failure_of_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        async def check(self, source: ContentSource, content: Content) -> None:
            raise RuntimeError("secret")

    async def body() -> None:
        monkeypatch.setattr(service_module, "RspamdFilter", lambda lines, hostname: Broken())
        found = await filtered(("rspamd", None, {}))
        assert found is not None
        assert found.told == ("a: not asked: an error of this server's own",)

    run(body())


def test_those_that_change_nothing_are_asked_at_the_same_time() -> None:
    async def body() -> None:
        together = asyncio.Barrier(3)

        def waiting(**told: Any) -> Talk:
            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await request(reader)
                await together.wait()
                writer.write(response(json.dumps({"action": "no action", "score": 0} | told).encode()))

            return talk

        found = await filtered(*((("rspamd", waiting(), {}),) * 3))
        assert found is not None
        assert [words for words in found.told if "not asked" in words] == []

    run(body())


def test_new_settings_serve_messages_to_come() -> None:
    async def body() -> None:
        one = FilterSettings(kind="rspamd", address="127.0.0.1:1")
        filters = Filters({"b": one}, dialer(), hostname="foo.com", resolver=StaticResolver(), spool=spool)
        assert filters.visit(SOURCE.client) is None
        filters.take({"b": one, "a": FilterSettings(kind="milter", address="127.0.0.1:1")})
        assert filters.names == ["a", "b"]
        assert filters.visit(SOURCE.client) is not None
        filters.take({})
        assert filters.begin(SOURCE) is None

    run(body())
