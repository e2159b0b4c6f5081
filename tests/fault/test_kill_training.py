"""Moves to Junk in several workers, which are killed right behind: each message has taught once in the end."""

import os
import signal
import smtplib
from pathlib import Path

from tests.cli.crew import BOB, Talk, start_crew, talks, wait_until, workers
from tests.interop.server import PASSWORD, stop_server

from postroom.training import SPAM, Books

MESSAGES = 24


def test_killed_workers_forget_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    server = start_crew(tmp_path, [BOB])
    books = Books(tmp_path / "data" / "training", lambda: bytes(32))
    try:
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=60) as smtp:
            for number in range(MESSAGES):
                smtp.sendmail("x@else.test", [BOB], f"Subject: pills {number}\r\n\r\ncheap pills number{number}\r\n")
        moved = 0
        for _ in range(3):
            with talks(server, "imap") as pair:
                for talk in pair:
                    _sign_in(talk)
                for _ in range(MESSAGES // 6):
                    for talk in pair:
                        moved += 1
                        _move(talk, moved)
                pids = list(workers(server).values())
                for pid in pids:  # what they have said OK to is moved; some of it they have not learnt yet
                    os.kill(pid, signal.SIGKILL)
            wait_until(lambda before=pids: len(set(workers(server).values()) - set(before)) == 2)  # type: ignore[misc]
        with talks(server, "imap") as pair:
            for talk in pair:
                _sign_in(talk)
            wait_until(lambda: books.exists(1) and books.book(1).learnt.spam == MESSAGES)
        book = books.book(1)
        assert book.reasons() == {(SPAM, "junk"): MESSAGES}
        assert book.look_up(["cheap pills", "number7"]) == {"cheap pills": (MESSAGES, 0), "number7": (1, 0)}
    finally:
        books.close()
        stop_server(server)


def _sign_in(talk: Talk) -> None:
    assert talk.say(f"a LOGIN {BOB} {PASSWORD}").startswith(b"a OK")
    _until_done(talk, "a SELECT INBOX")


def _move(talk: Talk, uid: int) -> None:
    _until_done(talk, f"a UID MOVE {uid} Junk")


def _until_done(talk: Talk, command: str) -> None:
    line = talk.say(command)
    while not line.startswith(b"a "):
        assert line
        line = talk.line()
    assert line.startswith(b"a OK"), line
