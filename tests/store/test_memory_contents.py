from postroom.message import MessageSettings, Scanner
from postroom.store import SortFact, Want
from postroom.store.memory_contents import Content, octets_of

OCTETS = b"Subject: Re: x\r\n\r\nhello\r\n"


def content() -> Content:
    scanner = Scanner(MessageSettings())
    scanner.feed(OCTETS)
    return Content(scanner.finish(), b"A: b\r\n", OCTETS, 7)


def test_only_what_is_wanted_is_handed_out() -> None:
    stored = content().stored(3, Want.HEADER | Want.THREAD, 1000)
    assert (stored.header, stored.thread_id) == (b"A: b\r\nSubject: Re: x\r\n\r\n", 7)
    assert (stored.envelope, stored.parts, stored.whole, stored.preview) == (None,) * 4
    assert octets_of(stored) == len(stored.header or b"")


def test_a_large_one_is_not_handed_out_whole() -> None:
    size = len(content().whole)
    assert content().stored(3, Want.WHOLE, size).whole == b"A: b\r\n" + OCTETS
    assert content().stored(3, Want.WHOLE, size - 1).whole is None


def test_sort_facts() -> None:
    facts = content().sort_facts()
    assert set(facts) == set(SortFact)
    assert (facts[SortFact.SUBJECT], facts[SortFact.IS_REPLY], facts[SortFact.THREAD_ID]) == ("x", 1, 7)
