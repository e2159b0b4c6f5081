"""What signin is told of a connection."""

from typing import Any, cast

from postroom.net import ClientCertificate, TlsInfo
from postroom.servers.clients import client_of

SHOWN = ClientCertificate(("bob@foo.com",), "CN=Bob", "00ff")


class FakeConnection:
    peer = ("192.0.2.7", 4711)

    def __init__(self, tls: TlsInfo | None) -> None:
        self.tls = tls
        self.client_certificate = SHOWN if tls is not None else None

    def channel_binding(self) -> bytes | None:
        return b"hash" if self.tls is not None else None


def test_a_connection_is_seen_as_it_is() -> None:
    clear = client_of(cast(Any, FakeConnection(None)), "pop3")
    assert (clear.address, clear.protocol, clear.tls) == ("192.0.2.7", "pop3", False)
    assert (clear.channel_binding, clear.certificate) == (None, None)
    shown = client_of(cast(Any, FakeConnection(TlsInfo("TLSv1.3", "AES", 256))), "imap")
    assert shown.tls
    assert shown.channel_binding == b"hash"
    assert shown.certificate is SHOWN
