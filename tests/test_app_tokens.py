"""Tokens of an issuer over the real sockets of all three protocols."""

import asyncio
import base64
import imaplib
import json
import poplib
import smtplib
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.signin.issuer import Issuer, ec, rsa
from tests.signin.web_issuer import web_issuer
from tests.test_app import BOB, answering_at_once, config

from postroom.app import App, running
from postroom.base import FakeClock, SystemClock
from postroom.signin import OAuthSettings

MECHANISMS = ["XOAUTH2", "OAUTHBEARER"]


def message(mechanism: str, user: str, token: str) -> bytes:
    if mechanism == "XOAUTH2":
        return f"user={user}\1auth=Bearer {token}\1\1".encode()
    return f"n,a={user},\1host=mail.example.test\1port=993\1auth=Bearer {token}\1\1".encode()


def insecure() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def imap(app: App, mechanism: str, octets: bytes) -> tuple[str, list[bytes]]:
    """How it ended, and what was asked after the first answer."""
    asked: list[bytes] = []

    def answer(challenge: bytes) -> bytes:
        asked.append(challenge)
        return octets if len(asked) == 1 else b"\1"

    with imaplib.IMAP4_SSL("127.0.0.1", app.port("imaps"), ssl_context=insecure()) as client:
        assert f"AUTH={mechanism}" in client.capabilities
        try:
            return str(client.authenticate(mechanism, answer)[0]), asked[1:]
        except imaplib.IMAP4.error as error:
            return str(error), asked[1:]


def smtp(app: App, mechanism: str, octets: bytes) -> tuple[str, list[bytes]]:
    with smtplib.SMTP_SSL("127.0.0.1", app.port("submissions"), context=insecure()) as client:
        client.ehlo()
        assert mechanism in client.esmtp_features["auth"].split()
        code, words = client.docmd("AUTH", f"{mechanism} {base64.b64encode(octets).decode()}")
        asked = []
        while code == 334:
            asked.append(base64.b64decode(words))
            code, words = client.docmd(base64.b64encode(b"\1").decode())
        return f"{code} {words.decode()}", asked


def pop3(app: App, mechanism: str, octets: bytes) -> tuple[str, list[bytes]]:
    client = poplib.POP3_SSL("127.0.0.1", app.port("pop3s"), context=insecure())
    try:
        assert mechanism in client.capa()["SASL"]
        said = client._shortcmd(f"AUTH {mechanism} {base64.b64encode(octets).decode()}")  # type: ignore[attr-defined]
        asked = []
        while said.startswith(b"+ "):
            asked.append(base64.b64decode(said[2:]))
            said = client._shortcmd(base64.b64encode(b"\1").decode())  # type: ignore[attr-defined]
        return said.decode(), asked
    except poplib.error_proto as error:
        return str(error), []
    finally:
        client.close()


WAYS: dict[Callable[[App, str, bytes], tuple[str, list[bytes]]], tuple[str, str, str]] = {
    imap: ("OK", "AUTHENTICATIONFAILED", "UNAVAILABLE"),
    smtp: ("235", "535", "454"),
    pop3: ("+OK", "AUTH", "SYS/TEMP"),
}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_tokens_sign_in_by_all_protocols(tmp_path: Path, mechanism: str, caplog: pytest.LogCaptureFixture) -> None:
    now = SystemClock().now()
    maker = Issuer(clock=FakeClock(now))

    async def main(url: str) -> None:
        settings = OAuthSettings(
            issuer=url, audience=("mail",), scopes=("mail",), allow_plain_http=True, key_refresh_seconds=60
        )
        async with running(App(answering_at_once(tmp_path, oauth=settings))) as app:
            await app.directory.add_domain("example.test")
            await app.directory.add_person(BOB, "secret")
            good = maker.token(iss=url, email=BOB)
            bad = {
                "a wrong signature": maker.token(rsa("evil"), {"kid": "one"}, iss=url, email=BOB),
                "expired": maker.token(iss=url, email=BOB, exp=int(now) - 3600),
                "of somebody else": maker.token(iss=url, email="eve@example.test"),
                "for another service": maker.token(iss=url, email=BOB, aud="web"),
                "no token": "x",
            }
            for way, (ok, refused, _) in WAYS.items():
                said, asked = await asyncio.to_thread(way, app, mechanism, message(mechanism, BOB, good))
                assert (ok in said, asked) == (True, []), said
                for name, token in bad.items():
                    said, asked = await asyncio.to_thread(way, app, mechanism, message(mechanism, BOB, token))
                    assert refused in said, (name, said)
                    if way is not pop3:
                        assert json.loads(asked[0])["status"] in ("invalid_token", "400", "401"), asked

    with web_issuer([rsa("one"), ec("two")]) as url:
        asyncio.run(main(url))
    assert "eyJ" not in caplog.text


def test_an_issuer_that_is_down_is_a_temporary_failure(tmp_path: Path) -> None:
    with web_issuer([rsa("one")]) as url:
        pass  # and gone again
    token = Issuer(clock=FakeClock(SystemClock().now())).token(iss=url, email=BOB)

    async def main() -> None:
        settings = OAuthSettings(issuer=url, audience=("mail",), allow_plain_http=True)
        async with running(App(msgspec.structs.replace(config(tmp_path), oauth=settings))) as app:
            await app.directory.add_domain("example.test")
            await app.directory.add_person(BOB, "secret")
            for way, (_, _, later) in WAYS.items():
                said, _ = await asyncio.to_thread(way, app, "XOAUTH2", message("XOAUTH2", BOB, token))
                assert later in said, said

    asyncio.run(main())
