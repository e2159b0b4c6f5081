"""Which context a handshake is made with."""

import ssl
from pathlib import Path

import pytest
from tests.mailauth.authority import issue

from postroom.delivery import ClientContexts, OutboundTls, OutboundTlsSettings
from postroom.delivery.dane_lookup import DaneRecords
from postroom.delivery.routes import Relay
from postroom.delivery.tls_demand import OPPORTUNISTIC, TlsDemand
from postroom.dns import StaticResolver

DIRECT = Relay((), 25, "opportunistic")


def test_contexts(tmp_path: Path) -> None:
    (authorities, _) = issue("Root", ca=True).write(tmp_path)
    tls = OutboundTls(StaticResolver(), OutboundTlsSettings(authorities=str(authorities)))
    verified = Relay((), 25, "starttls", verify=True)
    anybody = tls.context(DIRECT, OPPORTUNISTIC)
    assert (anybody.verify_mode, anybody.check_hostname) == (ssl.CERT_NONE, False)
    assert tls.context(verified, TlsDemand("starttls", dane=DaneRecords((), ("x",)))) is anybody
    trusted = tls.context(DIRECT, TlsDemand("starttls", names=("mx.b.test",)))
    assert (trusted.verify_mode, trusted.check_hostname) == (ssl.CERT_REQUIRED, False)
    named = tls.context(verified, TlsDemand("starttls"))
    assert (named.verify_mode, named.check_hostname) == (ssl.CERT_REQUIRED, True)
    for context in (trusted, named):
        assert context.cert_store_stats()["x509_ca"] == 1


def test_a_missing_file_of_authorities_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        ClientContexts(str(tmp_path / "none.pem"))
