"""What is offered to whom, and what a failure costs."""

import asyncio
import base64
import hashlib
from collections.abc import Coroutine
from typing import Any

import pytest
from msgspec import convert

from postroom.accounts import AccountSettings, MemoryDirectory
from postroom.base import FakeClock, SeededIds
from postroom.sasl import Challenge, prepared_password
from postroom.signin import Refused, SignedIn, SignIn, SignInSettings, Step

from .people import BOB, GONE, PASSWORD, Desk, client


async def timed(clock: FakeClock, ask: Coroutine[Any, Any, Step]) -> tuple[Step, float]:
    """The answer, and after how long it came."""
    started = clock.monotonic()

    async def answered() -> tuple[Step, float]:
        return await ask, round(clock.monotonic() - started, 3)

    task = asyncio.ensure_future(answered())
    while not task.done():
        await clock.advance(0.05)
    return task.result()


def test_what_is_offered() -> None:
    desk = Desk()
    scram = ("SCRAM-SHA-256", "SCRAM-SHA-1")
    plus = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS")
    tokens, passwords = ("OAUTHBEARER", "XOAUTH2"), ("PLAIN", "LOGIN")
    offered = desk.sign_in.mechanisms
    assert offered(client(names=())) == ("EXTERNAL", *plus, *scram, *tokens, *passwords)
    assert offered(client()) == (*plus, *scram, *tokens, *passwords)
    assert offered(client(channel_binding=None)) == (*scram, *tokens, *passwords)
    assert offered(client(tls=False, channel_binding=None)) == (*scram, *passwords)  # RFC 6750 §5.3
    assert desk.sign_in.under_tls() == (*scram, *tokens, *passwords)
    desk.sign_in.settings = SignInSettings()
    assert not set(plus) & set(offered(client()))  # off by default
    bare = SignIn(desk.people, desk.clock, SeededIds())
    assert bare.mechanisms(client()) == passwords


def test_scram_is_offered_when_everybody_has_keys() -> None:
    """Whoever has a hash alone would be asked for a proof by programs that take the best there is, and fail."""
    for scram, some_lack, all_have in (("when-all-can", False, True), ("always", True, True), ("never", False, False)):
        desk = Desk(settings=convert({"scram": scram, "channel_binding": True}, SignInSettings))
        for everybody, offered in ((False, some_lack), (True, all_have)):
            desk.people.everybody_has_keys = everybody
            assert ("SCRAM-SHA-256" in desk.sign_in.mechanisms(client())) == offered
            assert ("SCRAM-SHA-256-PLUS" in desk.sign_in.mechanisms(client())) == offered


def test_what_is_not_offered_can_not_be_used() -> None:
    desk = Desk(settings=SignInSettings(withheld_mechanisms=("PLAIN", "LOGIN"), channel_binding=True))
    assert desk.sign_in.exchange("PLAIN", client()) is None
    assert desk.sign_in.exchange(b"\xff", client()) is None
    assert desk.sign_in.exchange("EXTERNAL", client()) is None
    assert desk.sign_in.exchange("SCRAM-SHA-256-PLUS", client(channel_binding=None)) is None
    assert desk.sign_in.exchange(b"scram-sha-256-plus", client()) is not None


def test_without_plain_no_command_takes_a_password() -> None:
    async def play() -> None:
        desk = Desk(settings=SignInSettings(withheld_mechanisms=("PLAIN",), failure_step_seconds=0))
        assert not desk.sign_in.takes_passwords
        answer = await desk.sign_in.password(BOB.encode(), PASSWORD.encode(), client())
        assert isinstance(answer, Refused)
        assert desk.people.asked == []

    asyncio.run(play())


@pytest.mark.parametrize("typed", ["gru\N{COMBINING DIAERESIS}n", "to\N{SOFT HYPHEN}day", "a\N{NO-BREAK SPACE}b"])
def test_hashes_of_other_servers_are_compared_with_what_was_typed(typed: str) -> None:
    """Those servers prepared nothing; what was prepared for our own hashes was once all that the directory got."""

    async def play() -> None:
        clock, settings = FakeClock(), AccountSettings(hash_memory_kibibytes=8, hash_passes=1, scram_iterations=4096)
        directory = MemoryDirectory(settings, clock, SeededIds())
        await directory.add_domain("foo.com")
        await directory.add_person(BOB, None)
        digest = base64.b64encode(hashlib.sha256(typed.encode()).digest()).decode()
        await directory.import_passwords([f"{BOB}:{{SHA256}}{digest}"])
        sign_in = SignIn(directory, clock, SeededIds(), SignInSettings(failure_step_seconds=0))
        prepared = prepared_password(typed)
        assert isinstance(await sign_in.password(BOB.encode(), prepared.encode(), client()), Refused)
        exchange = sign_in.exchange("PLAIN", client())
        assert exchange is not None
        assert isinstance(await exchange.step(f"\0{BOB}\0{typed}".encode()), SignedIn)
        # and then it is a password like others, however it is spelled
        assert isinstance(await sign_in.password(BOB.encode(), prepared.encode(), client()), SignedIn)
        await directory.close()

    asyncio.run(play())


def test_a_mechanism_that_there_is_not_can_not_be_withheld() -> None:
    with pytest.raises(ValueError, match="NTLM"):
        SignInSettings(withheld_mechanisms=("NTLM",))


def test_a_password() -> None:
    async def play() -> None:
        desk = Desk()
        answer = await desk.sign_in.password(BOB.upper().encode(), PASSWORD.encode(), client())
        assert isinstance(answer, SignedIn)
        assert answer.person.address == BOB
        assert desk.guard.good == [("192.0.2.1", BOB)]

    asyncio.run(play())


def test_bug_an_owner_with_another_name_was_a_stranger_to_the_guard() -> None:
    """Who signs in as "bob" while the directory says bob@foo.com would be slowed for what strangers do to "bob"."""

    async def play() -> None:
        desk = Desk()
        desk.people.people["bob"] = desk.people.people[BOB]
        desk.people.keyed["bob"] = PASSWORD
        assert isinstance(await desk.sign_in.password(b"bob", PASSWORD.encode(), client()), SignedIn)
        assert desk.guard.good == [("192.0.2.1", BOB), ("192.0.2.1", "bob")]

    asyncio.run(play())


def test_every_failure_takes_the_same_time_and_has_the_same_kind() -> None:
    async def play() -> None:
        desk = Desk(settings=SignInSettings(failure_step_seconds=0.5))
        sign_in, clock = desk.sign_in, desk.clock
        attempts = [
            sign_in.password(BOB.encode(), b"wrong", client()),
            sign_in.password(b"nobody@foo.com", b"wrong", client()),
            sign_in.password(GONE.encode(), PASSWORD.encode(), client()),
            sign_in.password(b"\xff", b"\0", client()),
        ]
        for attempt in attempts:
            answer, taken = await timed(clock, attempt)
            assert isinstance(answer, Refused)
            assert (answer.kind, taken) == ("credentials", 0.5)
        plain = sign_in.exchange("PLAIN", client())
        assert plain is not None
        answer, taken = await timed(clock, plain.step(b"no message at all"))
        assert isinstance(answer, Refused)
        assert (answer.kind, taken) == ("credentials", 0.5)

    asyncio.run(play())


def test_a_directory_that_is_slow_for_some_does_not_show_for_whom() -> None:
    async def play() -> None:
        desk = Desk(settings=SignInSettings(failure_step_seconds=0.5))
        real = desk.people.authenticate

        async def slow(username: str, password: str, protocol: str = "") -> Any:
            await desk.clock.sleep(0.7 if username == BOB else 0.6)
            return await real(username, password, protocol)

        desk.people.authenticate = slow  # type: ignore[method-assign]
        for name in (BOB, "nobody@foo.com"):
            _, taken = await timed(desk.clock, desk.sign_in.password(name.encode(), b"wrong", client()))
            assert taken == 1.0

    asyncio.run(play())


@pytest.mark.parametrize("part", ["authenticate", "may_sign_in", "failed_sign_in"])
def test_bug_a_part_that_raised_was_told_at_once(part: str) -> None:
    """By a bug that meets some accounts only, it would show which they are."""

    async def play() -> None:
        desk = Desk(settings=SignInSettings(failure_step_seconds=0.5))

        async def broken(*_: object) -> Any:
            raise RuntimeError("broken")

        setattr(desk.people if part == "authenticate" else desk.guard, part, broken)
        answer, taken = await timed(desk.clock, desk.sign_in.password(BOB.encode(), b"wrong", client()))
        assert isinstance(answer, Refused)
        assert (answer.kind, taken) == ("unavailable", 0.5)

    asyncio.run(play())


def test_the_guard_makes_a_refusal_late_and_a_success_not() -> None:
    async def play() -> None:
        desk = Desk()
        desk.guard.wait = 3.0
        _, taken = await timed(desk.clock, desk.sign_in.password(BOB.encode(), b"wrong", client()))
        assert taken == 3.0
        assert desk.guard.failed == [("192.0.2.1", BOB)]
        _, taken = await timed(desk.clock, desk.sign_in.password(BOB.encode(), PASSWORD.encode(), client()))
        assert taken < 0.1

    asyncio.run(play())


def test_whom_the_guard_keeps_out_no_password_is_tried_for() -> None:
    async def play() -> None:
        desk = Desk()
        desk.guard.closed = True
        answer = await desk.sign_in.password(BOB.encode(), PASSWORD.encode(), client())
        assert isinstance(answer, Refused)
        assert answer.kind == "banned"
        for mechanism, response in (
            ("SCRAM-SHA-256", f"n,,n={BOB},r=x"),
            ("OAUTHBEARER", "n,,\x01auth=Bearer token-of-bob\x01\x01"),
            ("EXTERNAL", ""),
        ):
            exchange = desk.sign_in.exchange(mechanism, client(names=(BOB,)))
            assert exchange is not None
            step = await exchange.step(response.encode())
            assert isinstance(step, Refused)
            assert step.kind == "banned"
        assert desk.people.asked == []
        assert desk.guard.failed == []

    asyncio.run(play())


def test_nonces_are_never_used_twice() -> None:
    async def play() -> None:
        desk = Desk()
        seen = set()
        for _ in range(50):
            exchange = desk.sign_in.exchange("SCRAM-SHA-1", client())
            assert exchange is not None
            step = await exchange.step(f"n,,n={BOB},r=same".encode())
            assert isinstance(step, Challenge)
            seen.add(step.data)
        assert len(seen) == 50

    asyncio.run(play())


def test_a_refusal_shows_no_secret() -> None:
    async def play() -> None:
        desk = Desk()
        answer = await desk.sign_in.password(BOB.encode(), b"s3cret-\x07", client())
        assert "s3cret" not in repr(answer)
        answer = await desk.sign_in.password(BOB.encode(), b"s3cret", client())
        assert "s3cret" not in repr(answer)
        assert isinstance(answer, Refused)
        assert answer.secret == ""
        assert desk.guard.secrets == ["", "s3cret"]

    asyncio.run(play())


def test_bug_a_password_typed_in_place_of_the_name_was_in_the_log() -> None:
    async def play() -> None:
        desk = Desk()
        desk.people.people["bob"] = desk.people.people[BOB]
        for name, shown in (("s3cret words", ""), ("s3cret", ""), ("bob", "bob"), (GONE, GONE), (BOB, BOB)):
            answer = await desk.sign_in.password(name.encode(), b"wrong", client())
            assert isinstance(answer, Refused)
            assert answer.username == shown

    asyncio.run(play())
