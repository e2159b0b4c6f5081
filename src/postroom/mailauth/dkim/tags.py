"""Tag=value lists, as signatures, seals and key records are written (RFC 6376 §3.2).

Owns: their grammar, and that of the values that several tags share: base64, lists with colons. Never: knows what a tag
means. Raises: BadTags.
"""

import binascii
import re

MAX_TAGS = 100  # in one list; real ones have a dozen
_SPACE = b" \t\r\n"  # folding white space, where it is known to be well-formed
_TAG_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
# Controls, and line ends that do not fold. 8-bit octets are let through, as RFC 6376 §3.2 advises and RFC 8616 needs.
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\n(?![ \t])")


class BadTags(ValueError):
    """That is no tag=value list, or no value of that kind; the text says why."""


def read_tags(text: bytes) -> dict[str, bytes]:
    """The tags in their order. Values keep the white space inside them, that around them is gone.

    `text` is a field's value without the line end after it, or a TXT record. White space after the last semicolon is
    allowed. Raises BadTags, for a tag that occurs twice too (RFC 6376 §3.2).
    """
    if (found := _FORBIDDEN.search(text)) is not None:
        raise BadTags(f"octet {found[0][0]} where none may be")
    parts = text.split(b";", MAX_TAGS + 1)
    if not parts[-1].strip(_SPACE):
        parts.pop()  # the list may end with a semicolon
    if len(parts) > MAX_TAGS:
        raise BadTags(f"more than {MAX_TAGS} tags")
    tags: dict[str, bytes] = {}
    for part in parts:
        name, equals, value = part.partition(b"=")
        name = name.strip(_SPACE)
        if not equals or not _TAG_NAME.fullmatch(name):
            raise BadTags(f"not a tag: {_shown(part)}")
        key = name.decode("ascii")
        if key in tags:
            raise BadTags(f"{key[:20]}= occurs twice")
        tags[key] = value.strip(_SPACE)
    return tags


def without_value(text: bytes, name: bytes) -> bytes:
    """The list with nothing behind that tag's "=": how b= is put to the hash (RFC 6376 §3.7)."""
    parts = text.split(b";")
    for at, part in enumerate(parts):
        found, equals, _ = part.partition(b"=")
        if equals and found.strip(_SPACE) == name:
            parts[at] = found + equals
    return b";".join(parts)


def without_space(value: bytes) -> bytes:
    """The value with no white space in it."""
    return value.translate(None, _SPACE)


def read_base64(value: bytes) -> bytes:
    """RFC 6376 §2.10: base64string, at least one octet of it. Raises BadTags."""
    text = without_space(value)
    if not text:
        raise BadTags("empty where base64 is needed")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise BadTags("not base64") from error


def read_list(value: bytes) -> list[bytes]:
    """What stands between colons, with white space around them or not (RFC 6376 §3.5, h=)."""
    return [part.strip(_SPACE) for part in value.split(b":")]


def _shown(part: bytes) -> str:
    text = part.strip(_SPACE)[:40].decode("ascii", "backslashreplace")
    return f"{text!r}"
