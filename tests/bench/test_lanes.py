"""Many connections at once."""

import socket
import threading

import pytest
from bench.errors import BenchError
from bench.lanes import Lane, drive, lines, must, smtp_reply, tagged

from bench import lanes


def test_when_a_reply_is_complete() -> None:
    assert not lines(2)(b"250 ok\r\n")
    assert lines(2)(b"250 ok\r\n354 go\r\n")
    assert not smtp_reply(b"250-first\r\n250-second\r\n")
    assert smtp_reply(b"250-first\r\n250 last\r\n")
    assert not tagged(b"a1 ")(b"* 1 EXISTS\r\n")
    assert tagged(b"a1 ")(b"* 1 EXISTS\r\na1 OK done\r\n")


def test_a_wrong_reply_is_told() -> None:
    with pytest.raises(BenchError, match="451"):
        must(b"451 not now\r\n", b"250")


def test_each_lane_sends_when_its_reply_has_come() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    heard: list[bytes] = []

    def lane() -> Lane:
        heard.append((yield b"", lines(1)))
        heard.append((yield b"hello\r\n", lines(2)))

    for _, server in pairs:
        server.sendall(b"220 here\r\n")

    def serve(server: socket.socket) -> None:
        assert server.recv(100) == b"hello\r\n"
        server.sendall(b"250-a\r\n")
        server.sendall(b"250 b\r\n")

    threads = [threading.Thread(target=serve, args=(server,)) for _, server in pairs]
    for thread in threads:
        thread.start()
    drive([(client, lane()) for client, _ in pairs])
    for thread in threads:
        thread.join()
    assert heard.count(b"220 here\r\n") == heard.count(b"250-a\r\n250 b\r\n") == 3
    for client, server in pairs:
        client.close()
        server.close()


def test_a_closed_connection_is_told() -> None:
    client, server = socket.socketpair()
    server.close()

    def lane() -> Lane:
        yield b"", lines(1)

    with client, pytest.raises(BenchError, match="closed"):
        drive([(client, lane())])


def test_the_last_line() -> None:
    assert lanes.last_line(b"a\r\nb\r\n") == b"b\r\n"
    assert lanes.last_line(b"a\r\n") == b"a\r\n"
