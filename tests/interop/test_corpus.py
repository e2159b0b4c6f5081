"""ENVELOPE, BODYSTRUCTURE, size and header length of 304 real and odd messages, as three IMAP servers agree on them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from postroom.message import Facts, Scanner

_SHARED = Path(os.environ.get("POSTROOM_SHARED", Path(__file__).resolve().parents[3] / "shared"))
_MIME = _SHARED / "corpus" / "mime"
_EXPECTED: list[dict[str, Any]] = (
    json.loads((_MIME / "expected.json").read_text("utf-8")) if (_MIME / "expected.json").exists() else []
)

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not _EXPECTED, reason=f"no mail corpus at {_MIME}: set POSTROOM_SHARED to the folder it is in"),
]


class _Reader:
    """Reads IMAP's parenthesised data: lists, quoted strings, literals, NIL, numbers (RFC 3501 §4)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def value(self) -> Any:
        data = self.data
        while data[self.at : self.at + 1] == b" ":
            self.at += 1
        first = data[self.at : self.at + 1]
        if first == b"(":
            self.at += 1
            out = []
            while data[self.at : self.at + 1] != b")":
                out.append(self.value())
                while data[self.at : self.at + 1] == b" ":
                    self.at += 1
            self.at += 1
            return out
        if first == b'"':
            return self._quoted()
        if first == b"{":
            end = data.index(b"}\r\n", self.at)
            size = int(data[self.at + 1 : end])
            self.at = end + 3 + size
            return data[end + 3 : self.at]
        end = self.at
        while data[end : end + 1] not in (b" ", b"(", b")", b""):
            end += 1
        atom, self.at = data[self.at : end], end
        assert atom, f"nothing at {end} in {data!r}"
        return None if atom == b"NIL" else int(atom)

    def _quoted(self) -> bytes:
        out = bytearray()
        at = self.at + 1
        while (octet := self.data[at : at + 1]) != b'"':
            assert octet not in (b"", b"\r", b"\n", b"\0")
            assert octet.isascii()
            if octet == b"\\":
                at += 1
                octet = self.data[at : at + 1]
                assert octet in (b"\\", b'"')
            out += octet
            at += 1
        self.at = at + 1
        return bytes(out)


def _parse(data: bytes) -> Any:
    reader = _Reader(data)
    value = reader.value()
    assert reader.at == len(data)
    return value


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "surrogateescape")


def _low(value: bytes | None) -> str | None:
    text = _text(value)
    return None if text is None else text.lower()


def _params(value: list[bytes] | None) -> list[list[str | None]] | None:
    if value is None:
        return None
    pairs = [[_low(value[at]), _text(value[at + 1])] for at in range(0, len(value), 2)]
    kept = [pair for pair in pairs if [pair[0], (pair[1] or "").lower()] != ["charset", "us-ascii"]]
    return sorted(kept, key=lambda pair: pair[0] or "") or None


def _disposition(value: list[Any] | None) -> list[Any] | None:
    return None if value is None else [_low(value[0]), _params(value[1])]


def _strings(value: Any) -> Any:
    if isinstance(value, list):
        return [_strings(one) for one in value]
    return _text(value) if isinstance(value, bytes) else value


def _structure(value: list[Any]) -> dict[str, Any]:
    """As the corpus' README folds it."""
    if isinstance(value[0], list):
        count = next(at for at, one in enumerate(value) if not isinstance(one, list))
        subtype, params, disp, lang, loc = value[count:]
        return {
            "parts": [_structure(one) for one in value[:count]],
            "type": f"multipart/{_low(subtype)}",
            "params": _params(params),
            "disp": _disposition(disp),
            "lang": _strings(lang),
            "loc": _text(loc),
        }
    kind, subtype, params, part_id, desc, enc, size, *rest = value
    out = {
        "type": f"{_low(kind)}/{_low(subtype)}",
        "params": _params(params),
        "id": _text(part_id),
        "desc": _text(desc),
        "enc": _low(enc),
        "size": size,
    }
    if out["type"] == "message/rfc822":
        out["env"], out["body"] = _strings(rest[0]), _structure(rest[1])
        rest = rest[2:]
    if kind.lower() == b"text" or out["type"] == "message/rfc822":
        out["lines"] = rest.pop(0)
    md5, disp, lang, loc = rest
    return out | {"md5": _text(md5), "disp": _disposition(disp), "lang": _strings(lang), "loc": _text(loc)}


def _facts(path: Path, piece: int) -> Facts:
    data = path.read_bytes()
    scanner = Scanner()
    for at in range(0, len(data), piece):
        scanner.feed(data[at : at + piece])
    return scanner.finish()


@pytest.mark.parametrize("known", _EXPECTED, ids=[one["file"] for one in _EXPECTED])
def test_message_is_read_as_established_servers_read_it(known: dict[str, Any]) -> None:
    facts = _facts(_MIME / known["file"], 1 << 20)
    assert facts.size == known["size"]
    assert facts.header_len == known["header_len"]
    assert _strings(_parse(facts.envelope)) == known["envelope"]
    assert _structure(_parse(facts.body_structure)) == known["bodystructure"]


def test_the_corpus_is_whole() -> None:
    assert len(_EXPECTED) == 304


@pytest.mark.parametrize("piece", [7, 1000, 65536])
def test_splitting_changes_nothing(piece: int) -> None:
    for known in _EXPECTED:
        path = _MIME / known["file"]
        if path.stat().st_size < 100_000:
            assert _facts(path, piece) == _facts(path, 1 << 20), known["file"]
