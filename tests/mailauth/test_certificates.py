"""Names in certificates, and who may have issued them."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from tests.mailauth.authority import NOW, Issued, issue

from postroom.mailauth.certificates import (
    has_name,
    is_current,
    is_for_servers,
    is_issuer,
    is_signed_by,
    name_matches,
    names_of,
    public_key_info,
    read_certificate,
)

ROOT = issue("Root", ca=True)
KEYS: dict[str, Callable[[], Any]] = {
    "ec": lambda: None,
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("mx.b.test", "MX.b.test.", True),
        ("*.b.test", "mx.b.test", True),
        ("*.B.test", "mx.b.test", True),
        ("*.b.test", "b.test", False),
        ("*.b.test", "a.mx.b.test", False),
        ("mx*.b.test", "mx1.b.test", False),
        ("*mx.b.test", "amx.b.test", False),
        ("*.*.test", "mx.b.test", False),
        ("*", "test", False),
        ("", "", False),
        ("mx.b.test", "mx.b.testing", False),
    ],
)
def test_matching(pattern: str, name: str, matches: bool) -> None:
    assert name_matches(pattern, name) == matches


def test_the_common_name_counts_only_without_other_names() -> None:
    assert names_of(issue("mx.b.test", dns=("Other.test",)).certificate) == ("other.test",)
    plain = issue("MX.b.test", dns=()).certificate
    assert names_of(plain) == ("mx.b.test",)
    assert has_name(plain, ["x.test", "mx.b.test"])
    assert not has_name(plain, ["x.test"])


def test_what_is_no_certificate() -> None:
    assert read_certificate(b"") is None
    assert read_certificate(b"\x30\x03\x02\x01\x01") is None
    assert read_certificate(issue("mx.b.test").der) is not None


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_the_key_info_is_found_where_it_is(kind: str) -> None:
    one = issue("mx.b.test", key=KEYS[kind]())
    assert public_key_info(one.der) == one.spki


def test_the_key_info_is_not_written_again() -> None:
    """A key in a form that nobody would write: its octets count, not its meaning."""
    one = issue("mx.b.test", key=KEYS["rsa"]())
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    strange = one.der.replace(algorithm, bytes.fromhex("300d06092a864886f70d0101014500"))  # no NULL
    assert public_key_info(strange) == one.spki.replace(algorithm[-2:], b"\x45\x00", 1)


@pytest.mark.parametrize("cut", [0, 1, 2, 4, 10, 100, 200])
def test_what_has_no_key_info(cut: int) -> None:
    der = issue("mx.b.test").der
    assert public_key_info(der[:cut]) is None
    assert public_key_info(b"\x30\x84\xff\xff\xff\xff" + der) is None
    assert public_key_info(b"\x30\x80" + der) is None


def test_strange_certificates_are_unreadable_and_no_more() -> None:
    """Found by changing octets: versions and doubled extensions have exceptions of their own in the library."""
    chance = random.Random(7)
    leaf = issue("mx.b.test", ROOT)
    for _ in range(2000):
        der = bytearray(leaf.der)
        for _ in range(chance.choice((1, 1, 3))):
            at = chance.randrange(len(der))
            der[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        public_key_info(bytes(der))
        certificate = read_certificate(bytes(der))
        if certificate is not None:
            is_for_servers(certificate)
            is_issuer(ROOT.certificate, certificate, 0, names_of(certificate))
            is_issuer(certificate, leaf.certificate, 0, [])
            is_signed_by(certificate, ROOT.spki)


def test_versions_and_doubled_extensions() -> None:
    der = issue("mx.b.test").der
    assert read_certificate(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x42", 1)) is None
    assert read_certificate(der.replace(b"\x55\x1d\x23", b"\x55\x1d\x0e")) is None


def test_dates() -> None:
    one = issue("mx.b.test", days=(-1, 1)).certificate
    assert [is_current(one, NOW + days * 86_400) for days in (-1.01, -1, 0, 1, 1.01)] == [
        False,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("extensions", "allowed"),
    [
        ((), True),
        (((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),), True),
        (((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),), False),
        (((UNKNOWN, False),), True),
        (((UNKNOWN, True),), False),
    ],
)
def test_use_by_servers(extensions: tuple[tuple[x509.ExtensionType, bool], ...], allowed: bool) -> None:
    assert is_for_servers(issue("mx.b.test", extensions=extensions).certificate) == allowed


def _subtrees(permitted: list[str] | None, excluded: list[str] | None) -> x509.NameConstraints:
    def make(names: list[str] | None) -> list[x509.GeneralName] | None:
        return [x509.DNSName(name) for name in names] if names else None

    return x509.NameConstraints(make(permitted), make(excluded))


@pytest.mark.parametrize(
    ("authority", "below", "allowed"),
    [
        (lambda: issue("Root", ca=True), 0, True),
        (lambda: issue("Root", ca=False), 0, False),
        (lambda: issue("Root", ca=True, path_length=1), 1, True),
        (lambda: issue("Root", ca=True, path_length=1), 2, False),
        (lambda: issue("Root", ca=True, extensions=((UNKNOWN, True),)), 0, False),
        (lambda: issue("Root", ca=True, extensions=((_subtrees(["b.test"], None), True),)), 0, True),
        (lambda: issue("Root", ca=True, extensions=((_subtrees(["c.test"], None), True),)), 0, False),
        (lambda: issue("Root", ca=True, extensions=((_subtrees(None, ["mx.b.test"]), True),)), 0, False),
    ],
)
def test_who_may_issue(authority: Callable[[], Issued], below: int, allowed: bool) -> None:
    root = authority()
    leaf = issue("mx.b.test", root)
    assert is_issuer(root.certificate, leaf.certificate, below, ["mx.b.test"]) == allowed


def test_a_name_alone_does_not_make_an_issuer() -> None:
    leaf = issue("mx.b.test", issue("Root", ca=True))
    impostor = issue("Root", ca=True)
    assert not is_issuer(impostor.certificate, leaf.certificate, 0, [])


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_signed_by_a_bare_key(kind: str) -> None:
    root = issue("Root", ca=True, key=KEYS[kind]())
    leaf = issue("mx.b.test", root)
    assert is_signed_by(leaf.certificate, root.spki)
    assert not is_signed_by(leaf.certificate, issue("Root", ca=True).spki)
    assert not is_signed_by(leaf.certificate, b"junk")
