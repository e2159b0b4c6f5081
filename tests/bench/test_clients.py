"""The IMAP and POP3 clients, against a server of a few lines."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bench.clients import Imap, Pop3, append
from bench.errors import BenchError


@contextmanager
def server(*answers: bytes) -> Iterator[int]:
    """Greets with the first answer, gives one of the others to each command."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as commands:
            connection.sendall(answers[0])
            for answer in answers[1:]:
                commands.readline()
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_reply_is_read_to_the_line_with_its_tag() -> None:
    said = b"* 1 FETCH (BODY[] {8}\r\nz1 OK \r\n)\r\nz1 OK done\r\n"
    with server(b"* OK here\r\n", said, b"z2 NO never\r\n") as port:
        client = Imap(port)
        assert client.ask(b"FETCH 1 BODY[]") == said
        with pytest.raises(BenchError, match="never"):
            client.run(b"NOOP")
        client.close()


def test_large_replies_are_counted() -> None:
    said = b"* " + b"x" * 3_000_000 + b"\r\nz1 OK done\r\n"
    with server(b"* OK here\r\n", said) as port:
        client = Imap(port)
        assert client.run(b"FETCH 1:* BODY[]") == len(said)
        client.close()


def test_waiting_for_a_word_keeps_what_comes_after_it() -> None:
    with server(b"* OK here\r\n", b"+ idling\r\n* 2 EXISTS\r\n* 1 RECENT\r\n") as port:
        client = Imap(port)
        client.idle()
        assert client.until(b" EXISTS") == b"* 2 EXISTS\r\n"
        assert client.until(b" RECENT") == b"* 1 RECENT\r\n"
        client.close()


def test_an_end_is_told() -> None:
    with server(b"* OK here\r\n") as port:
        client = Imap(port)
        with pytest.raises((BenchError, OSError)):
            client.run(b"NOOP")
        client.close()


def test_a_pop3_listing_ends_with_its_dot() -> None:
    said = b"+OK\r\n1 a\r\n..\r\n2 b\r\n.\r\n"
    with server(b"+OK here\r\n", b"+OK\r\n", b"+OK\r\n", said, b"-ERR no\r\n") as port:
        client = Pop3(port, "somebody")
        assert client.listing(b"UIDL") == len(said)
        with pytest.raises(BenchError, match="no"):
            client.listing(b"UIDL")
        client.close()


def test_many_messages_in_one_append() -> None:
    assert append("box", b"one", b"second") == b"APPEND box {3+}\r\none {6+}\r\nsecond"
    assert append("box", b"one", flags=[b"\\Seen"]) == b"APPEND box (\\Seen) {3+}\r\none"
