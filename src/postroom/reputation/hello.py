"""What a client calls itself in EHLO or HELO, compared with what is known of it.

Owns: what each finding is called and worth. Never: asks itself; refuses: RFC 5321 §4.1.4 forbids to refuse mail because
that name is not the client's, so these points only add to others. Raises: nothing.
"""

import re

from postroom.junk import ScorePart
from postroom.mailauth.clients import client_at
from postroom.mailauth.domains import domain_name
from postroom.mailauth.questions import Inquiry, Question

from .settings import StrangersSettings

_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f:.]+)\]", re.IGNORECASE)  # RFC 5321 §4.1.3
Parts = tuple[ScorePart, ...]


def check_hello(hello: str, address: str, settings: StrangersSettings, *, ours: bool) -> Inquiry[Parts]:
    """`hello` as the client said it; `ours`: it is a name of this server or of a domain here."""
    if ours:
        return _part("ours", settings.hello_ours_points, f"it calls itself {hello}, which is here")
    if hello.startswith("["):
        return _literal(hello, address, settings)
    name = domain_name(hello)
    if not name:
        return _part("bare", settings.hello_bare_points, f"it calls itself {hello}, which is no name of a host")
    if not settings.hello_unknown_points:
        return ()
    for kind in ("A", "AAAA"):
        reply = yield Question("A" if kind == "A" else "AAAA", name)
        if reply.failed or reply.names:
            return ()  # trouble with the DNS gives no points; nor does an address of others: hosts have many names
    return _part("unknown", settings.hello_unknown_points, f"it calls itself {name}, which has no address")


def _literal(hello: str, address: str, settings: StrangersSettings) -> Parts:
    found = _LITERAL.fullmatch(hello)
    named, client = client_at(found[1]) if found is not None else None, client_at(address)
    if named is not None and named == client:
        return _part("literal", settings.hello_literal_points, f"it calls itself {hello}, by its address alone")
    return _part("wrong_literal", settings.hello_wrong_literal_points, f"it calls itself {hello}, but is {address}")


def _part(name: str, points: float, words: str) -> Parts:
    return (ScorePart(f"hello.{name}", points, words),) if points else ()
