"""A list's other addresses: bounces, leaving, questions; what is answered, and what never is."""

import pytest
from tests.intake.test_list_posts import CAROL, give_out, pieces, take, with_list
from tests.servers.smtp.room import Room

from postroom.accounts import MailingList, Member
from postroom.intake import UnknownUser
from postroom.queue import Envelope, Recipient

REPORT = (
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n"
    b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; c.test\r\n\r\n"
    b"Final-Recipient: rfc822; carol@c.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--x--\r\n"
)
PERSONAL = b"From: carol@c.test\r\nMessage-ID: <1@c.test>\r\nSubject: %b\r\n\r\n%b\r\n"


async def carol(room: Room) -> Member:
    found = await room.directory.lists.member(1, CAROL)
    assert found is not None
    return found


async def bounce(room: Room, number: int, report: bytes = REPORT) -> None:
    """A report comes back; twice, as after a crash."""
    (token,) = await room.directory.lists.tokens("bounces", [await carol(room)])
    for _ in range(2):
        address = f"news-bounces+{token}@foo.com"
        await room.intake.deliver_local(Envelope(""), address, pieces(report), f"q{number}")


def test_a_member_whose_mail_bounces_for_good_is_suspended_and_the_owner_is_told_once() -> None:
    async def body(room: Room, news: MailingList) -> None:
        for number in range(1, 5):
            await bounce(room, number)
            assert (await carol(room)).bounces == number
        assert not (await carol(room)).suspended
        await bounce(room, 5)
        assert (await carol(room)).suspended
        await bounce(room, 6)
        (entry,) = await room.queue.entries()
        assert entry.recipient.address == "news-owner@foo.com"
        assert entry.message.envelope.mail_from == ""
        await give_out(room)
        (told,) = await room.messages("bob@foo.com")
        assert b"carol@c.test gets no more mail" in told
        assert b"Auto-Submitted: auto-generated" in told

    with_list(body)


@pytest.mark.parametrize(
    "report",
    [
        REPORT.replace(b"failed", b"delayed"),
        REPORT.replace(b"5.1.1", b"4.2.2"),
        REPORT.replace(b"multipart/report", b"multipart/mixed"),
        b"Subject: I am on holiday\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    ],
)
def test_what_is_no_bounce(report: bytes) -> None:
    async def body(room: Room, news: MailingList) -> None:
        await bounce(room, 1, report)
        assert (await carol(room)).bounces == 0

    with_list(body)


def test_a_forged_token_is_refused_at_rcpt() -> None:
    async def body(room: Room, news: MailingList) -> None:
        (token,) = await room.directory.lists.tokens("bounces", [await carol(room)])
        await room.intake.route(Recipient(f"News-Bounces+{token}@foo.com"))
        for address in (
            f"news-unsubscribe+{token}",
            f"news-bounces+{token[:-1]}x",
            "news-bounces",
            "news-unsubscribe+",
        ):
            with pytest.raises(UnknownUser):
                await room.intake.route(Recipient(f"{address}@foo.com"))

    with_list(body)


@pytest.mark.parametrize("program", [False, True])
def test_mail_to_the_address_in_list_unsubscribe_unsubscribes(program: bool) -> None:
    async def body(room: Room, news: MailingList) -> None:
        (token,) = await room.directory.lists.tokens("unsubscribe", [await carol(room)])
        text = (b"Auto-Submitted: auto-generated\r\n" if program else b"") + PERSONAL % (b"unsubscribe", b"")
        address = f"news-unsubscribe+{token}@foo.com"
        assert await take(room, address, text=text) == [None]
        whole = (await room.queued())[0][2]
        await give_out(room)
        assert await room.directory.lists.member(1, CAROL) is None
        await room.intake.deliver_local(Envelope(CAROL), address, pieces(whole), "m1")  # again: it is done
        answers = await room.queued()
        assert [(sender, to) for sender, to, _ in answers] == ([] if program else [("", CAROL)])
        if not program:
            text = answers[0][2]
            assert b"From: news-request@foo.com\r\n" in text
            assert b"Auto-Submitted: auto-replied\r\n" in text
            assert b"In-Reply-To: <1@c.test>\r\n" in text
        with pytest.raises(UnknownUser):
            await room.intake.route(Recipient(address))

    with_list(body)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (PERSONAL % (b"Unsubscribe", b""), b"Subject: Confirm that you want to leave"),
        (PERSONAL % (b"", b"leave"), b"Subject: Confirm that you want to leave"),
        (PERSONAL % (b"help", b""), b"To post, write to news@foo.com."),
        (b"Auto-Submitted: auto-replied\r\n" + PERSONAL % (b"help", b""), None),
        (b"Precedence: bulk\r\n" + PERSONAL % (b"help", b""), None),
        (b"List-Id: <x.y>\r\n" + PERSONAL % (b"help", b""), None),
    ],
)
def test_requests_of_members(text: bytes, answer: bytes | None) -> None:
    async def body(room: Room, news: MailingList) -> None:
        await take(room, "news-request@foo.com", text=text)
        await give_out(room)
        answers = await room.queued()
        if answer is None:
            assert answers == []
            return
        ((sender, to, answered),) = answers
        assert (sender, to) == ("", CAROL)
        assert answer in answered
        if b"Confirm" in answer:  # the answer to the answer does it: whoever can send it reads the member's mail
            reply_to = answered.partition(b"\r\nReply-To: ")[2].partition(b"\r\n")[0].decode()
            await room.queue.remove(["all"])
            await take(room, reply_to, text=PERSONAL % (b"Re: Confirm", b""))
            await give_out(room)
            assert await room.directory.lists.member(1, CAROL) is None
        else:
            assert await room.directory.lists.member(1, CAROL) is not None

    with_list(body)


def test_what_others_ask_goes_to_the_owners() -> None:
    async def body(room: Room, news: MailingList) -> None:
        text = (PERSONAL % (b"help", b"")).replace(b"carol@c.test", b"eve@e.test")
        await take(room, "news-request@foo.com", text=text, sender="eve@e.test")
        await give_out(room)
        await give_out(room)
        assert len(await room.messages("bob@foo.com")) == 1
        assert await room.queue.entries() == []
        await take(room, "news-request@foo.com", text=text, sender="")  # a bounce
        await take(room, "news-owner@foo.com", text=text)
        await give_out(room)
        assert len(await room.messages("bob@foo.com")) == 2

    with_list(body)
