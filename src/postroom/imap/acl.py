"""Access control lists on the wire (RFC 4314): SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS and their responses.

Owns: the letters of the rights, those commands' values, parsers, rows and responses. Never: knows who has which rights.
Raises: BadSyntax.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from postroom.sasl import BadName, saslprep

from .encode import astring
from .syntax import BadSyntax
from .table import SIGNED_IN, CommandInfo, Does
from .tokens import Cursor
from .types import Command

ALL_RIGHTS = "lrswipkxtea"  # RFC 4314 §2.1
EXTRA_RIGHTS = b"texk"  # those that RFC 2086 did not have: the value of RIGHTS= (§2.2, §5.1.1)
# RFC 4314 §2.1.1: what the obsolete rights stand for. Of its two readings, the one of its own examples.
_VIRTUAL = {"c": "kx", "d": "te"}
_SHOWN = "lrswipkxtecda"


@dataclass(frozen=True, slots=True)
class SetAcl(Command):
    mailbox: str
    identifier: str
    mode: str  # "+" adds, "-" takes away, "" replaces
    rights: str  # of ALL_RIGHTS, in that order


@dataclass(frozen=True, slots=True)
class DeleteAcl(Command):
    mailbox: str
    identifier: str


@dataclass(frozen=True, slots=True)
class GetAcl(Command):
    mailbox: str


@dataclass(frozen=True, slots=True)
class ListRights(Command):
    mailbox: str
    identifier: str
    written: bytes  # the identifier as the client wrote it, which is how the response has it (§3.4)


@dataclass(frozen=True, slots=True)
class MyRights(Command):
    mailbox: str


# ---- arguments (RFC 4314 §7)


def _identifier(cursor: Cursor) -> tuple[str, bytes]:
    """identifier, prepared (§3); BAD when that fails or leaves nothing. And as it was written."""
    written = cursor.astring("Expected an identifier")
    if len(written) > cursor.settings.max_identifier_octets:
        raise BadSyntax("Identifier too long")
    try:
        prepared = saslprep(written.decode("utf-8"), stored=True)
    except (UnicodeDecodeError, BadName):
        raise BadSyntax("An identifier with characters it may not have") from None
    if not prepared.removeprefix("-"):
        raise BadSyntax("Empty identifier")
    return prepared, written


def _rights(cursor: Cursor) -> tuple[str, str]:
    """mod-rights; §3.1: an unknown right is BAD, never passed over."""
    text = cursor.astring("Expected rights").decode("ascii", "replace")
    mode, letters = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    for letter in letters:
        if letter not in ALL_RIGHTS and letter not in _VIRTUAL:
            if letter.isupper():
                raise BadSyntax("Uppercase rights are not allowed")  # §2
            raise BadSyntax("A right that is not supported")
    meant = "".join(_VIRTUAL.get(letter, letter) for letter in letters)
    return mode, in_order(meant)


def parse_setacl(cursor: Cursor) -> SetAcl:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    identifier, _ = _identifier(cursor)
    cursor.space()
    mode, rights = _rights(cursor)
    cursor.end()
    return SetAcl(mailbox, identifier, mode, rights)


def parse_deleteacl(cursor: Cursor) -> DeleteAcl:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    identifier, _ = _identifier(cursor)
    cursor.end()
    return DeleteAcl(mailbox, identifier)


def parse_listrights(cursor: Cursor) -> ListRights:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    identifier, written = _identifier(cursor)
    cursor.end()
    return ListRights(mailbox, identifier, written)


def _mailbox(cursor: Cursor) -> str:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.end()
    return mailbox


def parse_getacl(cursor: Cursor) -> GetAcl:
    return GetAcl(_mailbox(cursor))


def parse_myrights(cursor: Cursor) -> MyRights:
    return MyRights(_mailbox(cursor))


# §5.1.1: what follows a SETACL may depend on it.
ROWS = (
    CommandInfo(b"SETACL", parse_setacl, SIGNED_IN, Does.MAY_EXPUNGE | Does.CHANGES_STATE),
    CommandInfo(b"DELETEACL", parse_deleteacl, SIGNED_IN, Does.MAY_EXPUNGE | Does.CHANGES_STATE),
    CommandInfo(b"GETACL", parse_getacl, SIGNED_IN, Does.MAY_EXPUNGE),
    CommandInfo(b"LISTRIGHTS", parse_listrights, SIGNED_IN, Does.MAY_EXPUNGE),
    CommandInfo(b"MYRIGHTS", parse_myrights, SIGNED_IN, Does.MAY_EXPUNGE),
)


# ---- rights as text


def in_order(rights: Iterable[str]) -> str:
    """Each right once, in the order of RFC 4314 §2.1."""
    held = set(rights)
    return "".join(letter for letter in ALL_RIGHTS if letter in held)


def shown(rights: str) -> bytes:
    """Rights with the obsolete ones that older clients look for (§2.1.1), never empty on the wire."""
    held = set(rights)
    held.update(virtual for virtual, members in _VIRTUAL.items() if held.intersection(members))
    return "".join(letter for letter in _SHOWN if letter in held).encode("ascii") or b'""'


# ---- responses; `name` as `encode.mailbox` makes it


def acl_line(name: bytes, entries: Iterable[tuple[str, str]]) -> bytes:
    """RFC 4314 §3.6"""
    pairs = [b" %b %b" % (astring(identifier.encode("utf-8")), shown(rights)) for identifier, rights in entries]
    return b"* ACL %b%b\r\n" % (name, b"".join(pairs))


def listrights_line(name: bytes, identifier: bytes, required: str, optional: str) -> bytes:
    """RFC 4314 §3.7; none of the optional rights is tied to another."""
    more = shown(optional).decode("ascii") if optional else ""
    return b"* LISTRIGHTS %b %b %b%b\r\n" % (
        name,
        astring(identifier),
        shown(required),
        "".join(" " + letter for letter in more).encode("ascii"),
    )


def myrights_line(name: bytes, rights: str) -> bytes:
    """RFC 4314 §3.8"""
    return b"* MYRIGHTS %b %b\r\n" % (name, shown(rights))
