"""The mail that the benchmark sends."""

import email
import email.policy

import pytest
from bench.messages import SENDERS, WORDS, dot_stuffed, message, phrase


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 397, 99_999])
def test_messages_are_well_formed_and_about_4_kib(number: int) -> None:
    octets = message(number)
    assert 3500 < len(octets) < 4700
    assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")
    assert max(map(len, octets.split(b"\r\n"))) < 998
    parsed = email.message_from_bytes(octets, policy=email.policy.default)
    assert not parsed.defects
    assert parsed["Message-ID"] == f"<{number}.4096@load.test>"
    assert parsed["From"].addresses[0].username == f"sender{number % SENDERS}"
    assert parsed["Date"].datetime.year == 2025


def test_four_kinds_in_turn() -> None:
    kinds = [email.message_from_bytes(message(number)) for number in range(4)]
    assert [kind.get_content_type() for kind in kinds] == [
        "text/plain",
        "multipart/alternative",
        "multipart/mixed",
        "text/plain",
    ]
    assert kinds[3]["References"] == kinds[2]["Message-ID"]
    assert kinds[2].get_payload(1).get_filename() == "paper0.pdf"  # type: ignore[union-attr]


def test_the_same_number_gives_the_same_octets_and_others_differ() -> None:
    assert message(7) == message(7)
    assert len({message(number) for number in range(500)}) == 500


def test_the_vocabulary_has_36_words_and_phrases_are_of_it() -> None:
    assert len(set(WORDS)) == len(WORDS) == 36
    assert all(word in WORDS for number in range(20) for word in phrase(number).split())


def test_some_messages_have_a_phrase_and_most_do_not() -> None:
    texts = [message(number) for number in range(400)]
    found = sum(phrase(3).encode() in text for text in texts)
    assert 0 < found < 200


def test_dots_are_stuffed() -> None:
    assert dot_stuffed(b".a\r\n..b\r\nc.\r\n") == b"..a\r\n...b\r\nc.\r\n.\r\n"
