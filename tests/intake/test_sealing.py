"""Our ARC set on what goes on: what it says, when there is none, and that others can verify it."""

import asyncio
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.intake.strangers import Strangers, key, key_record, letter, spf, with_strangers
from tests.intake.strangers import sealed as sealed_by
from tests.servers.smtp.room import client

from postroom.accounts import MailingList
from postroom.base import SeededIds, SystemClock
from postroom.intake.sealing import our_results, sealed
from postroom.mailauth.arc import ArcVerdict, find_sets, validate
from postroom.mailauth.dkim import BodyHashes, HeaderFields, SigningKey
from postroom.mailauth.questions import Question, Reply, conclude
from postroom.message import MessageSettings
from postroom.signing import Signing, SigningSettings
from postroom.signing.service import NoKeys
from postroom.store import MemoryStore, StoreSettings

FOUND = b"foo.com;\r\n spf=fail smtp.mailfrom=a@bar.com;\r\n dmarc=pass header.from=bar.com"
OURS = b"Authentication-Results: " + FOUND + b"\r\n"


@cache
def our_key() -> SigningKey:
    return SigningKey("foo.com", "r1", rsa.generate_private_key(65537, 2048))


class Keys(Signing):
    """One for foo.com."""

    def __init__(self) -> None:
        super().__init__(NoKeys(), SigningSettings(), SystemClock())

    def arc_key(self, domain: str) -> SigningKey | None:
        return our_key() if domain == "foo.com" else None


def seal(octets: bytes, folder: Path, *, domain: str = "foo.com", assessed: bytes = FOUND) -> bytes:
    """The set for a message that goes on."""

    async def go() -> bytes:
        store = MemoryStore(folder, StoreSettings(), MessageSettings(), SystemClock(), SeededIds())
        with store.draft() as draft:
            draft.write(octets)
            draft.finish()
            return await sealed(domain, draft, draft.facts.header, assessed, Keys(), SystemClock())

    return asyncio.run(go())


def verdict(octets: bytes) -> ArcVerdict:
    """What the next server finds."""
    known = {one.record_name: one.record.encode() for one in (our_key(), key("list.org"))}

    def answer(question: Question) -> Reply:
        return Reply((known[question.name],))

    header, _, body = octets.partition(b"\r\n\r\n")
    fields = HeaderFields(header + b"\r\n")
    chain = find_sets(fields)
    hashes = BodyHashes.for_signatures(chain.signatures)
    hashes.update(body)
    return conclude(validate(fields, chain, hashes, now=SystemClock().now()), answer)


def test_the_next_server_believes_what_we_had_found(tmp_path: Path) -> None:
    octets = letter(body="text\r\n" * 30_000)
    fields = seal(octets, tmp_path)
    assert [line.split(b":")[0] for line in fields.split(b"\r\n") if line[:1] not in (b" ", b"\t", b"")] == [
        b"ARC-Seal",
        b"ARC-Message-Signature",
        b"ARC-Authentication-Results",
    ]
    found = verdict(fields + b"Received: x\r\n" + OURS + octets)
    assert found.result.value == "pass", found.words
    (results,) = found.believed({"foo.com"})
    dmarc = results.only("dmarc")
    assert dmarc is not None
    assert (dmarc.result, dmarc.value("header", "from")) == ("pass", "bar.com")


def test_a_chain_goes_on(tmp_path: Path) -> None:
    octets = sealed_by(letter(), "list.org", "dmarc=pass header.from=bar.com")
    fields = seal(octets, tmp_path, assessed=FOUND + b";\r\n arc=pass")
    assert b"i=2;" in fields
    assert verdict(fields + octets).sealers == ("foo.com", "list.org")
    broken = octets.replace(b"Hello", b"Goodbye")
    fields = seal(broken, tmp_path, assessed=FOUND + b"; arc=fail")
    assert b"cv=fail" in fields
    assert seal(fields + broken, tmp_path, assessed=FOUND + b"; arc=fail") == b""  # RFC 8617 §5.1: nothing behind that


def test_results_are_found_at_the_top_alone(tmp_path: Path) -> None:
    assert our_results(OURS + letter()) == OURS.partition(b":")[2]
    assert our_results(b"Received: x\r\n" + OURS + letter()) == b""
    assert our_results(letter()) == b""
    assert seal(letter(), tmp_path, assessed=b"") == b""


@pytest.mark.parametrize(
    ("octets", "domain", "assessed"),
    [
        (letter(), "bar.com", FOUND),  # no key of ours
        (sealed_by(letter(), "list.org", "dmarc=pass"), "foo.com", FOUND),  # nobody has looked at the chain
        (sealed_by(letter(), "list.org", "dmarc=pass"), "foo.com", FOUND + b"; arc=temperror"),
        (sealed_by(letter(), "list.org", "dmarc=pass"), "foo.com", FOUND + b"; arc=fail policy.arc=temperror"),
        (letter(), "foo.com", FOUND + b"; arc=pass"),  # that is not what came
        (letter(), "foo.com", b"no results\r\nX: y"),
        (b"X: " + b"y" * 300_000, "foo.com", FOUND),
    ],
)
def test_what_can_not_be_sealed_goes_without(octets: bytes, domain: str, assessed: bytes, tmp_path: Path) -> None:
    assert seal(octets, tmp_path, domain=domain, assessed=assessed) == b""


# ---- in the server


async def forward(room: Strangers, octets: bytes, to: str) -> bytes:
    """What is queued for others of a message to that address here."""
    room.intake.signing = Keys()
    await room.directory.set_alias("away@foo.com", ("carol@elsewhere.org",))
    await room.directory.lists.create(MailingList(0, "all@foo.com", ("bob@foo.com",), posting="anyone", prefix="[all]"))
    await room.directory.lists.add_members("all@foo.com", ["dave@elsewhere.org"])
    async with client(room, "smtp") as peer:
        text = octets.decode().removesuffix("\r\n")
        assert (await peer.mail(to, text=text)).startswith("250")
    ((_, address, content),) = await room.queued()
    if address == to:  # a list: the queue gives the post out
        (entry,) = await room.queue.entries()
        envelope, message_id = entry.message.envelope, entry.message.message_id

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        await room.intake.deliver_local(envelope, address, pieces(), message_id)
        (content,) = [octets for _, one, octets in await room.queued() if one != to]
    return content


ZONES = {"bar.com": spf("v=spf1 ip4:127.0.0.1 -all"), "_dmarc.bar.com": {"TXT": ["v=DMARC1; p=reject"]}}
CHAIN = sealed_by(letter(), "list.org", "dmarc=pass header.from=bar.com")


@pytest.mark.parametrize("to", ["away@foo.com", "all@foo.com"])
@pytest.mark.parametrize(("octets", "sealers"), [(letter(), ("foo.com",)), (CHAIN, ("foo.com", "list.org"))])
def test_what_goes_on_is_sealed(octets: bytes, sealers: tuple[str, ...], to: str) -> None:
    async def body(room: Strangers) -> None:
        content = await forward(room, octets, to)
        if to == "away@foo.com":
            assert room.notes.last("sealed") == {"by": "foo.com"}
        found = verdict(content)
        assert (found.result.value, found.sealers) == ("pass", sealers), found.words
        (results, *_) = found.believed({"foo.com"})
        assert [(one.method, one.result) for one in results.results][1:] == [
            ("spf", "pass"),
            ("spf", "pass"),
            ("dkim", "none"),
            *([("arc", "pass")] if len(sealers) == 2 else []),
            ("dmarc", "pass"),
        ]

    with_strangers(ZONES | key_record("list.org"), body)


@pytest.mark.parametrize("to", ["away@foo.com", "all@foo.com"])
def test_a_setting_leaves_it(to: str) -> None:
    async def body(room: Strangers) -> None:
        assert b"ARC-" not in await forward(room, letter(), to)

    with_strangers(ZONES, body, seal_forwarded=False)


@pytest.mark.parametrize("to", ["away@foo.com", "all@foo.com"])
def test_a_chain_is_not_broken_for_good_by_a_dns_that_does_not_answer(to: str) -> None:
    async def body(room: Strangers) -> None:
        room.dns.failing.add("s1._domainkey.list.org")
        content = await forward(room, CHAIN, to)
        assert b"arc=fail" in content
        assert b"policy.arc=temperror" in content
        assert content.count(b"ARC-Seal:") == 1

    with_strangers(ZONES, body)
