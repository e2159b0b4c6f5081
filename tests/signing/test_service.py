"""Which keys sign, and over what; what a verifier says of it."""

import asyncio
import logging
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from tests.signing.signed import BOTH, Signer

from postroom.base import Spool
from postroom.signing import UNSIGNED, KeyTrouble, SigningSettings
from postroom.signing.service import NoKeys

MESSAGE = b"From: alice@a.test\r\nTo: bob@b.test\r\nSubject: Greetings\r\nX-Note: one\r\n\r\nHello.\r\n"


def signed(signer: Signer, message: bytes = MESSAGE, domain: str = "a.test") -> bytes:
    return asyncio.run(signer.signed(message, domain))


def test_two_signatures_that_are_true(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    message = signed(signer)
    assert signer.results(message) == BOTH
    assert [one.selector for one in signer.verdicts(message)] == ["20231114-rsa", "20231114-ed25519"]
    assert {result for result, *_ in signer.results(message.replace(b"Hello", b"Goodbye"))} == {"fail"}


def test_domains_without_keys_and_those_that_are_not_to_be_signed(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    assert signed(signer, domain="b.test") == MESSAGE
    assert signed(signer, domain="") == MESSAGE
    signer.signing.settings = SigningSettings(not_domains=("A.TEST",))
    assert signed(signer) == MESSAGE
    signer.signing.settings = SigningSettings(sign=False)
    assert signed(signer) == MESSAGE
    assert signer.signing.arc_key("a.test") is not None  # sealing is no signing


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_in_a_thread_or_not_it_is_the_same(tmp_path: Path, limit: int) -> None:
    signer = Signer(tmp_path, SigningSettings(on_loop_octets=limit))
    assert signer.results(signed(signer, MESSAGE + b"a line\r\n" * 50_000)) == BOTH


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"\r\n\r\n\r\n", b"x", b"x" * 70_000, b"\xff\xfe\r\n", b"a\nb\rc\r\n \r\n"]
)
def test_odd_bodies(tmp_path: Path, body: bytes) -> None:
    signer = Signer(tmp_path)
    assert signer.results(signed(signer, b"From: alice@a.test\r\n\r\n" + body)) == BOTH


def test_a_message_that_is_all_header(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    assert signer.results(signed(signer, b"From: alice@a.test\r\nSubject: x\r\n") + b"\r\n") == BOTH


def test_a_header_whose_end_is_not_known_is_not_signed(tmp_path: Path) -> None:
    signer = Signer(tmp_path)

    async def main() -> bytes:
        with Spool(tmp_path, 1 << 20) as spool:
            spool.write(MESSAGE)
            return await signer.signing.fields("a.test", spool, header=MESSAGE[:30])

    assert asyncio.run(main()) == b""


def test_a_large_message_costs_no_memory(tmp_path: Path) -> None:
    signer = Signer(tmp_path)

    async def main() -> int:
        with Spool(tmp_path, 65_536) as spool:
            spool.write(MESSAGE)
            for _ in range(256):
                spool.write(b"a line of some length\r\n" * 2849)
            await signer.signing.fields("a.test", spool)  # what is loaded once does not count
            tracemalloc.start()
            try:
                assert await signer.signing.fields("a.test", spool)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert asyncio.run(main()) < 1_000_000  # of 16 MB


def test_a_rotation_elsewhere_is_seen_with_the_next_message(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    first = signed(signer)
    new = signer.keeper.rotate("a.test", signer.clock.now() + 60)
    assert b"s=20231114-rsa;" in signed(signer)

    async def main() -> bytes:
        await signer.clock.advance(60)
        return await signer.signed(MESSAGE)

    assert f"s={new.name}-rsa;".encode() in asyncio.run(main())
    assert signer.results(first) == BOTH
    signer.keeper.forget("a.test")
    assert signed(signer) == MESSAGE


def test_keys_that_can_not_be_used_are_left_out_and_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    signer = Signer(tmp_path)
    (one,) = signer.keeper.sets("a.test")
    path = tmp_path / "dkim" / one.keys[0].file
    good = path.read_bytes()
    path.write_bytes((tmp_path / "dkim" / one.keys[1].file).read_bytes())  # of another record
    assert signer.results(signed(signer)) == BOTH[1:]
    assert "20231114-rsa" in caplog.text
    path.unlink()
    signer.signing.reload()
    assert signer.results(signed(signer)) == BOTH[1:]
    path.write_bytes(good)
    assert signer.results(signed(signer)) == BOTH[1:]
    signer.signing.reload()
    assert signer.results(signed(signer)) == BOTH
    assert "PRIVATE" not in caplog.text


def test_a_state_that_can_not_be_read_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    signer = Signer(tmp_path)
    signed(signer)
    state = tmp_path / "dkim" / "keys.json"
    good = state.read_bytes()
    state.write_bytes(b"{")
    message = signed(signer)
    state.write_bytes(good)
    assert signer.results(message) == BOTH
    assert caplog.text.count("those from before stay") == 1


def test_fields_by_the_settings(tmp_path: Path) -> None:
    settings = SigningSettings(also_fields=("X-Note", "X-None"), not_fields=("Subject",), lifetime_seconds=1000)
    signer = Signer(tmp_path, settings)
    message = signed(signer)
    (first, _) = signer.verdicts(message)
    assert "x-note" in first.signed_names
    assert "x-none" not in first.signed_names
    assert "subject" not in first.signed_names
    assert b"x=1700001000;" in message
    assert signer.results(message.replace(b"Greetings", b"x")) == BOTH
    assert {result for result, *_ in signer.results(message.replace(b"one", b"two"))} == {"fail"}


def test_copies_have_signatures_of_their_own(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    leads = [b"List-Unsubscribe: <mailto:%d@a.test>\r\n" % number for number in range(120)]
    above = b"List-Id: <news.a.test>\r\n"

    async def main() -> list[bytes]:
        with Spool(tmp_path, 1 << 20) as spool:
            spool.write(MESSAGE)
            return await signer.signing.copies("a.test", spool, leads, above=above)

    made = asyncio.run(main())
    assert len(set(made)) == 120
    for fields, lead in list(zip(made, leads, strict=True))[::40]:
        assert signer.results(fields + lead + above + MESSAGE) == BOTH
        assert {result for result, *_ in signer.results(fields + leads[1] + above + MESSAGE)} == {"fail"}


def test_the_keys_of_a_host(tmp_path: Path) -> None:
    signing = Signer(tmp_path).signing
    assert [signing.domain_of(name) for name in ("a.test", "Mail.A.test", "x.y.a.test", "b.test", "test", "")] == [
        "a.test",
        "a.test",
        "a.test",
        "",
        "",
        "",
    ]


def test_seals_are_made_with_rsa(tmp_path: Path) -> None:
    signing = Signer(tmp_path).signing
    key = signing.arc_key("a.test")
    assert key is not None
    assert (key.domain, key.selector, key.algorithm) == ("a.test", "20231114-rsa", "rsa-sha256")
    assert signing.arc_key("b.test") is None


def test_a_spool_that_is_closed_is_trouble(tmp_path: Path) -> None:
    signer = Signer(tmp_path, SigningSettings(on_loop_octets=0))

    async def main() -> None:
        spool = Spool(tmp_path, 10)
        spool.write(MESSAGE)
        assert spool.path is not None
        spool.rest()
        spool.path.unlink()
        with pytest.raises(KeyTrouble):
            await signer.signing.fields("a.test", spool, header=MESSAGE.partition(b"Hello")[0])

    asyncio.run(main())


def test_without_keys_nothing_is_signed() -> None:
    assert UNSIGNED.keys("a.test") == ()
    assert UNSIGNED.domain_of("mail.a.test") == ""
    assert UNSIGNED.proof(b"DKIM-Signature: v=1; d=a.test; s=x\r\n\r\n") is None
    with pytest.raises(KeyTrouble):
        NoKeys().private_key("x")
    assert NoKeys().read().domains == {}


def test_settings_can_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    signer = Signer(tmp_path)
    with caplog.at_level(logging.DEBUG):
        signed(signer)
        signer.signing.settings = msgspec.structs.replace(signer.settings, lifetime_seconds=5)
        assert b" x=17" in signed(signer)
    assert "PRIVATE" not in caplog.text
