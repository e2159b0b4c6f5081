"""Whose name a message bears: the domain of its From field (RFC 9989; RFC 7489 §6.6.1), or why there is no such one.

Owns: the strict reading of From fields, what is odd about them, the address that a display name pretends to be. Never:
guesses: where two readers could see two domains, there is none, and all of them are listed. Raises: nothing.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from postroom.mailauth import domains as dns_names
from postroom.message import decode_field, unfold
from postroom.message.header import HEADER_END

MAX_FROM_OCTETS = 8192  # of one From field, unfolded
MAX_DOMAINS = 16  # that are listed
MAX_COMMENT_DEPTH = 16
_MAX_NAME = 1024  # octets of a domain that are looked at: in UTF-8 it may be longer than in A-labels
_SHOWN = 320  # characters of an address that are told


class Problem(StrEnum):
    """What is wrong with the From fields; the gravest is told. "" is none.

    With those of `GRAVE` there is no author domain. The others are odd, but every reader sees the same domain.
    """

    NONE = ""
    MISSING = "no From field"
    SEVERAL_FIELDS = "several From fields"
    TOO_LONG = "From field too long"
    CONTROL = "control characters in From"
    NO_ADDRESS = "no address in From"
    SEVERAL_DOMAINS = "addresses of several domains in From"
    LITERAL = "address literal in From"
    BAD_DOMAIN = "no domain name behind the @ in From"
    ENCODED = "encoded word inside the address in From"
    GROUP = "group in From"
    SYNTAX = "odd syntax in From"


GRAVE = frozenset(Problem) - {Problem.NONE, Problem.ENCODED, Problem.GROUP, Problem.SYNTAX}


@dataclass(frozen=True, slots=True)
class Author:
    """`domain`: A-labels, lower case, no final dot; "" where the problem is grave.

    `address` is the first one, for people. `domains` are all that some reader might see, most of the time one.
    `named` is the domain of an address in a display name or comment that is not the author's; "" is none.
    """

    domain: str
    address: str = ""
    problem: Problem = Problem.NONE
    domains: tuple[str, ...] = ()
    named: str = ""


class _Token(NamedTuple):
    kind: str  # "w" atom, "q" quoted string, "l" literal, a special character, "?" what stands nowhere
    text: bytes
    apart: bool  # white space before it
    commented: bool  # a comment before it


_TOKENS = re.compile(
    rb"(?P<space>[ \t\r\n]+)"
    rb"|(?P<comment>\()"
    rb'|"(?P<q>(?:[^"\\]|\\.)*+)"'
    rb"|(?P<l>\[[^\[\]\\]*+\])"
    rb"|(?P<special>[<>@,;:.])"
    rb"|(?P<w>[^ \t\r\n()<>\[\]:;@\\,.\"\0-\x1f\x7f]++)"
    rb"|(?P<other>.)",
    re.DOTALL,
)
_COMMENT_MARK = re.compile(rb"\\.|[()]", re.DOTALL)
_CONTROL = re.compile(rb"[\0-\x08\x0a-\x1f\x7f]")
_FROM = re.compile(rb"^from[ \t]*:(.*(?:\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)  # as message.iter_fields
_BARE_CR_FROM = re.compile(rb"\r(?!\n)[ \t]*from[ \t]*:", re.IGNORECASE)
# RFC 5322 §3.4 over the kinds of tokens, with the obsolete forms of §4.4 (empty list elements, dots in phrases, routes)
_LOCAL, _DOMAIN = r"[wq](?:\.[wq])*+", r"(?:w(?:\.w)*+|l)"
_SPEC = rf"{_LOCAL}@{_DOMAIN}"
_ROUTE = rf"@{_DOMAIN}(?:,+@{_DOMAIN})*:"
_MAILBOX = re.compile(rf"(?:[wq][wq.]*+)?<(?P<route>{_ROUTE})?(?P<angle>{_SPEC})>|(?P<bare>{_SPEC})")
_GROUP = re.compile(r"[wq][wq.]*+:")
_OPEN = bytes.maketrans(b'"()\\', b"    ")
_ENCODED_WORD = re.compile(rb"=\?[^?]+\?[bBqQ]\?")
_ONE_LABEL = re.compile(r"(?![0-9]+\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_SHOWN_ADDRESS = re.compile(r"[^\s<>()\[\],;:@\"']{1,64}@((?:[^\s<>()\[\],;:@\"'.]{1,63}\.){1,10}[^\W\d_][\w-]{0,62})")


def author_domain(header: bytes) -> Author:
    """The author's domain by a message's header (as it stands, line ends CRLF or LF)."""
    values = [unfold(value) for value in _from_fields(header)]
    if not values:
        return Author("", problem=Problem.MISSING)
    fields = [_read_field(value) for value in values[:MAX_DOMAINS]]
    if len(values) == 1 and not _BARE_CR_FROM.search(header):  # some readers end a line at a bare CR
        return fields[0]
    domains = tuple(dict.fromkeys(domain for one in fields for domain in one.domains))[:MAX_DOMAINS]
    named = next((one.named for one in fields if one.named), "")
    return Author("", fields[0].address, Problem.SEVERAL_FIELDS, domains, named)


def _from_fields(header: bytes) -> list[bytes]:
    """The values of all From fields, folded."""
    if header.startswith((b"\n", b"\r\n")):  # there is no header
        return []
    end = HEADER_END.search(header)
    return _FROM.findall(header, 0, len(header) if end is None else end.start() + 1)


def domain_name(octets: bytes) -> str | None:
    """A domain in lower-case A-labels (RFC 5890 §2.3.2.1) without a final dot; None: no such name is in the DNS.

    UTF-8 is mapped as programs do that show and use it (UTS #46), so that two spellings of a name are one. Unlike
    elsewhere a name may have one label only: programs on hosts without a domain write so.
    """
    if len(octets) > _MAX_NAME:
        return None
    try:
        text = octets.decode("utf-8")
    except UnicodeError:
        return None
    name = text.lower().removesuffix(".")
    return dns_names.domain_name(text) or (name if _ONE_LABEL.fullmatch(name) else None)


def _read_field(value: bytes) -> Author:
    if len(value) > MAX_FROM_OCTETS:
        return Author("", problem=Problem.TOO_LONG)
    tokens, comments = _tokenize(value)
    problem, specs, phrases = _mailboxes(tokens)
    if problem is not Problem.NONE:
        if any(token.kind == "?" for token in tokens):  # quotes or comments without an end hide nothing
            tokens = _tokenize(value.translate(_OPEN))[0]
        specs = _candidates(tokens)  # whatever a lenient reader might find
        if len(specs) > MAX_DOMAINS:  # and there may be others that nobody has looked at
            problem = Problem.TOO_LONG
    hosts = [_host(spec) for spec in specs]
    names = [domain_name(host) for host in hosts]
    domains = tuple(dict.fromkeys(name for name in names if name is not None))[:MAX_DOMAINS]
    problem = _gravest(value, problem, specs, hosts, names)
    domain = "" if problem in GRAVE else domains[0]
    address = _shown(specs[0]) if specs else ""
    return Author(domain, address, problem, domains, _named([*phrases, *comments], domains))


def _gravest(
    value: bytes, problem: Problem, specs: list[list[_Token]], hosts: list[bytes], names: list[str | None]
) -> Problem:
    if problem is Problem.TOO_LONG:
        return problem
    if _CONTROL.search(value):
        return Problem.CONTROL
    if not specs:
        return Problem.NO_ADDRESS
    if any(host.startswith(b"[") for host in hosts):
        return Problem.LITERAL
    if None in names:
        return Problem.BAD_DOMAIN
    if len(set(names)) > 1:
        return Problem.SEVERAL_DOMAINS
    if any(_ENCODED_WORD.search(token.text) for spec in specs for token in spec):
        return Problem.ENCODED  # RFC 2047 §5 forbids it; some readers decode it all the same
    return problem


def _tokenize(value: bytes) -> tuple[list[_Token], list[bytes]]:
    """The tokens, and the texts of the comments between them."""
    tokens: list[_Token] = []
    comments: list[bytes] = []
    apart = commented = False
    at = 0
    while at < len(value):
        found = _TOKENS.match(value, at)
        assert found is not None
        at, kind = found.end(), str(found.lastgroup)
        if kind == "space":
            apart = True
            continue
        if kind == "comment" and (end := _comment_end(value, at)):
            comments.append(value[at : end - 1])
            at, commented = end, True
            continue
        if kind == "comment" or found[0] == b'"':  # without an end: `_read_field` begins anew
            tokens.append(_Token("?", found[0], apart, commented))
            break
        text = found[kind]
        if kind == "special":
            kind = text.decode("ascii")
        elif kind == "other":
            kind = "?"
        tokens.append(_Token(kind, text, apart, commented))
        apart = commented = False
    return tokens, comments


def _comment_end(value: bytes, at: int) -> int:
    """Behind the comment whose "(" stands before `at`; 0 when it does not end or nests too deep."""
    depth = 1
    for found in _COMMENT_MARK.finditer(value, at):
        if found[0] == b"(":
            depth += 1
        elif found[0] == b")":
            depth -= 1
        if not depth or depth > MAX_COMMENT_DEPTH:
            return 0 if depth else found.end()
    return 0


def _mailboxes(tokens: list[_Token]) -> tuple[Problem, list[list[_Token]], list[bytes]]:
    """Read strictly: the addresses and the display names. What is not RFC 5322 to the end is `Problem.SYNTAX`."""
    kinds = "".join(token.kind for token in tokens)
    problem = Problem.NONE
    specs: list[list[_Token]] = []
    phrases: list[bytes] = []
    at, in_group = 0, False
    while at < len(kinds):
        if kinds[at] == ",":
            at += 1
        elif kinds[at] == ";" and in_group:
            in_group, at = False, at + 1
        elif not in_group and (found := _GROUP.match(kinds, at)):
            problem, in_group, at = Problem.GROUP, True, found.end()
            phrases.append(_text(tokens[found.start() : at - 1]))
        elif (found := _MAILBOX.match(kinds, at)) and kinds[found.end() : found.end() + 1] in ("", ",", ";"):
            start, end = found.span("angle" if found["angle"] else "bare")
            specs.append(tokens[start:end])
            phrases.append(_text(tokens[found.start() : start]))
            inside = tokens[start + 1 : end + 1 if found["angle"] else end]
            if found["route"] or any(token.apart or token.commented for token in inside):
                problem = Problem.SYNTAX  # RFC 5322 §4.4 lets it be read; who reads it otherwise is deceived
            at = found.end()
        else:
            return Problem.SYNTAX, specs, phrases
    return problem, specs, phrases


def _candidates(tokens: list[_Token]) -> list[list[_Token]]:
    """Everything around an @ outside quotes and comments, up to what can't belong to an address.

    White space or a comment within a domain ends it for some readers and for others not: both are candidates.
    """
    specs: list[list[_Token]] = []
    for at, token in enumerate(tokens):
        if token.kind == "@" and len(specs) <= MAX_DOMAINS:
            start, end = at, at + 1
            while start > 0 and tokens[start - 1].kind in "wq.":
                start -= 1
                if tokens[start].apart:
                    break
            while end < len(tokens) and tokens[end].kind in "wql." and not (end > at + 1 and _ends(tokens, end)):
                if end > at + 1 and (tokens[end].apart or tokens[end].commented):
                    specs.append(tokens[start:end])
                end += 1
            specs.append(tokens[start:end])
    return specs


def _ends(tokens: list[_Token], at: int) -> bool:
    """Whether a word begins anew here: white space before it, and no dot on either side of that."""
    return tokens[at].apart and tokens[at].kind != "." and tokens[at - 1].kind != "."


def _host(spec: list[_Token]) -> bytes:
    kinds = [token.kind for token in spec]
    return b"".join([token.text for token in spec[kinds.index("@") + 1 :]])


def _text(tokens: list[_Token]) -> bytes:
    return b"".join([b" " + token.text if token.apart else token.text for token in tokens])


def _shown(spec: list[_Token]) -> str:
    shown = b"".join([b'"%b"' % token.text if token.kind == "q" else token.text for token in spec])
    return shown.decode("utf-8", "replace")[:_SHOWN]


def _named(texts: list[bytes], domains: tuple[str, ...]) -> str:
    """The domain of an address that a display name shows and that is not the author's (RFC 7489 §12.4)."""
    for text in texts:
        for found in _SHOWN_ADDRESS.finditer(decode_field(text)):
            name = domain_name(found[1].encode("utf-8", "replace"))
            if name is not None and name not in domains:
                return name
    return ""
