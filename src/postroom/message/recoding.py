"""A message made fit for a server that takes less than it holds: 8-bit or binary parts become encoded ones.

Owns: which parts (RFC 6152 §3, RFC 3030 §3), their encoding and header fields; what can't be changed without harm.
Never: reads or holds the message: `recoding` asks for octets, and gives segments for the reader to put together.
Raises: NotRecodable.

Only leaves are encoded, at any depth, never what holds other parts (RFC 2045 §6.4, RFC 2046 §5.2.1); a message/global
alone may be encoded as a whole (RFC 6532 §3.7). Every octet that is no part's body, nor a Content-Transfer-Encoding,
stays. A DKIM signature of the body does not survive it; one of ours is made anew (delivery.resigned).
"""

from collections.abc import Generator

from .header import index_header
from .mime_fields import parse_content_type
from .parts import PartMap, PartNode
from .recoding_plan import IDENTITY, Plan, Recoding, Wanted
from .structure import Kind
from .transfer_encoding import with_encoding

_ENCODABLE_MESSAGES = (b"global-delivery-status", b"global-headers", b"global-disposition-notification")  # RFC 6533 §7


class NotRecodable(Exception):
    """Says why, for the person who gets the message back."""


def recoding(root: PartNode, size: int, *, eight_bit: bool) -> Generator[Wanted, bytes, Recoding]:
    """What to make of a message of `size` octets. `eight_bit`: the server takes 8-bit lines, though nothing binary."""
    plan = _ServerPlan(eight_bit)
    yield from plan.part(root, in_message=True)
    if not (yield from plan.measured(plan.at, size)).fits(eight_bit=eight_bit):
        raise NotRecodable("there is 8-bit or binary text outside of its parts")
    plan.keep(size)
    return plan.recoding


def parts_of(packed: bytes, max_parts: int) -> PartNode:
    """The root of a packed PartMap. Raises NotRecodable when it may not be all there is."""
    root = PartMap.unpack(packed).root
    count, stack = 0, [root]
    while stack:
        count += 1
        stack += stack.pop().children
    if count >= max_parts:
        raise NotRecodable("it has too many parts")
    return root


class _ServerPlan(Plan):
    """For a server."""

    def __init__(self, eight_bit: bool) -> None:
        super().__init__()
        self._eight_bit = eight_bit

    def part(self, node: PartNode, *, in_message: bool) -> Generator[Wanted, bytes, None]:
        """`in_message`: its header is that of a message, not only of a part."""
        if not (yield from self.measured(self.at, node.header_start)).fits(eight_bit=self._eight_bit):
            raise NotRecodable("there is 8-bit or binary text between its parts")
        header = b""
        if node.body_start > node.header_start:
            header = yield Wanted(node.header_start, node.body_start)
        self._check_header(header)
        fields = index_header(header)
        parsed = parse_content_type(fields.first(b"content-type") or b"")
        major, subtype = (parsed[0].lower(), parsed[1].lower()) if parsed else (b"text", b"plain")
        whole = node.kind is Kind.LEAF or (node.kind is Kind.MESSAGE and subtype == b"global")
        if node.kind is Kind.MULTIPART and subtype in (b"signed", b"encrypted"):
            # RFC 1847 §2.1: what is signed must not change on its way
            if not (yield from self.measured(node.header_start, node.body_end)).fits(eight_bit=self._eight_bit):
                raise NotRecodable(f"a {subtype.decode()} part must not be changed")
            self.keep(node.body_end)
        elif whole:
            yield from self._leaf(node, header, (major, subtype), in_message)
        else:
            self._relabel(node, header, in_message)
            for child in node.children:
                yield from self.part(child, in_message=node.kind is Kind.MESSAGE)

    def _leaf(
        self, node: PartNode, header: bytes, media_type: tuple[bytes, bytes], in_message: bool
    ) -> Generator[Wanted, bytes, None]:
        measure = yield from self.measured(node.body_start, node.body_end)
        if measure.fits(eight_bit=self._eight_bit):
            self._relabel(node, header, in_message)
            self.keep(node.body_end)
            return
        major, subtype = media_type
        if node.encoding not in IDENTITY:
            raise NotRecodable("a part that is encoded already holds what its encoding does not allow")
        if major == b"multipart" or (
            major == b"message" and subtype not in _ENCODABLE_MESSAGES and node.kind is not Kind.MESSAGE
        ):
            raise NotRecodable(f"a {(major + b'/' + subtype).decode('ascii', 'replace')} part can't be encoded")
        if not header.endswith((b"\n\r\n", b"\n\n")) and header not in (b"\r\n", b"\n"):
            raise NotRecodable("the end of a header can't be found")
        encoding = measure.best_encoding(text=major == b"text")
        bare = in_message and not _is_mime(header)
        charset = b"unknown-8bit" if measure.high else b"us-ascii"  # RFC 1428 §3, RFC 2045 §5.2
        missing = b"Content-Type: text/plain; charset=%b\r\n" % charset if bare else b""
        new = with_encoding(header, encoding.encode(), is_message=in_message, missing=missing)
        self.replace(node.header_start, node.body_start, new)
        yield from self.encode(node, encoding, measure.octets)

    def _relabel(self, node: PartNode, header: bytes, in_message: bool) -> None:
        """The encoding that the header names must not be more than is there (RFC 2045 §6.4)."""
        if node.encoding == b"binary" or (node.encoding == b"8bit" and not self._eight_bit):
            label = b"8bit" if self._eight_bit else b"7bit"
            self.replace(node.header_start, node.body_start, with_encoding(header, label, is_message=in_message))
        else:
            self.keep(node.body_start)

    def _check_header(self, header: bytes) -> None:
        if not self._eight_bit and not header.isascii():
            raise NotRecodable("there are 8-bit octets in a header")
        if b"\0" in header:
            raise NotRecodable("there are NULs in a header")


def _is_mime(header: bytes) -> bool:
    fields = index_header(header).by_name
    return b"mime-version" in fields or b"content-type" in fields
