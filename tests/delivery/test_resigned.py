"""What is recoded on its way, and signed anew when the signature was ours."""

import asyncio
from pathlib import Path

import pytest
from tests.mailauth.arc.chains import Dns, add, body_hash, check, key
from tests.mailauth.dkim import verifying
from tests.signing.keys import make_quickly
from tests.signing.signed import BOTH, Signer

from postroom.base import FakeClock, SeededIds, Spool
from postroom.delivery.content import QueuedContent
from postroom.mailauth.arc import ArcResult, ArcVerdict, find_sets, seal
from postroom.mailauth.dkim import HeaderFields, SigningKey
from postroom.mailauth.questions import Reply
from postroom.queue import Envelope, MemoryQueue, QueueSettings, Recipient

MESSAGE = (
    "From: alice@a.test\r\nSubject: Greetings\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße.\r\n"
).encode()


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quickly(monkeypatch)


async def queued(signer: Signer, message: bytes, lead: bytes = b"") -> QueuedContent:
    queue = MemoryQueue(QueueSettings(), FakeClock(), SeededIds(7))
    with Spool(Path("unused"), 1 << 30) as spool:
        spool.write(message)
        await queue.enqueue(Envelope("alice@a.test", body_8bit=True), [Recipient("bob@b.test", lead=lead)], spool)
    (entry,) = await queue.entries()
    return QueuedContent(queue, entry.message, signer.signing)


async def recoded(signer: Signer, message: bytes, lead: bytes = b"") -> bytes:
    """For a server that takes 7-bit mail alone."""
    content = await (await queued(signer, message, lead)).recoded(eight_bit=False)
    octets = b"".join([piece async for piece in content.pieces()])
    assert len(octets) == content.size
    assert octets.isascii()
    return octets


@pytest.mark.parametrize("lead", [b"", b"Delivered-To: x@a.test\r\n"])
@pytest.mark.parametrize("more", [b"", b"Zeile\r\n" * 100_000])
def test_our_own_signature_is_made_anew(tmp_path: Path, lead: bytes, more: bytes) -> None:
    async def main() -> None:
        signer = Signer(tmp_path)
        signed = await signer.signed(MESSAGE + more)
        await signer.clock.advance(3600)
        octets = await recoded(signer, b"Received: here\r\n" + signed, lead)
        assert signer.results(octets) == BOTH
        assert octets.count(b"DKIM-Signature:") == 2
        assert octets.startswith(b"DKIM-Signature: ")
        assert b"t=1700003600;" in octets
        assert lead + b"Received: here\r\nFrom: alice@a.test\r\n" in octets

    asyncio.run(main())


def test_only_signatures_of_others_keep_lines_long(tmp_path: Path) -> None:
    async def main() -> None:
        signer = Signer(tmp_path)
        ours = await signer.signed(MESSAGE + b"x" * 2000 + b"\r\n")
        theirs = verifying.signed(MESSAGE, now=signer.clock.now())
        signed = []
        for message in (MESSAGE, ours, theirs, await signer.signed(theirs), ours.replace(b"Greetings", b"Greeting!")):
            content = await queued(signer, message)
            signed.append(await content.is_signed())
        assert signed == [False, False, True, True, True]

    asyncio.run(main())


def test_with_the_keys_of_now(tmp_path: Path) -> None:
    async def main() -> None:
        signer = Signer(tmp_path)
        signed = await signer.signed(MESSAGE)
        new = signer.keeper.rotate("a.test", signer.clock.now())
        octets = await recoded(signer, signed)
        assert signer.results(octets) == BOTH
        assert {one.selector for one in signer.verdicts(octets)} == {f"{new.name}-rsa", f"{new.name}-ed25519"}

    asyncio.run(main())


def test_what_is_not_truly_ours_is_not_signed(tmp_path: Path) -> None:
    """No signature, a broken one, a forged one: nothing becomes ours by passing."""

    async def main() -> None:
        signer = Signer(tmp_path)
        signed = await signer.signed(MESSAGE)
        forger = SigningKey("a.test", "20231114-rsa", verifying.rsa_key())
        broken = signed.replace(b"Greetings", b"Greeting!")
        for message in (MESSAGE, broken, verifying.signed(MESSAGE, (forger,), now=signer.clock.now())):
            octets = await recoded(signer, message)
            assert octets.count(b"DKIM-Signature:") == message.count(b"DKIM-Signature:")
            assert "pass" not in {result for result, *_ in signer.results(octets)}

    asyncio.run(main())


def test_fields_that_were_not_signed_before_are_not_signed_now(tmp_path: Path) -> None:
    """Somebody may have added them on the way."""

    async def main() -> None:
        signer = Signer(tmp_path)
        signed = await signer.signed(MESSAGE)
        octets = await recoded(signer, b"List-Unsubscribe: <https://c.test/>\r\n" + signed)
        assert signer.results(octets) == BOTH
        assert all("list-unsubscribe" not in one.signed_names for one in signer.verdicts(octets))

    asyncio.run(main())


def test_signatures_of_others_stay_as_they_are(tmp_path: Path) -> None:
    async def main() -> None:
        signer = Signer(tmp_path)
        both = await signer.signed(verifying.signed(MESSAGE, now=signer.clock.now()))
        octets = await recoded(signer, both)
        assert [one for one in signer.results(octets) if one[0] == "pass"] == BOTH
        assert octets.count(b"d=example.org") == 2

    asyncio.run(main())


def test_when_signing_is_off_the_recoded_message_goes_as_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        signer = Signer(tmp_path)
        signed = await signer.signed(MESSAGE)
        signer.keeper.forget("a.test")
        assert (await recoded(signer, signed)).count(b"DKIM-Signature:") == 2

    asyncio.run(main())


async def sealed(signer: Signer, message: bytes, domain: str = "a.test") -> bytes:
    """With an ARC set of ours on it, as intake makes it."""
    header, end, body = message.partition(b"\r\n\r\n")
    sealer = signer.signing.arc_key(domain)
    assert sealer is not None
    fields = HeaderFields(header + end)
    chain = find_sets(fields)
    status = ArcResult.PASS if chain.sets else ArcResult.NONE
    told = b" mail.a.test;\r\n dmarc=pass header.from=example.org" + (b";\r\n arc=pass" if chain.sets else b"")
    return seal(fields, chain, status, told, body_hash(body), sealer, now=signer.clock.now()) + message


def arc_verdict(signer: Signer, message: bytes, dns: Dns) -> ArcVerdict:
    for name, record in signer.records().items():
        dns.replies[name] = Reply((record,))
    header, end, body = message.partition(b"\r\n\r\n")
    return check(header + end, body, dns, now=signer.clock.now())


def test_our_own_seal_is_made_anew(tmp_path: Path) -> None:
    """Found when mail for a 7-bit server lost it; above the seals of others, which stay."""

    async def main() -> None:
        signer, first = Signer(tmp_path), key("first.test")
        dns = Dns(first)
        header, end, body = MESSAGE.partition(b"\r\n\r\n")
        foreign = add(header + end, body, first, dns) + body
        for message, sealers in ((MESSAGE, ("a.test",)), (foreign, ("a.test", "first.test"))):
            signed = await sealed(signer, await signer.signed(message))
            assert arc_verdict(signer, signed, dns).sealers == sealers
            assert await (await queued(signer, signed)).is_signed() == (message is foreign)
            octets = await recoded(signer, b"Received: here\r\n" + signed)
            verdict = arc_verdict(signer, octets, dns)
            # what the one before us has sealed does not fit the recoded body, and need not (RFC 8617 §5.2, step 5)
            assert (verdict.result, verdict.sealers) == (ArcResult.PASS, sealers)
            assert verdict.covers_author
            assert octets.startswith(b"ARC-Seal: i=%d;" % len(sealers))
            assert octets.count(b"ARC-Seal:") == len(sealers)
            assert verdict.assessments[0].startswith(b" i=%d; mail.a.test;\r\n dmarc=pass" % len(sealers))
            assert signer.results(octets) == BOTH

    asyncio.run(main())


def test_a_seal_that_is_not_truly_ours_stays_as_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        signer = Signer(tmp_path)
        dns = Dns()
        signed = await sealed(signer, MESSAGE)
        forger = SigningKey("a.test", "20231114-rsa", verifying.rsa_key())
        header, end, body = MESSAGE.partition(b"\r\n\r\n")
        forged = add(header + end, body, forger, Dns(forger)) + body
        for message in (
            signed.replace(b"Greetings", b"Greeting!"),
            signed.replace(b"dmarc=pass", b"dmarc=fail"),
            forged,
        ):
            octets = await recoded(signer, message)
            assert octets.count(b"ARC-Seal:") == 1
            assert octets.startswith(message[: message.index(b"From:")])
            assert arc_verdict(signer, octets, dns).result is ArcResult.FAIL

    asyncio.run(main())


def test_a_seal_is_made_with_the_key_of_now_or_not_at_all(tmp_path: Path) -> None:
    async def main() -> None:
        signer = Signer(tmp_path)
        signed = await sealed(signer, MESSAGE)
        new = signer.keeper.rotate("a.test", signer.clock.now())
        octets = await recoded(signer, signed)
        assert f"s={new.name}-rsa".encode() in octets
        assert arc_verdict(signer, octets, Dns()).result is ArcResult.PASS
        signer.keeper.forget("a.test")
        assert (await recoded(signer, signed)).startswith(signed[: signed.index(b"From:")])

    asyncio.run(main())
