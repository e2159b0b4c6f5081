"""Which words a message has."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.junk.letters import letter_of, mail

from postroom.junk.words import MAX_WORDS, words_of

MOST_SECONDS = 0.020  # of a processor, for the most hostile message; tests allow for a slow machine
SLOWER = 8


def _words(octets: bytes) -> set[str]:
    return set(words_of(letter_of(octets)))


def test_words_of_the_text_and_pairs() -> None:
    found = _words(mail("Buy CHEAP pills, don't wait!"))
    assert {"buy", "cheap", "pills", "don't", "wait!", "buy cheap", "cheap pills", "don't wait!"} <= found


def test_what_was_found_where_is_kept_apart() -> None:
    found = _words(mail("nothing", "Reply-To: x@example.net", subject="Cheap pills", author="Pill <a@shop.example>"))
    assert {
        "subject:cheap",
        "subject:cheap pills",
        "from:a@shop.example",
        "from:shop.example",
        "fromname:pill",
    } <= found
    assert {"reply:x@example.net", "reply:elsewhere", "header:reply-to"} <= found
    assert "cheap" not in found


def test_links_are_known_by_host_domain_and_path() -> None:
    found = _words(mail("see http://www.pills.example/buy/now?id=3 and https://user@192.0.2.7:8080/%61"))
    assert {"url:www.pills.example", "url:pills.example", "url:.example", "path:buy", "path:now"} <= found
    assert {"url:address", "url:192.0", "url:user", "url:port", "url:escaped"} <= found


def test_html_has_its_text_its_tags_and_its_tricks() -> None:
    html = '<p style="display:none">hi<b>dd</b>en</p><img src="http://t.example/p.gif"><font size=1>V<!-- x -->iagra'
    found = _words(mail(html, "Content-Type: text/html"))
    assert {"tag:img", "tag:font", "html:hidden", "html:tiny", "html:image", "html:comment", "hidden"} <= found
    assert "url:t.example" in found


def test_words_without_blanks_between_them_are_cut_into_pairs_of_characters() -> None:
    found = _words(mail("今すぐ購入", "Content-Type: text/plain; charset=utf-8"))
    assert {"今す", "すぐ", "ぐ購", "購入"} <= found


def test_invisible_characters_and_wide_letters_do_not_hide_a_word() -> None:
    found = _words(mail("vi\u200bag\u00adra ｖｉａｇｒａ pil\u200bls", "Content-Type: text/plain; charset=utf-8"))
    assert {"viagra", "pills"} <= found


def test_long_words_leave_their_length() -> None:
    assert "long:x 30" in _words(mail("x" * 37))
    assert "address:example.net" in _words(mail("mail somebody.of.ours@example.net today"))


def test_the_way_it_came_and_what_was_found_of_its_sender() -> None:
    received = "Received: from mx.bad.example (mx.bad.example [192.0.2.9])\r\n\tby mail.example.org with ESMTP; Mon"
    results = "Authentication-Results: mail.example.org; spf=fail smtp.mailfrom=bad.example; dkim=none"
    found = _words(mail("x", received, results))
    assert {"hello:bad.example", "net:192.0.2", "net:192.0", "auth:spf=fail", "auth:dkim=none"} <= found


def test_what_another_filter_thought_is_not_learnt() -> None:
    found = _words(mail("x", "X-Spam-Status: Yes, score=9", "Postroom-Quarantine: because", "X-Postroom-Score: 9"))
    assert not [word for word in found if "spam" in word or "postroom" in word or "quarantine" in word]


def test_the_same_message_has_the_same_words_in_the_same_order() -> None:
    letter = letter_of(mail("one two three http://a.example/", subject="four five"))
    assert words_of(letter) == words_of(letter)


@given(st.binary(max_size=3000))
def test_any_octets_have_bounded_words(octets: bytes) -> None:
    found = words_of(letter_of(octets))
    assert len(found) == len(set(found)) <= MAX_WORDS
    assert all(len(word) < 1000 for word in found)


def _hostile() -> dict[str, bytes]:
    dice = random.Random(1)
    letters = "".join(dice.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(400_000))
    html = "Content-Type: text/html; charset=utf-8"
    wide = "Content-Type: text/plain; charset=utf-8"
    return {
        "distinct words": mail(letters, subject=letters[:3000]),
        "expanding characters": mail("\ufdfa" * 40_000, wide),
        "unspaced": mail("".join(chr(0x4E00 + dice.randrange(20_000)) for _ in range(40_000)), wide),
        "nested tags": mail("<b><i>" * 60_000, html),
        "open tags": mail("<img src " * 40_000, html),
        "half entities": mail("&#&#x&" * 40_000, html),
        "links": mail("http://a.b.c.d.e.f.example/x/y/z?q=1&r=2 " * 10_000),
        "half links": mail("http://http:// mailto: " * 20_000),
        "styles": mail("font-size : display : <img " * 20_000, html),
        "comments": mail("a<!--" * 50_000, html),
        "received": b"Received: " + b"from [" * 5000 + b"\r\n" + b"Received: from a ([1.1.1.1])\r\n" * 2000 + b"\r\nx",
        "addresses": mail("x", "To: " + "a@b.example, " * 20_000, "Reply-To: " + "<" * 5000, author="(" * 5000),
        "encoded words": mail("x", subject="=?utf-8?q?a?= " * 3000),
        "parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
         b"--x\r\nContent-Type: text/html; name=\"" + b".a " * 900 + b"\"\r\n\r\n<b>word</b>\r\n" * 900,
        "dots": mail("a.b@c." * 50_000),
    }  # fmt: skip


@pytest.mark.parametrize("kind", _hostile())
def test_the_most_hostile_message_costs_little(kind: str) -> None:
    octets = _hostile()[kind]
    from postroom.junk import read_letter
    from postroom.message import PartMap, Scanner

    scanner = Scanner()
    scanner.feed(octets)
    parts = PartMap.unpack(scanner.finish().parts)
    begun = time.process_time()
    words_of(read_letter(octets, parts))
    assert time.process_time() - begun < MOST_SECONDS * SLOWER
