"""Rows about mail that arrives and people who sign in: SMTP, APPEND, connect and login.

Owns: these rows. Never: decides how often they run. Raises: BenchError.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.apart import apart
from bench.bed import Bed
from bench.clients import Imap, append, connect
from bench.errors import BenchError
from bench.figures import Figure
from bench.lanes import Lane, drive, lines, must, smtp_reply, tagged
from bench.messages import dot_stuffed, message
from bench.side import Side

_DIFFERENT = 400  # messages
_POLL_SECONDS = 0.1  # asking more often would be a load of its own
_LONGEST_WAIT = 300.0


@dataclass(frozen=True)
class Delivery:
    accepted: Figure
    delivered: Figure


def accepted(bed: Bed, connections: int, mailboxes: int) -> Figure:
    """Until the last message was answered 250."""
    return _delivery(bed, connections, mailboxes).accepted


def delivered(bed: Bed, connections: int, mailboxes: int) -> Figure:
    """Until the last message was in its mailbox."""
    return _delivery(bed, connections, mailboxes).delivered


def _delivery(bed: Bed, connections: int, mailboxes: int) -> Delivery:
    users = bed.recipients(mailboxes)
    return bed.once(
        f"delivery {connections} {mailboxes}", lambda: deliver(bed, users, connections, bed.sizes.deliveries)
    )


def deliver(
    bed: Bed, users: Sequence[str], connections: int, messages: int, make: Callable[[int], bytes] = message
) -> Delivery:
    """Send so many messages to these people, in turn, over so many connections."""
    share = max(1, messages // connections)
    total = share * connections
    counters = [bed.imap(user) for user in users]
    before = _in_mailboxes(counters)
    accepting = [0.0]

    def both() -> float:
        start, end = apart(lambda: send(bed.side, users, connections, share, make))
        accepting[0] = end - start
        while (arrived := _in_mailboxes(counters) - before) < total:
            if time.perf_counter() - start > _LONGEST_WAIT:
                raise BenchError(f"only {arrived} of {total} messages arrived")
            time.sleep(_POLL_SECONDS)
            end = time.perf_counter()  # where accepting is delivering, the last message arrived when it was accepted
        return end - start

    figure = bed.rate_by(both, total)
    return Delivery(Figure(total / accepting[0], figure.cpu), figure)


def send(
    side: Side, users: Sequence[str], connections: int, share: int, make: Callable[[int], bytes] = message
) -> tuple[float, float]:
    """The load itself: when its first EHLO was sent and its last reply came, by a clock that all processes share."""
    texts = [dot_stuffed(make(number)) for number in range(min(_DIFFERENT, share * connections))]
    socks = [connect(side.smtp) for _ in range(connections)]
    lanes = [_smtp(users, texts, range(at * share, (at + 1) * share)) for at in range(connections)]
    start = time.perf_counter()
    drive(list(zip(socks, lanes, strict=True)))
    return start, time.perf_counter()


def _smtp(users: Sequence[str], texts: Sequence[bytes], numbers: range) -> Lane:
    must((yield b"", smtp_reply), b"220")
    must((yield b"EHLO client.load.test\r\n", smtp_reply), b"250")
    envelope, answered = lines(3), lines(1)
    for number in numbers:
        to = users[number % len(users)].encode()
        begin = b"MAIL FROM:<sender@load.test>\r\nRCPT TO:<%b>\r\nDATA\r\n" % to
        must((yield begin, envelope), b"354")
        must((yield texts[number % len(texts)], answered), b"250")
    must((yield b"QUIT\r\n", smtp_reply), b"221")


def _in_mailboxes(counters: Sequence[Imap]) -> int:
    said = b"".join(counter.ask(b"STATUS INBOX (MESSAGES)") for counter in counters)
    return sum(int(piece[: piece.index(b")")]) for piece in said.split(b"(MESSAGES ")[1:])


def append_one(bed: Bed, folder: str = "appended") -> Figure:
    """APPEND over one connection."""
    client = bed.imap(bed.user("append"))
    bed.once("append folder", lambda: client.run(b"CREATE " + folder.encode()))
    commands = [append(folder, message(number)) for number in range(bed.sizes.appends // 2)]
    return bed.serial(client, commands)


def append_many(bed: Bed, connections: int = 10) -> Figure:
    """APPEND over several connections at once, into one folder."""
    user, share = bed.user("append"), max(1, bed.sizes.appends // connections)
    bed.once("append folder", lambda: bed.imap(user).run(b"CREATE appended"))
    texts = [message(number) for number in range(min(_DIFFERENT, share * connections))]

    def load() -> float:
        clients = [Imap(bed.side.imap, user) for _ in range(connections)]
        lanes = [_appending(texts, range(at * share, (at + 1) * share)) for at in range(connections)]
        start = time.perf_counter()
        drive([(client.sock, lane) for client, lane in zip(clients, lanes, strict=True)])
        return time.perf_counter() - start

    return bed.rate_by(lambda: apart(load), share * connections)


def _appending(texts: Sequence[bytes], numbers: range) -> Lane:
    for number in numbers:
        tag = b"a%d " % number
        reply = yield b"%b%b\r\n" % (tag, append("appended", texts[number % len(texts)])), tagged(tag)
        must(reply, tag + b"OK")


def login(bed: Bed) -> Figure:
    """Connect, LOGIN and disconnect, again and again; the password has been proven before."""
    user = bed.side.address("login")
    count = max(10, bed.sizes.serial // 10)

    def work() -> None:
        for _ in range(count):
            Imap(bed.side.imap, user).close()

    return bed.rate(work, count, bed.tries, before=lambda: Imap(bed.side.imap, user).close())
