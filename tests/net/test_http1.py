"""HTTP messages in every splitting, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.net.http1 import BadHttp, Message, MessageReader, request, response

OK = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\n"
FIELDS = {"content-type": "Text/Plain; charset=utf-8"}
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"


def read(
    octets: bytes, step: int = 1 << 20, *, closed: bool = True, limit: int = 100, is_request: bool = False
) -> Message:
    reader = MessageReader(max_body_octets=limit, request=is_request)
    for at in range(0, len(octets), step):
        if (message := reader.feed(octets[at : at + step])) is not None:
            return message
    assert closed
    return reader.end()


@pytest.mark.parametrize("step", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize(
    ("octets", "body"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello, and more", b"hello"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (OK + b"\r\nhello", b"hello"),
        (CHUNKED, b"hello!"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED, b"hello!"),
        (b"HTTP/1.0 200\r\n\r\n", b""),
    ],
)
def test_responses(octets: bytes, body: bytes, step: int) -> None:
    message = read(octets, step)
    assert (message.status, message.body) == (200, body)
    assert message.media_type == ("text/plain" if b"Text" in octets else "")


def test_a_status_without_a_body() -> None:
    assert read(b"HTTP/1.1 204 No Content\r\n\r\n", closed=False).status == 204


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_requests(step: int) -> None:
    message = read(b"GET /a?b HTTP/1.1\r\nHost: a.test\r\n\r\n", step, closed=False, is_request=True)
    assert (message.method, message.target, message.fields, message.body) == ("GET", "/a?b", {"host": "a.test"}, b"")
    posted = read(request("POST", "a.test", "/x", {"A": "b"}, b"octets"), step, closed=False, is_request=True)
    assert (posted.method, posted.body) == ("POST", b"octets")
    assert posted.fields == {"host": "a.test", "connection": "close", "a": "b", "content-length": "6"}


def test_a_response_is_read_back() -> None:
    message = read(response(404, "Not Found", {"Content-Type": "text/plain"}, b"no"), closed=False)
    assert (message.status, message.body, message.media_type) == (404, b"no", "text/plain")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"220 mail.test ESMTP\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 20_000,
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 20_000,
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_what_is_no_response(octets: bytes, step: int) -> None:
    with pytest.raises(BadHttp):
        read(octets, step)


@given(st.binary(max_size=300), st.booleans())
def test_nothing_but_bad_http_is_raised(octets: bytes, is_request: bool) -> None:
    for prefix in (b"", OK + b"\r\n", CHUNKED[:-30]):
        try:
            read(prefix + octets, is_request=is_request)
        except BadHttp:
            pass


def test_the_answer_to_head_has_no_body() -> None:
    """RFC 9110 §9.3.2; §8.6: its length is that which GET would have had."""
    whole = response(200, "OK", {}, b"hello")
    assert response(200, "OK", {}, b"hello", head=True) == whole.removesuffix(b"hello")
