"""`postroom check filters`, with filters on real sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cli.room import Room

from postroom.filters.probes import EICAR


@contextmanager
def clamd(knows: bool) -> Iterator[int]:
    """One that finds EICAR, or nothing."""

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                stream.read(len(b"zIDSESSION\0"))
                while stream.read(len(b"zINSTREAM\0")):
                    octets = b""
                    while size := int.from_bytes(stream.read(4), "big"):
                        octets += stream.read(size)
                    stream.write(b"1: stream: " + (b"Eicar FOUND\0" if knows and EICAR in octets else b"OK\0"))
                    stream.flush()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])


def configured(room: Room, text: str) -> None:
    room.config.write_text(room.config.read_text() + text)


def test_each_filter_is_told_of(room: Room) -> None:
    with clamd(True) as port:
        configured(room, f'[filter.av]\nkind = "clamav"\naddress = "127.0.0.1:{port}"\n')
        shown = room.ok("check", "filters")
        assert f"ok    filter av (clamav, 127.0.0.1:{port}): EICAR: Eicar found" in shown
        assert "Nothing is wrong." in shown
        rows = room.json("check", "filters", "av")
        assert [row["verdict"] for row in rows] == ["good", "good"]


def test_what_is_wrong_is_an_error(room: Room) -> None:
    with clamd(False) as port:
        configured(
            room,
            f'[filter.av]\nkind = "clamav"\naddress = "127.0.0.1:{port}"\n'
            '[filter.spam]\nkind = "rspamd"\naddress = "127.0.0.1:1"\n',
        )
        result = room.run("check", "filters")
        assert result.exit_code == 1
        assert "signatures are loaded" in result.stdout
        assert "BAD   filter spam (rspamd, 127.0.0.1:1): it does not answer" in result.stdout


def test_without_filters_there_is_nothing_to_ask(room: Room) -> None:
    assert "There are no filters" in room.fails(1, "check", "filters")
    configured(room, '[filter.spam]\nkind = "rspamd"\naddress = "127.0.0.1:1"\n')
    assert "There is no filter av" in room.fails(1, "check", "filters", "av")


def test_settings_that_can_not_be_meant_are_named(room: Room) -> None:
    configured(room, '[filter.spam]\nkind = "rspamd"\naddress = "nowhere"\n')
    assert "is not like" in room.fails(1, "check", "filters")
    room.config.write_text(room.config.read_text().replace('"nowhere"', '"127.0.0.1:1"\nlisteners = ["nothere"]'))
    assert "there is no listener nothere" in room.fails(1, "check", "filters")
