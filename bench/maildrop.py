"""Rows about a maildrop, over POP3.

Owns: these rows. Never: decides how often they run. Raises: BenchError.
"""

from bench.bed import Bed
from bench.clients import Pop3
from bench.figures import Figure

_LOGINS = 20
_RETRIEVED = 2_000  # messages, at most


def login(bed: Bed) -> Figure:
    """Connect, USER, PASS and QUIT."""
    user = bed.maildrop()

    def once() -> None:
        client = Pop3(bed.side.pop3, user)
        client.run(b"QUIT")
        client.close()

    def work() -> None:
        for _ in range(_LOGINS):
            once()

    return bed.rate(work, _LOGINS, bed.tries, before=once)


def listing(bed: Bed, command: bytes) -> Figure:
    """A line for each message."""
    client = Pop3(bed.side.pop3, bed.maildrop())
    client.listing(command)
    figure = bed.rate(lambda: client.listing(command), bed.sizes.maildrop, bed.tries)
    _quit(client)
    return figure


def retrieve(bed: Bed) -> Figure:
    """Each message, one after another."""
    client = Pop3(bed.side.pop3, bed.maildrop())
    count = min(bed.sizes.maildrop, _RETRIEVED)

    def work() -> None:
        for number in range(1, count + 1):
            client.listing(b"RETR %d" % number)

    figure = bed.rate(work, count, bed.tries)
    _quit(client)
    return figure


def _quit(client: Pop3) -> None:
    client.run(b"QUIT")
    client.close()
