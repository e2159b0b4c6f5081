"""The tree walk: what is asked, and which domain is the organisation's."""

import pytest
from tests.mailauth.dmarc.zone import Zone

from postroom.mailauth.dmarc.tree import MAX_QUESTIONS, Walk, Walks, names_to_ask
from postroom.mailauth.questions import conclude

NONE = "v=DMARC1; p=none"


def walk(zone: Zone, domain: str, walks: Walks | None = None) -> Walk:
    return conclude((walks or Walks()).walk(domain), zone.answer)


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("test", ["test"]),
        ("a.b.test", ["a.b.test", "b.test", "test"]),
        (
            "a.b.c.d.e.f.g.test",
            ["a.b.c.d.e.f.g.test", "b.c.d.e.f.g.test", "c.d.e.f.g.test", "d.e.f.g.test", "e.f.g.test", "f.g.test"]
            + ["g.test", "test"],
        ),
        (
            "a.b.c.d.e.f.g.h.i.j.mail.example.test",
            ["a.b.c.d.e.f.g.h.i.j.mail.example.test", "g.h.i.j.mail.example.test", "h.i.j.mail.example.test"]
            + ["i.j.mail.example.test", "j.mail.example.test", "mail.example.test", "example.test", "test"],
        ),
    ],
)
def test_what_is_asked(domain: str, names: list[str]) -> None:
    zone = Zone({})
    assert names_to_ask(domain) == names
    assert walk(zone, domain).organisational == domain
    assert zone.asked == [f"TXT _dmarc.{name}" for name in names]
    assert len(names) <= MAX_QUESTIONS


def test_a_name_of_many_labels_asks_no_more() -> None:
    zone = Zone({})
    walk(zone, "a." * 120 + "test")
    assert len(zone.asked) == MAX_QUESTIONS


@pytest.mark.parametrize(
    ("records", "domain", "organisational", "policy"),
    [
        ({"example.test": NONE, "mail.example.test": NONE}, "a.mail.example.test", "example.test", "example.test"),
        ({"mail.example.test": NONE + "; psd=n", "example.test": NONE}, "a.mail.example.test", "mail.example.test",
         "mail.example.test"),
        ({"test": NONE + "; psd=y"}, "a.mail.example.test", "example.test", "test"),
        ({"test": NONE + "; psd=y", "example.test": NONE}, "a.mail.example.test", "example.test", "example.test"),
        ({"bank.test": NONE + "; psd=y", "giant.bank.test": NONE}, "giant.bank.test", "giant.bank.test",
         "giant.bank.test"),
        ({"bank.test": NONE + "; psd=y", "giant.bank.test": NONE}, "mail.mega.bank.test", "mega.bank.test",
         "bank.test"),
        ({"bank.test": NONE + "; psd=y"}, "bank.test", "bank.test", "bank.test"),
        ({"bank.test": NONE + "; psd=y", "test": NONE}, "bank.test", "bank.test", "bank.test"),
        ({"a.example.test": NONE, "example.test": NONE}, "a.example.test", "example.test", "a.example.test"),
        ({"b.example.test": NONE, "example.test": NONE}, "a.b.example.test", "example.test", "example.test"),
        ({"example.test": [NONE, NONE], "b.example.test": NONE}, "a.b.example.test", "b.example.test",
         "b.example.test"),
        ({"k.example.test": NONE + "; psd=y"}, "a.b.c.d.e.f.g.h.i.j.k.example.test", "j.k.example.test",
         "k.example.test"),
        ({}, "a.example.test", "a.example.test", None),
    ],
)  # fmt: skip
def test_organisations(
    records: dict[str, str | list[str]], domain: str, organisational: str, policy: str | None
) -> None:
    found = walk(Zone(records), domain)
    assert found.organisational == organisational
    assert (found.policy.domain if found.policy else None) == policy


def test_a_psd_tag_ends_the_walk() -> None:
    zone = Zone({"b.example.test": NONE + "; psd=n"})
    walk(zone, "a.b.example.test")
    assert zone.asked == ["TXT _dmarc.a.b.example.test", "TXT _dmarc.b.example.test"]


def test_no_name_is_asked_for_twice() -> None:
    zone, walks = Zone({"example.test": NONE}), Walks()
    for domain in ("a.example.test", "b.example.test", "a.example.test"):
        walk(zone, domain, walks)
    assert zone.asked == [f"TXT _dmarc.{name}.test" for name in ("a.example", "example")] + [
        "TXT _dmarc.test",
        "TXT _dmarc.b.example.test",
    ]
    assert (walks.questions, walks.made) == (4, 2)


def test_trouble_ends_the_walk() -> None:
    found = walk(Zone({"a.example.test": NONE}, broken=frozenset({"example.test"})), "a.example.test")
    assert found.failed == "example.test: timeout"


def list_of_suffixes(domain: str) -> str | None:
    """As a public suffix list that knows test and co.test."""
    labels = domain.split(".")
    kept = 3 if labels[-2:] == ["co", "test"] else 2
    return ".".join(labels[-kept:]) if len(labels) >= kept else None


@pytest.mark.parametrize(
    ("records", "domain", "organisational", "by_list"),
    [
        ({}, "a.example.co.test", "example.co.test", True),
        ({"a.example.co.test": NONE}, "a.example.co.test", "example.co.test", True),
        ({"co.test": NONE}, "a.example.co.test", "example.co.test", True),  # a suffix that has not said so
        ({"a.example.co.test": NONE + "; psd=n"}, "a.example.co.test", "a.example.co.test", False),
        ({"example.co.test": NONE + "; psd=y"}, "a.example.co.test", "a.example.co.test", False),
        ({"co.test": NONE}, "co.test", "co.test", False),  # the list says nothing
    ],
)
def test_the_public_suffix_list(
    records: dict[str, str | list[str]], domain: str, organisational: str, by_list: bool
) -> None:
    found = walk(Zone(records), domain, Walks(list_of_suffixes))
    assert (found.organisational, found.by_list) == (organisational, by_list)


def test_a_list_that_answers_with_a_stranger_is_not_believed() -> None:
    found = walk(Zone({}), "a.example.test", Walks(lambda domain: "evil.test"))
    assert (found.organisational, found.by_list) == ("a.example.test", False)
