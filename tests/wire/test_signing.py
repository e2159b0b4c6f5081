"""Our own mail, as it arrives at another server: signed by the author's domain, so that anybody can verify it."""

import asyncio
import contextlib
import smtplib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from tests.delivery.peer import Mail, Peer
from tests.mailauth.dkim.verifying import parts
from tests.signing.keys import make_quickly

from postroom.accounts import AccountSettings, MailingList
from postroom.app import App
from postroom.base import SystemClock
from postroom.config import Config, ListenSettings
from postroom.delivery import DeliverySettings
from postroom.dns import DnsResolver, DnsSettings, TestDnsServer
from postroom.journal import stories
from postroom.mailauth.dkim import BodyHashes, DkimVerdict, HeaderFields, find_signatures, verify
from postroom.mailauth.questions import Question, Reply
from postroom.net import NetSettings
from postroom.signing import KeyFolder, KeyKeeper, SigningSettings, key_records
from postroom.smtp import SmtpSettings

ALICE = "alice@a.test"
BOTH = [("pass", "a.test", "rsa-sha256"), ("pass", "a.test", "ed25519-sha256")]
TEXT = f"From: Alice <{ALICE}>\r\nTo: bob@b.test\r\nSubject: Greetings\r\n\r\nHello.\r\n"


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quickly(monkeypatch)


class World:
    """The server of a.test, that of b.test, and the DNS."""

    def __init__(self, app: App, keeper: KeyKeeper, peer: Peer, dns: TestDnsServer) -> None:
        self.app = app
        self.keeper = keeper
        self.peer = peer
        self.dns = dns

    def publish(self) -> None:
        for domain, sets in self.keeper.all().items():
            for one in key_records(domain, sets, SystemClock().now()):
                self.dns.zones[one.name] = {"TXT": [one.text]}

    async def submit(self, text: str | bytes, to: str = "bob@b.test", sender: str = ALICE, **options: str) -> None:
        """As Alice, who signs in."""
        await asyncio.to_thread(self._send, "submission", text, to, sender)

    async def receive(self, text: str | bytes, to: str, sender: str = "stranger@c.test") -> None:
        """From a stranger."""
        await asyncio.to_thread(self._send, "smtp", text, to, sender)

    def _send(self, listener: str, text: str | bytes, to: str, sender: str) -> None:
        octets = text.encode() if isinstance(text, str) else text
        with smtplib.SMTP("127.0.0.1", self.app.port(listener)) as smtp:
            if listener == "submission":
                smtp.login(ALICE, "secret")
            options = () if octets.isascii() else ("BODY=8BITMIME",)
            assert smtp.sendmail(sender, [to], octets, mail_options=options) == {}

    async def submit_binary(self, octets: bytes, to: str = "bob@b.test") -> None:
        """As Alice, with BDAT (RFC 3030)."""

        def whole() -> None:
            with smtplib.SMTP("127.0.0.1", self.app.port("submission")) as smtp:
                smtp.login(ALICE, "secret")
                assert smtp.docmd("MAIL", f"FROM:<{ALICE}> BODY=BINARYMIME")[0] == 250
                assert smtp.docmd("RCPT", f"TO:<{to}>")[0] == 250
                smtp.send(b"BDAT %d LAST\r\n%b" % (len(octets), octets))
                assert smtp.getreply()[0] == 250

        await asyncio.to_thread(whole)

    async def arrived(self, count: int = 1) -> list[Mail]:
        async with asyncio.timeout(30):
            while len(self.peer.taken) < count:
                await asyncio.sleep(0.01)
        return self.peer.taken

    async def verdicts(self, message: bytes) -> list[DkimVerdict]:
        """What b.test finds, with the DNS as it is."""
        header, body = parts(message)
        fields = HeaderFields(header)
        signatures = find_signatures(fields)
        hashes = BodyHashes.for_signatures(signatures)
        hashes.update(body)
        inquiry = verify(fields, signatures, hashes, now=SystemClock().now())
        resolver = DnsResolver(DnsSettings(nameservers=(self.dns.address,)), SystemClock())
        try:
            question: Question = next(inquiry)
            while True:
                question = inquiry.send(Reply((await resolver.txt(question.name)).records))
        except StopIteration as end:
            found: list[DkimVerdict] = end.value
            return found
        finally:
            await resolver.close()

    async def results(self, message: bytes) -> list[tuple[str, str, str]]:
        return [(one.result.value, one.domain, one.algorithm) for one in await self.verdicts(message)]


@contextlib.asynccontextmanager
async def world(
    folder: Path, peer: Peer | None = None, *, signing: SigningSettings | None = None, url: str = ""
) -> AsyncIterator[World]:
    peer = await (peer or Peer()).start()
    async with TestDnsServer({}) as dns:
        settings = Config(
            hostname="mail.a.test",
            data=folder / "data",
            listen=ListenSettings(smtp=("127.0.0.1:0",), submission=("127.0.0.1:0",)),
            allow_plaintext_sign_in_on_loopback=True,
            net=NetSettings(stop_timeout_seconds=2, close_timeout_seconds=1),
            accounts=AccountSettings(hash_memory_kibibytes=8, hash_passes=1, unsubscribe_url=url),
            smtp=SmtpSettings(quirk_bare_cr_lf_in_data=True),
            delivery=DeliverySettings(routes={"b.test": f"127.0.0.1:{peer.port}"}, tls="never"),
            dns=DnsSettings(nameservers=(dns.address,)),
            signing=signing or SigningSettings(),
        )
        app = App(settings)
        app.prepare()
        await app.start()
        try:
            await app.directory.add_domain("a.test")
            await app.directory.add_person(ALICE, "secret")
            keeper = KeyKeeper(KeyFolder(settings.data), settings.signing, SystemClock())
            keeper.ensure("a.test")
            made = World(app, keeper, peer, dns)
            made.publish()
            yield made
        finally:
            await app.stop()
            await peer.stop()


def play(
    folder: Path,
    scene: Callable[[World], Awaitable[None]],
    peer: Peer | None = None,
    *,
    signing: SigningSettings | None = None,
    url: str = "",
) -> None:
    async def run() -> None:
        async with world(folder, peer, signing=signing, url=url) as made:
            await scene(made)

    asyncio.run(run())


LINE = "A line  with\tspaces. \r\n"
MESSAGES = {
    "plain": TEXT,
    "eight bit": TEXT.replace("\r\n\r\n", "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n") + "Grüße\r\n",
    "bare line feeds": TEXT + "one\ntwo\rthree\r\n",
    "long lines": TEXT + "x" * 3000 + "\r\n",
    "empty body": TEXT.partition("Hello")[0],
    "no body": TEXT.partition("\r\n\r\n")[0] + "\r\n",
    "no fields": "Just text.\r\n",
    "blank lines at the end": TEXT + "\r\n\r\n  \r\n\r\n",
    "dots": TEXT + ".\r\n..\r\n",
    "huge": TEXT + LINE * 200_000,
}


def test_the_journal_tells_whose_keys_have_signed(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.submit(TEXT)
        await world.arrived()
        await world.receive(TEXT.replace(ALICE, "x@c.test"), ALICE)

    play(tmp_path, scene)
    ours, strangers = stories(tmp_path / "data" / "journal", ALICE)
    (keys,) = KeyKeeper(KeyFolder(tmp_path / "data"), SigningSettings(), SystemClock()).sets("a.test")
    signed = [step.facts["by"] for step in ours.steps if step.name == "signed"]
    assert signed == [[f"d=a.test s={key.selector} {key.algorithm}" for key in keys.keys]]
    assert [step.name for step in ours.steps if step.name in ("received", "signed", "queued")] == [
        "received",
        "signed",
        "queued",
    ]
    assert "signed" not in [step.name for step in strangers.steps]


def signed_beside(folder: Path, wanted: str) -> list[list[str]]:
    """What the journal has of each message of this person that was signed: the step before, by whom, and after."""
    (keys,) = KeyKeeper(KeyFolder(folder / "data"), SigningSettings(), SystemClock()).sets("a.test")
    told = []
    for story in stories(folder / "data" / "journal", wanted):
        names = [step.name for step in story.steps]
        for step in story.steps:
            if step.name == "signed":
                assert step.facts["by"] == [f"d=a.test s={key.selector} {key.algorithm}" for key in keys.keys]
                told.append(names)
    return told


@pytest.mark.parametrize("text", MESSAGES.values(), ids=list(MESSAGES))
def test_what_people_send_arrives_with_two_signatures(tmp_path: Path, text: str) -> None:
    async def scene(world: World) -> None:
        await world.submit(text)
        (mail,) = await world.arrived()
        assert mail.content.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test;")
        assert await world.results(mail.content) == BOTH
        (verdict, _) = await world.verdicts(mail.content)
        assert verdict.signed_names.count("from") == 2
        changed = mail.content.replace(b"Alice", b"Mallory") if b"Alice" in mail.content else mail.content + b"more\r\n"
        assert {result for result, *_ in await world.results(changed)} == {"fail"}

    play(tmp_path, scene, Peer(extensions=("PIPELINING", "8BITMIME")))


def test_eight_bit_mail_for_a_seven_bit_server_is_signed_anew(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.submit(MESSAGES["eight bit"])
        (mail,) = await world.arrived()
        assert mail.content.isascii()
        assert b"Content-Transfer-Encoding: base64" in mail.content
        assert mail.content.count(b"DKIM-Signature:") == 2
        assert await world.results(mail.content) == BOTH

    play(tmp_path, scene, Peer(extensions=("PIPELINING",)))


BINARY = (
    f"From: {ALICE}\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
    "Content-Transfer-Encoding: binary\r\n\r\n"
).encode() + b"\0a\nb\rc\r\n \xff" * 20_000


@pytest.mark.parametrize("extensions", [("8BITMIME", "CHUNKING", "BINARYMIME"), ("8BITMIME", "CHUNKING"), ()])
def test_binary_mail_is_signed_in_every_form_it_takes(tmp_path: Path, extensions: tuple[str, ...]) -> None:
    async def scene(world: World) -> None:
        await world.submit_binary(BINARY)
        (mail,) = await world.arrived()
        assert (b"\0" in mail.content) == ("BINARYMIME" in extensions)
        assert await world.results(mail.content) == BOTH

    play(tmp_path, scene, Peer(extensions=extensions))


def test_what_strangers_send_through_us_is_not_signed_by_us(tmp_path: Path) -> None:
    """Not even when it says that it is ours."""

    async def scene(world: World) -> None:
        await world.app.directory.set_alias("away@a.test", ("bob@b.test",))
        for text in (TEXT, TEXT.replace(ALICE, "stranger@c.test")):
            await world.receive(text, "away@a.test")
        for mail in await world.arrived(2):
            assert b"dkim-signature" not in mail.content.lower()

    play(tmp_path, scene)


def test_mail_of_a_person_through_an_alias_keeps_its_signature(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.app.directory.set_alias("away@a.test", ("bob@b.test",))
        await world.submit(TEXT, "away@a.test")
        (mail,) = await world.arrived()
        assert b"Delivered-To: away@a.test" in mail.content
        assert await world.results(mail.content) == BOTH

    play(tmp_path, scene)


def test_mail_that_stays_here_is_not_signed(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.submit(TEXT, ALICE)
        person = (await world.app.directory.people())[0]
        account = await world.app.store.open(person.account_id)
        box = await account.mailbox("INBOX")
        view = await account.view(box.mailbox_id)
        octets = await account.read_range(view.content_ids[0], 0, 1 << 20)
        account.release(view)
        account.close()
        assert b"dkim-signature" not in octets.lower()

    play(tmp_path, scene)


def signers_of_the_report(folder: Path) -> list[str]:
    """Of one that was delivered here, into a mailbox or to be sent on (SRS)."""
    (story,) = stories(folder / "data" / "journal", "nobody@b.test")
    (report,) = [step for step in story.steps if step.name == "reported"]
    signed: list[str] = report.facts["signed"]
    return signed


def test_bounces_are_signed(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.app.directory.set_alias("away@a.test", ("nobody@b.test",))
        await world.receive(TEXT.replace(ALICE, "bob@b.test"), "away@a.test", sender="bob@b.test")
        (mail,) = await world.arrived()
        assert mail.mail_from == ""
        assert b"postmaster@mail.a.test" in mail.content
        assert await world.results(mail.content) == BOTH

    play(tmp_path, scene, Peer({"RCPT <nobody@b.test>": [b"550 5.1.1 no"], "RCPT nobody@b.test": [b"550 5.1.1 no"]}))
    assert len(signers_of_the_report(tmp_path)) == 2


def test_a_bounce_into_a_mailbox_here_is_told_with_its_signature(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.submit(TEXT, "nobody@b.test")
        async with asyncio.timeout(30):
            while await world.app.queue.entries():
                await asyncio.sleep(0.01)

    play(tmp_path, scene, Peer({"RCPT <nobody@b.test>": [b"550 5.1.1 no"], "RCPT nobody@b.test": [b"550 5.1.1 no"]}))
    assert [one.split()[0] for one in signers_of_the_report(tmp_path)] == ["d=a.test", "d=a.test"]


@pytest.mark.parametrize("url", ["", "https://a.test/leave"])
def test_lists_sign_what_is_posted(tmp_path: Path, url: str) -> None:
    """RFC 8058 §4: with a link for one click, its fields are signed too."""

    async def scene(world: World) -> None:
        lists = world.app.directory.lists
        await lists.create(MailingList(0, "news@a.test", (ALICE,), posting="anyone", prefix="[news]"))
        await lists.add_members("news@a.test", ("bob@b.test", "carol@b.test"))
        await world.receive(TEXT.replace(ALICE, "stranger@c.test"), "news@a.test")
        for mail in await world.arrived(2):
            assert b"Subject: [news] Greetings" in mail.content
            assert await world.results(mail.content) == BOTH
            for verdict in await world.verdicts(mail.content):
                assert "list-id" in verdict.signed_names
                assert ("list-unsubscribe" in verdict.signed_names) == bool(url)
                assert ("list-unsubscribe-post" in verdict.signed_names) == bool(url)

    play(tmp_path, scene, url=url)
    (steps,) = signed_beside(tmp_path, "bob@b.test")
    assert steps.count("signed") == 1
    assert "attempt" in steps


def test_answers_of_a_list_are_signed(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        lists = world.app.directory.lists
        await lists.create(MailingList(0, "news@a.test", (ALICE,)))
        await lists.add_members("news@a.test", ("bob@b.test",))
        text = TEXT.replace(ALICE, "bob@b.test").replace("Greetings", "help")
        await world.receive(text, "news-request@a.test", sender="bob@b.test")
        (mail,) = await world.arrived()
        assert b"The list news@a.test" in mail.content
        assert await world.results(mail.content) == BOTH

    play(tmp_path, scene)
    assert [steps[:2] for steps in signed_beside(tmp_path, "bob@b.test")] == [["made", "signed"]]


def test_a_rotation_by_another_process_is_seen_at_once_and_old_mail_stays_true(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.submit(TEXT)
        new = world.keeper.rotate("a.test", None)
        await world.submit(TEXT)
        world.keeper.begin("a.test", new.name, SystemClock().now())
        world.publish()
        await world.submit(TEXT)
        mails = await world.arrived(3)
        found = [await world.verdicts(mail.content) for mail in mails]
        assert [[one.result.value for one in verdicts] for verdicts in found] == [["pass", "pass"]] * 3
        assert [verdicts[0].selector.startswith(f"{new.name}-") for verdicts in found] == [False, False, True]
        world.keeper.retire("a.test", at_once=True)
        world.publish()
        assert [one.result.value for one in await world.verdicts(mails[0].content)] == ["permerror", "permerror"]
        assert await world.results(mails[2].content) == BOTH

    play(tmp_path, scene)


def test_signing_can_be_switched_off(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.submit(TEXT)
        (mail,) = await world.arrived()
        assert b"DKIM-Signature" not in mail.content

    play(tmp_path, scene, signing=SigningSettings(not_domains=("a.test",)))


def test_a_reload_takes_other_settings(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        await world.submit(TEXT)
        config = msgspec.structs.replace(world.app.config, signing=SigningSettings(sign=False))
        assert world.app.take_settings(config) == []
        await world.submit(TEXT)
        signed = [b"DKIM-Signature" in mail.content for mail in await world.arrived(2)]
        assert sorted(signed) == [False, True]

    play(tmp_path, scene)
