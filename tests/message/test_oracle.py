"""The ugliest mail, read by us and by the standard library's email package (policy compat32).

Where the two agree, messages are made up by the hundred. Where they do not, the difference has a name, an example, and
the reason why we read it as we do.
"""

from email import message_from_bytes
from email.message import Message
from email.utils import collapse_rfc2231_value, getaddresses
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
