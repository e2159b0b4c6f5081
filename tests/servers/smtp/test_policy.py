"""Who may sign in where."""

from dataclasses import dataclass
from typing import cast

import pytest

from postroom.net import Connection, TlsInfo
from postroom.servers.smtp import LMTP, RELAY, SUBMISSION
from postroom.smtp import SmtpSettings


@dataclass
class Peer:
    peer: tuple[str, int]
    tls: TlsInfo | None


LOOPBACK, AWAY = "127.0.0.1", "192.0.2.1"
TLS = TlsInfo("TLSv1.3", "x", 256)


@pytest.mark.parametrize(
    ("address", "tls", "allowed", "expected"),
    [
        (AWAY, TLS, False, True),
        (AWAY, None, False, False),
        (AWAY, None, True, False),
        (LOOPBACK, None, False, False),
        (LOOPBACK, None, True, True),
        ("::1", None, True, True),
        ("unix", None, True, True),
    ],
)
def test_passwords_cross_no_network_in_the_clear(
    address: str, tls: TlsInfo | None, allowed: bool, expected: bool
) -> None:
    connection = cast(Connection, Peer((address, 1), tls))
    settings = SmtpSettings(allow_plaintext_auth_on_loopback=allowed)
    assert SUBMISSION.may_sign_in(connection, settings) is expected
    assert not RELAY.may_sign_in(connection, settings)
    assert not LMTP.may_sign_in(connection, settings)
