"""`postroom trace`, on what a server left."""

import asyncio

import pytest
from tests.cli.room import Room

from postroom.base import FakeClock
from postroom.cli.trace import words_for
from postroom.journal import FileJournal, JournalSettings, Step

AT = "  2023-11-14T22:13:20.000Z"
BY = "DANE: its certificate is that of TLSA 3 1 1"
TO = "to=<bob@b.test> 0 octets"


def _journal(room: Room) -> None:
    async def run() -> None:
        journal = FileJournal(room.data / "journal", JournalSettings(), FakeClock())
        journal.note(
            "m1",
            "received",
            client="192.0.2.9",
            hello="laptop",
            user="alice@a.test",
            tls="TLSv1.3",
            to=["bob@b.test"],
            **{"from": "alice@a.test"},
        )
        journal.note("m1", "call", relay="mx1.b.test [192.0.2.1]:25", reply="421 4.4.1 refused", tls_by="DANE")
        journal.note(
            "m1",
            "attempt",
            to="bob@b.test",
            relay="mx2.b.test [192.0.2.2]:25",
            tls="TLSv1.2",
            tls_by=BY,
            status="sent",
            reply="250 \x1b[31mok",
        )
        journal.close()

    asyncio.run(run())


def test_a_message_from_the_first_step_to_the_last(room: Room) -> None:
    _journal(room)
    shown = room.ok("trace", "bob@b.test")
    assert shown.splitlines() == [
        "m1",
        f"{AT}  received from laptop [192.0.2.9] as alice@a.test over TLSv1.3: from=<alice@a.test> {TO}",
        f"{AT}  no session with mx1.b.test [192.0.2.1]:25, demanded by DANE: 421 4.4.1 refused",
        f"{AT}  attempt 1 for <bob@b.test>: sent, by mx2.b.test [192.0.2.2]:25, TLSv1.2 ({BY}): 250 \\x1b[31mok",
    ]
    (story,) = room.json("trace", "m1")
    assert [step["step"] for step in story["steps"]] == ["received", "call", "attempt"]
    assert "Nothing is known" in room.fails(3, "trace", "m2")


def test_what_was_found_out_about_the_sender(room: Room) -> None:
    async def run() -> None:
        journal = FileJournal(room.data / "journal", JournalSettings(), FakeClock())
        journal.note(
            "m1",
            "checked",
            author="ceo@bank.com",
            spf=["pass for MAIL FROM <x@evil.com>: \x1b"],
            dkim=[],
            dmarc="fail for bank.com: nothing aligned",
            action="reject",
            why="its policy asks to reject",
        )
        journal.note("m2", "checked", dkim=["pass for d=a.com s=s a: b"], action="accept")
        journal.close()

    asyncio.run(run())
    assert room.ok("trace", "m1").splitlines() == [
        "m1",
        f"{AT}  who sent it was checked, and it is refused: its policy asks to reject",
        "      author: ceo@bank.com",
        "      SPF: pass for MAIL FROM <x@evil.com>: \\x1b",
        "      DMARC: fail for bank.com: nothing aligned",
        "      DKIM: there is no signature",
    ]
    assert room.ok("trace", "m2").splitlines()[1:] == [
        f"{AT}  who sent it was checked, and it goes on",
        "      DKIM: pass for d=a.com s=s a: b",
    ]


@pytest.mark.parametrize(
    ("step", "facts", "words"),
    [
        ("delivered", {"to": "bob@b.test"}, "delivered into the mailbox of <bob@b.test>"),
        ("queued", {"to": "bob@b.test"}, "queued as m1 for <bob@b.test>"),
        (
            "signed",
            {"by": ["d=a.test s=r1 rsa-sha256", "d=a.test s=e1 ed25519-sha256"]},
            "signed (DKIM) by d=a.test s=r1 rsa-sha256 and d=a.test s=e1 ed25519-sha256",
        ),
        ("sealed", {"by": "a.test"}, "sealed (ARC) by a.test"),
        ("not delivered", {"to": "b@b", "reply": "452 full"}, "not delivered to <b@b>: 452 full"),
        ("refused", {"reply": "554 loop"}, "refused: 554 loop"),
        ("reported", {"to": "a@a", "report": "q2"}, "report to <a@a>: q2"),
        (
            "reported",
            {"to": "a@a", "report": "q2.failed-1", "signed": ["d=a s=r rsa-sha256", "d=a s=e ed25519-sha256"]},
            "report to <a@a>: q2.failed-1, signed (DKIM) by d=a s=r rsa-sha256 and d=a s=e ed25519-sha256",
        ),
        ("made", {"what": "DMARC report", "to": "r@b"}, "DMARC report made here for <r@b>"),
        ("received", {"about": "m0", "to": ["a@a"]}, "report on m0 for <a@a>"),
        ("expanded", {"to": "n@a", "queue_id": "q2"}, "sent on to the members of <n@a> as q2"),
        ("expanded", {"to": "n@a", "queue_id": ""}, "nobody on the list <n@a> is left to send it to"),
        (
            "attempt",
            {"to": "b@b", "status": "sent", "relay": "local", "reply": "250 ok"},
            "attempt 1 for <b@b>: sent, by local: 250 ok",
        ),
        (
            "interrupted",
            {"to": "b@b"},
            (
                "the server was stopped by force during an attempt for <b@b>: if the other side had just taken it,"
                " it gets it twice"
            ),
        ),
        ("new thing", {"a": 1}, "new thing a=1"),
    ],
)
def test_words(step: str, facts: dict[str, object], words: str) -> None:
    assert words_for(Step(1.0, step, {"id": "m1", **facts})) == words


def test_how_often_it_was_in_doubt(room: Room) -> None:
    async def run() -> None:
        journal = FileJournal(room.data / "journal", JournalSettings(), FakeClock())
        journal.note("m1", "in doubt", to=["bob@b.test", "carol@b.test"], relay="mx.b.test [192.0.2.1]:25")
        journal.note("m1", "interrupted", to="bob@b.test")
        journal.note("m1", "attempt", to="bob@b.test", relay="x", status="sent", reply="250 ok")
        journal.close()

    asyncio.run(run())
    told = "each time the other side may have taken it, unknown to us"
    assert room.ok("trace", "m1").splitlines()[-2:] == [
        f"  in doubt 2 times for <bob@b.test>: {told}",
        f"  in doubt once for <carol@b.test>: {told}",
    ]
    (story,) = room.json("trace", "m1")
    assert story["in_doubt"] == {"bob@b.test": 2, "carol@b.test": 1}


def test_what_speaks_against_it(room: Room) -> None:
    async def run() -> None:
        journal = FileJournal(room.data / "journal", JournalSettings(), FakeClock())
        journal.note(
            "m1", "scored", points="6.5", action="quarantine", parts=["+4.0 list.x: \x1b[31m", "+2.5 name.none: y"]
        )
        journal.note("m2", "scored", points="1.5", action="accept", parts=["+1.5 name.none: y"])
        journal.close()

    asyncio.run(run())
    assert room.ok("trace", "m1").splitlines()[1:] == [
        f"{AT}  6.5 points speak against it, and it goes into Junk",
        "      +4.0 list.x: \\x1b[31m",
        "      +2.5 name.none: y",
    ]
    assert "1.5 points speak against it, and it goes on\n" in room.ok("trace", "m2")


def test_who_was_turned_away_before_the_message(room: Room) -> None:
    async def run() -> None:
        journal = FileJournal(room.data / "journal", JournalSettings(), FakeClock())
        facts = {"from": "x@b.test", "to": "bob@b.test", "reply": "450 4.7.1 Greylisted"}
        journal.note("v1", "turned away", client="192.0.2.9", points="2.0", parts=["+2.0 list.x: y"], **facts)
        journal.close()

    asyncio.run(run())
    assert room.ok("trace", "bob@b.test").splitlines() == [
        "v1",
        f"{AT}  [192.0.2.9] with 2.0 points was turned away: from=<x@b.test> to=<bob@b.test>: 450 4.7.1 Greylisted",
        "      +2.0 list.x: y",
    ]


def test_what_filters_have_made_of_it(room: Room) -> None:
    async def run() -> None:
        journal = FileJournal(room.data / "journal", JournalSettings(), FakeClock())
        told = ["spam: add header, 7.1 of 15", "av: nothing found"]
        journal.note("m1", "filtered", action="junk", why="spam: add header, 7.1 of 15", by=told)
        journal.note("m2", "filtered", action="accept", why=None, by=["av: nothing found"])
        journal.close()

    asyncio.run(run())
    assert room.ok("trace", "m1").splitlines() == [
        "m1",
        f"{AT}  looked at by filters, and it goes into Junk: spam: add header, 7.1 of 15",
        "      spam: add header, 7.1 of 15",
        "      av: nothing found",
    ]
    assert room.ok("trace", "m2").splitlines()[1:] == [
        f"{AT}  looked at by filters, and it goes on",
        "      av: nothing found",
    ]
