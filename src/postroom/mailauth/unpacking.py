"""What a report that came by mail holds: its parts, and what is packed in them, never more than a limit.

Owns: finding parts by their types, gzip and ZIP. Never: knows what a report says. Raises: BadReport.
"""

import io
import zipfile
import zlib
from collections.abc import Collection, Iterator

from postroom.message import PartMap, PartNode, Scanner, decode_transfer, first_value

MAX_ENTRIES = 20  # of a ZIP file
MAX_PARTS = 50  # of a message that are looked at
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1  # a flag of an entry


class BadReport(ValueError):
    """That is no report that can be read; the text says why."""


def unpacked(octets: bytes, limit: int, *, suffix: str = "") -> bytes:
    """What is in a gzip or ZIP file; other octets as they are. Raises BadReport for more than `limit`: they are not
    made. Of a ZIP file's entries the first with that suffix is taken, or the only one.
    """
    if octets.startswith(_GZIP):
        return _gunzipped(octets, limit)
    if octets.startswith(_ZIP):
        return _unzipped(octets, limit, suffix)
    if len(octets) > limit:
        raise BadReport(f"more than {limit} octets")
    return octets


def _gunzipped(octets: bytes, limit: int) -> bytes:
    inflating = zlib.decompressobj(31)
    try:
        found = inflating.decompress(octets, limit + 1)
    except zlib.error as error:
        raise BadReport(f"not gzip: {error}") from error
    if len(found) > limit:
        raise BadReport(f"more than {limit} octets when it is unpacked")
    if not inflating.eof:
        raise BadReport("its end is missing")
    return found


def _unzipped(octets: bytes, limit: int, suffix: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as packed:
            entries = packed.infolist()
            if len(entries) > MAX_ENTRIES:
                raise BadReport(f"more than {MAX_ENTRIES} files")
            named = [one for one in entries if one.filename.lower().endswith(suffix)] or entries
            if not named:
                raise BadReport("an empty ZIP file")
            if named[0].compress_type not in _METHODS or named[0].flag_bits & _ENCRYPTED:
                raise BadReport("packed in an unusual way")
            with packed.open(named[0]) as entry:
                found = entry.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, BadReport):
            raise
        raise BadReport(f"not ZIP: {error}") from error
    if len(found) > limit:
        raise BadReport(f"more than {limit} octets when it is unpacked")
    return found


def parts_of_types(octets: bytes, types: Collection[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Type and decoded content of the parts of a whole message that have one of these types (lower case), in order."""
    scanner = Scanner()
    scanner.feed(octets)
    stack: list[PartNode] = [PartMap.unpack(scanner.finish().parts).root]
    seen = 0
    while stack and seen < MAX_PARTS:
        part = stack.pop()
        seen += 1
        header = octets[part.header_start : part.body_start]
        kind = (first_value(header, b"Content-Type") or b"text/plain").partition(b";")[0].strip().lower()
        if kind in types and not kind.startswith(b"multipart/"):
            yield kind, decode_transfer(octets[part.body_start : part.body_end], part.encoding)
        else:
            stack += reversed(part.children)
