"""The messages and keys that dkimpy's own tests carry: what it expects of each, we find too."""

import base64
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.interop.packages import DKIMPY_FOLDER
from tests.mailauth.dkim.test_against_dkimpy import FORMS, signed_there, verified_there
from tests.mailauth.dkim.verifying import NOW, signed, verdicts, words

from postroom.mailauth.dkim import SigningKey

pytestmark = pytest.mark.interop

_DATA = DKIMPY_FOLDER / "dkim" / "tests" / "data"
_DOMAIN = "example.com"


def data(name: str) -> bytes:
    if not _DATA.exists():
        pytest.skip("dkimpy's source is not here; `make interop` fetches it")
    return (_DATA / name).read_bytes()


def message(name: str) -> bytes:
    return data(name).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def record(name: str) -> bytes:
    return data(name).strip()


def gmail() -> bytes:
    """A key that stands in the text of its tests."""
    text = (Path(_DATA).parent / "test_dkim.py").read_text()
    found = re.search(r"'20120113\._domainkey\.gmail\.com\.': \"\"\"(.*?)\"\"\"", text, re.DOTALL)
    assert found is not None
    return found[1].replace("\\\n", "").encode()


def private(name: str) -> RSAPrivateKey:
    key = load_pem_private_key(data(name), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def test_messages_of_third_parties() -> None:
    """Exim's first Ed25519, and folding that is ugly but legal (Debian bug 711751)."""
    assert words(message("ed25519test2.msg"), {"sed._domainkey.test.ex": record("eximtest.dns")}) == ["pass"]
    assert words(message("test2.message"), {"20120113._domainkey.gmail.com": gmail()}) == ["pass"]


def test_messages_signed_before() -> None:
    records = {
        "test._domainkey.football.example.com": record("test.txt"),
        "brisbane._domainkey.football.example.com": (
            b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        ),
    }
    assert words(message("rfc6376.signed.msg"), records) == ["pass", "pass"]
    assert words(message("rfc6376.signed.rsa.msg"), records) == ["pass"]
    assert words(message("rfc6376.signed.no_t.msg"), records) == ["fail"]
    assert words(message("rfc6376.w1258.msg"), records) == []
    (bad,) = verdicts(message("test.message.baddomain"), records)
    assert (bad.result.value, "not a domain name" in bad.words) == ("permerror", True)


@pytest.mark.parametrize(
    ("key", "published"),
    [
        ("1024_testkey.key", "1024_testkey_wo_markers.pub.txt"),
        ("1024_testkey.key", "1024_testkey_wo_markers.pub.rsa.txt"),
        ("2048_testkey.key", "2048_testkey_wo_markers.pub.txt"),
        ("2048_testkey.key", "2048_testkey_wo_markers.pub.rsa.txt"),
        ("2048_testkey_PKCS8.key", "2048_testkey_PKCS8.key.pub.txt"),
        ("test.private", "test.txt"),
        ("test.private", "test2.txt"),
    ],
)
def test_keys_in_both_forms(key: str, published: str) -> None:
    signing = SigningKey(_DOMAIN, "test", private(key))
    records = {signing.record_name: record(published)}
    for name in ("test.message", "rfc6376.msg", "rfc6376.w1258.msg", "test_nofrom.message"):
        ours = signed(message(name), [signing], now=NOW)
        assert words(ours, records) == ["pass"]
    for form in FORMS:
        theirs = signed_there(message("test.message"), signing, form)
        assert words(theirs, records, now=2e9) == ["pass"]
        assert words(theirs + b"foo\r\n", records, now=2e9) == ["fail"]


@pytest.mark.parametrize("published", ["badk.txt", "badversion.txt", "test_bad.txt", "test_tlsrpt.txt"])
def test_records_that_are_wrong(published: str) -> None:
    signing = SigningKey(_DOMAIN, "test", private("test.private"))
    ours = signed(message("test.message"), [signing])
    assert words(ours, {signing.record_name: record(published)}) == ["permerror"]


def test_a_message_that_was_on_its_way_for_long() -> None:
    """message.mbox: many Received, and a signature whose key is not here."""
    signing = SigningKey(_DOMAIN, "test", private("test.private"))
    records = {signing.record_name: record("test.txt")}
    ours = signed(message("message.mbox"), [signing])
    assert words(ours, records) == ["pass", "permerror"]
    assert verified_there(ours, records) == [True, False]


def test_ed25519() -> None:
    signing = SigningKey(
        "example.net", "test", Ed25519PrivateKey.from_private_bytes(base64.b64decode(data("ed25519test.key")))
    )
    records = {signing.record_name: b"v=DKIM1; " + record("ed25519test.dns")}
    for form in FORMS:
        theirs = signed_there(message("ed25519test.msg"), signing, form)
        assert words(theirs, records, now=2e9) == ["pass"]
    ours = signed(message("ed25519test.msg"), [signing])
    assert verified_there(ours, records) == [True]
