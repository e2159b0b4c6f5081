"""ClientHellos, as OpenSSL writes them, cut at every place; and what is none."""

import contextlib
import random
import ssl

import pytest

from postroom.net.client_hello import ClientHello, read_client_hello


def hello(name: str | None, protocols: list[str], version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = version
    if protocols:
        context.set_alpn_protocols(protocols)
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", [None, "mail.example.org"])
@pytest.mark.parametrize("protocols", [[], ["acme-tls/1"], ["h2", "http/1.1"]])
def test_name_and_protocols(name: str | None, protocols: list[str], version: ssl.TLSVersion) -> None:
    assert read_client_hello(hello(name, protocols, version)) == ClientHello(name or "", tuple(protocols))


def test_until_it_is_whole_nothing_is_said() -> None:
    whole = hello("mail.example.org", ["acme-tls/1"])
    for size in range(len(whole)):
        assert read_client_hello(whole[:size]) is None
    assert read_client_hello(whole + b"more") == ClientHello("mail.example.org", ("acme-tls/1",))


def test_one_message_in_several_records() -> None:
    """RFC 8446 §5.1."""
    whole = hello("mail.example.org", ["acme-tls/1"])
    message, cut = whole[5:], b""
    for start in range(0, len(message), 50):
        piece = message[start : start + 50]
        cut += whole[:3] + len(piece).to_bytes(2, "big") + piece
    assert read_client_hello(cut) == ClientHello("mail.example.org", ("acme-tls/1",))
    assert read_client_hello(cut[:-1]) is None


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"EHLO x\r\n", b"\x15\x03\x03\x00\x02\x02\x28", b"\x80" * 40])
def test_what_is_none_says_nothing(data: bytes) -> None:
    assert read_client_hello(data) == ClientHello()


def test_broken_ones_never_raise_and_never_wait_for_ever() -> None:
    whole, chance = hello("mail.example.org", ["acme-tls/1"]), random.Random(1)
    for _ in range(3000):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        found = read_client_hello(bytes(broken))
        assert found is None or isinstance(found, ClientHello)
    assert read_client_hello(b"\x16\x03\x01\xff\xff\x01\xff\xff\xff" + bytes(16_384)) == ClientHello()
