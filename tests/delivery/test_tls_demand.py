"""What meets a demand."""

import ssl

import pytest
from tests.mailauth.authority import NOW, issue

from postroom.delivery.dane_lookup import DaneRecords
from postroom.delivery.tls_demand import OPPORTUNISTIC, TlsDemand, handshake_failure
from postroom.mailauth import ResultType, Tlsa, tlsa_for

LEAF = issue("mx.b.test")
NAMED = TlsDemand("starttls", "MTA-STS (enforce)", names=("mx.b.test",))
BY_DANE = TlsDemand("starttls", "DANE", dane=DaneRecords((tlsa_for(LEAF.certificate),), ("base.test", "b.test")))


@pytest.mark.parametrize(
    ("demand", "chain", "failure"),
    [
        (OPPORTUNISTIC, [], None),
        (NAMED, [LEAF.der], None),
        (NAMED, [], ResultType.VALIDATION_FAILURE),
        (NAMED, [b"junk"], ResultType.VALIDATION_FAILURE),
        (NAMED, [issue("mx.c.test").der], ResultType.CERTIFICATE_HOST_MISMATCH),
        (BY_DANE, [LEAF.der], None),
        (BY_DANE, [issue("mx.b.test").der], ResultType.VALIDATION_FAILURE),
    ],
)
def test_certificates(demand: TlsDemand, chain: list[bytes], failure: ResultType | None) -> None:
    assert demand.check(chain, NOW).failure is failure


def test_what_is_strict_and_what_authenticates() -> None:
    unusable = TlsDemand("starttls", "DANE", dane=DaneRecords((Tlsa(0, 0, 1, bytes(32)),), ("mx.b.test",)))
    soft = TlsDemand("starttls", "MTA-STS (testing)", names=("mx.b.test",), soft=True)
    demands = (OPPORTUNISTIC, TlsDemand("starttls"), NAMED, BY_DANE, unusable, soft)
    assert [demand.strict for demand in demands] == [False, True, True, True, True, False]
    assert [demand.authenticates for demand in demands] == [False, False, True, True, False, True]
    assert BY_DANE.server_name == "base.test"
    assert NAMED.server_name == ""


def test_which_connections_may_be_shared() -> None:
    assert OPPORTUNISTIC.met_by(BY_DANE)
    assert BY_DANE.met_by(BY_DANE)
    assert not BY_DANE.met_by(OPPORTUNISTIC)
    assert not BY_DANE.met_by(NAMED)


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (10, ResultType.CERTIFICATE_EXPIRED),
        (62, ResultType.CERTIFICATE_HOST_MISMATCH),
        (20, ResultType.CERTIFICATE_NOT_TRUSTED),
        (None, ResultType.VALIDATION_FAILURE),
    ],
)
def test_failures_of_a_handshake(code: int | None, failure: ResultType) -> None:
    error = RuntimeError("TLS failed")
    if code is None:
        error.__cause__ = ssl.SSLError("no shared cipher")
    else:
        error.__cause__ = ssl.SSLCertVerificationError("no")
        error.__cause__.verify_code = code
    assert handshake_failure(error) is failure
