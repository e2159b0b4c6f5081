"""URLs at which an issuer may be asked."""

import pytest

from postroom.signin.tokens_places import BadPlace, Place, discovery_url, place


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://login.test", Place("login.test", 443, "/", True)),
        ("https://LOGIN.test:8443/a/b?c=d", Place("login.test", 8443, "/a/b?c=d", True)),
        ("https://192.0.2.1/x", Place("192.0.2.1", 443, "/x", True)),
        ("https://[2001:db8::1]:9/x", Place("2001:db8::1", 9, "/x", True)),
    ],
)
def test_good_places(url: str, found: Place) -> None:
    assert place(url) == found


def test_plain_http_only_where_it_is_asked_for() -> None:
    assert place("http://127.0.0.1:80/x", plain=True) == Place("127.0.0.1", 80, "/x", False)
    with pytest.raises(BadPlace, match="https"):
        place("http://127.0.0.1/x")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "login.test",
        "//login.test",
        "ftp://login.test/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://user:pw@login.test/",
        "https://login.test@evil.test/",
        "https://login.test/#x",
        "https://login.test:port/",
        "https://login.test:99999/",
        "https://login.test/a b",
        "https://login.test/\r\nX: 1",
        "https://login.test/\x7f",
        "https://bücher.test/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://-x.test/",
        "https://a.test/" + "x" * 3000,
    ],
)
def test_bad_places(url: str) -> None:
    with pytest.raises(BadPlace):
        place(url)


def test_the_configuration_is_below_the_issuer() -> None:
    assert discovery_url("https://a.test/b/") == discovery_url("https://a.test/b")
    assert discovery_url("https://a.test/b") == "https://a.test/b/.well-known/openid-configuration"
