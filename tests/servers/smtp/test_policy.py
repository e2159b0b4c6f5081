"""Who may sign in where."""

from dataclasses import dataclass, replace
from typing import cast

import pytest

from postroom.net import Connection, Networks, TlsInfo
from postroom.servers.smtp import LMTP, RELAY, SUBMISSION, Policy
from postroom.smtp import Reply, SmtpSettings, replies


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
    assert replace(SUBMISSION, tls_needed=True).may_sign_in(connection, settings) is (tls is not None)


@pytest.mark.parametrize(
    ("policy", "tls", "expected"),
    [
        (RELAY, None, None),
        (SUBMISSION, None, replies.TLS_REQUIRED),
        (SUBMISSION, TLS, replies.AUTH_REQUIRED),
        (replace(RELAY, tls_needed=True), None, replies.TLS_REQUIRED),
        (replace(RELAY, tls_needed=True), TLS, None),
        (replace(RELAY, signs_in=True), None, None),
    ],
)
def test_what_comes_before_mail(policy: Policy, tls: TlsInfo | None, expected: Reply | None) -> None:
    assert policy.before_mail(cast(Connection, Peer((AWAY, 1), tls)), SmtpSettings()) == expected


@pytest.mark.parametrize(("address", "signed_in", "highest"), [(AWAY, False, 0), (AWAY, True, 4), (LOOPBACK, False, 9)])
def test_whose_mail_may_hurry(address: str, signed_in: bool, highest: int) -> None:
    policy = replace(RELAY, priority_networks=Networks(["127.0.0.0/8"]))
    settings = SmtpSettings(max_submitted_priority=4)
    connection = cast(Connection, Peer((address, 1), None))
    assert policy.max_priority(connection, settings, signed_in=signed_in) == highest
