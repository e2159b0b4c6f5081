"""Names that providers make from addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.reputation.names import kind_of


@pytest.mark.parametrize(
    ("name", "address", "kind"),
    [
        ("mail.example.org", "192.0.2.7", ""),
        ("mx7.example.org", "192.0.2.7", ""),
        ("mx1-2.example.org", "192.0.1.2", ""),
        ("host-192-0-2-7.example.net", "192.0.2.7", "dynamic"),
        ("192-0-2-7.example.net", "192.0.2.7", "generic"),
        ("7.2.0.192.example.net", "192.0.2.7", "generic"),
        ("ip192000002007.example.net", "192.0.2.7", "generic"),
        ("c0000207.example.net", "192.0.2.7", "generic"),
        ("070200c0.example.net", "192.0.2.7", "generic"),
        ("cpe-192-0-2-7.cable.example.net", "192.0.2.7", "dynamic"),
        ("2-7.pool.example.net", "192.0.2.7", "dynamic"),
        ("p7-2.dsl.example.net", "192.0.2.7", "dynamic"),
        ("192-0-2-7.static.example.net", "192.0.2.7", "static"),
        ("mail-192-0-2-7.example.net", "192.0.2.7", "static"),
        ("192-0-2-8.example.net", "192.0.2.7", ""),
        ("dyn.example.net", "192.0.2.7", ""),
        ("192-0-2-7.static.net", "192.0.2.7", "generic"),  # the words of the domain itself do not count
        ("2001-db8-0-0-1-2-3-4.example.net", "2001:db8::1:2:3:4", ""),
        ("20010db8000000000001000200030004.example.net", "2001:db8::1:2:3:4", "generic"),
        ("x0001000200030004.dyn.example.net", "2001:db8::1:2:3:4", "dynamic"),
        ("66-220-144-144.mail-mail.example.com", "66.220.144.144", "static"),  # as big senders have them
        ("static.27.204.38.161.clients.example.de", "161.38.204.27", "static"),
        ("m204-27.eu.example.net", "161.38.204.27", ""),
        ("a8-31.smtp-out.example.com", "54.240.8.31", ""),
        ("anything", "no address", ""),
    ],
)
def test_names(name: str, address: str, kind: str) -> None:
    assert kind_of(name, address) == kind


@given(st.text(max_size=260), st.ip_addresses())
def test_any_name_is_of_some_kind(name: str, address: object) -> None:
    assert kind_of(name, str(address)) in ("", "generic", "dynamic", "static")
