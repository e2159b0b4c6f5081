"""What people move to Junk teaches their own filter: over real sockets, across a restart."""

import asyncio
import imaplib
import random
import smtplib
from collections.abc import Callable
from pathlib import Path

import msgspec
from tests.test_app import config

from postroom.app import App, running
from postroom.config import Config
from postroom.journal import stories
from postroom.training import HAM, SPAM, Books, TrainingSettings

BOB = "bob@example.test"
_TRADE = [
    "pills",
    "casino",
    "lottery",
    "refund",
    "winner",
    "bonus",
    "cheap",
    "discount",
    "viagra",
    "mortgage",
    "urgent",
]
_WORK = ["meeting", "report", "schedule", "review", "budget", "colleague", "project", "draft", "minutes", "agenda"]
SETTINGS = TrainingSettings(min_junk=5, min_ham=5, ham_days=0)


def settings(folder: Path, training: TrainingSettings = SETTINGS) -> Config:
    return msgspec.structs.replace(config(folder), training=training)


def mail(words: list[str], number: int) -> str:
    """Different each time, of the same words."""
    dice = random.Random(number)
    text = " ".join(dice.choice(words) for _ in range(60))
    subject = " ".join(dice.sample(words, 3))
    return f"From: x@else.test\r\nSubject: {subject}\r\nMessage-ID: <{words[0]}{number}@x>\r\n\r\n{text}\r\n"


def send(port: int, words: list[str], numbers: range) -> None:
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for number in numbers:
            smtp.sendmail("x@else.test", [BOB], mail(words, number))


def imap(port: int, work: Callable[[imaplib.IMAP4], object]) -> object:
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(BOB, "secret")
        return work(client)


def about(client: imaplib.IMAP4, words: list[str]) -> str:
    """The uids of the mail that has one of these words in its Message-ID."""
    found: bytes = client.uid("SEARCH", "HEADER", "Message-ID", f"<{words[0]}")[1][0]
    return found.decode().replace(" ", ",")


def count(client: imaplib.IMAP4, mailbox: str) -> int:
    return int(client.select(mailbox)[1][0] or b"0")


def move(mailbox: str, words: list[str], target: str) -> Callable[[imaplib.IMAP4], object]:
    def work(client: imaplib.IMAP4) -> None:
        client.select(mailbox)
        assert client.uid("MOVE", about(client, words), target)[0] == "OK"

    return work


def read_all(client: imaplib.IMAP4) -> None:
    client.select("INBOX")
    client.store("1:*", "+FLAGS", "\\Seen")


def counts(*mailboxes: str) -> Callable[[imaplib.IMAP4], object]:
    return lambda client: [count(client, mailbox) for mailbox in mailboxes]


async def people(app: App) -> int:
    await app.directory.add_domain("example.test")
    return (await app.directory.add_person(BOB, "secret")).account_id


async def teach(app: App) -> None:
    """Ten of each kind; those of trade are moved to Junk by hand, the others read."""
    smtp, port = app.port("smtp"), app.port("imap")
    await asyncio.to_thread(send, smtp, _TRADE, range(10))
    await asyncio.to_thread(send, smtp, _WORK, range(10))
    await asyncio.to_thread(imap, port, read_all)
    await asyncio.sleep(1.1)  # dates are in seconds, and what came in this one was not kept until now
    await asyncio.to_thread(imap, port, move("INBOX", _TRADE, "Junk"))
    await app.training.learning.settle()


def test_a_person_moves_mail_to_junk_and_the_like_of_it_goes_there_moved_back_it_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(settings(tmp_path))) as app:
            smtp, port = app.port("smtp"), app.port("imap")
            account_id = await people(app)
            await teach(app)
            await asyncio.to_thread(send, smtp, _TRADE, range(20, 23))
            await asyncio.to_thread(send, smtp, _WORK, range(20, 23))
            assert await asyncio.to_thread(imap, port, counts("INBOX", "Junk")) == [13, 13]

            def last_header(client: imaplib.IMAP4) -> object:
                client.select("Junk")
                return client.fetch("13", "(BODY[HEADER.FIELDS (POSTROOM-TRAINING)])")[1][0][1]  # type: ignore[index]

            header = await asyncio.to_thread(imap, port, last_header)
            assert isinstance(header, bytes)
            assert header.startswith(b"Postroom-Training: junk; probability=")
            assert b"for junk: " in header
            await app.training.learning.settle()
            books = Books(tmp_path / "data" / "training", bytes)
            assert books.book(account_id).learnt.spam == 10, "what the server itself put into Junk teaches nothing"

            await asyncio.to_thread(imap, port, move("Junk", _TRADE, "INBOX"))
            await app.training.learning.settle()
            book = books.book(account_id)
            assert (book.learnt.spam, book.reasons().get((HAM, "moved out"))) == (0, 13)
            await asyncio.to_thread(send, smtp, _TRADE, range(30, 33))
            assert await asyncio.to_thread(imap, port, counts("INBOX", "Junk")) == [29, 0]
            books.close()

    asyncio.run(main())
    (story,) = stories(tmp_path / "data" / "journal", f"<{_TRADE[0]}20@x>")
    judged = next(step for step in story.steps if step.name == "judged")
    assert judged.facts["verdict"] == "junk"
    assert "for: " in judged.facts["words"]


def test_what_was_not_learnt_when_the_server_stopped_is_found_again(tmp_path: Path) -> None:
    """Bug guarded against: a move whose news was lost with the process would never have taught anything."""
    deaf = msgspec.structs.replace(SETTINGS, enabled=False)

    async def unheard() -> int:
        async with running(App(settings(tmp_path, deaf))) as app:
            account_id = await people(app)
            await teach(app)
            return account_id

    async def again(account_id: int) -> None:
        async with running(App(settings(tmp_path))) as app:
            await asyncio.to_thread(imap, app.port("imap"), counts("INBOX"))
            await app.training.learning.settle()
            books = Books(tmp_path / "data" / "training", bytes)
            assert books.book(account_id).reasons() == {(SPAM, "junk"): 10, (HAM, "kept"): 10}
            books.close()

    account_id = asyncio.run(unheard())
    assert not (tmp_path / "data" / "training").exists()
    for _ in range(2):  # and once only
        asyncio.run(again(account_id))


def test_keywords_copies_and_appended_mail_teach_too(tmp_path: Path) -> None:
    def by_hand(client: imaplib.IMAP4) -> None:
        client.select("INBOX")
        work, trade = about(client, _WORK), about(client, _TRADE)
        client.uid("STORE", work, "+FLAGS", "($NotJunk)")
        first, rest = trade.split(",", 1)
        client.uid("STORE", first, "+FLAGS", "($Junk)")
        client.uid("COPY", rest, "Junk")
        client.uid("STORE", rest, "+FLAGS", "(\\Deleted)")
        client.expunge()
        client.append("Junk", "", "", mail(_TRADE, 99).encode())

    async def main() -> None:
        async with running(App(settings(tmp_path))) as app:
            account_id = await people(app)
            await asyncio.to_thread(send, app.port("smtp"), _TRADE, range(4))
            await asyncio.to_thread(send, app.port("smtp"), _WORK, range(4))
            await asyncio.to_thread(imap, app.port("imap"), by_hand)
            await app.training.learning.settle()
            books = Books(tmp_path / "data" / "training", bytes)
            reasons = books.book(account_id).reasons()
            assert reasons == {(SPAM, "junk"): 4, (SPAM, "keyword"): 1, (HAM, "keyword"): 4}

            def unmark(client: imaplib.IMAP4) -> None:
                client.select("INBOX")
                client.store("1:*", "-FLAGS", "($NotJunk $Junk)")

            await asyncio.to_thread(imap, app.port("imap"), unmark)
            await app.training.learning.settle()
            assert books.book(account_id).reasons() == {(SPAM, "junk"): 4}
            books.close()

    asyncio.run(main())


def test_who_has_taught_nothing_has_no_file(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(settings(tmp_path))) as app:
            await people(app)
            await asyncio.to_thread(send, app.port("smtp"), _WORK, range(5))
            await asyncio.to_thread(imap, app.port("imap"), read_all)
            await app.training.learning.settle()
            assert not (tmp_path / "data" / "training").exists()

    asyncio.run(main())
