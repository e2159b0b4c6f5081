"""The state machine: what may be sent and said when."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.filters.milter import packets
from postroom.filters.milter.dialogue import (
    CONTINUE,
    MAX_PROGRESS,
    MAX_WISHES,
    NOTHING,
    Answer,
    Dialogue,
    MilterBroken,
    Stage,
)
from postroom.filters.milter.packets import BodyWish

WAY = (
    Stage.CONNECT,
    Stage.HELO,
    Stage.MAIL,
    Stage.RCPT,
    Stage.DATA,
    Stage.HEADER,
    Stage.END_OF_HEADER,
    Stage.BODY,
    Stage.END,
)
C = packets.packet(b"x")  # any command


def agreed(version: int = 6, actions: int = 0x1FF, protocol: int = 0, *, may_change: bool = True) -> Dialogue:
    dialogue = Dialogue(may_change=may_change)
    dialogue.offer()
    dialogue.agree(b"O", struct.pack("!III", version, actions, protocol))
    return dialogue


def at(stage: Stage, **options: int) -> Dialogue:
    dialogue = agreed(**options)  # type: ignore[arg-type]
    for one in WAY[: WAY.index(stage) + 1]:
        dialogue.tell(one, C)
    return dialogue


def test_everything_is_offered_unless_nothing_may_change() -> None:
    assert Dialogue().offer()[5:] == struct.pack("!III", 6, 0x1FF, 0x1FFFFF)
    assert Dialogue(may_change=False).offer()[5:] == struct.pack("!III", 6, 0x120, 0x1FFFFF)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"c", b""),
        (b"O", b""),
        (b"O", struct.pack("!III", 1, 0, 0)),
        (b"O", struct.pack("!III", 7, 0, 0)),
        (b"O", struct.pack("!III", 6, 0x200, 0)),
        (b"O", struct.pack("!III", 6, 0, 0x10000000)),
    ],
)
def test_what_was_not_offered_is_no_agreement(kind: bytes, data: bytes) -> None:
    dialogue = Dialogue()
    with pytest.raises(MilterBroken):
        dialogue.agree(kind, data)
    with pytest.raises(MilterBroken):
        Dialogue(may_change=False).agree(b"O", struct.pack("!III", 6, 1, 0))


def test_all_commands_go_in_their_order_only() -> None:
    for before, after in pairwise(WAY):
        dialogue = at(before)
        assert dialogue.tell(after, C).octets.endswith(C)
    with pytest.raises(ValueError):
        at(Stage.RCPT).tell(Stage.BODY, C)
    with pytest.raises(ValueError):
        Dialogue().tell(Stage.CONNECT, C)
    assert at(Stage.END).tell(Stage.MAIL, C).answered


@pytest.mark.parametrize(
    ("stage", "unwanted", "mute"),
    [
        (Stage.CONNECT, 0x01, 0x1000),
        (Stage.HELO, 0x02, 0x2000),
        (Stage.MAIL, 0x04, 0x4000),
        (Stage.RCPT, 0x08, 0x8000),
        (Stage.DATA, 0x200, 0x10000),
        (Stage.HEADER, 0x20, 0x80),
        (Stage.END_OF_HEADER, 0x40, 0x40000),
        (Stage.BODY, 0x10, 0x80000),
    ],
)
def test_flags_for_each_command(stage: Stage, unwanted: int, mute: int) -> None:
    before = WAY[WAY.index(stage) - 1] if stage is not Stage.CONNECT else None
    for protocol, wanted in ((unwanted, NOTHING), (mute, False), (0, True)):
        dialogue = at(before, protocol=protocol) if before is not None else agreed(protocol=protocol)
        sent = dialogue.tell(stage, C)
        if wanted is NOTHING:
            assert sent == NOTHING
        else:
            assert sent.octets.endswith(C)
            assert sent.answered is wanted


def test_the_end_is_always_answered() -> None:
    assert at(Stage.BODY, protocol=0x1FFFFF).tell(Stage.END, C).answered


def test_old_milters_hear_no_data() -> None:
    assert at(Stage.RCPT, version=3).tell(Stage.DATA, C) == NOTHING
    assert at(Stage.RCPT, version=4).tell(Stage.DATA, C).answered


def test_macros_go_before_their_command() -> None:
    sent = at(Stage.MAIL).tell(Stage.RCPT, C, {"{rcpt_addr}": "bob@foo.com"})
    assert sent.octets == packets.macros(b"R", [("{rcpt_addr}", "bob@foo.com")]) + C


def test_the_blank_behind_the_colon() -> None:
    plain, exact = agreed(), agreed(protocol=packets.LEADING_SPACE)
    assert plain.value_of(b"  a\r\n\tb\r\n") == b" a\n\tb"
    assert exact.value_of(b"  a\r\n\tb\r\n") == b"  a\n\tb"
    assert (plain.from_value(b"v"), exact.from_value(b"v"), plain.from_value(b"")) == (b" v", b"v", b"")


def test_endings() -> None:
    assert at(Stage.RCPT).take(b"c", b"") == CONTINUE
    assert at(Stage.RCPT).take(b"r", b"") == Answer("refuse", 550, "5.7.1", b"Command rejected")
    assert at(Stage.RCPT).take(b"t", b"") == Answer("refuse", 451, "4.7.1", b"Please try again later")
    assert at(Stage.RCPT).take(b"y", b"554 no\0") == Answer("refuse", 554, "5.7.1", b"no")
    assert at(Stage.RCPT).take(b"y", b"421 4.3.2 bye\0") == Answer("close", 421, "4.3.2", b"bye")
    for kind in (b"4", b"f"):
        answer = at(Stage.CONNECT).take(kind, b"")
        assert isinstance(answer, Answer)
        assert (answer.kind, answer.code) == ("close", 421)
    assert at(Stage.MAIL).take(b"d", b"") == Answer("discard")
    with pytest.raises(MilterBroken):
        at(Stage.HELO).take(b"d", b"")


def test_skip_is_for_bodies() -> None:
    assert at(Stage.BODY, protocol=packets.SKIPS).take(b"s", b"") == Answer("skip")
    for dialogue in (at(Stage.BODY), at(Stage.HEADER, protocol=packets.SKIPS)):
        with pytest.raises(MilterBroken):
            dialogue.take(b"s", b"")


WISHES = {
    b"h": (0x01, b"A\0b\0"),
    b"i": (0x01, b"\0\0\0\1A\0b\0"),
    b"m": (0x10, b"\0\0\0\1A\0b\0"),
    b"+": (0x04, b"<a@b>\0"),
    b"2": (0x80, b"<a@b>\0"),
    b"-": (0x08, b"<a@b>\0"),
    b"e": (0x40, b"<a@b>\0"),
    b"q": (0x20, b"why\0"),
    b"b": (0x02, b"body"),
}


@pytest.mark.parametrize("kind", WISHES)
def test_changes_at_the_end_only_and_only_those_asked_for(kind: bytes) -> None:
    needed, data = WISHES[kind]
    dialogue = at(Stage.END, actions=needed)
    taken = dialogue.take(kind, data)
    assert taken == (BodyWish(b"body") if kind == b"b" else None)
    assert len(dialogue.wishes) == (kind != b"b")
    with pytest.raises(MilterBroken):
        at(Stage.END, actions=0x1FF & ~needed).take(kind, data)
    for stage in WAY[:-1]:
        with pytest.raises(MilterBroken):
            at(stage).take(kind, data)


def test_the_wishes_of_one_message_are_not_those_of_the_next() -> None:
    dialogue = at(Stage.END)
    dialogue.take(b"h", b"A\0b\0")
    dialogue.take(b"c", b"")
    dialogue.tell(Stage.MAIL, C)
    assert dialogue.wishes == []


def again(times: int, kind: bytes, data: bytes) -> None:
    dialogue = at(Stage.END)
    for _ in range(times):
        assert dialogue.take(kind, data) is None


def test_wishes_are_bounded() -> None:
    again(MAX_WISHES, b"h", b"A\0b\0")
    with pytest.raises(MilterBroken):
        again(MAX_WISHES + 1, b"h", b"A\0b\0")
    with pytest.raises(MilterBroken):
        again(100, b"h", b"A\0" + b"x" * 60_000 + b"\0")
    again(MAX_PROGRESS, b"p", b"")
    with pytest.raises(MilterBroken):
        again(MAX_PROGRESS + 1, b"p", b"")


def test_leaving() -> None:
    assert at(Stage.BODY).abort() == packets.packet(b"A")
    assert at(Stage.END).abort() == b""
    assert agreed().abort() == b""
    assert at(Stage.RCPT).next_client() == packets.packet(b"A") + packets.packet(b"K")
    assert at(Stage.END).next_client() == packets.packet(b"K")
    assert at(Stage.END, version=5).next_client() == b""
    assert Dialogue().quit() == b""
    gone = at(Stage.RCPT)
    assert gone.quit() == packets.packet(b"A") + packets.packet(b"Q")
    assert gone.quit() == b""
    kept = at(Stage.END)
    kept.next_client()
    assert kept.tell(Stage.CONNECT, C).answered


@given(st.lists(st.tuples(st.sampled_from([bytes([n]) for n in range(256)]), st.binary(max_size=30)), max_size=8))
def test_whatever_it_says_nothing_but_milter_broken_comes_of_it(said: list[tuple[bytes, bytes]]) -> None:
    dialogue = at(Stage.END)
    try:
        for kind, data in said:
            dialogue.take(kind, data)
    except MilterBroken:
        pass
