"""Routes as people write them, right and wrong."""

import pytest

from postroom.delivery.next_hop import (
    NextHop,
    Place,
    check_relay_name,
    check_source,
    parse_place,
    parse_route,
    route_key,
    sender_key,
)

RELAYS = {"provider": None, "bulk": None}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("relay.test", Place("relay.test")),
        ("Relay.TEST:587", Place("relay.test", 587)),
        ("bücher.test:26", Place("xn--bcher-kva.test", 26)),
        ("localhost:25", Place("localhost", 25)),
        ("192.0.2.1", Place("192.0.2.1")),
        ("192.0.2.1:2525", Place("192.0.2.1", 2525)),
        ("[192.0.2.1]:2525", Place("192.0.2.1", 2525)),
        ("2001:DB8::1", Place("2001:db8::1")),
        ("[2001:db8::1]", Place("2001:db8::1")),
        ("[2001:db8::1]:25", Place("2001:db8::1", 25)),
    ],
)
def test_a_place(text: str, place: Place) -> None:
    assert parse_place(text) == place
    assert parse_place(str(place)) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":25",
        "a b",
        "a..b",
        "relay.test:",
        "relay.test:0",
        "relay.test:65536",
        "relay.test:99999999999",
        "relay.test:٢٥",
        "relay.test:25x",
        "[relay.test]:25",
        "[]:25",
        "[::1",
        "::1]",
        "fe80::1%eth0",
        "a\r\nb.test",
        "a.test\r\n",
        "a\x00b.test:25",
        "a.test:25\r\nRCPT TO:<x@y>",
    ],
)
def test_no_place(text: str) -> None:
    with pytest.raises(ValueError):
        parse_place(text)


@pytest.mark.parametrize(
    ("value", "hop"),
    [
        ("provider", NextHop(relay="provider")),
        (("bulk",), NextHop(relay="bulk")),
        ("mx", NextHop()),
        ("mx:B.test", NextHop(mx_of="b.test")),
        ("lmtp:/run/app.sock", NextHop(lmtp="lmtp:/run/app.sock")),
        ("lmtp:App.test:24", NextHop(lmtp="lmtp:app.test:24")),
        ("a.test:26", NextHop(hosts=(Place("a.test", 26),))),
        ("a.test, b.test:27", NextHop(hosts=(Place("a.test"), Place("b.test", 27)))),
        (("a.test", "[::1]:27"), NextHop(hosts=(Place("a.test"), Place("::1", 27)))),
    ],
)
def test_a_route(value: str | tuple[str, ...], hop: NextHop) -> None:
    assert parse_route(value, RELAYS) == hop


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("provder", "there is no relay 'provder'"),
        ("", "there is no relay ''"),
        ((), "at least one host"),
        (("provider", "a.test"), None),  # a host of that name: the resolver will say
        ("lmtp:app.test", "is not a socket"),
        ("lmtp:/a\r\nb", "is not like"),
        ("lmtp:", "is not like"),
        ("mx:", "not a domain name"),
        ("mx:a\r\nb", "not a domain name"),
        ("a.test\r\nDATA", "is not like"),
        ("a.test,", "is not like"),
        ("provider\r\n", "there is no relay"),
    ],
)
def test_no_route(value: str | tuple[str, ...], words: str | None) -> None:
    if words is None:
        assert parse_route(value, RELAYS).hosts[0] == Place("provider")
        return
    with pytest.raises(ValueError, match=words):
        parse_route(value, RELAYS)


@pytest.mark.parametrize("name", ["a", "Provider-2", "bulk_mail"])
def test_names_of_relays(name: str) -> None:
    check_relay_name(name)


@pytest.mark.parametrize("name", ["", "mx", "smarthost", "local", "none", "a.b", "a:b", "2a", "a b", "a\n", "a\r\nb"])
def test_no_names_of_relays(name: str) -> None:
    with pytest.raises(ValueError):
        check_relay_name(name)


def test_keys() -> None:
    assert [route_key(text) for text in ("B.test", ".Bücher.test", "*", "[192.0.2.1]")] == [
        "b.test",
        ".xn--bcher-kva.test",
        "*",
        "[192.0.2.1]",
    ]
    assert [sender_key(text) for text in ("Alice@B.test", "b.test", ".b.test", "<>", "*")] == [
        "alice@b.test",
        "b.test",
        ".b.test",
        "<>",
        "*",
    ]
    for wrong in ("", ".", "a..b", "*.b.test", "a b", "a\r\nb"):
        with pytest.raises(ValueError):
            route_key(wrong)
    for wrong in ("@b.test", "a@.b.test", "a@*", "a@", "a@b\r\nc"):
        with pytest.raises(ValueError):
            sender_key(wrong)


def test_sources() -> None:
    for right in (("", 4), ("192.0.2.1", 4), ("2001:db8::1", 6)):
        check_source(*right)
    for wrong in (("192.0.2.1", 6), ("::1", 4), ("mail.test", 4), ("192.0.2.1\n", 4)):
        with pytest.raises(ValueError):
            check_source(*wrong)
