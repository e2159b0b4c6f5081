"""Lists in the DNS: what is asked, what counts, and which lists are left alone (RFC 5782)."""

import logging
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.base import FakeClock
from postroom.junk import ScorePart
from postroom.mailauth.questions import Inquiry, Question, Reply, conclude
from postroom.reputation.lists import Lists, worth
from postroom.reputation.settings import ListSettings, StrangersSettings

Zones = dict[str, list[str]]
BLACK = ListSettings(zone="bl.test", codes={"127.0.0.2": 3.0, "127.0.0.4-5": 1.5})
DOMAINS = ListSettings(zone="dbl.test", has="domains", points=2.5)
TESTS: Zones = {"2.0.0.127.bl.test": ["127.0.0.2"], "test.dbl.test": ["127.0.0.2"]}
SIX = "::ffff:7f00:2"


class Dns:
    """Answers from a table; "SERVFAIL" is no answer."""

    def __init__(self, zones: Zones) -> None:
        self.zones = TESTS | zones
        self.asked: list[str] = []

    def __call__(self, question: Question) -> Reply:
        self.asked.append(f"{question.kind} {question.name}")
        if question.kind == "TXT":
            return Reply((b"Spam \xff received",)) if question.name in self.zones else Reply(exists=False)
        found = self.zones.get(question.name)
        if found == ["SERVFAIL"]:
            return Reply(failed="SERVFAIL")
        return Reply(tuple(found)) if found else Reply(exists=False)


def lists(clock: FakeClock | None = None, **given: ListSettings) -> Lists:
    return Lists(StrangersSettings(list=given or {"black": BLACK}), clock or FakeClock())


def found(inquiries: Iterable[Inquiry[tuple[ScorePart, ...]]], dns: Dns) -> list[ScorePart]:
    return [part for inquiry in inquiries for part in conclude(inquiry, dns)]


def test_an_address_on_a_list() -> None:
    dns = Dns({"7.2.0.192.bl.test": ["127.0.0.2"]})
    (part,) = found(lists().of_address("192.0.2.7"), dns)
    words = "192.0.2.7 is on bl.test (127.0.0.2): Spam \ufffd received"
    assert part == ScorePart("list.black", 3.0, words)
    assert dns.asked == [
        "A 7.2.0.192.bl.test",
        "A 2.0.0.127.bl.test",
        "A 1.0.0.127.bl.test",
        "TXT 7.2.0.192.bl.test",
    ]


def test_who_is_on_no_list_costs_one_question_a_list() -> None:
    dns = Dns({})
    assert found(lists(black=BLACK, domains=DOMAINS).of_address("192.0.2.8"), dns) == []
    assert dns.asked == ["A 8.2.0.192.bl.test"]


def test_an_ipv6_address_is_asked_by_its_nibbles() -> None:
    """RFC 5782 §2.4."""
    name = "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.test"
    six = "2.0.0.0.0.0.f.7.f.f.f.f" + ".0" * 20 + ".bl.test"
    dns = Dns({name: ["127.0.0.2"], six: ["127.0.0.2"]})
    (part,) = found(lists().of_address("2001:db8:1:2:3:4:567:89ab"), dns)
    assert part.points == 3.0
    assert found(lists().of_address("2001:db8:1:2:3:4:567:89ab"), Dns({name: ["127.0.0.2"]})) == []  # no test entry


def test_a_domain_list() -> None:
    """RFC 5782 §3."""
    dns = Dns({"invalid.edu.dbl.test": ["127.0.1.2"]})
    both = lists(domains=DOMAINS, black=BLACK)
    (part,) = found(both.of_domain("invalid.edu", "MAIL FROM"), dns)
    assert (part.name, part.points) == ("list.domains", 2.5)
    assert part.words.startswith("invalid.edu (MAIL FROM) is on dbl.test (127.0.1.2)")
    assert "A invalid.dbl.test" in dns.asked
    long = ".".join(["a" * 60] * 4)
    assert found(both.of_domain(long, "HELO"), dns) == []  # with the zone it is no name


def test_codes_add_up_and_the_rest_counts_once() -> None:
    masked = ListSettings(zone="m.test", codes={"&2": 1.0, "&4": 2.0}, points=0.5)
    assert worth(masked, ["127.0.0.6"]) == 3.0
    assert worth(masked, ["127.0.0.8", "127.0.0.16"]) == 0.5
    assert worth(BLACK, ["127.0.0.2", "127.0.0.5", "127.0.0.4"]) == 4.5
    assert worth(BLACK, ["127.0.0.9"]) == 0


def test_a_list_of_the_good_takes_points_off() -> None:
    good = ListSettings(zone="bl.test", codes={"127.0.*.3": -4.0, "127.0.*.1": -1.0})
    (part,) = found(lists(good=good).of_address("192.0.2.7"), Dns({"7.2.0.192.bl.test": ["127.0.15.3"]}))
    assert part.points == -4.0


def test_answers_that_are_none(caplog: pytest.LogCaptureFixture) -> None:
    """A resolver that answers with its own pages, one that can't be reached, codes without points."""
    for answer in (["198.51.100.1"], ["SERVFAIL"], ["127.0.0.9"]):
        assert found(lists().of_address("192.0.2.7"), Dns({"7.2.0.192.bl.test": answer})) == []
    assert caplog.records == []


def test_a_list_that_does_not_answer_us_is_left_alone_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    dns = Dns({"7.2.0.192.bl.test": ["127.255.255.254"]})
    one = lists(clock)
    with caplog.at_level(logging.WARNING):
        assert found(one.of_address("192.0.2.7"), dns) == []
        assert found(one.of_address("192.0.2.7"), dns) == []
    assert dns.asked == ["A 7.2.0.192.bl.test"]
    (record,) = caplog.records
    assert "black (bl.test) is left alone for a while: it does not answer this server" in record.getMessage()
    assert list(one.standing()) == ["black"]
    clock._now += 3601
    dns.zones["7.2.0.192.bl.test"] = ["127.0.0.2"]
    assert len(found(one.of_address("192.0.2.7"), dns)) == 1
    assert one.standing() == {}


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ({"2.0.0.127.bl.test": []}, "it does not have the entry"),
        ({"1.0.0.127.bl.test": ["127.0.0.2"]}, "it lists what no list"),
        ({"2.0.0.127.bl.test": ["198.51.100.1"]}, "it does not have the entry"),
        ({"1.0.0.127.bl.test": ["198.51.100.1"]}, "it lists what no list"),
    ],
)
def test_a_dead_or_wildcarded_list_says_nothing(tests: Zones, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """RFC 5782 §5."""
    dns = Dns({"7.2.0.192.bl.test": ["127.0.0.2"], **tests})
    one = lists()
    assert found(one.of_address("192.0.2.7"), dns) == []
    assert why in caplog.text
    dns.asked.clear()
    assert found(one.of_address("192.0.2.7"), dns) == []
    assert dns.asked == []


def test_a_list_that_could_not_be_tested_gives_no_points_and_is_tested_again() -> None:
    dns = Dns({"7.2.0.192.bl.test": ["127.0.0.2"], "2.0.0.127.bl.test": ["SERVFAIL"]})
    one = lists()
    assert found(one.of_address("192.0.2.7"), dns) == []
    dns.zones["2.0.0.127.bl.test"] = ["127.0.0.2"]
    assert len(found(one.of_address("192.0.2.7"), dns)) == 1


def test_a_list_that_works_is_not_tested_each_time_and_one_may_never_be() -> None:
    dns = Dns({"7.2.0.192.bl.test": ["127.0.0.2"], "2.0.0.127.bl.test": []})
    untested = msgspec.structs.replace(BLACK, test=False)
    assert len(found(lists(black=untested).of_address("192.0.2.7"), dns)) == 1
    dns.zones |= TESTS
    one = lists()
    for _ in range(3):
        assert len(found(one.of_address("192.0.2.7"), dns)) == 1
    assert dns.asked.count("A 2.0.0.127.bl.test") == 1


def test_what_is_no_address_is_on_no_list() -> None:
    assert list(lists().of_address("unix")) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "bl.test"},
        {"zone": "", "points": 1},
        {"zone": "b l.test", "points": 1},
        {"zone": "bl.test", "codes": {"1.2.3.4": 1}},
        {"zone": "bl.test", "codes": {"&4": 1000}},
        {"zone": "bl.test", "points": 1, "has": "names"},
    ],
)
def test_settings_that_cant_be_meant(wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, ListSettings)


_ANSWERS = st.sampled_from(["127.0.0.2", "127.0.0.4", "127.255.255.1", "0.0.0.0", "255.255.255.255", "SERVFAIL"])


@given(
    st.dictionaries(
        st.sampled_from(["7.2.0.192.bl.test", "2.0.0.127.bl.test", "1.0.0.127.bl.test"]), st.lists(_ANSWERS, max_size=3)
    )
)
def test_whatever_is_answered_gives_points_only_where_the_list_works(zones: Zones) -> None:
    dns = Dns(
        {"2.0.0.127.bl.test": []}
        | {name: ["SERVFAIL"] if "SERVFAIL" in found else found for name, found in zones.items()}
    )
    parts = found(lists().of_address("192.0.2.7"), dns)
    assert len(dns.asked) <= 4
    if parts:
        assert any(answer.startswith("127.0.") for answer in dns.zones["2.0.0.127.bl.test"])
        assert not dns.zones.get("1.0.0.127.bl.test")
        assert parts[0].points in (3.0, 1.5, 4.5)
