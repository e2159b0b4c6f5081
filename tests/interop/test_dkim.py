"""DKIM with OpenDKIM and rspamd: they verify what we sign, we verify what they sign, and nobody what was changed."""

import time
from collections.abc import Iterator

import pytest
from tests.interop.dkim_peers import OpenDkim, Rspamd, rspamd
from tests.interop.signed_zones import SignedDnsServer
from tests.mailauth.dkim.verifying import ED25519, MESSAGE, RECORDS, RSA, parts, signed, verdicts

from postroom.mailauth.dkim import SigningKey

pytestmark = pytest.mark.interop

_HEADER, _BODY = parts(MESSAGE)
MESSAGES = {
    "plain": MESSAGE,
    "8-bit": "From: Jörg <j@example.org>\r\nSubject: Grüße\r\nDate: x\r\n\r\nFür alle, ünd so.\r\n".encode(),
    "folded": MESSAGE.replace(b"To be signed", b"To\r\n\tbe  \t signed\r\n   at last \t"),
    "long lines": MESSAGE.replace(b"A line.", b"word " * 180),
    "empty lines": MESSAGE + b"\r\n \t\r\n\r\n\r\n",
    "one empty line": _HEADER + b"\r\n\r\n",
    "two of a name": b"Resent-To: a@example.net\r\nReceived: a\r\nRESENT-TO: b@example.net\r\nReceived: b\r\n"
    + MESSAGE,
    "large": _HEADER + b"\r\n" + b"A  line of a large body. \r\n" * 20_000,
    "multipart": MESSAGE.replace(b"text/plain", b'multipart/mixed; boundary="-b"').replace(
        _BODY, b"---b\r\n\r\nx\r\n---b--\r\n"
    ),
    "list": b"List-Id: <l.example.org>\r\nSender: l@example.org\r\nReply-To: <l@example.org>\r\n" + MESSAGE,
}


@pytest.fixture(scope="module")
def server() -> Iterator[SignedDnsServer]:
    dns = SignedDnsServer({name: {"TXT": [record.decode()]} for name, record in RECORDS.items()}, {})
    with dns.serving():
        yield dns


@pytest.fixture(scope="module")
def opendkim(server: SignedDnsServer, tmp_path_factory: pytest.TempPathFactory) -> OpenDkim:
    return OpenDkim(tmp_path_factory.mktemp("opendkim"), server)


@pytest.fixture(scope="module")
def by_rspamd(server: SignedDnsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rspamd]:
    with rspamd(tmp_path_factory.mktemp("rspamd"), server, [RSA, ED25519]) as running:
        yield running


def changes(message: bytes) -> Iterator[bytes]:
    """The body, the author, one field more."""
    yield message + b"Changed.\r\n"
    yield message.replace(b"\r\nFrom: ", b"\r\nFrom: Another ")
    yield b"Subject: another\r\n" + message


def ours(message: bytes) -> list[str]:
    return [one.result.value for one in verdicts(message, now=time.time())]


@pytest.mark.parametrize("name", MESSAGES)
def test_opendkim_verifies_what_we_sign(name: str, opendkim: OpenDkim) -> None:
    message = signed(MESSAGES[name], now=time.time())
    assert opendkim.results(message) == ["pass", "pass"]
    for changed in changes(message):
        assert set(opendkim.results(changed)) == set(ours(changed)) == {"fail"}


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize(
    ("key", "forms"),
    [
        (RSA, ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]),
        (ED25519, ["relaxed/simple", "relaxed/relaxed"]),
    ],
    ids=["rsa", "ed25519"],
)
def test_we_verify_what_opendkim_signs(name: str, key: SigningKey, forms: list[str], opendkim: OpenDkim) -> None:
    for form in forms:
        message = opendkim.signed(MESSAGES[name], key, form)
        assert ours(message) == ["pass"], form
        for changed in changes(message):
            assert ours(changed) == ["fail"]


@pytest.mark.parametrize("form", ["simple/simple", "simple/relaxed"])
def test_what_opendkim_gets_wrong(form: str, opendkim: OpenDkim) -> None:
    """Ed25519 over a simple header: 2.11 beta 2 makes signatures that it does not verify itself, so nobody needs to."""
    message = opendkim.signed(MESSAGE, ED25519, form)
    assert opendkim.results(message) == ours(message) == ["fail"]


@pytest.mark.parametrize("name", MESSAGES)
def test_rspamd_verifies_what_we_sign(name: str, by_rspamd: Rspamd) -> None:
    message = signed(MESSAGES[name], now=time.time())
    assert by_rspamd.result(message) == "+"
    assert by_rspamd.keys(message) == {"r1", "e1"}
    for changed in changes(message):
        assert by_rspamd.result(changed) == "-"


@pytest.mark.parametrize("name", MESSAGES)
def test_we_verify_what_rspamd_signs(name: str, by_rspamd: Rspamd) -> None:
    message = by_rspamd.signed(MESSAGES[name])
    assert ours(message) == ["pass", "pass"]
    for changed in changes(message):
        assert ours(changed) == ["fail", "fail"]


def test_rspamd_refuses_a_second_to(opendkim: OpenDkim, by_rspamd: Rspamd) -> None:
    """It breaks the hash on purpose when a field occurs twice that RFC 5322 §3.6 allows once."""
    message = signed(b"To: first@example.net\r\n" + MESSAGE, now=time.time())
    assert by_rspamd.result(message) == "-"
    assert opendkim.results(message) == ours(message) == ["pass", "pass"]


def test_all_four_signatures_on_one_message(opendkim: OpenDkim, by_rspamd: Rspamd) -> None:
    message = by_rspamd.signed(signed(MESSAGE, now=time.time()))
    assert opendkim.results(message) == ["pass"] * 4
    assert by_rspamd.result(message) == "+"
    assert ours(message) == ["pass"] * 4
