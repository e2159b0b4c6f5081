"""Received and Return-Path."""

import pytest

from postroom.accounts import Person
from postroom.intake import Source
from postroom.intake.trace import (
    TraceWriter,
    cipher_suite,
    count_received,
    delivered_to,
    has_been_at,
    in_quarantine,
    protocol_name,
    quarantine,
    return_path,
)
from postroom.net import TlsInfo

TLS = TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
BOB = Person(1, "bob@foo.com", None, None)


@pytest.mark.parametrize(
    ("source", "utf8", "name"),
    [
        (Source("x", "::1", extended=False), False, "SMTP"),
        (Source("x", "::1"), False, "ESMTP"),
        (Source("x", "::1", tls=TLS), False, "ESMTPS"),
        (Source("x", "::1", person=BOB), False, "ESMTPA"),
        (Source("x", "::1", tls=TLS, person=BOB), False, "ESMTPSA"),
        (Source("x", "unix", lmtp=True), False, "LMTP"),
        (Source("x", "unix", lmtp=True, tls=TLS), False, "LMTPS"),
        (Source("x", "::1"), True, "UTF8SMTP"),
        (Source("x", "::1", tls=TLS, person=BOB), True, "UTF8SMTPSA"),
        (Source("x", "unix", lmtp=True), True, "UTF8LMTP"),
    ],
)
def test_protocol_names(source: Source, utf8: bool, name: str) -> None:
    assert protocol_name(source, utf8) == name


def writer(source: Source, *, show_address: bool = True) -> TraceWriter:
    return TraceWriter(
        source,
        hostname="foo.com",
        trace_id="m1",
        now=1_700_000_000,
        mail_from="a@bar.com",
        smtputf8=False,
        show_address=show_address,
    )


def test_the_lines_of_a_final_delivery() -> None:
    assert writer(Source("bar.com", "2001:db8::1", tls=TLS)).final("bob@foo.com") == (
        b"Return-Path: <a@bar.com>\r\n"
        b"Received: from bar.com ([IPv6:2001:db8::1])\r\n"
        b"\tby foo.com (Postroom) with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384 256 bits)\r\n"
        b"\tid m1\r\n"
        b"\tfor <bob@foo.com>\r\n"
        b"\ttls TLS_AES_256_GCM_SHA384;\r\n"
        b"\tTue, 14 Nov 2023 22:13:20 +0000\r\n"
    )


def test_a_priority_is_named() -> None:
    trace = TraceWriter(
        Source("bar.com", "unix"), hostname="foo.com", trace_id="m1", now=0.0, mail_from="", smtputf8=False, priority=-2
    )
    assert b"\r\n\tid m1\r\n\tPRIORITY -2;\r\n" in trace.received(None)


def test_nobody_is_named_where_several_would_read_it() -> None:
    assert b"for <" not in writer(Source("bar.com", "192.0.2.1")).received(None)


def test_postmaster_alone_is_no_path() -> None:
    assert b"for" not in writer(Source("bar.com", "192.0.2.1")).received("Postmaster")


@pytest.mark.parametrize(
    ("cipher", "registered"),
    [
        ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
        ("ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        ("ECDHE-RSA-AES128-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
        ("DHE-RSA-AES256-SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
        ("AES128-GCM-SHA256", None),
        ("", None),
    ],
)
def test_cipher_suites_by_their_registered_names(cipher: str, registered: str | None) -> None:
    assert cipher_suite(TlsInfo("TLSv1.2", cipher, 128)) == registered


def test_local_sockets_and_hidden_addresses() -> None:
    assert b"from x (local socket)\r\n" in writer(Source("x", "unix", lmtp=True)).received(None)
    hidden = writer(Source("[192.0.2.7]", "192.0.2.7", person=BOB), show_address=False).received(None)
    assert b"(signed in)" in hidden


def test_return_path_and_counting() -> None:
    assert return_path("") == b"Return-Path: <>\r\n"
    header = b"Received: a\r\n\tb\r\nreceived : c\r\nX-Received: d\r\nSubject: x\r\n Received: y\r\nRECEIVED:z\r\n\r\n"
    assert count_received(header) == 3


@pytest.mark.parametrize(
    ("header", "been"),
    [
        (b"Delivered-To: bob@foo.com\r\n", True),
        (b"delivered-to :\r\n\t<Bob@FOO.com> \r\n", True),
        (b"Delivered-To: bob@foo.com.example\r\n", False),
        (b"X-Delivered-To: bob@foo.com\r\n", False),
        (b"Delivered-To: \xff@foo.com\r\nDelivered-To:\r\n", False),
    ],
)
def test_where_a_message_has_been(header: bytes, been: bool) -> None:
    assert has_been_at(b"Subject: x\r\n" + header + b"To: bob@foo.com\r\n\r\n", "bob@foo.com") is been
    assert has_been_at(delivered_to("jörg@foo.com"), "Jörg@foo.com")


def test_findings_stand_above_received() -> None:
    trace = TraceWriter(
        Source("x", "::1"),
        hostname="foo.com",
        trace_id="m1",
        now=0,
        mail_from="",
        smtputf8=False,
        findings=b"Authentication-Results: foo.com; none\r\n",
    )
    assert trace.received(None).startswith(b"Authentication-Results: foo.com; none\r\nReceived: from x")
    assert trace.final("a@foo.com").startswith(
        b"Return-Path: <>\r\nAuthentication-Results: foo.com; none\r\nReceived: "
    )


def test_what_the_queue_brings_later_is_still_known_as_quarantined() -> None:
    mark = quarantine("nothing shows that b\xfccher.example\r\n sent it")
    assert in_quarantine(mark + b"Received: x\r\n\r\n")
    assert mark.count(b"\n") == 1
    assert not in_quarantine(b"Subject: Postroom-Quarantine: x\r\nX-Postroom-Quarantine: x\r\n\r\n")
