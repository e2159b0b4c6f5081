"""The words by which messages are told apart: of their text, their header, their HTML, the places they link to.

Owns: what is a word, and how many of a message count. Never: weighs them (bayes.py does), keeps them.
Raises: nothing; any octets have words, perhaps none.

A word has what it was found in before it ("subject:", "from:", "url:" …), so that the same letters may speak for a
message in one place and against it in another. Words of the text have nothing before them, pairs of them a blank
between. All work is linear in what letter.py lets through.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

from postroom.message.addresses import parse_list
from postroom.message.encoded_words import decode_field
from postroom.message.header import HeaderIndex
from postroom.message.search_text import html_text

from .letter import Letter

MAX_WORDS = 1500  # of one message; those of the header come first
_MAX_TEXT_WORDS = 900  # of all texts, with their pairs twice as many
_MAX_FIELD_CHARACTERS = 400
_MAX_LINKS = 60
_MAX_TAGS = 400
_SHORTEST, _LONGEST = 3, 16  # characters of a word that is taken as it stands
_MAX_RUN = 400  # characters of a run without a blank that are cut into pieces

_WORD = re.compile(r"[\w$€£%!'’+-]+(?:[.@][\w$€£%!'’+-]+)*")
_STRIPPED = "-'’+_"
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\ufeff"))
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_LINK = re.compile(
    r"\b(?:https?|ftp)://([^\s\"'<>/\\?#]{1,200})([^\s\"'<>]{0,100})|\bmailto:([^\s\"'<>?]{1,100})", re.I
)
_TAG = re.compile(r"<([a-z][a-z0-9]{0,10})\b", re.I)
_STYLE = (
    ("html:hidden", re.compile(r"display\s{0,4}:\s{0,4}none|visibility\s{0,4}:\s{0,4}hidden", re.I)),
    (
        "html:tiny",
        re.compile(r"font-size\s{0,4}:\s{0,4}[01](?:px|pt|em|%|\b)|\bsize\s{0,4}=\s{0,4}[\"']?(?:-\d|1\b)", re.I),
    ),
    ("html:form", re.compile(r"<form\b", re.I)),
    ("html:script", re.compile(r"<script\b|\bon(?:load|click|mouseover)\s{0,4}=", re.I)),
    ("html:image", re.compile(r"<img\b[^<>]{0,400}?\bsrc\s{0,4}=\s{0,4}[\"']?https?:", re.I)),
    ("html:entity", re.compile(r"&#x?\d{2,6};")),
    ("html:comment", re.compile(r"\w<!--")),
)
_ADDRESS_LITERAL = re.compile(r"\[(?:IPv6:)?([0-9a-fA-F.:]{3,45})\]")
_HELLO = re.compile(r"\bfrom\s+([^\s()\[\];]{1,100})", re.I)
_BY = re.compile(r"\bby\s+([^\s()\[\];]{1,100})", re.I)
_RESULT = re.compile(r"\b(spf|dkim|dmarc|arc|iprev)\s{0,4}=\s{0,4}([a-z]{2,12})", re.I)
_ZONE = re.compile(r"([+-]\d{4})")
# Fields whose presence says something of the program that made the message. Those that filters add are not among them:
# their verdicts would be learnt as if people had given them.
_PRESENT = frozenset(
    b"in-reply-to references list-id list-unsubscribe list-post organization reply-to sender user-agent x-mailer"
    b" mime-version precedence x-priority importance errors-to x-accept-language x-mimeole x-originating-ip"
    b" content-class thread-index auto-submitted disposition-notification-to feedback-id x-csa-complaints".split()
)
_PLAIN_WORDS = ((b"x-mailer", "mailer"), (b"user-agent", "mailer"), (b"organization", "organization"))


def words_of(letter: Letter) -> list[str]:
    """Each once, in order of appearance, those of the header first; `MAX_WORDS` at most."""
    found: dict[str, None] = dict.fromkeys(_header(letter.fields))
    found.update(dict.fromkeys(f"part:{kind}" for kind in letter.kinds))
    for text in letter.texts:
        if text.charset:
            found[f"charset:{text.charset}"] = None
    found.update(dict.fromkeys(_links([text.text for text in letter.texts])))
    seen: list[str] = []
    for text in letter.texts:
        plain = text.text
        if text.html:
            found.update(dict.fromkeys(_html(plain)))
            plain = html_text(plain)
        seen += islice(_spoken(plain), _MAX_TEXT_WORDS - len(seen))
    found.update(dict.fromkeys(seen))
    found.update(dict.fromkeys([f"{first} {second}" for first, second in pairwise(seen)]))
    return list(islice(found, MAX_WORDS))


def _spoken(text: str) -> Iterator[str]:
    """The words of a text."""
    plain = text.isascii()
    if not plain:
        text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE))
    for word in _WORD.findall(text.lower()):
        word = word.strip(_STRIPPED)
        if _SHORTEST <= len(word) <= _LONGEST and (plain or word.isascii()):
            yield word
        elif len(word) >= _SHORTEST or not word.isascii():
            yield from _uncommon(word)


def _uncommon(word: str) -> Iterator[str]:
    """What is too long, or written without blanks between words."""
    if not word.isascii() and (run := _UNSPACED.search(word)):
        characters = run[0][:_MAX_RUN]
        yield from (characters[at : at + 2] for at in range(max(1, len(characters) - 1)))
    elif _SHORTEST <= len(word) <= _LONGEST:
        yield word
    elif len(word) > _LONGEST:
        if "@" in word:
            yield f"address:{word.rpartition('@')[2][:60]}"
        yield f"long:{word[0]} {len(word) // 10 * 10 if len(word) < 100 else 100}"


# ---- links and HTML
def _links(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for found in islice(_LINK.finditer(text), _MAX_LINKS):
            host, path, mailto = found.groups()
            if mailto:
                yield f"mailto:{mailto.rpartition('@')[2].lower()}"
                continue
            host = host.lower()
            if "@" in host:
                yield "url:user"
                host = host.rpartition("@")[2]
            if "%" in host or "%" in path[:40]:
                yield "url:escaped"
            host, _, port = host.partition(":")
            if port not in ("", "80", "443"):
                yield "url:port"
            yield from _host("url", host)
            for piece in islice(re.split(r"[/?&=._-]+", path.lower()), 8):
                if _SHORTEST <= len(piece) <= _LONGEST:
                    yield f"path:{piece}"


def _host(kind: str, host: str) -> Iterator[str]:
    """A host name and the domains it lies in, the top one excepted; an address and its network."""
    host = host.strip(".")
    labels = host.split(".")[-5:]
    if labels[-1].isdigit():
        yield f"{kind}:address"
        yield f"{kind}:{'.'.join(labels[:2])}"
        return
    for at in range(max(1, len(labels) - 1)):
        yield f"{kind}:{'.'.join(labels[at:])}"
    yield f"{kind}:.{labels[-1]}"


def _html(html: str) -> Iterator[str]:
    yield from {f"tag:{found[1].lower()}" for found in islice(_TAG.finditer(html), _MAX_TAGS)}
    for name, pattern in _STYLE:
        if pattern.search(html):
            yield name


# ---- the header
def _header(fields: HeaderIndex) -> Iterator[str]:
    subject = decode_field((fields.first(b"subject") or b"")[:_MAX_FIELD_CHARACTERS])
    yield from _subject(subject)
    yield from _addresses(fields)
    yield from _path(fields)
    yield from (f"header:{name.decode()}" for name in _PRESENT & fields.by_name.keys())
    for name, kind in _PLAIN_WORDS:
        for word in _spoken(decode_field((fields.first(name) or b"")[:100])):
            yield f"{kind}:{word}"
    if (list_id := fields.first(b"list-id")) is not None:
        yield f"list:{list_id[-100:].decode('latin-1').rpartition('<')[2].strip('>').lower()}"
    message_id = (fields.first(b"message-id") or b"")[:300].decode("latin-1").lower()
    if "@" in message_id:
        yield from _host("id", message_id.rpartition("@")[2].strip("> \t"))
    else:
        yield "id:none"
    date = (fields.first(b"date") or b"")[:100].decode("latin-1")
    yield f"zone:{zone[1]}" if (zone := _ZONE.search(date)) else "zone:none"


def _subject(subject: str) -> Iterator[str]:
    words = list(_spoken(subject))
    yield from (f"subject:{word}" for word in words)
    yield from (f"subject:{first} {second}" for first, second in pairwise(words))
    letters = [c for c in subject if c.isalpha()]
    if len(letters) > 6 and sum(c.isupper() for c in letters) * 4 > len(letters) * 3:
        yield "subject:SHOUTED"
    if "  " in subject.strip():
        yield "subject:blanks"
    if not subject.strip():
        yield "subject:none"


def _addresses(fields: HeaderIndex) -> Iterator[str]:
    authors: set[str] = set()
    for name, kind in ((b"from", "from"), (b"reply-to", "reply"), (b"sender", "sender"), (b"return-path", "return")):
        value = (fields.first(name) or b"")[:_MAX_FIELD_CHARACTERS]
        for one in parse_list(value, 3):
            if one.mailbox is None or one.host is None:
                continue
            local, domain = one.mailbox.decode("latin-1").lower(), one.host.decode("latin-1").lower()
            if kind == "from":
                authors.add(domain)
            if kind in ("from", "reply"):
                yield f"{kind}:{local}@{domain}"[:80]
                yield from (f"{kind}name:{word}" for word in _spoken(decode_field(one.name or b"")))
            yield from _host(kind, domain)
            if kind == "reply" and authors and domain not in authors:
                yield "reply:elsewhere"
    receivers = b",".join(fields.all(b"to")[:2] + fields.all(b"cc")[:2])[:4000]
    count = len(parse_list(receivers, 30))
    yield f"to:{count if count < 4 else 4 if count < 10 else 10}"
    if b"undisclosed" in receivers.lower():
        yield "to:undisclosed"


def _path(fields: HeaderIndex) -> Iterator[str]:
    """Which hosts it came by, and what this server found of its sender."""
    for received in islice(fields.by_name.get(b"received", ()), 6):
        text = received[:600].decode("latin-1")
        if (hello := _HELLO.search(text)) is not None:
            yield from _host("hello", hello[1].lower())
        if (by := _BY.search(text)) is not None:
            yield from _host("by", by[1].lower())
        for address in islice(_ADDRESS_LITERAL.finditer(text), 2):
            separator = ":" if ":" in address[1] else "."
            pieces = address[1].split(separator)
            yield f"net:{separator.join(pieces[:2])}"
            yield f"net:{separator.join(pieces[:3])}"
    for results in islice(fields.by_name.get(b"authentication-results", ()), 1):  # the first is this server's own
        for found in islice(_RESULT.finditer(results[:2000].decode("latin-1")), 12):
            yield f"auth:{found[1].lower()}={found[2].lower()}"
