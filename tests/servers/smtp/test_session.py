"""Sessions over real sockets: what each listener's policy makes of a client."""

import asyncio
import base64
import logging
import os
import re
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest

from postroom.intake import Intake
from postroom.net import Listener, NetSettings, client_context
from postroom.queue import Recipient
from postroom.smtp import SmtpSettings
from postroom.store import MemoryStore, StoreFailure

from .room import PASSWORD, Client, Room, client, serving

PLAIN = base64.b64encode(f"\0bob@foo.com\0{PASSWORD}".encode()).decode()


async def signed_in(peer: Client) -> None:
    assert await peer.say(f"AUTH PLAIN {PLAIN}") == ["235 2.7.0 Authentication succeeded"]


# ---- port 25


def test_a_message_arrives_with_its_trace() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:
            last = await peer.mail("bob@foo.com", text="Subject: hi\r\n\r\n..dots\r\n.")
            trace_id = last.removeprefix("250 2.0.0 Ok: queued as ")
            (message,) = await room.messages("bob@foo.com")
            head, _, content = message.partition(b"Subject: hi\r\n")
            assert content == b"\r\n.dots\r\n"
            expected = (
                r"Return-Path: <a@bar\.com>\r\n"
                r"Received: from bar\.com \(\[127\.0\.0\.1\]\)\r\n"
                r"\tby foo\.com \(Postroom\) with ESMTP\r\n"
                rf"\tid {trace_id}\r\n\tfor <bob@foo\.com>;\r\n\t\w{{3}}, \d+ \w{{3}} \d{{4}} \d\d:\d\d:\d\d \+0000\r\n"
            )
            assert re.fullmatch(expected, head.decode())
            assert await room.queued() == []

    asyncio.run(body())


def test_several_recipients_sub_addresses_and_aliases() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:
            await room.directory.set_alias("all@foo.com", ("bob@foo.com", "jones@foo.com", "carol@elsewhere.org"))
            last = await peer.mail("bob+tag@foo.com", "all@foo.com", "BROWN@FOO.COM", "Postmaster", sender="")
            assert last.startswith("250 ")
            # bob with his detail is a delivery of its own; bob by the alias and bob as postmaster are one
            assert len(await room.messages("bob@foo.com")) == 2
            assert len(await room.messages("jones@foo.com")) == 1
            (brown,) = await room.messages("brown@foo.com")
            assert brown.startswith(b"Return-Path: <>\r\n")
            assert b"for <BROWN@FOO.COM>" in brown
            ((sender, recipient, content),) = await room.queued()
            assert (sender, recipient) == ("", "carol@elsewhere.org")
            assert content.startswith(b"Received: ")
            assert b"Return-Path" not in content

    asyncio.run(body())


# RFC 5321 §7.8 and thirty years of looking for open relays.
RELAY_TRICKS = [
    "<carol@elsewhere.org>",
    "<carol@ELSEWHERE.ORG>",
    "<carol@[192.0.2.1]>",
    "<carol@[127.0.0.1]>",
    "<carol@[IPv6:::1]>",
    "<carol@localhost>",
    "<carol%elsewhere.org@foo.com>",
    "<carol%elsewhere.org@[127.0.0.1]>",
    "<carol%foo.com@elsewhere.org>",
    '<"carol%elsewhere.org"@foo.com>',
    '<"carol@elsewhere.org"@foo.com>',
    '<"carol@elsewhere.org">',
    '<"carol%elsewhere.org">',
    "<carol@elsewhere.org@foo.com>",
    "<carol@elsewhere.org@[127.0.0.1]>",
    "<@foo.com:carol@elsewhere.org>",
    "<@foo.com,@foo.com:carol@elsewhere.org>",
    "<@[127.0.0.1]:carol@elsewhere.org>",
    "<elsewhere.org!carol>",
    "<elsewhere.org!carol@foo.com>",
    "<elsewhere.org!carol@[127.0.0.1]>",
    "<foo.com!carol@elsewhere.org>",
    '<"elsewhere.org!carol"@foo.com>',
    "<carol@elsewhere.org.>",
    "<bob@foo.com.>",
    "<bob@foo.com.elsewhere.org>",
    "<bob@xfoo.com>",
    "<bob@sub.foo.com>",
    "<carol@elsewhere.org,bob@foo.com>",
    "<carol@elsewhere.org>,<bob@foo.com>",
    "<carol@elsewhere.org><bob@foo.com>",
    "<<carol@elsewhere.org>bob@foo.com>",
    "<bob@foo.com\x01@elsewhere.org>",
    "<carol;elsewhere.org@foo.com>",
    "<carol@elsewhere.org(bob@foo.com)>",
    "<carol>",
    "carol@elsewhere.org",
]


def test_no_trick_makes_a_relay() -> None:
    async def body() -> None:
        async with serving(SmtpSettings(max_errors=1000)) as room:
            for sender in ("", "a@bar.com", "bob@foo.com", "postmaster@foo.com"):
                async with client(room, "smtp") as peer:
                    for trick in RELAY_TRICKS:
                        _, reply, _ = await peer.say(f"MAIL FROM:<{sender}>", f"RCPT TO:{trick}", "RSET")
                        assert reply.startswith(("550 5.1.1", "550 5.7.1", "501 5.1.3")), (trick, reply)
            async with client(room, "lmtp", hello="LHLO bar.com") as peer:
                for trick in RELAY_TRICKS:
                    _, reply, _ = await peer.say("MAIL FROM:<>", f"RCPT TO:{trick}", "RSET")
                    assert reply.startswith(("550 5.1.1", "550 5.7.1", "501 5.1.3")), (trick, reply)
            assert await room.queued() == []

    asyncio.run(body())


def test_signing_in_is_neither_offered_nor_possible_on_the_relay_port() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp-tls", hello=None) as peer:
            await peer.start_tls()
            await peer.send("EHLO bar.com")
            assert not any("AUTH" in line for line in await peer.lines())
            assert (await peer.say(f"AUTH PLAIN {PLAIN}"))[0].startswith("502 5.5.1")

    asyncio.run(body())


def test_tls_shows_in_the_trace_and_what_was_sent_before_it_is_gone() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp-tls") as peer:
            peer.writer.write(b"STARTTLS\r\nMAIL FROM:<evil@bar.com>\r\n")
            assert (await peer.lines())[0].startswith("220")
            await peer.writer.start_tls(client_context(verify=False))
            assert (await peer.say("RCPT TO:<bob@foo.com>"))[0].startswith("503")
            await peer.say("EHLO bar.com")
            assert (await peer.mail("bob@foo.com")).startswith("250")
            (message,) = await room.messages("bob@foo.com")
            assert b"with ESMTPS (TLSv1.3 TLS_" in message

    asyncio.run(body())


def test_helo_and_smtputf8_have_their_protocol_names() -> None:
    async def body() -> None:
        async with serving() as room:
            async with client(room, "smtp", hello="HELO bar.com") as peer:
                await peer.mail("bob@foo.com")
            async with client(room, "smtp") as peer:
                await peer.say("MAIL FROM:<bjørn@bar.com> SMTPUTF8", "RCPT TO:<bob@foo.com>", "DATA")
                await peer.say("Subject: ø\r\n\r\n.")
            first, second = await room.messages("bob@foo.com")
            assert b"with SMTP\r\n" in first
            assert b"with UTF8SMTP\r\n" in second
            assert second.startswith("Return-Path: <bjørn@bar.com>\r\n".encode())

    asyncio.run(body())


# ---- submission


def test_submission_wants_tls_then_a_password() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "submission") as peer:
            assert await peer.say("MAIL FROM:<bob@foo.com>", f"AUTH PLAIN {PLAIN}") == [
                "530 5.7.0 Must issue a STARTTLS command first",
                "538 5.7.11 Encryption required for requested authentication mechanism",
            ]
            await peer.start_tls()
            await peer.say("EHLO bar.com")
            said = await peer.say("MAIL FROM:<bob@foo.com>", "RCPT TO:<bob@foo.com>", "DATA", "VRFY bob", "NOOP")
            assert said == ["530 5.7.0 Authentication required"] * 4 + ["250 2.0.0 Ok"]  # RFC 4954 §6
            await signed_in(peer)
            assert (await peer.mail("carol@elsewhere.org", sender="bob@foo.com")).startswith("250")
            ((sender, recipient, content),) = await room.queued()
            assert (sender, recipient) == ("bob@foo.com", "carol@elsewhere.org")
            assert b"with ESMTPSA (" in content

    asyncio.run(body())


def test_people_send_only_as_themselves() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "submissions") as peer:
            await signed_in(peer)
            for sender in ("jones@foo.com", "a@bar.com", "bob@bar.com", "postmaster"):
                assert (await peer.say(f"MAIL FROM:<{sender}>"))[0].startswith(("550 5.7.1", "501 5.1.7"))
            for sender in ("bob@foo.com", "BOB@foo.com", "bob+x@foo.com", "admin.mrc@foo.com", ""):
                replies = await peer.say(f"MAIL FROM:<{sender}>", "RSET")
                assert replies[0].startswith("250"), sender

    asyncio.run(body())


def test_people_write_only_in_their_own_name() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "submissions") as peer:
            await signed_in(peer)

            async def send(header: str, sender: str = "bob@foo.com") -> str:
                return await peer.mail("jones@foo.com", sender=sender, text=f"{header}Subject: x\r\n\r\ntext")

            assert (await send("From: jones@foo.com\r\n")).startswith("550 5.7.1 From or Sender")
            assert (await send("From: bob@foo.com\r\nTo: jones\r\n")).startswith("554 5.6.0 Incomplete address")
            assert (await send("From: Bob <bob+x@foo.com>\r\n")).startswith("250")
            for sender in ("admin.mrc@foo.com", ""):
                assert (await send("", sender)).startswith("250")
            messages = await room.messages("jones@foo.com")
            assert [
                b"\r\nFrom: " + name in text
                for name, text in zip(
                    (b"Bob <bob+x@foo.com>", b"admin.mrc@foo.com\r\n", b"bob@foo.com\r\n"), messages, strict=True
                )
            ] == [True] * 3
            async with client(room, "smtp") as other:  # mail from elsewhere is not ours to judge by its header
                assert (await other.mail("jones@foo.com", text="From: jones@foo.com\r\nTo: bob\r\n\r\n")).startswith(
                    "250"
                )

    asyncio.run(body())


def test_local_people_get_submitted_mail_at_once() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "plain") as peer:
            await signed_in(peer)
            last = await peer.mail("jones@foo.com", "x@elsewhere.org", "y@third.org", sender="bob@foo.com")
            assert last.startswith("250")
            assert len(await room.messages("jones@foo.com")) == 1
            assert [r for _, r, _ in await room.queued()] == ["x@elsewhere.org", "y@third.org"]
            assert (await peer.say("MAIL FROM:<bob@foo.com>", "RCPT TO:<x@unqualified>"))[1].startswith("554 5.1.2")

    asyncio.run(body())


def test_guessing_passwords_ends_the_session() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "submissions") as peer:
            wrong = base64.b64encode(b"\0bob@foo.com\0wrong").decode()
            assert (await peer.say(*[f"AUTH PLAIN {wrong}"] * 3)) == [
                "535 5.7.8 Authentication credentials invalid"
            ] * 3
            assert (await peer.rest()).startswith(b"421 4.7.0 ")

    asyncio.run(body())


def test_an_account_that_is_disabled_meanwhile_sends_no_more() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "submissions") as peer:
            await signed_in(peer)
            await room.directory.set_enabled("bob@foo.com", False)
            assert (await peer.say("MAIL FROM:<bob@foo.com>"))[0] == "550 5.7.13 Account disabled"
            async with client(room, "submissions") as other:
                assert (await other.say(f"AUTH PLAIN {PLAIN}"))[0].startswith("535")

    asyncio.run(body())


def test_a_directory_in_trouble_is_no_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with serving() as room, client(room, "submissions") as peer:

            async def busy(username: str, password: str, protocol: str) -> None:
                raise StoreFailure("busy")

            monkeypatch.setattr(room.directory, "authenticate", busy)
            assert (await peer.say(f"AUTH PLAIN {PLAIN}"))[0].startswith("454 4.7.0")

    asyncio.run(body())


# ---- LMTP


@pytest.mark.parametrize(("listener", "hello"), [("smtp", "EHLO bar.com"), ("lmtp", "LHLO bar.com")])
def test_postmaster_is_always_somebody(listener: str, hello: str) -> None:
    async def body() -> None:
        async with serving() as room, client(room, listener, hello=hello) as peer:
            await room.directory.add_domain("other.org")  # where nobody lives
            for postmaster in ("Postmaster", "POSTMASTER@foo.com", '"postmaster"@other.org'):  # RFC 5321 §4.5.1
                assert (await peer.mail(postmaster, sender="")).startswith("250"), postmaster
            assert len(await room.messages("bob@foo.com")) == 3

    asyncio.run(body())


def test_lmtp_answers_for_each_recipient() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "lmtp", hello="LHLO bar.com") as peer:
            await room.directory.set_quota("jones@foo.com", 100, None)
            await peer.say("MAIL FROM:<a@bar.com>", "RCPT TO:<bob@foo.com>", "RCPT TO:<jones@foo.com>", "DATA")
            await peer.send("Subject: x\r\n\r\n" + "x" * 200 + "\r\n.")
            assert [await peer.code(), await peer.code()] == [250, 452]
            (message,) = await room.messages("bob@foo.com")
            assert b"with LMTP\r\n" in message
            assert await room.messages("jones@foo.com") == []
            assert await room.queued() == []

    asyncio.run(body())


# ---- refusals and failures


def test_a_full_mailbox_is_told_at_rcpt() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:
            await room.directory.set_quota("jones@foo.com", 1000, None)
            await room.directory.set_quota("brown@foo.com", None, 0)
            replies = await peer.say(
                "MAIL FROM:<a@bar.com> SIZE=2000", "RCPT TO:<jones@foo.com>", "RCPT TO:<brown@foo.com>"
            )
            assert replies[1:] == ["452 4.2.2 Mailbox full"] * 2

    asyncio.run(body())


def test_what_arrives_too_large_or_with_bare_line_ends_leaves_nothing() -> None:
    async def body() -> None:
        async with serving(SmtpSettings(max_message_octets=65_536)) as room, client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com", text="x" * 100_000)).startswith("552 5.3.4")
            assert (await peer.mail("bob@foo.com", text="a\nb")).startswith("550 5.6.0")
            assert (await peer.mail("bob@foo.com", text="a\0b")).startswith("550 5.6.0")
            assert (await peer.mail("bob@foo.com", text="Received: x\r\n" * 100)).startswith("554 5.4.6")
            assert await room.messages("bob@foo.com") == []
            assert (await peer.mail("bob@foo.com")).startswith("250")

    asyncio.run(body())


def test_smuggled_mail_stays_inside_its_message_or_is_refused() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:
            inner = b"MAIL FROM:<evil@bar.com>\r\nRCPT TO:<jones@foo.com>\r\nDATA\r\nevil\r\n"
            for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n.\r\r\n"):
                await peer.say("MAIL FROM:<a@bar.com>", "RCPT TO:<bob@foo.com>", "DATA")
                assert (await peer.say(b"text" + end + inner + b"\r\n."))[0].startswith("550 5.6.0"), end
            assert await room.messages("bob@foo.com") == []
            assert await room.messages("jones@foo.com") == []

    asyncio.run(body())


def test_a_store_in_trouble_is_a_temporary_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:

            async def failing(account_id: int) -> None:
                raise StoreFailure("the disk is on fire")

            monkeypatch.setattr(room.store, "open", failing)
            last = await peer.mail("bob@foo.com")
            assert last == "451 4.3.0 Storage trouble, please try again later"

    asyncio.run(body())


def test_a_bug_of_ours_is_temporary_and_its_text_stays_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer, client(room, "lmtp", hello="LHLO bar.com") as local:

            async def broken(*arguments: object, **options: object) -> None:
                raise ZeroDivisionError("secret")

            monkeypatch.setattr(Intake, "route", broken)
            replies = await peer.say("MAIL FROM:<a@bar.com>", "RCPT TO:<bob@foo.com>", "NOOP")
            assert replies[1] == "451 4.3.0 Temporary failure, please try again later"
            monkeypatch.undo()
            monkeypatch.setattr(MemoryStore, "open", broken)
            await local.say("MAIL FROM:<>", *["RCPT TO:<bob@foo.com>"] * 3, "DATA")
            await local.send(".", "NOOP")
            assert [await local.code() for _ in range(4)] == [451, 451, 451, 250]

    with caplog.at_level(logging.ERROR):
        asyncio.run(body())
    assert "secret" in caplog.text


def test_ten_thousand_recipients_hold_nobody_else_up() -> None:
    async def flood(peer: Client) -> None:
        await peer.send("MAIL FROM:<a@bar.com>", *["RCPT TO:<bob@foo.com>"] * 10_000, "NOOP")
        counted = [await peer.code() for _ in range(10_002)]
        assert counted == [250] * 1001 + [452] * 9000 + [250]

    async def body() -> None:
        async with serving() as room, client(room, "smtp") as first, client(room, "smtp") as second:
            flooding = asyncio.ensure_future(flood(first))
            assert (await second.mail("bob@foo.com")).startswith("250")
            assert not flooding.done()
            await flooding

    asyncio.run(body())


def test_a_client_that_reads_nothing_is_not_fed(tmp_path: Path) -> None:
    async def body() -> None:
        net = NetSettings(
            sweep_interval_seconds=0.01,
            output_high_water_octets=4096,
            input_high_water_octets=4096,
            close_timeout_seconds=0.01,
        )
        async with serving(SmtpSettings(command_timeout_seconds=0.05)) as room:
            listener = Listener("deaf", room.services["smtp"], net)  # the service has the short timeout
            listener.bind([f"unix:{tmp_path}/s"])
            await listener.start()
            reader, writer = await asyncio.open_unix_connection(f"{tmp_path}/s")
            assert (await reader.readuntil(b"\r\n")).startswith(b"220")
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(b"EHLO x\r\nMAIL FROM:<a@bar.com>\r\n" + b"RCPT TO:<bob@foo.com>\r\n" * 100_000)
            while listener.connections:  # cut for taking nothing
                await asyncio.sleep(0.01)
            writer.transport.abort()
            await listener.stop()

    asyncio.run(body())


def test_lmtp_over_a_local_socket(tmp_path: Path) -> None:
    async def body() -> None:
        async with serving() as room:
            listener = Listener("lmtp", room.services["lmtp"], NetSettings())
            listener.bind([f"unix:{tmp_path}/s"])
            await listener.start()
            peer = Client(*await asyncio.open_unix_connection(f"{tmp_path}/s"))
            await peer.lines()
            await peer.say("LHLO bar.com")
            assert (await peer.mail("bob@foo.com")).startswith("250")
            assert b"from bar.com (local socket)" in (await room.messages("bob@foo.com"))[0]
            peer.writer.close()
            await peer.writer.wait_closed()
            await listener.stop()

    asyncio.run(body())


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="measures resident memory by /proc")
@pytest.mark.parametrize("listener", ["smtp", "plain"])
def test_memory_does_not_grow_with_the_message(listener: str) -> None:
    async def send(peer: Client, pieces: int) -> None:
        await peer.say("MAIL FROM:<bob@foo.com>", "RCPT TO:<jones@foo.com>", "DATA")
        await peer.send("Subject: large", "")
        for _ in range(pieces):
            peer.writer.write((b"x" * 76 + b"\r\n") * 1000)
            await peer.writer.drain()
        assert (await peer.say("a\nb\r\n."))[0].startswith("550")  # so that it is not kept

    async def body() -> None:
        async with serving() as room, client(room, listener) as peer:
            if listener == "plain":
                await signed_in(peer)
            await send(peer, 20)
            before = resident()
            await send(peer, 300)
            assert resident() - before < 10 << 20

    asyncio.run(body())


def test_the_log_names_what_was_accepted_and_no_passwords(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async with serving() as room, client(room, "plain") as peer:
            await signed_in(peer)
            await peer.mail("jones@foo.com", "nobody@foo.com", sender="bob@foo.com")
        async with serving() as room, client(room, "plain") as peer:

            async def broken(username: str, password: str, protocol: str) -> None:
                raise ZeroDivisionError

            monkeypatch.setattr(room.directory, "authenticate", broken)
            assert (await peer.say(f"AUTH PLAIN {PLAIN}"))[0].startswith("454 4.7.0")

    with caplog.at_level(logging.DEBUG, "postroom.smtp"):
        asyncio.run(body())
    assert "from=<bob@foo.com> to=jones@foo.com size=" in caplog.text
    assert "client=127.0.0.1 user=bob@foo.com" in caplog.text
    assert "refused Rcpt nobody@foo.com: 550" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert PLAIN not in caplog.text
    assert f"bob@foo.com\\x00{PASSWORD}" not in caplog.text


# ---- ends


def test_silence_and_shutdown_get_a_421() -> None:
    async def body() -> None:
        settings = SmtpSettings(command_timeout_seconds=0.02, data_timeout_seconds=0.02)
        async with serving(settings) as room:
            async with client(room, "smtp") as peer:
                assert (await peer.rest()).startswith(b"421 4.4.2 foo.com ")
            async with client(room, "smtp") as peer:
                await peer.say("MAIL FROM:<a@bar.com>", "RCPT TO:<bob@foo.com>", "DATA")
                await peer.send("half a message")
                assert (await peer.rest()).startswith(b"421 4.4.2 foo.com ")
            assert await room.messages("bob@foo.com") == []
        async with serving() as room, client(room, "smtp") as peer:
            await room.listeners["smtp"].stop()
            assert (await peer.rest()).startswith(b"421 4.3.2 foo.com ")

    asyncio.run(body())


def test_a_client_that_leaves_in_the_middle_leaves_nothing() -> None:
    async def body() -> None:
        async with serving() as room:
            async with client(room, "smtp") as peer:
                await peer.say("MAIL FROM:<a@bar.com>", "RCPT TO:<bob@foo.com>", "DATA")
                await peer.send("half a message")
            async with client(room, "smtp") as peer:
                await peer.mail("bob@foo.com")
            assert len(await room.messages("bob@foo.com")) == 1

    asyncio.run(body())


def test_one_client_too_many_is_told_so() -> None:
    async def body() -> None:
        async with serving(net=NetSettings(max_connections=1)) as room, client(room, "smtp"):
            reader, writer = await asyncio.open_connection("127.0.0.1", room.port("smtp"))
            assert (await reader.read()).startswith(b"421 4.3.2 foo.com Too many connections")
            writer.close()
            await writer.wait_closed()

    asyncio.run(body())


def test_a_failed_handshake_ends_the_session_quietly() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp-tls") as peer:
            await peer.say("STARTTLS")
            await peer.send("this is no handshake at all")
            try:
                await peer.rest()
            except ConnectionError:
                pass

    asyncio.run(body())


# ---- a client by others


def test_smtplib() -> None:
    def submit(port: int) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "bob@foo.com", "jones@foo.com", "héllo"
        message.set_content("é\n.\n..\n" * 50)
        with smtplib.SMTP("127.0.0.1", port) as server:
            server.starttls(context=client_context(verify=False))
            server.login("bob@foo.com", PASSWORD)
            assert server.has_extn("smtputf8")
            server.send_message(message)
            with pytest.raises(smtplib.SMTPSenderRefused):
                server.sendmail("a@bar.com", ["jones@foo.com"], "x")
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                server.sendmail("bob@foo.com", ["nobody@foo.com"], "x")
            assert server.verify("bob")[0] == 252

    async def body() -> None:
        async with serving() as room:
            await asyncio.to_thread(submit, room.port("submission"))
            (message,) = await room.messages("jones@foo.com")
            assert message.count(b"\r\n.\r\n..\r\n") == 50

    asyncio.run(body())


def test_many_clients_at_once() -> None:
    async def one(room: Room, number: int) -> None:
        async with client(room, "smtp") as peer:
            for _ in range(5):
                assert (await peer.mail("bob@foo.com", "jones@foo.com", sender=f"{number}@bar.com")).startswith("250")

    async def body() -> None:
        async with serving() as room:
            await asyncio.gather(*(one(room, number) for number in range(20)))
            assert len(await room.messages("bob@foo.com")) == 100
            assert len(await room.messages("jones@foo.com")) == 100

    asyncio.run(body())


def test_success_reports_are_left_to_the_queue() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:
            await peer.say("MAIL FROM:<a@bar.com> ENVID=x RET=HDRS", "RCPT TO:<bob@foo.com> NOTIFY=SUCCESS", "DATA")
            assert (await peer.say("x\r\n."))[0].startswith("250")
            (entry,) = await room.queue.entries()
            assert entry.recipient == Recipient("bob@foo.com", frozenset({"SUCCESS"}))
            assert (entry.message.envelope.envid, entry.message.envelope.ret) == ("x", "HDRS")

    asyncio.run(body())


def test_the_queue_knows_of_long_lines() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "plain") as peer:
            await peer.say(f"AUTH PLAIN {PLAIN}")
            for octets in (998, 999):
                await peer.mail("c@elsewhere.org", sender="bob@foo.com", text="Subject: x\r\n\r\n" + "y" * octets)
            assert [entry.message.envelope.long_lines for entry in await room.queue.entries()] == [False, True]

    asyncio.run(body())
