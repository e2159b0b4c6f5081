"""The mail that all rows use: four kinds of message, about 4 KiB each, in a vocabulary of 36 words.

Owns: making them; the same number always gives the same octets. Never: sends them. Raises: nothing.

A header is made anew for every number; bodies come from a pool, because the client must not be what is measured.
"""

import base64
import random
from functools import cache

_WORDS = """
account agenda archive attachment booking budget calendar contract customer deadline delivery disk draft engine flight
folder forward hotel index invoice mailbox meeting network order password payment project proposal query report schedule
server storage support ticket travel
"""
WORDS = _WORDS.split()
SENDERS = 97
_BODIES = 1000  # different ones of each kind
_HEADERS = 800  # octets, about, that are not text
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def message(number: int, octets: int = 4096) -> bytes:
    """Plain text, multipart/alternative, text with an attachment, and a reply, in turn."""
    at = _moment(number)
    sender = number % SENDERS
    head = (
        f"Return-Path: <sender{sender}@load.test>\r\n"
        f"Received: from relay{number % 7}.load.test (relay{number % 7}.load.test [192.0.2.{1 + number % 250}])\r\n"
        f"\tby mx.room.test with ESMTPS id {number:010x}; {at}\r\n"
        f'From: "Sender {sender}" <sender{sender}@load.test>\r\n'
        f"To: Bob <bob@room.test>, carol{number % 13}@room.test\r\n"
        f"Subject: {_subject(number)}\r\n"
        f"Date: {at}\r\n"
        f"Message-ID: <{number}.{octets}@load.test>\r\n"
    )
    if number % 4 == 3:
        before = f"<{number - 1}.{octets}@load.test>"
        head += f"In-Reply-To: {before}\r\nReferences: {before}\r\n"
    return head.encode() + _body(number % 4, number // 4 % _BODIES, max(200, octets - _HEADERS))


def dot_stuffed(octets: bytes) -> bytes:
    """As DATA sends it, with the final dot (RFC 5321 §4.5.2)."""
    stuffed = octets.replace(b"\r\n.", b"\r\n..")
    return (b"." + stuffed if stuffed.startswith(b".") else stuffed) + b".\r\n"


def phrase(number: int) -> str:
    """Two words that stand together in some messages: another pair for each number."""
    rnd = random.Random(f"phrase {number}")
    return f"{rnd.choice(WORDS)} {rnd.choice(WORDS)}"


def _subject(number: int) -> str:
    rnd = number * 2654435761 % (1 << 32)  # cheaper than a generator of its own for each message
    words = []
    for _ in range(6):
        rnd, chosen = divmod(rnd * 31 + number, len(WORDS))
        words.append(WORDS[chosen])
    return " ".join(words) + f" {number}"


def _moment(number: int) -> str:
    month, day = number // 28 % 12, number % 28
    return (
        f"{_DAYS[(month * 3 + day) % 7]}, {1 + day:02d} {_MONTHS[month]} 2025 "
        f"{number % 24:02d}:{number % 60:02d}:{number * 7 % 60:02d} +0000"
    )


@cache
def _body(kind: int, number: int, room: int) -> bytes:
    rnd = random.Random(f"{kind} {number}")
    plain = "Content-Type: text/plain; charset=utf-8\r\n"
    edge = f"edge-{kind}-{number}"
    if kind == 1:
        half = room // 2
        text = (
            f'Content-Type: multipart/alternative; boundary="{edge}"\r\n\r\n--{edge}\r\n{plain}\r\n{_prose(rnd, half)}'
            f"\r\n--{edge}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>{_prose(rnd, half)}</p>"
            f"</body></html>\r\n--{edge}--\r\n"
        )
    elif kind == 2:
        blob = base64.encodebytes(rnd.randbytes(room * 3 // 5)).decode().replace("\n", "\r\n")
        text = (
            f'Content-Type: multipart/mixed; boundary="{edge}"\r\n\r\n--{edge}\r\n{plain}\r\n{_prose(rnd, room // 5)}'
            f'\r\n--{edge}\r\nContent-Type: application/pdf; name="paper{number}.pdf"\r\n'
            f'Content-Disposition: attachment; filename="paper{number}.pdf"\r\n'
            f"Content-Transfer-Encoding: base64\r\n\r\n{blob}\r\n--{edge}--\r\n"
        )
    else:
        text = f"{plain}\r\n{_prose(rnd, room)}"
    return f"MIME-Version: 1.0\r\n{text}".encode()


def _prose(rnd: random.Random, octets: int) -> str:
    lines, have = list[str](), 0
    while have < octets:
        lines.append(" ".join(rnd.choices(WORDS, k=9)))
        have += len(lines[-1]) + 2
    return "\r\n".join(lines) + "\r\n"
