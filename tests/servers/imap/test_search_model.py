"""SEARCH against a slow, plain reading of RFC 3501 §6.4.4: made-up key trees on mail in many charsets.

The reference knows each message as the text it was made from, so nothing of the server's decoding is in it.
"""

import asyncio
import base64
import datetime
import operator
import quopri
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .room import Client, Room, both_stores, open_room

WORD_POOL = """zebra Quokka WOMBAT Grüße STRASSE straße Ünïcödé œuvre Łódź ÅNGSTRÖM naïve café cafe\u0301 İstanbul
    ırmak ﬁnch ｆｕｌｌｗｉｄｔｈ привет МИР Ёжик Σίσυφος ΟΔΟΣ 日本語 テスト ﾃｽﾄ
    東京都 한국어 서울 漢字 שלום مرحبا ไทย नमस्ते"""
CHARSET_POOL = """utf-8 utf-8 iso-8859-1 iso-8859-2 iso-8859-5 iso-8859-7 iso-8859-8 iso-8859-15 windows-1250
    windows-1251 windows-1252 windows-1254 koi8-r iso-2022-jp shift_jis euc-jp euc-kr gb2312 gb18030 big5 utf-16 utf-7
    us-ascii"""
WORDS, CHARSETS = WORD_POOL.split(), CHARSET_POOL.split()
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Work")
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
NOW = int(datetime.datetime.now(datetime.UTC).timestamp())
COUNT = 60


def folded(text: str) -> str:
    """i;unicode-casemap, up to the compatibility forms that the case of a letter may bring out."""
    for _ in range(2):
        text = normalize("NFKD", text.casefold())
    return text.replace("ı", "i")


@dataclass
class Mail:
    """A message as it was meant."""

    octets: bytes
    flags: frozenset[str]
    internal: int  # seconds
    sent: datetime.date
    fields: dict[str, str]
    bodies: list[str]

    def has(self, needle: str, *where: str) -> bool:
        texts = [self.fields[name] for name in where if name in self.fields] + (self.bodies if "body" in where else [])
        return any(folded(needle) in folded(text) for text in texts)


def possible(rnd: random.Random, text: str) -> str:
    """A charset that has all these characters."""
    while True:
        charset = rnd.choice(CHARSETS)
        try:
            if text.encode(charset).decode(charset) == text:
                return charset
        except UnicodeError:
            pass


def phrase(rnd: random.Random) -> str:
    return " ".join(rnd.choice(WORDS) for _ in range(rnd.randint(1, 3)))


def encoded_word(rnd: random.Random, text: str) -> bytes:
    charset = possible(rnd, text)
    if text.isascii():
        return text.encode()
    raw = text.encode(charset)
    if rnd.random() < 0.5:
        return b"=?%b?B?%b?=" % (charset.encode(), base64.b64encode(raw))
    return b"=?%b?q?%b?=" % (charset.encode(), b"".join(b"=%02X" % octet for octet in raw))


def text_part(rnd: random.Random, text: str) -> bytes:
    """A text part with its header; plain or HTML, in some charset and encoding."""
    charset = possible(rnd, text)
    kind = "plain"
    if rnd.random() < 0.3:
        kind = "html"
        text = f"<html><head><style>p {{ x: hidden }}</style></head><body><p>{text}</p><br></body></html>"
        if rnd.random() < 0.5:
            text = "".join(c if c.isascii() else f"&#{ord(c)};" for c in text)
    raw = text.encode(charset)
    how = rnd.choice(["base64", "quoted-printable", "8bit"])
    if charset in ("utf-16", "utf-7"):
        how = "base64"
    body = raw if how == "8bit" else base64.encodebytes(raw) if how == "base64" else quopri.encodestring(raw)
    head = f"Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {how}\r\n\r\n".encode()
    return head + re.sub(rb"\r?\n", b"\r\n", body)


def mail(rnd: random.Random) -> Mail:
    name, subject, tag = phrase(rnd), phrase(rnd), phrase(rnd)
    bodies = [phrase(rnd) for _ in range(rnd.choice([1, 1, 2, 3]))]
    sent = datetime.date(2020, 1, 1) + datetime.timedelta(days=rnd.randrange(20))
    zone = rnd.choice(["+0000", "-1200", "+1400"])
    head = [
        b"From: %b <someone@x.example>" % encoded_word(rnd, name),
        b"Subject: %b" % encoded_word(rnd, subject),
        f"Date: {sent.day} {MONTHS[sent.month - 1]} {sent.year} 23:30:00 {zone}".encode(),
        b"MIME-Version: 1.0",
    ]
    fields = {"from": name, "subject": subject}
    if rnd.random() < 0.5:
        head.append(b"X-Tag:\r\n %b" % encoded_word(rnd, tag))
        fields["x-tag"] = tag
    if len(bodies) == 1:
        rest = text_part(rnd, bodies[0])
    else:
        parts = [text_part(rnd, body) for body in bodies]
        parts.append(b"Content-Type: application/octet-stream\r\n\r\n" + "zebra Grüße".encode())
        rest = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        rest += b"".join(b"--b\r\n%b\r\n" % part for part in parts) + b"--b--\r\n"
    octets = b"\r\n".join(head) + b"\r\n" + rest
    flags = frozenset(flag for flag in FLAGS if rnd.random() < 0.4)
    return Mail(
        octets,
        flags,
        NOW - rnd.randrange(20) * 43_200 - 3_600,  # never a whole number of the hours asked for
        sent,
        fields,
        bodies,
    )


# ---- keys: what is sent, and what it means

Test = Callable[[int, Mail], bool]
Key = tuple[bytes, Test]


Compare = Callable[[datetime.date, datetime.date], bool]
CASES: list[Callable[[str], str]] = [str.upper, str.lower, str.title, str.swapcase, str]
COMPARED: list[tuple[bytes, Compare]] = [(b"BEFORE", operator.lt), (b"ON", operator.eq), (b"SINCE", operator.ge)]


def day(date: datetime.date) -> bytes:
    return f"{date.day}-{MONTHS[date.month - 1]}-{date.year}".encode()


def literal(needle: str, charset: str) -> bytes:
    raw = needle.encode(charset)
    return b"{%d+}\r\n%b" % (len(raw), raw)


def internal_day(one: Mail) -> datetime.date:
    return datetime.datetime.fromtimestamp(one.internal, datetime.UTC).date()


@st.composite
def leaves(draw: st.DrawFn, charset: str) -> Key:
    kind = draw(st.sampled_from(["flag", "size", "date", "sent", "set", "uid", "age", "text", "text", "text"]))
    number = draw(st.integers(1, COUNT + 5))
    if kind == "flag":
        flag = draw(st.sampled_from(FLAGS))
        word = b"KEYWORD $Work" if flag == "$Work" else flag[1:].upper().encode()
        present = draw(st.booleans())
        return (b"" if present else b"UN") + word, lambda at, one: (flag in one.flags) is present
    if kind == "size":
        size = draw(st.integers(200, 900))
        if draw(st.booleans()):
            return b"LARGER %d" % size, lambda at, one: len(one.octets) > size
        return b"SMALLER %d" % size, lambda at, one: len(one.octets) < size
    if kind in ("date", "sent"):
        of: Callable[[Mail], datetime.date] = internal_day if kind == "date" else lambda one: one.sent
        start = (
            datetime.datetime.fromtimestamp(NOW, datetime.UTC).date() if kind == "date" else datetime.date(2020, 1, 15)
        )
        chosen = start - datetime.timedelta(days=draw(st.integers(-1, 12)))
        word, holds = draw(st.sampled_from(COMPARED))
        return b"SENT" * (kind == "sent") + word + b" " + day(chosen), lambda at, one: holds(of(one), chosen)
    if kind == "set" or kind == "uid":
        last = draw(st.integers(1, COUNT + 5))
        low, high = min(number, last), max(number, last)
        return b"UID " * (kind == "uid") + b"%d:%d" % (number, last), lambda at, one: low <= at <= high
    if kind == "age":
        seconds = number * 7_200
        if draw(st.booleans()):
            return b"YOUNGER %d" % seconds, lambda at, one: one.internal >= NOW - seconds
        return b"OLDER %d" % seconds, lambda at, one: one.internal <= NOW - seconds
    pooled = draw(st.sampled_from(WORDS).filter(lambda word: encodes(word, charset)))
    begin = draw(st.integers(0, max(0, len(pooled) - 3)))
    needle = draw(st.sampled_from(CASES))(pooled[begin:])
    if not encodes(needle, charset):
        needle = pooled
    raw = literal(needle, charset)
    where = draw(st.sampled_from(["FROM", "SUBJECT", "BODY", "TEXT", "HEADER X-Tag", "HEADER Subject"]))
    fields = {"TEXT": ("from", "subject", "x-tag", "body"), "HEADER X-Tag": ("x-tag",), "HEADER Subject": ("subject",)}
    names = fields.get(where, (where.lower(),))
    return where.encode() + b" " + raw, lambda at, one: one.has(needle, *names)


def encodes(text: str, charset: str) -> bool:
    try:
        return text.encode(charset).decode(charset) == text
    except UnicodeError:
        return False


def negated(key: Key) -> Key:
    return b"NOT " + key[0], lambda at, one: not key[1](at, one)


def either(left: Key, right: Key) -> Key:
    return b"OR %b %b" % (left[0], right[0]), lambda at, one: left[1](at, one) or right[1](at, one)


def every(keys: list[Key]) -> Key:
    return b"(%b)" % b" ".join(raw for raw, _ in keys), lambda at, one: all(test(at, one) for _, test in keys)


def trees(charset: str) -> st.SearchStrategy[Key]:
    return st.recursive(
        leaves(charset),
        lambda inner: st.one_of(
            st.builds(negated, inner),
            st.builds(either, inner, inner),
            st.builds(every, st.lists(inner, min_size=1, max_size=4)),
        ),
        max_leaves=10,
    )


# No command can hold the NULs of UTF-16 (RFC 3501 §9 CHAR8).
programs = st.sampled_from(sorted({*CHARSETS} - {"utf-16"})).flatmap(
    lambda charset: st.tuples(st.just(charset), trees(charset))
)


async def fill(room: Room, letters: list[Mail]) -> Client:
    for one in letters:
        await room.deliver(one.octets, flags=one.flags, internal_date=one.internal)
    return await room.client("INBOX")


@both_stores
def test_search_finds_what_plain_reading_finds(tmp_path: Path, kind: str) -> None:
    rnd = random.Random(7)
    letters = [mail(rnd) for _ in range(COUNT)]
    with asyncio.Runner() as runner:
        context = open_room(tmp_path, kind)
        room = runner.run(context.__aenter__())
        client = runner.run(fill(room, letters))

        @given(programs)
        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        def check(program: tuple[str, Key]) -> None:
            charset, (raw, test) = program
            [line] = runner.run(client.ok(b"SEARCH CHARSET %b %b" % (charset.encode(), raw)))
            expected = [at for at, one in enumerate(letters, 1) if test(at, one)]
            assert line == b" ".join([b"* SEARCH", *(b"%d" % at for at in expected)]), raw

        check()
        runner.run(context.__aexit__(None, None, None))
