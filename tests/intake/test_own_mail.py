"""Whose mail is signed."""

import asyncio
from pathlib import Path

import pytest
from tests.servers.smtp.room import make_room
from tests.signing.keys import make_quickly
from tests.signing.signed import Signer

from postroom.accounts import Person
from postroom.intake.own_mail import own_signature

BOB = Person(1, "bob@foo.com", None, None)
OURS = b"From: Bob <bob@foo.com>\r\n"


@pytest.mark.parametrize(
    ("person", "header", "is_signed"),
    [
        (BOB, OURS, True),
        (BOB, b"From: bob@FOO.com\r\n", True),
        (BOB, b"From: bob@foo.com, jones@foo.com\r\n", True),
        (None, OURS, False),
        (BOB, b"From: bob@bar.com\r\n", False),
        (BOB, b"From: bob@x.foo.com\r\n", False),
        (BOB, b"From: bob@signed.test\r\n", False),  # there are keys, but the domain is not here any more
        (BOB, b"From: bob@foo.com, bob@bar.com\r\n", False),
        (BOB, OURS + OURS, False),
        (BOB, b"Subject: x\r\n", False),
    ],
)
def test_whose_mail_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, person: Person | None, header: bytes, is_signed: bool
) -> None:
    make_quickly(monkeypatch)

    async def main() -> bytes:
        room = await make_room(tmp_path)
        signer = Signer(tmp_path / "keys")
        for domain in ("foo.com", "bar.com", "x.foo.com", "signed.test"):
            signer.keeper.ensure(domain)
        with room.store.draft() as draft:
            draft.write(header + b"\r\nHello.\r\n")
            draft.finish()
            fields = await own_signature(person, draft, room.directory, signer.signing)
            if fields:
                assert signer.results(fields + header + b"\r\nHello.\r\n") == [
                    ("pass", "foo.com", "rsa-sha256"),
                    ("pass", "foo.com", "ed25519-sha256"),
                ]
        await room.directory.close()
        await room.store.close()
        return fields

    assert bool(asyncio.run(main())) == is_signed
