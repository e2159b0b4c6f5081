"""What follows from points: the sum, the thresholds, and what everybody can read of it."""

import asyncio
from typing import Any

import pytest
from tests.intake.strangers import Strangers, field_values, key_record, letter, signed, strangers

from postroom.accounts import MailingList
from postroom.base import MailError
from postroom.intake import ScoringSettings, Source, TooManyPoints
from postroom.intake.scoring import UNWEIGHED, Weighed, milder, weigh
from postroom.junk import NO_SCORE, Score, ScorePart
from postroom.queue import Envelope, Recipient

SETTINGS = ScoringSettings(tag_points=3, junk_points=6, reject_points=9)


def points(*given: tuple[str, float]) -> Score:
    return Score(tuple(ScorePart(name, number, f"about {name}") for name, number in given))


@pytest.mark.parametrize(
    ("parts", "action"),
    [
        ([("a", 2.9)], "accept"),
        ([("a", 3)], "tag"),
        ([("a", 5.5), ("b", 0.5)], "quarantine"),
        ([("a", 9)], "reject"),
        ([("a", 10), ("b", -1.5)], "quarantine"),
        ([("a", 10), ("b", -10)], "accept"),
    ],
)
def test_the_sum_decides(parts: list[tuple[str, float]], action: str) -> None:
    found = weigh(points(*parts), None, SETTINGS)
    assert found.action == action
    assert isinstance(found.error, TooManyPoints) == (action == "reject")


def test_a_name_in_helo_marks_and_puts_apart_but_never_refuses() -> None:
    """RFC 5321 §4.1.4."""
    assert weigh(points(("hello.unknown", 50)), None, SETTINGS).action == "quarantine"
    assert weigh(points(("hello.unknown", 2), ("list.x", 8)), None, SETTINGS).action == "quarantine"
    assert weigh(points(("hello.unknown", 2), ("list.x", 9)), None, SETTINGS).action == "reject"


def test_nothing_is_weighed_where_nothing_speaks_against_it() -> None:
    for score in (NO_SCORE, points(("history.known", -2))):
        found = weigh(score, None, SETTINGS)
        assert found is UNWEIGHED
        assert (found.field(), found.why, found.junk) == (b"", "", False)


def test_what_others_found_counts_too() -> None:
    found = weigh(points(("a", 2)), None, SETTINGS, more=(ScorePart("rspamd", 4.5, "BAYES_SPAM"),))
    assert (found.score.total, found.action) == (6.5, "quarantine")
    assert found.why == "6.5 points of 6: +4.5 rspamd: BAYES_SPAM; +2.0 a: about a"


def test_a_threshold_of_zero_is_none() -> None:
    never = ScoringSettings(tag_points=0, junk_points=0, reject_points=0)
    assert weigh(points(("a", 1000)), None, never).action == "accept"


def test_the_field_tells_the_weightiest_first_in_ascii_and_a_length_that_fits() -> None:
    score = Score((ScorePart("a", 0.5, "x; y\r\nFrom: eve\u00e9"), ScorePart("b", 3, "w" * 900)))
    field = weigh(score, None, SETTINGS).field()
    assert field == b"Postroom-Score: tag; points=3.5;\r\n\t+3.0 b: %b;\r\n\t+0.5 a: x? y??From: eve?\r\n" % (
        b"w" * 200
    )
    many = weigh(points(*((f"p{k}", 0.1) for k in range(500))), None, SETTINGS).field()
    assert many.count(b"\r\n") == 41


def test_postmaster_hears_complaints() -> None:
    refused = Weighed(points(("a", 99)), "reject", TooManyPoints(), 9)
    assert milder(refused, ["bob@foo.com", "postmaster@foo.com"]).action == "reject"
    for alone in (["Postmaster"], ["POSTMASTER@foo.com", "abuse@foo.com"]):
        found = milder(refused, alone)
        assert (found.action, found.error) == ("quarantine", None)
    tagged = Weighed(points(("a", 3)), "tag")
    assert milder(tagged, ["postmaster@foo.com"]) is tagged


# ---- in the pipeline


async def arrives(
    room: Strangers, message: bytes, score: Score, *to: str, address: str = "192.0.2.7"
) -> list[MailError | None]:
    routes = [await room.intake.route(Recipient(one)) for one in to or ("bob@foo.com",)]
    reception = room.intake.receive(Source("mx.bar.com", address, score=score), "a@bar.com")
    try:
        reception.write(message)
        return await reception.finish(Envelope("a@bar.com"), routes)
    finally:
        reception.close()


def run(zones: dict[str, dict[str, list[str]]], body: Any, **settings: Any) -> None:
    async def go() -> None:
        async with strangers(zones, **settings) as room:
            room.intake.scoring = SETTINGS
            await body(room)

    asyncio.run(go())


def test_a_tagged_message_says_why() -> None:
    async def body(room: Strangers) -> None:
        await arrives(room, letter(), points(("list.x", 3.5)))
        (message,) = await room.messages("bob@foo.com")
        assert field_values(message, "Postroom-Score") == [b"tag; points=3.5;\t+3.5 list.x: about list.x"]
        assert message.index(b"Postroom-Score:") < message.index(b"Authentication-Results:")
        assert room.notes.last("scored") == {
            "points": "3.5",
            "action": "tag",
            "parts": ["+3.5 list.x: about list.x"],
        }

    run({}, body)


def test_junk_goes_into_junk_for_one_and_for_several() -> None:
    async def body(room: Strangers) -> None:
        await arrives(room, letter(), points(("list.x", 7)))
        await arrives(room, letter(), points(("list.x", 7)), "bob@foo.com", "jones@foo.com")
        assert await room.messages("bob@foo.com") == []
        assert len(await room.messages("bob@foo.com", "Junk")) == 2
        (message,) = await room.messages("jones@foo.com", "Junk")
        assert field_values(message, "Postroom-Quarantine") == [b"7.0 points of 6: +7.0 list.x: about list.x"]

    run({}, body)


def test_too_many_points_refuse_it() -> None:
    async def body(room: Strangers) -> None:
        with pytest.raises(TooManyPoints):
            await arrives(room, letter(), points(("list.x", 20)))
        assert room.notes.last("refused")["reply"].startswith("550 5.7.1")
        await arrives(room, letter(), points(("list.x", 20)), "postmaster@foo.com")

    run({}, body)


def test_a_list_takes_no_junk() -> None:
    async def body(room: Strangers) -> None:
        await room.directory.lists.create(MailingList(0, "talk@foo.com", ("bob@foo.com",), posting="anyone"))
        with pytest.raises(TooManyPoints, match=r"7.0 points of 6"):
            await arrives(room, letter(), points(("list.x", 7)), "talk@foo.com")

    run({}, body)


def test_what_is_known_of_the_author_takes_points_off() -> None:
    async def body(room: Strangers) -> None:
        zones = key_record("bar.com")
        room.dns.zones.update(zones | {"_dmarc.bar.com": {"TXT": ["v=DMARC1; p=none"]}})
        await arrives(room, signed(letter(), "bar.com"), points(("list.x", 3.5)))
        assert room.notes.last("scored")["parts"] == [
            "+3.5 list.x: about list.x",
            "-1.0 dmarc.pass: bar.com shows that it sent it",
        ]
        for trusted in ("bar.com", ".com"):
            room.intake.scoring = ScoringSettings(trusted_authors=(trusted,))
            await arrives(room, signed(letter(), "bar.com"), points(("list.x", 3.5)))
            assert room.notes.last("scored")["points"] == "-2.5"
        room.intake.scoring = ScoringSettings(trusted_authors=(".bar.com", "xbar.com"), dmarc_pass_points=0)
        await arrives(room, signed(letter(), "bar.com"), points(("list.x", 3.5)))
        assert room.notes.last("scored")["points"] == "3.5"

    run({}, body)


def test_what_strangers_say_of_a_score_is_removed() -> None:
    async def body(room: Strangers) -> None:
        forged = (
            "Postroom-Score: accept; points=-9.0",
            "Postroom-Quarantine: ha",
            "POSTROOM-score\t: x",
            "Post-Room: y",
        )
        await arrives(room, letter("a@bar.com", *forged), NO_SCORE)
        (message,) = await room.messages("bob@foo.com")
        assert b"ostroom-" not in message.replace(b"Return-Path", b"").lower().replace(b"(postroom)", b"")
        assert field_values(message, "Post-Room") == [b"y"]

    run({}, body)
