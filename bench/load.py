"""The load: SMTP connections that deliver as fast as they are let, and a count of what is in the mailboxes."""

import imaplib
import random
import socket
import threading
import time
from dataclasses import dataclass

WORDS = [
    "meeting",
    "budget",
    "invoice",
    "project",
    "deadline",
    "review",
    "report",
    "quarter",
    "schedule",
    "update",
    "contract",
    "order",
]


@dataclass(frozen=True)
class Delivered:
    """What one run showed."""

    accepted_per_second: float
    delivered_per_second: float


def message(number: int, size: int) -> bytes:
    """A plain message of about `size` octets."""
    rnd = random.Random(number)
    lines = [
        f"From: Sender {number % 97} <sender{number % 97}@load.test>",
        "To: Somebody <somebody@load.test>",
        f"Subject: {' '.join(rnd.choices(WORDS, k=6))} {number}",
        "Date: Mon, 02 Nov 2026 10:00:00 +0000",
        f"Message-ID: <{number}.{rnd.randrange(1 << 40)}@load.test>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
    ]
    have = sum(len(line) + 2 for line in lines)
    while have < size - 80:
        lines.append(" ".join(rnd.choices(WORDS, k=9)))
        have += len(lines[-1]) + 2
    return ("\r\n".join(lines) + "\r\n").encode()


def deliver(
    smtp: int, imap: int, domain: str, users: list[str], password: str, *, connections: int, messages: int, size: int
) -> Delivered:
    """Send `messages` over `connections` at once and wait until all are in the mailboxes."""
    texts = [message(number, size) + b".\r\n" for number in range(200)]
    before = in_mailboxes(imap, domain, users, password)
    share, errors = messages // connections, list[str]()

    def work(first: int) -> None:
        try:
            with socket.create_connection(("127.0.0.1", smtp)) as sock:
                file = sock.makefile("rb")
                _reply(file.readline(), b"220")
                sock.sendall(b"EHLO load.test\r\n")
                while (line := file.readline())[3:4] == b"-":
                    pass
                _reply(line, b"250")
                for number in range(first, first + share):
                    user = users[number % len(users)].encode()
                    sock.sendall(b"MAIL FROM:<s@load.test>\r\nRCPT TO:<%b@%b>\r\nDATA\r\n" % (user, domain.encode()))
                    for code in (b"250", b"250", b"354"):
                        _reply(file.readline(), code)
                    sock.sendall(texts[number % 200])
                    _reply(file.readline(), b"250")
                sock.sendall(b"QUIT\r\n")
                file.readline()
                file.close()
        except (OSError, AssertionError) as error:
            errors.append(repr(error))

    threads = [threading.Thread(target=work, args=(index * share,)) for index in range(connections)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = time.perf_counter() - start
    if errors:
        raise SystemExit(f"bench: {len(errors)} connections failed: {errors[0]}")
    total = share * connections
    while (now_in := in_mailboxes(imap, domain, users, password) - before) < total:
        if time.perf_counter() - start > 300:
            raise SystemExit(f"bench: only {now_in} of {total} arrived")
        time.sleep(0.05)
    return Delivered(total / accepted, total / (time.perf_counter() - start))


def in_mailboxes(imap: int, domain: str, users: list[str], password: str) -> int:
    """Messages in all INBOXes."""
    count = 0
    for user in users:
        with imaplib.IMAP4("127.0.0.1", imap) as client:
            client.login(f"{user}@{domain}", password)
            count += int(client.status("INBOX", "(MESSAGES)")[1][0].split()[-1].rstrip(b")"))
    return count


def _reply(line: bytes, code: bytes) -> None:
    assert line.startswith(code), line
