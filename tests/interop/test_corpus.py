"""ENVELOPE, BODYSTRUCTURE, size and header length of 304 real and odd messages, as three IMAP servers agree on them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.message.wire_reader import parse

from postroom.message import Facts, Scanner, close_global

_SHARED = Path(os.environ.get("POSTROOM_SHARED", Path(__file__).resolve().parents[3] / "shared"))
_MIME = _SHARED / "corpus" / "mime"
_EXPECTED: list[dict[str, Any]] = (
    json.loads((_MIME / "expected.json").read_text("utf-8")) if (_MIME / "expected.json").exists() else []
)

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not _EXPECTED, reason=f"no mail corpus at {_MIME}: set POSTROOM_SHARED to the folder it is in"),
]


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
    assert _strings(parse(facts.envelope)) == known["envelope"]
    # The established servers speak IMAP4rev1, to which message/global is a part like any other.
    structure = _structure(parse(close_global(facts.body_structure)))
    for part in structure.get("parts", ()):
        if part["type"] == "message/global":
            # As they open message/rfc822 we open this one too: the line end behind its last inner delimiter is its own.
            part["size"] -= 2
    assert structure == known["bodystructure"]


def test_the_corpus_is_whole() -> None:
    assert len(_EXPECTED) == 304


@pytest.mark.parametrize("piece", [7, 1000, 65536])
def test_splitting_changes_nothing(piece: int) -> None:
    for known in _EXPECTED:
        path = _MIME / known["file"]
        if path.stat().st_size < 100_000:
            assert _facts(path, piece) == _facts(path, 1 << 20), known["file"]
