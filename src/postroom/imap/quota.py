"""GETQUOTA, GETQUOTAROOT and SETQUOTA, and their responses (RFC 9208).

Owns: their values, arguments and octets. Never: knows what is used or allowed. Raises: BadSyntax.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .encode import astring, utf8_string
from .syntax import BadSyntax
from .table import SIGNED_IN, CommandInfo, Does
from .tokens import Cursor
from .types import Command

MAX_NUMBER64 = 2**63 - 1  # RFC 9208 §3.1.2
_MAX_RESOURCES = 16  # in one SETQUOTA: far more than have been registered


@dataclass(frozen=True, slots=True)
class GetQuota(Command):
    root: str


@dataclass(frozen=True, slots=True)
class GetQuotaRoot(Command):
    mailbox: str


@dataclass(frozen=True, slots=True)
class SetQuota(Command):
    """Resources that are not named lose their limits (RFC 9208 §4.1.3)."""

    root: str
    limits: tuple[tuple[bytes, int], ...]  # names in upper case


def _root(cursor: Cursor) -> str:
    return cursor.astring("Expected a quota root").decode("utf-8", "replace")


def get_quota(cursor: Cursor) -> GetQuota:
    cursor.space()
    root = _root(cursor)
    cursor.end()
    return GetQuota(root)


def get_quota_root(cursor: Cursor) -> GetQuotaRoot:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.end()
    return GetQuotaRoot(mailbox)


def set_quota(cursor: Cursor) -> SetQuota:
    cursor.space()
    root = _root(cursor)
    cursor.space()
    cursor.expect(b"(", "Expected a list of resources")
    limits: dict[bytes, int] = {}
    while not cursor.take(b")"):
        if limits:
            cursor.space()
        resource = cursor.atom("Expected a resource").upper()
        if resource in limits:
            raise BadSyntax("One limit a resource")
        cursor.space()
        limits[resource] = cursor.number("Expected a limit", most=MAX_NUMBER64)
        if len(limits) > _MAX_RESOURCES:
            raise BadSyntax("Too many resources")
    cursor.end()
    return SetQuota(root, tuple(limits.items()))


ROWS = (
    CommandInfo(b"GETQUOTA", get_quota, SIGNED_IN, Does.MAY_EXPUNGE),
    CommandInfo(b"GETQUOTAROOT", get_quota_root, SIGNED_IN, Does.MAY_EXPUNGE),
    CommandInfo(b"SETQUOTA", set_quota, SIGNED_IN, Does.MAY_EXPUNGE),
)

# ---- responses


def _name(root: str, utf8: bool) -> bytes:
    return utf8_string(root) if utf8 and not root.isascii() else astring(root.encode("utf-8", "replace"))


def quota(root: str, resources: Iterable[tuple[bytes, int, int]], utf8: bool = False) -> bytes:
    """QUOTA (RFC 9208 §4.2.1): each resource with its usage and its limit."""
    triplets = b" ".join(b"%b %d %d" % resource for resource in resources)
    return b"* QUOTA %b (%b)\r\n" % (_name(root, utf8), triplets)


def quota_root(name: bytes, roots: Iterable[str], utf8: bool = False) -> bytes:
    """QUOTAROOT (RFC 9208 §4.2.2); `name` as encode.mailbox makes it."""
    return b"* QUOTAROOT %b\r\n" % b" ".join([name, *(_name(root, utf8) for root in roots)])
