"""The ugliest mail, read by us and by the standard library's email package (policy compat32).

Where the two agree, messages are made up by the hundred. Where they do not, the difference has a name, an example, and
the reason why we read it as we do.
"""

from email import message_from_bytes
from email.message import Message
from email.utils import collapse_rfc2231_value, getaddresses
from inspect import signature
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.message.wire_reader import parse

from postroom.message import MessageSettings, PartMap, Scanner, iter_fields
from postroom.message.mime_fields import decoded_param, parse_disposition
from postroom.message.parts import PartNode
from postroom.message.structure import Kind

# A part: its type, its fields, and its body or the parts in it
Node = tuple[str, list[tuple[str, str]], Any]


def ours(data: bytes) -> Node:
    """From what a client gets: BODYSTRUCTURE, and the octets that the part map says are HEADER and BODY[n]."""
    scanner = Scanner()
    scanner.feed(data)
    facts = scanner.finish()
    return _our_node(data, parse(facts.body_structure), PartMap.unpack(facts.parts).root)


def _our_node(data: bytes, value: list[Any], part: PartNode) -> Node:
    fields = [
        (field.name.decode(), field.value.lstrip(b" \t").rstrip(b"\r\n").decode("ascii", "surrogateescape"))
        for field in iter_fields(data[part.header_start : part.body_start])
    ]
    body = data[part.body_start : part.body_end]
    if isinstance(value[0], list):
        at = next(at for at, one in enumerate(value) if not isinstance(one, list))
        assert part.kind is Kind.MULTIPART
        shown = value[:at]
        if not part.children:  # RFC 3501 §9 wants one shown, so an empty text is
            assert [one[:2] + one[6:8] for one in shown] == [[b"text", b"plain", 0, 0]]
            shown = []
        parts = [_our_node(data, one, child) for one, child in zip(shown, part.children, strict=True)]
        return f"multipart/{value[at].decode().lower()}", fields, parts
    kind = f"{value[0].decode()}/{value[1].decode()}".lower()
    assert value[6] == len(body)
    if part.kind is Kind.MESSAGE:
        assert value[9] == body.count(b"\n")
        return kind, fields, [_our_node(data, value[8], part.children[0])]
    if kind.startswith("text/"):
        assert value[7] == body.count(b"\n")
    return kind, fields, body


def theirs(data: bytes) -> Node:
    return _their_node(message_from_bytes(data))


def _their_node(message: Message) -> Node:
    fields = list(message.raw_items())
    payload: Any = message._payload  # type: ignore[attr-defined]  # get_payload would decode it
    if isinstance(payload, list):
        payload = [_their_node(one) for one in payload]
    else:
        payload = (payload or "").encode("ascii", "surrogateescape")
    return message.get_content_type(), fields, payload


def shape(node: Node) -> Any:
    """Without the fields."""
    kind, _, inside = node
    return (kind, [shape(one) for one in inside]) if isinstance(inside, list) else (kind, inside)


# ---- messages made up


_BOUNDARIES = (
    "b",
    "bb",
    "b-",
    "=_x",
    "a b",
    "b'()+_,./:=?",
    "--b",
    "B",
)  # a prefix of another; with what needs quoting
_FIELDS = st.lists(
    st.sampled_from(
        [
            "Subject: plain",
            "Subject: =?utf-8?q?encoded?=\n  and folded\n\tagain",
            "X-Eight: \udce9\udcff",
            "X-Colon:no space: here",
            "From: group: a@x, b@y; (comment",
            "Content-Transfer-Encoding: base64",
            "Content-ID: <x@y>",
            "Content-Description: ",
            "Content-Disposition: attachment; filename*0*=utf-8''a%20; filename*1=b",
            "MIME-Version: 1.0",
        ]
    ),
    max_size=3,
)
_TYPES = st.sampled_from(
    [
        None,
        "text/plain",
        "TEXT/Html; charset=x",
        'application/octet-stream; name="a;b\\"c"',
        "image/png;",
        "no-slash",
        "text/plain; charset",
        'multipart; boundary="b"',
        "x/y; a*=utf-8'en'%c3%a9; a*9=late",
    ]
)
_LINES = st.lists(
    st.sampled_from(["text", "", " ", "-", "--", "--zz", " --b", "-b", "x--b--", "From x", ".", "\udce9\udcff", "A: b"])
)
_TREES = st.recursive(
    st.tuples(st.just("leaf"), _FIELDS, _TYPES, _LINES),
    lambda trees: st.one_of(
        st.tuples(
            st.sampled_from(["mixed", "alternative", "digest", "signed"]),
            _FIELDS,
            st.lists(trees, min_size=1, max_size=4),
            st.booleans(),  # whether it has its close delimiter
            st.sampled_from(["", "preamble\n"]),
        ),
        st.tuples(st.just("message"), _FIELDS, trees),
    ),
    max_leaves=8,
)


def _written(tree: Any, boundaries: list[str], depth: int = 0, in_digest: bool = False) -> str:
    kind, fields, *rest = tree
    head = "".join(f"{line}\n" for line in fields)
    if kind == "leaf":
        content_type, lines = rest
        if content_type:
            head += f"Content-Type: {content_type}\n"
        elif in_digest:  # it is a message, which must have a header: see "no blank line"
            lines = ["Subject: in a digest", "", *lines]
        return head + "\n" + "\n".join(lines)
    if kind == "message":
        return head + "Content-Type: message/rfc822\n\n" + _written(rest[0], boundaries, depth)
    trees, closed, preamble = rest
    boundary = boundaries[depth % len(boundaries)]
    parts = "".join(f"--{boundary}\n{_written(one, boundaries, depth + 1, kind == 'digest')}\n" for one in trees)
    end = f"--{boundary}-- \nepilogue\n" if closed or not depth else ""  # the outermost: see "never closed"
    return f'{head}Content-Type: multipart/{kind};\n boundary="{boundary}"\n\n{preamble}{parts}{end}'


@given(_TREES, st.permutations(_BOUNDARIES), st.sampled_from(["\n", "\r\n"]))
def test_made_up_messages_are_read_alike(tree: Any, boundaries: list[str], line_end: str) -> None:
    # Below the last boundary the first would come again: see "equal boundaries".
    text = _written(tree, boundaries)
    if text.count("boundary=") > len(boundaries):
        return
    data = text.replace("\n", line_end).encode("ascii", "surrogateescape")
    assert ours(data) == theirs(data)


# ---- messages made by hand

MIXED = "Content-Type: multipart/mixed; boundary=b\n\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n",
        "Subject: only a header",
        "Subject: only a header\n",
        "Content-Type: text/html\nContent-Type: text/plain\n\nof two the first\n",
        "Content-Type:\n text/html\n\n",
        "Content-Type: a/b/c\n\n",
        "Content-Type: ;charset=x\n\n",
        "Content-Type: message/rfc822\n\n",
        "Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nSubject: x\n\nbody\n",
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nSubject: x\n\nYWJj\n",
        MIXED + "--b\n\n--b--\n",  # an empty part
        MIXED + "--b\nSubject: cut by the delimiter\n--b\n\ntwo\n--b--\n",
        MIXED + "--b\n\n\n\n--b--\n",
        MIXED + "--b \t \n\npadding\n--b-- \nepilogue\n--b\n\nnot a part\n",
        MIXED + "preamble\n--b\n\nx\n--b--",
        MIXED + "--b\nContent-Type: message/rfc822\n\n--b--\n",
        MIXED + "--b\nContent-Type: message/rfc822\n\nSubject: x\n--b\n\ny\n--b--\n",
        MIXED + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--c--\n--b--\n",
        MIXED + "--b\n folded before any field\n\nx\n--b--\n",
        'Content-Type: multipart/mixed; boundary="b \t"\n\n--b\n\nx\n--b--\n',  # white space at its end is none of it
        "Content-Type: multipart/mixed; boundary=first; boundary=second\n\n--first\n\nx\n--second\n--first--\n",
        "Content-Type: multipart/mixed; BOUNDARY*0=a; boundary*1=b\n\n--ab\n\nx\n--ab--\n",
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n--b\nContent-Type: bad\n\nx\n--b--\n",
    ],
)
def test_ugly_messages_that_are_read_alike(text: str) -> None:
    for line_end in ("\n", "\r\n"):
        data = text.replace("\n", line_end).encode()
        assert shape(ours(data)) == shape(theirs(data))


DIFFERENCES = {
    "never closed": (
        # RFC 2046 §5.1.1: the line end before a delimiter is the delimiter's. Where there is none, it is the body's;
        # the library takes one away all the same. IMAP must not lose octets.
        MIXED + "--b\n\nx\n",
        ("multipart/mixed", [("text/plain", b"x\n")]),
        ("multipart/mixed", [("text/plain", b"x")]),
    ),
    "no blank line": (
        # RFC 5322 §2.1: the body follows the first empty line, and IMAP's HEADER ends there (RFC 3501 §6.4.5). The
        # library begins the body at the first line that is no field.
        "Subject: x\nnot a field\n\nbody\n",
        ("text/plain", b"body\n"),
        ("text/plain", b"not a field\n\nbody\n"),
    ),
    "delimiters in a row": (
        # A part may be empty, and servers count it, so that the numbers of the others are the same everywhere. The
        # library passes over it.
        MIXED + "--b\n--b\n\ntwo\n--b--\n",
        ("multipart/mixed", [("text/plain", b""), ("text/plain", b"two")]),
        ("multipart/mixed", [("text/plain", b"two")]),
    ),
    "delimiter with more behind it": (
        # RFC 2046 §5.1.1: "An exact match of the entire candidate line is not required". The library wants one.
        MIXED + "--b\n\none\n--bcd\n\ntwo\n--b--ef\n",
        ("multipart/mixed", [("text/plain", b"one"), ("text/plain", b"two")]),
        ("multipart/mixed", [("text/plain", b"one\n--bcd\n\ntwo\n--b--ef")]),
    ),
    "equal boundaries": (
        # RFC 2046 §5.1.2 forbids them. The innermost multipart takes the delimiters until it is closed, so that nothing
        # is lost; in the library the outer one ends the inner one at once and what follows its close is gone.
        MIXED + "--b\n" + MIXED + "--b\n\none\n--b--\n--b\n\ntwo\n--b--\n",
        ("multipart/mixed", [("multipart/mixed", [("text/plain", b"one")]), ("text/plain", b"two")]),
        ("multipart/mixed", [("multipart/mixed", b""), ("text/plain", b"one")]),
    ),
    "boundary that never comes": (
        # A multipart has parts (RFC 3501 §9), one empty text when it has none, as established servers show it. The
        # library makes one string of the body.
        MIXED + "text\n",
        ("multipart/mixed", []),
        ("multipart/mixed", b"text\n"),
    ),
    "no boundary": (
        "Content-Type: multipart/mixed\n\n--b\n\nx\n--b--\n",
        ("multipart/mixed", []),
        ("multipart/mixed", b"--b\n\nx\n--b--\n"),
    ),
    "other messages": (
        # RFC 3501 §9: of message/* only rfc822 shows what is in it. The library opens them all.
        "Content-Type: message/external-body\n\nContent-Type: text/html\n\nx\n",
        ("message/external-body", b"Content-Type: text/html\n\nx\n"),
        ("message/external-body", [("text/html", b"x\n")]),
    ),
    "delivery status": (
        "Content-Type: message/delivery-status\n\nA: 1\n\nB: 2\n",
        ("message/delivery-status", b"A: 1\n\nB: 2\n"),
        ("message/delivery-status", [("text/plain", b""), ("text/plain", b"")]),
    ),
    "bare carriage return": (
        # RFC 5322 §2.3: CR and LF only occur together. Bare LF ends a line because mail at rest on Unix has it; a CR
        # alone is an octet like others. To the library it ends a line.
        "Subject: a\rContent-Type: text/html\n\nx\rText",
        ("text/plain", b"x\rText"),
        ("text/html", b"x\rText"),
    ),
    "comment in Content-Type": (
        # RFC 2045 §5.1 allows it; the library keeps it as a part of the subtype.
        "Content-Type: text/html (not plain); charset=utf-8\n\nx",
        ("text/html", b"x"),
        ("text/html (not plain)", b"x"),
    ),
    "junk in Content-Type": (
        # RFC 2045 §5.2: an invalid type is text/plain. The library looks for one slash and nothing else.
        "Content-Type: te xt/html\n\nx",
        ("text/plain", b"x"),
        ("te xt/html", b"x"),
    ),
    "long boundary": (
        # RFC 2046 §5.1.1 allows 70 characters; we compare 80, which bounds what must be looked ahead.
        f"Content-Type: multipart/mixed; boundary={'b' * 90}\n\n--{'b' * 80}c\n\nx\n--{'b' * 90}--\n",
        ("multipart/mixed", [("text/plain", b"x"), ("text/plain", b"")]),
        ("multipart/mixed", f"--{'b' * 80}c\n\nx\n".encode()),
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences(name: str) -> None:
    text, our_shape, their_shape = DIFFERENCES[name]
    assert shape(ours(text.encode())) == our_shape
    assert shape(theirs(text.encode())) == their_shape


def test_a_thousand_levels_are_flattened_at_the_named_limit() -> None:
    """The library calls itself for each level and gives up; `max_nesting_depth` keeps the rest closed and whole."""
    head = "".join(f"Content-Type: multipart/mixed; boundary=b{n}x\n\n--b{n}x\n" for n in range(1000))
    for text in (head + "\nx\n", "Content-Type: message/rfc822\n\n" * 1000 + "x\n"):
        node, depth = ours(text.encode()), 0
        while isinstance(node[2], list):
            (node,), depth = node[2], depth + 1
        assert depth == MessageSettings().max_nesting_depth
        assert node[0] == "application/octet-stream"
        assert node[2].endswith(b"x\n")


# ---- fields


def _filename(value: str) -> str:
    parsed = parse_disposition(value.encode())
    assert parsed is not None
    return decoded_param(parsed[1], b"filename")


def _their_filename(value: str) -> str:
    message = message_from_bytes(f"Content-Disposition: {value}\n\n".encode())
    return str(collapse_rfc2231_value(message.get_param("filename", "", "content-disposition")))


@given(st.text(alphabet="ab %'*é;€\"", min_size=1), st.integers(1, 4), st.booleans())
def test_rfc_2231_parameters(name: str, sections: int, shuffled: bool) -> None:
    octets = name.encode()
    step = -(-len(octets) // sections)
    pieces = ["".join(f"%{octet:02x}" for octet in octets[at : at + step]) for at in range(0, len(octets), step)]
    numbers = count()
    params = [
        f"filename*{next(numbers)}*={'' if at else chr(39).join(('utf-8', '', ''))}{one}"
        for at, one in enumerate(pieces)
    ]
    if shuffled:
        params.reverse()  # RFC 2231 §3: their order does not matter
    value = "; ".join(["attachment", *params])
    assert _filename(value) == _their_filename(value) == name


def test_differences_of_rfc_2231() -> None:
    """A section that is missing: what comes before it is all there is. The library joins what lies on both sides."""
    value = "attachment; filename*0=a; filename*2=c"
    assert (_filename(value), _their_filename(value)) == ("a", "ac")


_ADDRESSES = st.lists(
    st.sampled_from(
        [
            "a@x.test",
            "A <a@x.test>",
            '"A, B" <a@x.test>',
            "a@x.test (c)",
            "<a@[1.2.3.4]>",
            "A B <a.b@x.test>",
            '"a b"@x.test',
        ]
    ),
    min_size=1,
    max_size=4,
).map(", ".join)


# Newer versions of the library take what is not RFC 5322 to the letter for nothing, unless they are asked not to.
_LENIENT: dict[str, Any] = {"strict": False} if "strict" in signature(getaddresses).parameters else {}


@given(st.lists(st.tuples(st.booleans(), _ADDRESSES), min_size=1, max_size=3))
def test_addresses_of_groups(lists: list[tuple[bool, str]]) -> None:
    """ENVELOPE marks where a group begins and ends (RFC 3501 §7.4.2); the library leaves the marks out."""
    field = ", ".join(f"G{at}: {one};" if grouped else one for at, (grouped, one) in enumerate(lists))
    scanner = Scanner()
    scanner.feed(f"To: {field}\r\n\r\n".encode())
    found = parse(scanner.finish().envelope)[5]
    mailboxes = [f"{mailbox.decode()}@{host.decode()}" for _, _, mailbox, host in found if host is not None]
    assert mailboxes == [address.replace('"', "") for _, address in getaddresses([field], **_LENIENT)]
    assert sum(host is None and mailbox is not None for _, _, mailbox, host in found) == sum(g for g, _ in lists)


@given(st.lists(st.binary(max_size=20).filter(lambda octets: not set(octets) & set(b"\r\n\0")), min_size=3, max_size=3))
def test_fields_of_eight_bit_octets_are_shown_as_they_are(values: list[bytes]) -> None:
    subject, message_id, date = (value.strip(b" \t") or b"x" for value in values)
    scanner = Scanner()
    scanner.feed(b"Subject: %b\r\nMessage-ID: %b\r\nDate: %b\r\n\r\n" % (subject, message_id, date))
    envelope = parse(scanner.finish().envelope)
    assert (envelope[1], envelope[9], envelope[0]) == (subject, message_id, date)
