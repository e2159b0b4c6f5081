"""Mail that is like people's in what a search index meets: words by Zipf's law, many languages, junk.

Owns: a generator of messages, the same for the same number. Never: sends or stores them.

Half of the messages are in English-like words, the others in German-like, Russian-like, Greek-like and Japanese-like
ones (no spaces); names of months, senders and lists repeat; each message has the identifiers, signatures and tracking
links that nobody else's has, and one in a hundred a long run of base64.
"""

import base64
import random
from bisect import bisect
from itertools import accumulate

_SYLLABLES = {
    "en": "the re in an ter con er pro ing ti on st al com en pre ly ment tion sub per ver dis th ou ea ro mi",
    "de": "der un ge ein ver ung sch ich be auf zu mit lich keit heit aus ab an über für ö ä ü ß st ach",
    "ru": "про на по ст ть ко во ни ра ен ов пре при ка за ль ме ло те се",
    "el": "κα το ου να ει με στ απ αν πρ ικ ος ία ση ρο λο",
}
_WORDS = 120_000  # of each language
_EXPONENT = 1.25  # gives as many different words a message as a mailbox of people's mail has
_SHARES = ["en"] * 50 + ["de"] * 20 + ["ru"] * 10 + ["el"] * 5 + ["ja"] * 15


def _vocabulary(language: str) -> list[str]:
    chance = random.Random(language)
    syllables, words = _SYLLABLES[language].split(), dict[str, None]()
    while len(words) < _WORDS:
        words["".join(chance.choices(syllables, k=1 + min(int(chance.expovariate(0.7)), 6)))] = None
    return sorted(words, key=lambda word: len(word) + chance.random() * 6)


_ZIPF = list(accumulate(1 / (rank + 2.7) ** _EXPONENT for rank in range(_WORDS)))
_HAN = [chr(0x4E00 + at * 5) for at in range(3500)]
_KANA = [chr(at) for at in range(0x3041, 0x3094)]
_VOCABULARIES = {language: _vocabulary(language) for language in _SYLLABLES}


def _rank(chance: random.Random, most: int) -> int:
    return bisect(_ZIPF, chance.random() * _ZIPF[most - 1])


def _token(chance: random.Random, octets: int) -> str:
    return base64.urlsafe_b64encode(chance.randbytes(octets)).decode().rstrip("=")


def _sentence(chance: random.Random, language: str) -> str:
    if language == "ja":
        return (
            "".join(
                chance.choice(_KANA) if chance.random() < 0.55 else _HAN[_rank(chance, len(_HAN))]
                for _ in range(chance.randint(12, 45))
            )
            + "。"
        )
    words = [_VOCABULARIES[language][_rank(chance, _WORDS)] for _ in range(chance.randint(5, 22))]
    if chance.random() < 0.4:
        words[len(words) // 2] += ","
    words[0] = words[0].capitalize()
    return " ".join(words) + chance.choice(".....?!:")


def make_message(number: int) -> bytes:
    chance = random.Random(number)
    language = chance.choice(_SHARES)
    sender, host = _rank(chance, 3000), _rank(chance, 400)
    date = f"Mon, {1 + number % 27:02d} Sep 2025 10:{number % 60:02d}:{number * 7 % 60:02d} +0000"
    digest, signature = (base64.b64encode(chance.randbytes(octets)).decode() for octets in (32, 128))
    header = f"""\
Return-Path: <bounce-{_token(chance, 9)}@mail{host}.example.net>
Received: from mx{host}.example.net (mx{host}.example.net [192.0.2.{host % 250}])
\tby mx.example.org (Postroom) with ESMTPS id {_token(chance, 9)};
\t{date}
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=key1;
\th=from:to:subject:date:message-id; bh={digest};
\tb={signature}
From: Person {sender} <person{sender}@host{host}.example.net>
To: Me <me@example.org>, friend{_rank(chance, 200)}@example.com
Subject: {_sentence(chance, language)[:70]}
Date: {date}
Message-ID: <{_token(chance, 16)}@host{host}.example.net>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit
"""
    text: list[str] = []
    left = min(int(chance.lognormvariate(7.3, 1.1)) + 100, 60_000)
    while left > 0:
        sentences = " ".join(_sentence(chance, language) for _ in range(chance.randint(1, 6)))
        text.append(sentences)
        left -= len(sentences.encode())
        if chance.random() < 0.15:
            text.append(f"https://click.example.net/t/{_token(chance, 24)}?u={chance.randbytes(8).hex()}")
    if number % 100 == 0:
        text.append(base64.encodebytes(chance.randbytes(20_000)).decode())
    paragraphs = "\n\n".join(text)
    return f"{header}\n{paragraphs}\n".replace("\n", "\r\n").encode()
