"""A message made fit for a server that takes less than it holds: 8-bit or binary parts become encoded ones.

Owns: which parts (RFC 6152 §3, RFC 3030 §3), their encoding and header fields; what can't be changed without harm.
Never: reads or holds the message: `recoding` asks for octets, and gives segments for the reader to put together.
Raises: NotRecodable.

Only leaves are encoded, at any depth, never what holds other parts (RFC 2045 §6.4, RFC 2046 §5.2.1); a message/global
alone may be encoded as a whole (RFC 6532 §3.7). Every octet that is no part's body, nor a Content-Transfer-Encoding,
stays. A DKIM signature of the body does not survive it: signers are to convert before they sign.
"""

from collections.abc import Generator
from dataclasses import dataclass

from .header import index_header
from .long_lines import LongLines
from .mime_fields import parse_content_type
from .parts import PartMap, PartNode
from .structure import Kind
from .transfer_encoding import EncodingName, base64_size, transfer_encoder, with_encoding

_IDENTITY = (b"7bit", b"8bit", b"binary")
_PIECE = 262_144
_HIGH = bytes(range(128, 256))
_ENCODABLE_MESSAGES = (b"global-delivery-status", b"global-headers", b"global-disposition-notification")  # RFC 6533 §7


class NotRecodable(Exception):
    """Says why, for the person who gets the message back."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Octets of the message from `start` to `end`, to be sent into the generator."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Octets of the message, as they are."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """Octets of the message, to be encoded."""

    start: int
    end: int
    encoding: EncodingName


Segment = bytes | Kept | Encoded  # octets: to be put in


@dataclass(frozen=True, slots=True)
class Recoding:
    """The new message, in order, and how long it is."""

    segments: tuple[Segment, ...]
    size: int


def recoding(root: PartNode, size: int, *, eight_bit: bool) -> Generator[Wanted, bytes, Recoding]:
    """What to make of a message of `size` octets. `eight_bit`: the server takes 8-bit lines, though nothing binary."""
    plan = _Plan(eight_bit)
    yield from plan.part(root, in_message=True)
    if not (yield from plan.measured(plan.at, size)).fits(eight_bit=eight_bit):
        raise NotRecodable("there is 8-bit or binary text outside of its parts")
    plan.keep(size)
    return Recoding(tuple(plan.segments), plan.size)


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


class _Measure:
    """What some octets need of a server. `feed` pieces, then `finish`."""

    def __init__(self) -> None:
        self.high = 0  # octets over 127
        self.octets = 0
        self.lined = True  # no CR, LF but at the end of a line, and no NUL
        self._lines = LongLines()
        self._held_cr = False

    def feed(self, piece: bytes) -> None:
        self.octets += len(piece)
        if not piece.isascii():
            self.high += len(piece) - len(piece.translate(None, _HIGH))
        if b"\0" in piece:
            self.lined = False
        self._lines.feed(piece)
        if self._held_cr:
            piece = b"\r" + piece
        self._held_cr = piece.endswith(b"\r")
        pairs = piece.count(b"\r\n")
        if pairs != piece.count(b"\n") or pairs != piece.count(b"\r") - self._held_cr:
            self.lined = False

    def finish(self) -> "_Measure":
        self.lined = self.lined and not self._held_cr
        return self

    def fits(self, *, eight_bit: bool) -> bool:
        return self.lined and not self._lines.found and (eight_bit or not self.high)

    def best_encoding(self, *, text: bool) -> EncodingName:
        """RFC 2045 §6.7: quoted-printable for what stays readable by it, unless base64 is shorter."""
        return "quoted-printable" if text and self.lined and self.high * 6 <= self.octets else "base64"


class _Plan:
    """The new message as it grows."""

    def __init__(self, eight_bit: bool) -> None:
        self._eight_bit = eight_bit
        self.segments: list[Segment] = []
        self.at = 0  # of the message, up to where it is planned
        self.size = 0  # of the new message so far

    # ---- putting together

    def keep(self, end: int) -> None:
        if end > self.at:
            self.segments.append(Kept(self.at, end))
            self.size += end - self.at
        self.at = end

    def _replace(self, start: int, end: int, octets: bytes) -> None:
        self.keep(start)
        self.segments.append(octets)
        self.size += len(octets)
        self.at = end

    def _encode(self, node: PartNode, encoding: EncodingName, octets: int) -> Generator[Wanted, bytes, None]:
        self.keep(node.body_start)
        self.segments.append(Encoded(node.body_start, node.body_end, encoding))
        self.at = node.body_end
        if encoding == "base64":
            self.size += base64_size(octets)
            return
        encoder = transfer_encoder(encoding)
        for start in range(node.body_start, node.body_end, _PIECE):
            self.size += len(encoder.feed((yield Wanted(start, min(start + _PIECE, node.body_end)))))
        self.size += len(encoder.finish())

    def measured(self, start: int, end: int) -> Generator[Wanted, bytes, _Measure]:
        measure = _Measure()
        for at in range(start, end, _PIECE):
            measure.feed((yield Wanted(at, min(at + _PIECE, end))))
        return measure.finish()

    # ---- part by part

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
        if node.encoding not in _IDENTITY:
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
        self._replace(node.header_start, node.body_start, new)
        yield from self._encode(node, encoding, measure.octets)

    def _relabel(self, node: PartNode, header: bytes, in_message: bool) -> None:
        """The encoding that the header names must not be more than is there (RFC 2045 §6.4)."""
        if node.encoding == b"binary" or (node.encoding == b"8bit" and not self._eight_bit):
            label = b"8bit" if self._eight_bit else b"7bit"
            self._replace(node.header_start, node.body_start, with_encoding(header, label, is_message=in_message))
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
