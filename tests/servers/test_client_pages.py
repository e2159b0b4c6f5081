"""Mail programs ask for their settings: through the whole server over HTTPS, and page by page."""

import asyncio
import ssl
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.servers.test_client_settings import HOSTILE, request

from postroom.app import App, running
from postroom.config import Config, ListenSettings
from postroom.net import HttpMessage, NetSettings, client_context
from postroom.servers.client_pages import MAX_BODY_OCTETS, ClientPages
from postroom.servers.client_settings import ClientService

CONFIG, WELL_KNOWN = "/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"
DISCOVER = "/autodiscover/autodiscover.xml"
FREE = ("127.0.0.1:0",)


class Domains:
    async def is_local_domain(self, domain: str) -> bool:
        return domain == "example.org"


PAGES = ClientPages("mail.example.org", Domains(), (ClientService("imaps", 993),))


def status(answer: bytes | None) -> int:
    return 0 if answer is None else int(answer.split(b" ", 2)[1])


def ask(
    target: str,
    host: str = "autoconfig.example.org",
    method: str = "GET",
    body: bytes = b"",
    pages: ClientPages = PAGES,
) -> bytes | None:
    message = HttpMessage(method=method, target=target, fields={"host": host}, body=body)
    return asyncio.run(pages.answer(message))


@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        (CONFIG, "autoconfig.example.org", 200),
        (WELL_KNOWN, "example.org", 200),
        (WELL_KNOWN, "Example.ORG.:443", 200),
        (f"{CONFIG}?emailaddress=bob%40example.org", "autoconfig.other.test", 200),
        (f"{CONFIG}?emailaddress=bob@EXAMPLE.org", "mail.example.org", 200),
        (f"{CONFIG}?emailaddress=%20bob@example.org", "mail.example.org", 200),
        (f"{CONFIG}?emailaddress=bob@other.test", "autoconfig.example.org", 404),
        (f"{CONFIG}?emailaddress=example.org", "autoconfig.example.org", 404),
        (f"{CONFIG}?emailaddress=%00@example.org", "autoconfig.example.org", 404),
        (f"{CONFIG}?emailaddress=" + "x" * 400 + "@example.org", "autoconfig.example.org", 404),
        (f"{CONFIG}?" + "a=b&" * 500, "autoconfig.example.org", 400),
        (CONFIG, "autoconfig.other.test", 404),
        (CONFIG, "", 404),
        ("/mail/", "autoconfig.example.org", 0),
        ("http://[/mail/config-v1.1.xml", "autoconfig.example.org", 0),
    ],
)
def test_autoconfig_is_for_domains_here(target: str, host: str, expected: int) -> None:
    assert status(ask(target, host)) == expected


def test_ways_to_sign_in_are_those_of_now() -> None:
    offered = ["PLAIN"]
    pages = ClientPages("mail.example.org", Domains(), (ClientService("imaps", 993),), lambda: offered)
    assert b"OAuth2" not in (ask(CONFIG, pages=pages) or b"")
    offered.append("XOAUTH2")
    assert b"<authentication>OAuth2</authentication>" in (ask(CONFIG, pages=pages) or b"")


def test_methods() -> None:
    whole, head = ask(CONFIG), ask(CONFIG, method="HEAD")
    assert whole is not None
    assert head is not None
    assert whole.startswith(head)
    assert head.endswith(b"\r\n\r\n")
    assert status(ask(CONFIG, method="POST")) == 405
    assert status(ask(DISCOVER)) == 405


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        (DISCOVER, request("bob@example.org"), 200),
        ("/Autodiscover/Autodiscover.xml", request("nobody-we-know@example.org"), 200),
        (DISCOVER, request("bob@other.test"), 404),
        (DISCOVER, request("bob"), 400),
        (DISCOVER, request("bob&#x202E;@example.org"), 400),
        (DISCOVER, request("b" * 400 + "@example.org"), 400),
        (DISCOVER, request("bob@example.org", "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/x"), 404),
    ],
)
def test_autodiscover(target: str, body: bytes, expected: int) -> None:
    assert status(ask(target, "autodiscover.example.org", "POST", body)) == expected


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bodies_are_bad_requests(body: bytes) -> None:
    assert status(ask(DISCOVER, "mail.example.org", "POST", body)) == 400


def test_what_is_not_offered_can_not_be_found() -> None:
    nothing = ClientPages("mail.example.org", Domains(), ())
    assert status(ask(CONFIG, pages=nothing)) == 404
    assert status(ask(DISCOVER, method="POST", body=request("bob@example.org"), pages=nothing)) == 404


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT"]),
    st.sampled_from([CONFIG, WELL_KNOWN, DISCOVER, "/", "//", "*"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60),
    st.text(max_size=30),
    st.binary(max_size=100),
)
def test_no_request_is_too_strange(method: str, path: str, query: str, host: str, body: bytes) -> None:
    answer = ask(f"{path}?{query}", host, method, body)
    assert status(answer) in (0, 200, 400, 404, 405)


async def _raw(port: int, octets: bytes, context: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(octets)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


def _posted(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = (
        f"POST {DISCOVER} HTTP/1.1\r\nHost: mail.example.test\r\nContent-Type: text/xml\r\nContent-Length: {size}\r\n"
    )
    return head.encode() + b"\r\n" + body


def test_over_the_wire_with_the_real_ports(tmp_path: Path) -> None:
    """The whole server: what it tells is where it listens."""

    async def go() -> None:
        config = Config(
            hostname="mail.example.test",
            data=tmp_path / "data",
            listen=ListenSettings(
                policy_host=FREE, submissions=FREE, submission=FREE, imaps=FREE, lmtp=(f"unix:{tmp_path}/lmtp",)
            ),
            net=NetSettings(stop_timeout_seconds=2, close_timeout_seconds=1),
        )
        context = client_context(verify=False)
        async with running(App(config)) as app:
            await app.directory.add_domain("example.test")
            port = app.port("policy_host")
            get = f"GET {CONFIG}?emailaddress=bob%40example.test HTTP/1.1\r\nHost: autoconfig.example.test\r\n\r\n"
            head, _, body = (await _raw(port, get.encode(), context)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"Content-Type: text/xml" in head
            ports = [one.text for one in ElementTree.fromstring(body).iter("port")]
            assert ports == [str(app.port(name)) for name in ("imaps", "submissions", "submission")]
            answer = await _raw(port, _posted(request("bob@example.test")), context)
            assert f"<Port>{app.port('imaps')}</Port>".encode() in answer
            for hostile in HOSTILE.values():
                assert (await _raw(port, _posted(hostile), context)).startswith(b"HTTP/1.1 400 ")
            assert (await _raw(port, _posted(b"", MAX_BODY_OCTETS + 1), context)).startswith(b"HTTP/1.1 400 ")
            twice = get.encode() + _posted(request("bob@example.test"))  # one request a connection
            assert (await _raw(port, twice, context)).count(b"HTTP/1.1 ") == 1

    asyncio.run(go())
