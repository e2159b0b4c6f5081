"""Which macros are told when."""

from dataclasses import replace

from tests.filters.peers import CLIENT, SOURCE

from postroom.filters import Client
from postroom.filters.milter.macros import (
    AT_CONNECT,
    AT_DATA,
    AT_HELO,
    AT_MAIL,
    AT_RCPT,
    MAX_VALUE,
    of_client,
    of_recipient,
    of_source,
    told,
)
from postroom.net import TlsInfo


def test_the_client_as_far_as_it_is_known() -> None:
    known = dict(told(AT_CONNECT, of_client(CLIENT, "foo.com"), {}))
    assert known["j"] == known["{if_name}"] == "foo.com"
    assert known["_"] == "mx.bar.com [192.0.2.7]"
    assert (known["{client_addr}"], known["{client_name}"], known["{client_port}"]) == (
        "192.0.2.7",
        "mx.bar.com",
        "4711",
    )
    assert (known["{daemon_name}"], known["{client_resolve}"]) == ("smtp", "OK")
    unknown = of_client(Client("smtp", "2001:db8::1"), "foo.com")
    assert (unknown["{client_name}"], unknown["{client_resolve}"], unknown["_"]) == (
        "[2001:db8::1]",
        "FAIL",
        "[2001:db8::1]",
    )
    local = of_client(Client("lmtp", "unix"), "foo.com")
    assert (local["{client_addr}"], local["{client_name}"]) == ("", "localhost")


def test_tls_sign_in_and_sender() -> None:
    source = replace(SOURCE, user="ann@bar.com", tls=TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256))
    values = of_source(source)
    assert dict(told(AT_HELO, values, {}))["{cipher_bits}"] == "256"
    at_mail = dict(told(AT_MAIL, values, {}))
    assert at_mail["{auth_authen}"] == "ann@bar.com"
    assert at_mail["{mail_addr}"] == "ann@bar.com"
    assert "{auth_authen}" not in dict(told(AT_MAIL, of_source(SOURCE), {}))
    assert dict(told(AT_DATA, values, {})) == {"i": "m0123"}


def test_a_refused_recipient_has_a_mailer_that_says_so() -> None:
    assert dict(told(AT_RCPT, of_recipient("bob@foo.com", refused=True), {}))["{rcpt_mailer}"] == "error"
    assert dict(told(AT_RCPT, of_recipient("bob@foo.com"), {}))["{rcpt_host}"] == "foo.com"


def test_a_milter_gets_those_that_it_asks_for() -> None:
    values = of_client(CLIENT, "foo.com") | of_source(SOURCE)
    wanted = {AT_MAIL: ("j", "client_addr", "{nothing}")}
    assert told(AT_MAIL, values, wanted) == [("j", "foo.com"), ("client_addr", "192.0.2.7")]
    assert told(AT_DATA, values, wanted) == [("i", "m0123")]
    assert told(AT_MAIL, values, {AT_MAIL: ()}) == []


def test_values_are_bounded_and_of_one_line() -> None:
    ((_, value),) = told(AT_DATA, {"i": "a\r\nb" + "x" * 2000}, {})
    assert value.startswith("a??b")
    assert len(value) == MAX_VALUE
