"""A message read once, as it arrives."""

import re
import time
import tracemalloc
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message import Facts, MessageSettings, PartMap, Scanner
from postroom.message.casemap import fold
from postroom.message.header import header_values
from postroom.message.parts import PartNode
from postroom.message.structure import Kind

SETTINGS = MessageSettings()
NARROW = MessageSettings(
    max_header_octets=1024, max_part_headers_octets=1024, max_parts=4, max_nesting_depth=2, max_search_text_octets=40
)


def _facts(data: bytes, settings: MessageSettings = SETTINGS) -> Facts:
    scanner = Scanner(settings)
    scanner.feed(data)
    return scanner.finish()


def _fed(pieces: list[bytes], settings: MessageSettings = SETTINGS) -> Facts:
    """Every piece is worked on as it comes."""
    scanner = Scanner(settings, bulk=1)
    for piece in pieces:
        scanner.feed(piece)
    return scanner.finish()


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


PLAIN = _crlf(
    """\
From: Alice <alice@alice.test>
To: =?utf-8?q?B=C3=B6b?= <bob@bob.test>
Cc: c@x.test, D <d@x.test>
Bcc: e@x.test
Subject: Hello =?utf-8?q?W=C3=B6rld?=
Date: Fri, 21 Nov 1997 23:55:06 -0600
Message-ID: <1@alice.test>

The Body.
"""
)


def test_a_plain_message() -> None:
    facts = _facts(PLAIN)
    assert facts.size == len(PLAIN)
    assert facts.header == PLAIN[: PLAIN.index(b"The Body")]
    assert facts.header_len == len(facts.header)
    assert facts.body_structure == (b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 11 1 NIL NIL NIL NIL)')
    assert facts.body == b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 11 1)'
    assert facts.envelope.startswith(b'("Fri, 21 Nov 1997 23:55:06 -0600" "Hello =?utf-8?q?W=C3=B6rld?=" (("Alice"')
    assert facts.sent_day == 729349  # the day as written, whatever it is in UTC
    assert facts.message_id == "<1@alice.test>"


def test_text_for_search() -> None:
    search = _facts(PLAIN).search
    assert search.from_ == "alice <alice@alice.test>"
    assert search.to == "bo\u0308b <bob@bob.test>"
    assert search.cc == "c@x.test, d <d@x.test>"
    assert search.bcc == "e@x.test"
    assert search.subject == "hello wo\u0308rld"
    assert search.body == "the body.\n"
    assert header_values(search.headers, "subject") == [search.subject]
    assert search.complete


@pytest.mark.parametrize(
    "data", [b"", b"\r\n", b"\n", b"\r", b"a", b"a\r\n", b"Subject: x", b"\r\n\r\n", b":\r\n\r\n", b"\0"]
)
def test_scraps(data: bytes) -> None:
    facts = _facts(data)
    assert facts.size == len(data)
    assert facts.header_len + int(facts.body.split(b" ")[-2]) == len(data)


def test_a_header_without_its_blank_line() -> None:
    facts = _facts(b"Subject: x\r\n")
    assert facts.header_len == 12
    assert facts.search.subject == "x"


def test_bare_line_feeds() -> None:
    text = 'Subject: x\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\none\n--b\n\ntwo\n\n--b--\n'
    facts = _facts(text.encode())
    root = PartMap.unpack(facts.parts).root
    assert [text[part.body_start : part.body_end] for part in root.children] == ["one", "two\n"]
    assert facts.size == len(text)


NESTED = _crlf(
    """\
Subject: outer
Content-Type: multipart/mixed; boundary="b"

preamble
--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

caf=C3=A9
--b
Content-Type: message/rfc822

From: inner@x.test
Subject: forwarded
Content-Type: multipart/alternative; boundary="bb"

--bb
Content-Type: text/html

<p>some <b>HT</b>ML</p>
--bb--
epilogue inside
--b
Content-Type: application/pdf; name="plan.pdf"
Content-Disposition: attachment; filename="Pl=?utf-8?q?=C3=A4?=ne.pdf"
Content-Transfer-Encoding: base64

aGlkZGVu
--b--
epilogue
"""
)


def _bodies(data: bytes, settings: MessageSettings = SETTINGS) -> list[bytes]:
    def walk(node: PartNode) -> Iterator[bytes]:
        if node.kind is Kind.LEAF:
            yield data[node.body_start : node.body_end]
        for child in node.children:
            yield from walk(child)

    return list(walk(PartMap.unpack(_facts(data, settings).parts).root))


def test_parts() -> None:
    assert _bodies(NESTED) == [b"caf=C3=A9", b"<p>some <b>HT</b>ML</p>", b"aGlkZGVu"]


def test_text_parts_inner_headers_and_file_names_are_searched() -> None:
    body = _facts(NESTED).search.body
    assert "cafe\u0301" in body
    assert "some html" in body
    assert "subject: forwarded" in body
    assert "pla\u0308ne.pdf" in body
    assert "hidden" not in body
    assert "preamble" not in body


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        ("--b\n\none\n--b--\n--b\n\nnot a part\n", ["one"]),  # after the close delimiter all is epilogue
        ("--b\n\none\n", ["one\n"]),  # never closed
        ("--b\n\none\n--b  \t\n\ntwo\n--b--", ["one", "two"]),  # RFC 2046 §5.1.1 transport padding
        ("--b\nX: 1\n--b\n\ntwo\n--b--", ["", "two"]),  # a header cut by the delimiter
        ("--b\n\n--b--", [""]),
        ("--b", [""]),
        ("--b\n--b\n--b--\n", ["", ""]),
        ("no parts at all\n", []),
        (" --b\n\nx\n-b\n- -b\n", []),
        ("--b\n\none\n--bx\n\ntwo\n--b--", ["one", "two"]),  # as established servers: the line begins with it
    ],
)
def test_delimiters(text: str, bodies: list[str]) -> None:
    header = "Content-Type: multipart/mixed; boundary=b\n\n"
    assert _bodies(_crlf(header + text)) == [_crlf(body) for body in bodies]


def test_an_outer_delimiter_ends_inner_parts() -> None:
    text = (
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=inner\n\n"
        "--inner\n\none\n--b\n\ntwo\n--inner\n--b--\n"
    )
    assert _bodies(_crlf(text)) == [b"one", b"two\r\n--inner"]


def test_of_nested_boundaries_the_longest_wins() -> None:
    text = (
        "Content-Type: multipart/mixed; boundary=ab\n\n--ab\nContent-Type: multipart/mixed; boundary=a\n\n"
        "--a\n\none\n--ab\n\ntwo\n--ab--\n"
    )
    assert _bodies(_crlf(text)) == [b"one", b"two"]


@pytest.mark.parametrize("padding", ["", " \t", " " * 200])
def test_a_whole_line_is_a_better_delimiter_than_the_beginning_of_one(padding: str) -> None:
    """ "--b--" closes the outer multipart, though it begins with the inner delimiter "--b-" too."""
    text = (
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b-\n\n"
        f"--b-\n\none\n--b--{padding}\nepilogue\n"
    )
    assert _bodies(_crlf(text)) == [b"one"]


def test_the_line_end_of_an_inner_close_delimiter_is_its_own() -> None:
    """What established servers agree on: the message inside has two octets more than RFC 2046 read to the letter."""
    data = _crlf(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
        "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--b--\n"
    )
    message = PartMap.unpack(_facts(data).parts).root.children[0]
    assert data[message.body_start : message.body_end].endswith(b"--c--\r\n")


def test_a_digest() -> None:
    data = _crlf("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nbody\n--b--\n")
    assert b'("message" "rfc822"' in _facts(data).body
    assert _bodies(data) == [b"body"]


def test_an_empty_boundary_is_none() -> None:
    data = _crlf('Content-Type: multipart/mixed; boundary=""\n\n--\n\nx\n----\n')
    assert PartMap.unpack(_facts(data).parts).root.children == []


def test_limits() -> None:
    header = "Content-Type: multipart/mixed; boundary=b\n\n"
    assert len(_bodies(_crlf(header + "--b\n\nx\n" * 10), NARROW)) == 3  # with the message itself: four
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(5)) + "\nx\n"
    facts = _facts(_crlf(deep), NARROW)
    assert facts.body.count(b'"mixed"') == 2
    assert b'"application" "octet-stream"' in facts.body
    messages = "Content-Type: message/rfc822\n\n" * 5
    assert _facts(_crlf(messages), NARROW).body.count(b'"rfc822"') == 2


def test_a_header_over_the_limit_ends_early() -> None:
    data = b"Subject: x\r\n" + b"X-Long: yyyyyyyyyyyyyyyyyyyyyy\r\n" * 100 + b"\r\nbody\r\n"
    facts = _facts(data, NARROW)
    assert facts.header_len <= 1024
    assert facts.header == data[: facts.header_len]
    assert facts.header.endswith(b"\r\n")
    assert facts.search.subject == "x"
    assert _facts(b"y" * 5000, NARROW).header_len == 1024


def test_part_headers_have_a_limit_together() -> None:
    part = "--b\nContent-Type: text/html\n" + "X: y\n" * 150 + "\nx\n"
    body = _facts(_crlf("Content-Type: multipart/mixed; boundary=b\n\n" + part * 3), NARROW).body
    assert body.count(b'"html"') == 2  # the second is cut, but its first line fits; nothing of the third does
    assert body.count(b'"plain"') == 1


def test_search_text_has_a_limit() -> None:
    facts = _facts(b"\r\n" + b"abc " * 100, NARROW)
    assert facts.search.body == "abc " * 10
    assert not facts.search.complete
    encoded = _facts(b"Content-Transfer-Encoding: base64\r\n\r\n" + b"YWJj" * 1000, NARROW)
    assert encoded.search.body == ("abc" * 14)[:40]
    assert not encoded.search.complete
    assert _facts(b"\r\nabc", NARROW).search.complete


def test_text_that_was_cut_after_decoding_is_not_complete() -> None:
    encoded = _facts(b"Content-Transfer-Encoding: base64\r\n\r\n" + b"YWJj" * 15, NARROW)  # 45 octets; 60 have room
    assert (len(encoded.search.body), encoded.search.complete) == (40, False)


def test_text_for_which_no_room_is_left_is_not_complete() -> None:
    parts = f"--b\n\n{'a' * 40}\n--b\n\n{{}}\n--b--\n"
    head = "Content-Type: multipart/mixed; boundary=b\n\n"
    assert not _facts(_crlf(head + parts.format("b")), NARROW).search.complete
    assert _facts(_crlf(head + parts.format("")), NARROW).search.complete


def test_one_character_that_decomposes_into_many() -> None:
    facts = _facts(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "\ufdfa".encode() * 13, NARROW)
    assert len(facts.search.body) == 40
    assert not facts.search.complete


def test_it_is_finished_once() -> None:
    scanner = Scanner()
    scanner.finish()
    with pytest.raises(ValueError):
        scanner.finish()
    with pytest.raises(ValueError):
        scanner.feed(b"x")


# ---- any splitting gives the same facts

_LINES = st.sampled_from(
    [
        "Subject: x",
        "From: A <a@b>",
        "Content-Type: multipart/mixed; boundary=b",
        "Content-Type: multipart/digest; boundary=bb",
        'Content-Type: multipart/mixed; boundary="b c"',
        "Content-Type: message/rfc822",
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: quoted-printable",
        " folded",
        "",
        "",
        "--b",
        "--b--",
        "--bb",
        "--bb--",
        "--b c",
        "--",
        "text =C3=A9 <p>&amp;",
        "YWJj",
        "é",
        "x" * 100,
    ]
)
_ENDS = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"])
_MESSAGES = st.lists(st.tuples(_LINES, _ENDS), max_size=40).map(
    lambda lines: "".join(line + end for line, end in lines).encode()
)


@given(_MESSAGES, st.sampled_from([SETTINGS, NARROW]))
def test_octet_by_octet(data: bytes, settings: MessageSettings) -> None:
    assert _fed([data[at : at + 1] for at in range(len(data))], settings) == _facts(data, settings)


@given(_MESSAGES, st.lists(st.integers(0, 1000)), st.sampled_from([SETTINGS, NARROW]))
def test_any_pieces(data: bytes, cuts: list[int], settings: MessageSettings) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert _fed(pieces, settings) == _facts(data, settings)


@given(st.binary())
def test_junk_never_raises(data: bytes) -> None:
    assert _fed([data]) == _facts(data)
    _facts(b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" + data)


@given(_MESSAGES)
def test_parts_lie_within_each_other(data: bytes) -> None:
    def check(node: PartNode, end: int) -> None:
        assert node.header_start <= node.body_start <= node.body_end <= end
        at = node.body_start
        for child in node.children:
            assert at <= child.header_start
            check(child, node.body_end)
            at = child.body_end

    root = PartMap.unpack(_facts(data).parts).root
    assert (root.header_start, root.body_end) == (0, len(data))
    check(root, len(data))


# ---- the standard library as a second opinion

_WORDS = st.text(alphabet="ab \n", max_size=30)
_TREES = st.recursive(_WORDS, lambda trees: st.lists(trees, min_size=1, max_size=3), max_leaves=6)


def _write(tree: object, depth: int = 0) -> str:
    if isinstance(tree, str):
        return "Content-Type: text/plain\n\n" + tree
    assert isinstance(tree, list)
    delimiter = f"\n--=_{depth}"
    parts = "".join(f"{delimiter}\n{_write(child, depth + 1)}" for child in tree)
    return f'Content-Type: multipart/mixed; boundary="=_{depth}"\n\npreamble{parts}{delimiter}--\n'


def _their_leaves(message: Message) -> list[str]:
    return [str(part.get_payload()) for part in message.walk() if not part.is_multipart()]


@given(_TREES)
def test_the_standard_library_finds_the_same_parts(tree: object) -> None:
    text = _write(tree)
    assert [body.decode() for body in _bodies(text.encode())] == _their_leaves(message_from_bytes(text.encode()))


# ---- memory


def _kept(make: Iterator[bytes]) -> int:
    scanner = Scanner(MessageSettings(max_search_text_octets=65536))
    tracemalloc.start()
    for piece in make:
        scanner.feed(piece)
    scanner.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (b"\r\n", b"plain text\r\n"),
        (b"", b"X: header without an end\r\n"),
        (b"", b"no line end "),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n", b"--a\r\n"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n", b"\r"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", b"X"),
    ],
)
def test_memory_does_not_grow_with_the_message(header: bytes, line: bytes) -> None:
    piece = line * (32768 // len(line))
    size = 16 << 20

    def make() -> Iterator[bytes]:
        yield header
        for _ in range(size // len(piece)):
            yield piece

    assert _kept(make()) < 4 << 20


@pytest.mark.parametrize(
    ("data", "octets"),
    [
        (b"", 0),
        (PLAIN, 0),
        (PLAIN[:-2], 2),
        (PLAIN[:-1], 2),  # a CR at the very end is no line end: CRLF is put behind it
        (PLAIN.replace(b"\r\n", b"\n"), PLAIN.count(b"\n")),
        (b"\n", 1),
        (b"a: b\r\n\nx\r\ry\n\r\n.", 2 + 2),
        (b"\r", 2),
    ],
)
def test_what_crlf_line_ends_add(data: bytes, octets: int) -> None:
    assert _facts(data).line_end_octets == octets
    assert _fed([data[k : k + 1] for k in range(len(data))]).line_end_octets == octets


@given(st.lists(st.sampled_from((b"\r", b"\n", b"\r\n", b"x", b"a: b\r\n", b"--B", b"--B--"))), st.booleans())
def test_what_crlf_line_ends_add_in_any_split(pieces: list[bytes], multipart: bool) -> None:
    if multipart:
        pieces = [b"Content-Type: multipart/mixed; boundary=B\r\n\r\n", *pieces]
    data = b"".join(pieces)
    sent = re.sub(rb"(?<!\r)\n", b"\r\n", data)
    if sent and not sent.endswith(b"\n"):
        sent += b"\r\n"
    assert _facts(data).line_end_octets == len(sent) - len(data)
    assert _fed(pieces).line_end_octets == len(sent) - len(data)


@pytest.mark.parametrize(
    ("field", "needle"),
    [
        (b"<user (a comment)@ (another) x.test>", "user@x.test"),
        (b'"Doe\\, \\"J\\"" <doe@x.test>', 'doe, "j"'),
        (b"=?utf-8?q?J=C3=B6?= (note) <jo@x.test>", "J\xf6"),
        (b"group: a (one) @ x.test, b@x.test;", "a@x.test"),
        (b"a@x.test (Real Name)", "real name"),
        (b"((((", "((("),
    ],
)
def test_addresses_are_found_as_the_envelope_has_them(field: bytes, needle: str) -> None:
    """RFC 3501 §6.4.4: FROM looks into the envelope structure."""
    search = _facts(b"From: %b\r\nTo: %b\r\n\r\n" % (field, field)).search
    assert fold(needle) in search.from_
    assert fold(needle) in search.to


# ---- time


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Type: text/plain" + b"".join(b"; p%d=v" % at for at in range(100_000)) + b"\r\n\r\nx",
        b"Content-Type: text/plain" + b";" * 250_000 + b"\r\n\r\nx",
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at) for at in range(20_000)),
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 20_000,
        b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 200_000,
        b"To: " + b"g:a@x.test;," * 80_000 + b"\r\n\r\n",
        (b"To: " + b"g:a@x.test;," * 100 + b"\r\n") * 900 + b"\r\n",
    ],
    ids=["parameters", "semicolons", "nested", "nested alike", "messages", "delimiters", "groups", "groups in fields"],
)
def test_a_megabyte_of_malice_is_read_at_once(data: bytes) -> None:
    started = time.process_time()
    _facts(data)
    assert time.process_time() - started < 3
