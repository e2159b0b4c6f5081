"""URLs of LDAP servers."""

import pytest

from postroom.directories.ldap_places import BadPlace, LdapPlace, ldap_place


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("ldap://ldap.example.org", LdapPlace("ldap.example.org", 389, False)),
        ("ldaps://LDAP.example.org/", LdapPlace("ldap.example.org", 636, True)),
        ("ldap://[2001:db8::1]:1389", LdapPlace("2001:db8::1", 1389, False)),
    ],
)
def test_good_ones(url: str, place: LdapPlace) -> None:
    assert ldap_place(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ldap.example.org",
        "http://ldap.example.org",
        "ldap://",
        "ldap://a b",
        "ldap://a.test/dc=test",
        "ldap://a.test?x",
        "ldap://u@a.test",
        "ldap://a.test:0x1",
        "ldap://[fe80::1%25eth0]",
    ],
)
def test_bad_ones(url: str) -> None:
    with pytest.raises(BadPlace):
        ldap_place(url)


def test_where_nobody_can_listen() -> None:
    assert [ldap_place(f"ldap://{host}").is_loopback for host in ("127.0.0.2", "[::1]", "localhost", "a.test")] == [
        True,
        True,
        True,
        False,
    ]
