"""Mail that goes on by an alias, in the whole server: our seal, with the domain's own key, and who verifies it."""

import asyncio
import smtplib
from pathlib import Path

import msgspec
import pytest
from tests.intake.strangers import letter
from tests.signing.keys import make_quickly
from tests.test_app import config

from postroom.app import App, running
from postroom.base import SystemClock
from postroom.dns import StaticResolver
from postroom.intake import AuthenticationSettings
from postroom.mailauth.arc import ArcResult, find_sets, validate
from postroom.mailauth.dkim import BodyHashes, HeaderFields, key_text
from postroom.mailauth.questions import Reply, conclude
from postroom.signing import KeyFolder, KeyKeeper


def test_a_forwarded_message_bears_our_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_quickly(monkeypatch)
    settings = msgspec.structs.replace(
        config(tmp_path), authentication=AuthenticationSettings(trusted_networks=()), data=tmp_path / "data"
    )
    (tmp_path / "data").mkdir(exist_ok=True)
    KeyKeeper(KeyFolder(tmp_path / "data"), settings.signing, SystemClock()).ensure("example.test")

    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            smtp.sendmail("x@else.test", ["away@example.test"], letter("x@else.test"))

    async def main() -> bytes:
        # the queue holds what it can't deliver: nobody answers for elsewhere.test
        async with running(App(settings, resolver=StaticResolver(failing={"elsewhere.test"}))) as app:
            await app.directory.add_domain("example.test")
            await app.directory.set_alias("away@example.test", ("carol@elsewhere.test",))
            await asyncio.to_thread(send, app.port("smtp"))
            (entry,) = await app.queue.entries()
            key = app.signing.arc_key("example.test")
            assert key is not None
            record = key_text(key.private.public_key()).encode()
            content = await app.queue.read(entry.message.message_id, 0, 1 << 20)
            header, _, body = content.partition(b"\r\n\r\n")
            fields = HeaderFields(header + b"\r\n")
            chain = find_sets(fields)
            hashes = BodyHashes.for_signatures(chain.signatures)
            hashes.update(body)
            found = conclude(validate(fields, chain, hashes, now=SystemClock().now()), lambda _: Reply((record,)))
            assert (found.result, found.sealers) == (ArcResult.PASS, ("example.test",)), found.words
            return content

    content = asyncio.run(main())
    assert content.startswith(b"ARC-Seal: i=1;")
    assert b"Authentication-Results: mail.example.test;" in content
