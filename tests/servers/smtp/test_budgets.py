"""Budgets of SMTP sessions over real sockets: unknown recipients, messages, recipients, octets, stopped accounts."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.servers.smtp.room import Client
from tests.servers.test_turning_away import strict

from postroom.app import App, running

BOB = "bob@example.test"
LOGIN = "AUTH PLAIN " + base64.b64encode(f"\0{BOB}\0secret".encode()).decode()
Work = Callable[[App], Awaitable[None]]


def play(folder: Path, work: Work, **values: object) -> None:
    async def main() -> None:
        async with running(App(strict(folder, **values))) as app:
            await app.directory.add_domain("example.test")
            await app.directory.add_person(BOB, "secret")
            await work(app)

    asyncio.run(main())


async def connect(app: App, name: str = "smtp", own: str = "127.0.0.1") -> Client:
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port(name), local_addr=(own, 0))
    client = Client(reader, writer)
    assert (await client.lines())[0][:4] in ("220 ", "421 ")
    await client.say("EHLO client.test")
    if name == "submission":
        assert (await client.say(LOGIN))[0].startswith("235")
    return client


async def leave(client: Client) -> None:
    client.writer.close()
    await client.writer.wait_closed()


def test_a_dictionary_attack_is_slowed_closed_and_banned(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        for start in (0, 4, 5):
            client = await connect(app)
            await client.say("MAIL FROM:<a@else.test>")
            recipients = [f"RCPT TO:<nobody{n}@example.test>" for n in range(start, start + 4)]
            began = asyncio.get_running_loop().time()
            await client.send(*recipients)
            told = (await client.rest()).decode().splitlines()
            if start == 0:
                assert [line[:9] for line in told] == ["550 5.1.1"] * 4 + ["421 4.7.0"]
                assert asyncio.get_running_loop().time() - began > 0.05 + 0.1
            else:
                assert [line[:9] for line in told] == ["550 5.1.1", "421 4.7.0"]
            await leave(client)
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port("smtp"))
        assert (await reader.readline()).startswith(b"421 4.7.0 ")
        writer.close()
        await writer.wait_closed()
        other = await connect(app, own="127.0.0.2")
        assert (await other.mail(BOB)).startswith("250")
        await leave(other)

    play(
        tmp_path,
        work,
        unknown_recipients_slowed=2,
        unknown_recipients_closed=4,
        unknown_recipients_until_ban=6,
        unknown_recipient_delay_seconds=0.05,
    )


def test_an_open_relay_is_looked_for_as_a_dictionary_is(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        client = await connect(app)
        await client.say("MAIL FROM:<a@else.test>")
        assert (await client.say("RCPT TO:<x@away.test>"))[0].startswith("550 5.7.1")
        await client.send("RCPT TO:<y@away.test>")
        told = (await client.rest()).decode().splitlines()
        assert [line[:9] for line in told] == ["550 5.7.1", "421 4.7.0"]
        await leave(client)

    play(tmp_path, work, unknown_recipients_closed=2)


def test_messages_of_an_address(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        client = await connect(app)
        told = [await client.mail(BOB) for _ in range(3)]
        assert [line[:9] for line in told] == ["250 2.0.0", "250 2.0.0", "503 5.5.1"]
        assert (await client.say("MAIL FROM:<a@bar.com>"))[0] == (
            "450 4.7.1 Too many messages from your address for now, please try again later"
        )
        await leave(client)

    play(tmp_path, work, address_messages_per_hour=2)


def test_recipients_of_a_network(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        one, other = await connect(app), await connect(app, own="127.0.0.2")
        await one.mail(BOB, BOB)
        await other.say("MAIL FROM:<a@bar.com>")
        told = await other.say(f"RCPT TO:<{BOB}>", f"RCPT TO:<{BOB}>")
        assert [line[:9] for line in told] == ["250 2.1.5", "450 4.7.1"]
        await leave(one)
        await leave(other)

    play(tmp_path, work, network_recipients_per_day=3)


def test_octets_of_an_account(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        client = await connect(app, "submission")
        text = f"From: {BOB}\r\n\r\n" + "x" * 900
        assert (await client.mail(BOB, sender=BOB, text=text)).startswith("250")
        assert (await client.mail(BOB, sender=BOB, text=text)).startswith("250")
        assert (await client.say(f"MAIL FROM:<{BOB}>"))[0].startswith("450 4.7.1 Too much mail from your account")
        await leave(client)
        stranger = await connect(app)
        assert (await stranger.mail(BOB)).startswith("250")
        await leave(stranger)

    play(tmp_path, work, account_octets_per_hour=1500)


@pytest.mark.parametrize("kind", ["messages", "recipients"])
def test_what_an_account_has_spent_is_known_after_a_restart(tmp_path: Path, kind: str) -> None:
    async def send(app: App) -> None:
        client = await connect(app, "submission")
        assert (await client.mail(BOB, sender=BOB, text=f"From: {BOB}\r\n\r\nx")).startswith("250")
        await leave(client)

    limit = {f"account_{kind}_per_day": 1}
    play(tmp_path, send, **limit)

    async def main() -> None:
        async with running(App(strict(tmp_path, **limit))) as app:
            client = await connect(app, "submission")
            told = await client.say(f"MAIL FROM:<{BOB}>", f"RCPT TO:<{BOB}>")
            assert told[0 if kind == "messages" else 1].startswith("450 4.7.1")
            await leave(client)

    asyncio.run(main())


def test_an_account_that_sends_far_more_than_ever_is_stopped_and_loses_nothing(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        client = await connect(app, "submission")
        text = f"From: {BOB}\r\n\r\nx"
        assert (await client.mail("a@away.test", "b@away.test", BOB, sender=BOB, text=text)).startswith("250")
        assert (await client.mail(BOB, sender=BOB, text=text)).startswith("250")  # what stays here does not count
        assert (await client.mail("c@away.test", sender=BOB, text=text)).startswith("450 4.7.1 Sending is stopped")
        assert (await client.say(f"MAIL FROM:<{BOB}>"))[0].startswith("450 4.7.1 Sending is stopped")
        await leave(client)
        stranger = await connect(app)
        assert (await stranger.mail(BOB)).startswith("250")  # what comes to it is no concern
        await leave(stranger)

    play(tmp_path, work, stop_floor_per_hour=2)


def test_lmtp_has_no_budgets(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port("lmtp"))
        client = Client(reader, writer)
        await client.lines()
        await client.say("LHLO relay.test")
        for _ in range(3):
            assert (await client.mail(BOB)).startswith("250")
        await leave(client)

    play(tmp_path, work, address_messages_per_hour=1)


def test_the_sender_is_the_person_s_own_or_granted(tmp_path: Path) -> None:
    """RFC 6409 §6.1, in the envelope and in the header; a grant counts at once."""

    async def work(app: App) -> None:
        await app.directory.add_person("alice@example.test", "secret")
        client, alice = await connect(app, "submission"), "alice@example.test"
        assert (await client.say(f"MAIL FROM:<{alice}>"))[0].startswith("550 5.7.1")
        assert (await client.mail(BOB, sender=BOB, text=f"From: {alice}\r\n\r\nx")).startswith("550 5.7.1")
        await app.directory.grant_sender(BOB, alice)
        assert (await client.mail(BOB, sender=alice, text=f"From: {alice}\r\nSender: {BOB}\r\n\r\nx")).startswith("250")
        await leave(client)

    play(tmp_path, work)
