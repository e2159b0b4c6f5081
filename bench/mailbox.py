"""Rows about a folder with many messages, over one IMAP connection.

Owns: these rows. Never: decides how often they run. Raises: BenchError.

None depends on another having run before it. What follows a row's name in the table as "cold" is asked of messages that
nobody has looked at, of a server that has just started; "warm" has been asked once before.
"""

from collections.abc import Callable

from bench.bed import Bed
from bench.clients import Imap
from bench.figures import Figure
from bench.messages import SENDERS, WORDS, phrase

FLAGS = b"UID FETCH 1:* (FLAGS)"
OVERVIEW = b"UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"
FIELDS = b"FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM TO CC SUBJECT DATE MESSAGE-ID REFERENCES)])"
WHOLE = b"FETCH 1:* (UID BODY.PEEK[])"
SORT = b"UID SORT (SUBJECT) UTF-8 ALL"
THREAD = b"UID THREAD REFERENCES UTF-8 ALL"


def select(bed: Bed) -> Figure:
    """SELECT of a folder that has been open before."""
    bed.folder()
    return _select(bed, Imap(bed.side.imap, bed.user("folder")), b"SELECT box")


def select_large(bed: Bed) -> Figure:
    """The same of a larger folder."""
    return _select(bed, Imap(bed.side.imap, large(bed)), b"SELECT box")


def large(bed: Bed) -> str:
    """The account with the large folder; filled once for all runs."""
    user = bed.side.address("large")
    bed.filled(user, "box", bed.sizes.large)
    return user


def _select(bed: Bed, client: Imap, command: bytes) -> Figure:
    client.run(command)
    figure = bed.serial(client, [command] * max(10, bed.sizes.serial // 10), bed.tries)
    client.close()
    return figure


def all_messages(bed: Bed, command: bytes) -> Figure:
    """A command about every message, warm."""
    client = bed.folder()
    client.run(command)
    return bed.rate(lambda: client.run(command), bed.sizes.messages, bed.tries)


def all_cold(bed: Bed, command: bytes, name: str) -> Figure:
    """The same where nothing has been looked at."""
    client = bed.untouched(name)
    return bed.rate(lambda: client.run(command), bed.sizes.messages)


def question(bed: Bed, commands: Callable[[int], bytes]) -> Figure:
    """A question to the whole folder, warm; another one each time, so that no answer can be kept."""
    client = bed.folder()
    client.run(commands(0))
    numbers = iter(range(1, 1000))
    return bed.rate(lambda: client.run(commands(next(numbers))), 1, bed.tries + 2)


def question_cold(bed: Bed, command: bytes, name: str) -> Figure:
    client = bed.untouched(name)
    return bed.rate(lambda: client.run(command), 1)


def search_flags(number: int) -> bytes:
    return b"UID SEARCH UNSEEN FLAGGED"


def search_since(number: int) -> bytes:
    return b"UID SEARCH SINCE %d-Jan-2020 LARGER %d" % (1 + number % 28, 1000 + number)


def search_from(number: int) -> bytes:
    return b'UID SEARCH FROM "sender%d"' % (10 + number % (SENDERS - 10))


def search_subject(number: int) -> bytes:
    return b'UID SEARCH SUBJECT "%b"' % WORDS[number % len(WORDS)].encode()


def search_body(number: int) -> bytes:
    return b'UID SEARCH BODY "%b"' % phrase(number).encode()


def search_rare(number: int) -> bytes:
    return b'UID SEARCH TEXT "xyzzyplugh%d"' % number


def one_header(bed: Bed) -> Figure:
    """The flags and header of one message after another."""
    numbers = (1 + number % bed.sizes.messages for number in range(bed.sizes.serial))
    commands = [b"UID FETCH %d (FLAGS BODY.PEEK[HEADER])" % number for number in numbers]
    return bed.serial(bed.folder(), commands, bed.tries)


def noop(bed: Bed) -> Figure:
    return bed.serial(bed.folder(), [b"NOOP"] * bed.sizes.serial, bed.tries)


def store_all(bed: Bed, command: bytes, before: bytes) -> Figure:
    """A STORE that changes every message."""
    client = bed.folder()
    client.run(b"STORE 1:* FLAGS.SILENT ()")
    return bed.rate(lambda: client.run(command), bed.sizes.messages, bed.tries, before=lambda: client.run(before))


def store_one(bed: Bed) -> Figure:
    """One durable change of a flag after another."""
    client = bed.folder()
    client.run(b"STORE 1:* -FLAGS.SILENT (\\Answered)")
    count = min(bed.sizes.stores, bed.sizes.messages)
    return bed.serial(client, [b"UID STORE %d +FLAGS (\\Answered)" % (1 + number) for number in range(count)])


def copy_all(bed: Bed) -> Figure:
    """COPY of the folder into an empty one."""
    client = bed.folder()

    def empty() -> None:
        if b"copies" in client.ask(b'LIST "" copies'):
            client.run(b"DELETE copies")
        client.run(b"CREATE copies")

    return bed.rate(lambda: client.run(b"COPY 1:* copies"), bed.sizes.messages, before=empty)


def expunge_all(bed: Bed) -> Figure:
    """EXPUNGE of a copy of the folder."""
    box = bed.folder()
    client = Imap(bed.side.imap, bed.user("folder"))
    client.run(b"CREATE doomed")
    box.run(b"COPY 1:* doomed")
    client.run(b"SELECT doomed")
    client.run(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    figure = bed.rate(lambda: client.run(b"EXPUNGE"), bed.sizes.messages)
    client.run(b"UNSELECT")
    client.run(b"DELETE doomed")
    client.close()
    return figure
