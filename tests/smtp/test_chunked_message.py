"""The chunks of a message, without an engine around them."""

import pytest

from postroom.smtp import Reply, SmtpSettings, replies
from postroom.smtp.chunk_reading import Chunk
from postroom.smtp.chunked_message import ChunkedMessage
from postroom.smtp.input_lines import InputLines

SETTINGS = SmtpSettings(max_message_octets=65_536, max_discarded_octets=65_536)


def octets(data: bytes) -> InputLines:
    lines = InputLines(SETTINGS)
    lines.feed(data)
    return lines


def test_a_message_of_two_chunks_leaves_the_commands_behind_them() -> None:
    message, lines = ChunkedMessage(SETTINGS), octets(b"onetwoQUIT\r\n")
    assert not message.begun
    assert message.expect(Chunk(3, False), None)  # whether it is wanted, somebody else knows
    message.begin(binary=False)
    assert (message.take(lines), message.complete, message.last) == (b"one", True, False)
    assert not message.expect(Chunk(3, True), None)
    assert (message.take(lines), message.complete, message.last) == (b"two", True, True)
    assert (message.open, message.size, message.refusal) == (True, 3, None)
    assert lines.next_line() == b"QUIT"
    message.forget()
    assert (message.begun, message.open) == (False, False)


def test_a_chunk_that_comes_in_parts() -> None:
    message, lines = ChunkedMessage(SETTINGS), octets(b"ab")
    message.expect(Chunk(3, True), None)
    message.begin(binary=True)
    assert (message.take(lines), message.complete) == (b"ab", False)
    lines.feed(b"cd")
    assert (message.take(lines), message.complete, message.take(lines)) == (b"c", True, b"")
    assert lines.pending == 1


@pytest.mark.parametrize("how", ["nobody", "large", "unwanted"])
def test_one_failure_is_the_answer_to_all_that_follows(how: str) -> None:
    message, lines = ChunkedMessage(SETTINGS), octets(b"x" * 65_540)
    reply = {"nobody": replies.NO_VALID_RECIPIENTS, "large": replies.TOO_LARGE, "unwanted": Reply(451, "4.3.0", "no")}[
        how
    ]
    asked = message.expect(Chunk(65_537 if how == "large" else 3, False), reply if how == "nobody" else None)
    assert asked is (how == "unwanted")
    if asked:
        message.fail(reply)
    assert message.take(lines) == b""
    assert (message.complete, message.refusal, message.open, message.begun) == (True, reply, False, True)
    assert message.tell()
    assert not message.expect(Chunk(3, True), None)
    assert (message.take(lines), message.refusal) == (b"", reply)
    assert not message.tell()  # no error more
    message.forget()
    assert message.expect(Chunk(3, True), None)


def test_a_chunk_at_the_wrong_time_is_no_failure_of_the_message() -> None:
    message, lines = ChunkedMessage(SETTINGS), octets(b"xyzabc")
    message.refuse(Chunk(3, True), replies.HELLO_FIRST)
    assert (message.take(lines), message.refusal, message.begun) == (b"", replies.HELLO_FIRST, False)
    assert message.tell()
    assert message.expect(Chunk(3, True), None)


def test_what_is_thrown_away_has_an_end() -> None:
    message = ChunkedMessage(SETTINGS)
    for size, excessive in ((65_536, False), (1, True)):
        message.refuse(Chunk(size, False), replies.MAIL_FIRST)
        message.take(octets(b"x" * size))
        assert message.excessive is excessive
    message.forgive()
    assert not message.excessive
