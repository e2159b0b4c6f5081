"""Keys of addresses and domains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.accounts import BadAddress
from postroom.accounts.addresses import (
    address_key,
    checked_address,
    checked_domain,
    checked_target,
    domain_key,
    local_key,
    split,
)


@pytest.mark.parametrize(
    ("domain", "key"),
    [
        ("Example.ORG", "example.org"),
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("", None),
        ("[127.0.0.1]", None),
        ("a_b.example", None),
        ("example.org.", None),
        ("example.org\n", None),
        ("x" * 64 + ".org", None),
        (".".join(["x" * 60] * 5), None),
        ("ü" * 200, None),
        ("\ud800.org", None),
    ],
)
def test_domain_keys(domain: str, key: str | None) -> None:
    assert domain_key(domain) == key


@pytest.mark.parametrize(
    ("local", "key"),
    [("Bob", "bob"), ('"Bob Smith"', "bob smith"), ('"a\\"b"', 'a"b'), ('"', '"'), ("Jo\u0308RG", "jörg"), ("", "")],
)
def test_local_keys(local: str, key: str) -> None:
    assert local_key(local) == key


def test_split_takes_the_last_at() -> None:
    assert split("a@b@c") == ("a@b", "c")
    assert split("alone") == ("alone", "")
    assert split("@c") == ("", "c")


def test_what_may_be_kept() -> None:
    assert checked_address("Bob@Example.ORG") == "Bob@example.org"
    assert checked_address("jo\u0308rg@bücher.example") == "jörg@xn--bcher-kva.example"
    for bad in ("bob", "bob@", "@b", "a b@c", '"a b"@c', "bob@[1.2.3.4]", "bob\r\n@example.org", "bob@example.org\n"):
        with pytest.raises(BadAddress):
            checked_address(bad)
    with pytest.raises(BadAddress):
        checked_domain("no domain")


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("Bob@Example.ORG", "Bob@example.org"),
        ("lmtp:/run/App.sock", "lmtp:/run/App.sock"),
        ("LMTP:/run/app.sock", "lmtp:/run/app.sock"),
        ("lmtp:Localhost:24", "lmtp:localhost:24"),
        ("lmtp:[::1]:24", "lmtp:[::1]:24"),
        ("lmtp:run/app.sock", None),
        ("lmtp:localhost", None),
        ("lmtp:localhost:0", None),
        ("lmtp:localhost:65536", None),
        ("lmtp:/run/a\nb", None),
        ("lmtp:/" + "x" * 107, None),
        ("lmtp:", None),
    ],
)
def test_what_an_alias_may_lead_to(target: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(BadAddress):
            checked_target(target)
    else:
        assert checked_target(target) == kept


@given(st.text(), st.text())
def test_keys_are_stable_and_nothing_raises(local: str, domain: str) -> None:
    key = address_key(f"{local}@{domain}")
    if key is not None and '"' not in local and "\\" not in local:
        assert address_key(key) == key
