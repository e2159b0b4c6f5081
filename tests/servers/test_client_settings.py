"""The documents by which mail programs find their servers, and the request for one of them."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.servers.client_settings import (
    RESPONSE_SCHEMA,
    AutodiscoverRequest,
    BadAutodiscover,
    ClientService,
    authentications,
    autoconfig,
    autodiscover,
    offered,
    read_autodiscover,
)

REQUEST_SCHEMA = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
SERVICES = (
    ClientService("submissions", 465),
    ClientService("submission", 587),
    ClientService("imaps", 993),
    ClientService("imap", 143),
)
NASTY = "a&b<c>\"d'.test"


def request(address: str, schema: str = RESPONSE_SCHEMA) -> bytes:
    """As Outlook writes it."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\r\n<Autodiscover xmlns="{REQUEST_SCHEMA}"><Request>'
        f"<EMailAddress>{address}</EMailAddress>"
        f"<AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"
    ).encode()


def test_what_listeners_offer() -> None:
    found = offered(
        [
            ("smtp", ["0.0.0.0:25"]),
            ("lmtp", ["/run/lmtp.sock"]),  # as a bound Unix socket is written
            ("imap", ["127.0.0.1:143", "0.0.0.0:1143", "[::]:2143"]),  # loopback is for nobody else
            ("pop3s", ["127.0.0.1:2995"]),  # … unless it is all there is
            ("imaps", []),
            ("submissions", ["[::]:465"]),
            ("submissions", ["0.0.0.0:4465"]),
        ]
    )
    assert found == (ClientService("submissions", 465), ClientService("imap", 1143), ClientService("pop3s", 2995))
    assert [(one.protocol, one.tls_from_the_start) for one in found] == [
        ("smtp", True),
        ("imap", False),
        ("pop3", True),
    ]


def test_autoconfig() -> None:
    root = ElementTree.fromstring(autoconfig("example.org", "mail.example.org", SERVICES))
    assert (root.tag, root.get("version")) == ("clientConfig", "1.1")
    provider = root[0]
    assert (provider.get("id"), provider.findtext("domain")) == ("example.org", "example.org")
    servers = [
        (one.tag, one.get("type"), one.findtext("hostname"), one.findtext("port"), one.findtext("socketType"))
        for one in provider
        if one.tag.endswith("Server")
    ]
    assert servers == [
        ("incomingServer", "imap", "mail.example.org", "993", "SSL"),
        ("incomingServer", "imap", "mail.example.org", "143", "STARTTLS"),
        ("outgoingServer", "smtp", "mail.example.org", "465", "SSL"),
        ("outgoingServer", "smtp", "mail.example.org", "587", "STARTTLS"),
    ]
    assert {one.text for one in provider.iter("username")} == {"%EMAILADDRESS%"}
    assert {one.text for one in provider.iter("authentication")} == {"password-cleartext"}


@pytest.mark.parametrize(
    ("mechanisms", "ways"),
    [
        (("SCRAM-SHA-256", "PLAIN", "LOGIN"), ("password-cleartext",)),
        (("OAUTHBEARER", "XOAUTH2", "PLAIN"), ("password-cleartext", "OAuth2")),
        (("SCRAM-SHA-256", "XOAUTH2"), ("password-encrypted", "OAuth2")),
        (("OAUTHBEARER",), ("OAuth2",)),
    ],
)
def test_how_people_sign_in_is_told(mechanisms: tuple[str, ...], ways: tuple[str, ...]) -> None:
    assert authentications(mechanisms) == ways
    root = ElementTree.fromstring(autoconfig("example.org", "h", SERVICES, ways))
    for server in ("incomingServer", "outgoingServer"):
        assert tuple(one.text for one in root[0].findall(f"{server}[1]/authentication")) == ways


def test_autodiscover() -> None:
    root = ElementTree.fromstring(autodiscover("bob@example.org", "mail.example.org", SERVICES))
    space = {"r": RESPONSE_SCHEMA}
    assert root.findtext("r:Response/r:Account/r:Action", namespaces=space) == "settings"
    protocols = [
        [one.findtext(f"r:{name}", namespaces=space) for name in ("Type", "Server", "Port", "SSL", "Encryption")]
        for one in root.iterfind("r:Response/r:Account/r:Protocol", space)
    ]
    assert protocols == [
        ["IMAP", "mail.example.org", "993", "on", "SSL"],
        ["IMAP", "mail.example.org", "143", "on", "TLS"],
        ["SMTP", "mail.example.org", "465", "on", "SSL"],
        ["SMTP", "mail.example.org", "587", "on", "TLS"],
    ]
    assert {one.text for one in root.iter(f"{{{RESPONSE_SCHEMA}}}LoginName")} == {"bob@example.org"}


def test_names_are_escaped() -> None:
    provider = ElementTree.fromstring(autoconfig(NASTY.replace('"', ""), NASTY, SERVICES))[0]
    assert provider.findtext("incomingServer/hostname") == NASTY
    assert provider.findtext("domain") == NASTY.replace('"', "")
    quoted = ElementTree.fromstring(autoconfig(NASTY, "h", SERVICES))[0]
    assert (quoted.get("id"), quoted.findtext("displayName")) == (NASTY, NASTY)
    root = ElementTree.fromstring(autodiscover(f"bob@{NASTY}", NASTY, SERVICES))
    assert root.find(f".//{{{RESPONSE_SCHEMA}}}LoginName").text == f"bob@{NASTY}"  # type: ignore[union-attr]


def test_requests_are_read() -> None:
    assert read_autodiscover(request(" a&amp;b@example.org ")) == AutodiscoverRequest(
        "a&b@example.org", RESPONSE_SCHEMA
    )
    bare = b"<Autodiscover><Request><EMailAddress>b@example.org</EMailAddress></Request></Autodiscover>"
    assert read_autodiscover(bare) == AutodiscoverRequest("b@example.org", "")
    prefixed = b'<a:Autodiscover xmlns:a="urn:x"><a:EMailAddress>b@example.org</a:EMailAddress></a:Autodiscover>'
    assert read_autodiscover(prefixed).address == "b@example.org"


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (k, b"&l%d;" % (k - 1) * 10) for k in range(1, 9))
HOSTILE = {
    "empty": b"",
    "no XML": b"bob@example.org",
    "cut": request("bob@example.org")[:-20],
    "no address": request(""),
    "two addresses": request("a@b.test</EMailAddress><EMailAddress>c@d.test"),
    "laughs": b'<!DOCTYPE l [<!ENTITY l0 "ha">' + LAUGHS + b"]><a><EMailAddress>&l8;</EMailAddress></a>",
    "a file": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><EMailAddress>&x;</EMailAddress></a>',
    "a document type alone": b"<!DOCTYPE a><a><EMailAddress>b@c.test</EMailAddress></a>",
    "deep": b"<a>" * 2000,
    "long": request("x" * 5000 + "@b.test"),
    "not UTF-8": request("x@b.test").replace(b"x@b", b"\xff@b"),
    "NUL": request("x\0@b.test"),
    "an encoding nobody has": b'<?xml version="1.0" encoding="hex"?><EMailAddress/>',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_requests_are_refused(body: bytes) -> None:
    with pytest.raises(BadAutodiscover):
        read_autodiscover(body)


_PIECES = st.sampled_from(
    [b"<", b">", b"</", b"/>", b"<a>", b"</a>", b"<EMailAddress>", b"</EMailAddress>", b"b@c.test", b"<!--", b"-->"]
    + [b"<![CDATA[", b"]]>", b"&amp;", b"&x;", b"&#0;", b"<?xml version='1.0' encoding='utf-16'?>", b"\xff\xfe", b"\0"]
    + [b" xmlns='urn:x'", b" a:b='c'", b"<!DOCTYPE a>", b"<!ENTITY x 'y'>", b"\r\n"]
)


@given(st.lists(_PIECES, max_size=30).map(b"".join) | st.binary(max_size=200))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    try:
        asked = read_autodiscover(body)
    except BadAutodiscover:
        return
    assert asked.address.strip()
