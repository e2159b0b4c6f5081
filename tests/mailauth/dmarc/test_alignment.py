"""Which authenticated domains are the author's."""

import pytest
from tests.mailauth.dmarc.zone import Dkim, Spf, Word, Zone

from postroom.mailauth.dmarc.alignment import Alignment, Identifier, align, identifiers
from postroom.mailauth.dmarc.record import Record
from postroom.mailauth.dmarc.tree import MAX_QUESTIONS, MAX_WALKS, Walks
from postroom.mailauth.questions import conclude

RECORD = "v=DMARC1; p=reject"


def aligned(
    zone: Zone, author: str, *known: Identifier, strict_spf: bool = False, strict_dkim: bool = False
) -> Alignment:
    record = Record(RECORD, strict_spf=strict_spf, strict_dkim=strict_dkim)
    return conclude(align(author, record, known, Walks()), zone.answer)


def test_what_may_count() -> None:
    spf = [Spf("h.test", identity="helo"), Spf("A.test"), Spf("no name"), Spf("")]
    dkim = [Dkim("b.test."), Dkim("b.test"), Dkim("c.test", Word.FAIL)]
    assert identifiers(spf, dkim) == [
        Identifier("spf", "a.test", "pass"),
        Identifier("dkim", "b.test", "pass"),
        Identifier("dkim", "c.test", "fail"),
    ]


def test_the_very_same_domain_needs_no_walk() -> None:
    zone = Zone({})
    found = aligned(zone, "a.test", Identifier("spf", "a.test", "pass"), strict_spf=True)
    assert found.aligned == (Identifier("spf", "a.test", "pass"),)
    assert zone.asked == []


@pytest.mark.parametrize(
    ("author", "domain", "strict", "same"),
    [
        ("example.test", "mail.example.test", False, True),
        ("mail.example.test", "example.test", False, True),
        ("a.example.test", "b.example.test", False, True),
        ("example.test", "mail.example.test", True, False),
        ("a.example.test", "example.test", True, False),
        ("example.test", "other.test", False, False),
        ("example.test", "badexample.test", False, False),  # ends alike
        ("example.test", "example.test.evil.test", False, False),
        ("example.test", "test", False, False),
        ("example.test", "own.example.test", False, False),  # psd=n there: an organisation of its own
        ("own.example.test", "example.test", False, False),
        ("a.own.example.test", "own.example.test", False, True),
        ("giant.bank.test", "mega.bank.test", False, False),  # psd=y above both
        ("giant.bank.test", "mail.giant.bank.test", False, True),
    ],
)
def test_relaxed_and_strict(author: str, domain: str, strict: bool, same: bool) -> None:
    zone = Zone({"example.test": RECORD, "own.example.test": RECORD + "; psd=n", "bank.test": RECORD + "; psd=y"})
    for method in ("spf", "dkim"):
        one = Identifier(method, domain, "pass")
        found = aligned(
            zone, author, one, strict_spf=method == "spf" and strict, strict_dkim=method == "dkim" and strict
        )
        assert found.aligned == ((one,) if same else ())
        assert found.words[0].startswith(f"{method} pass for {domain}: ")


def test_what_did_not_pass_is_told_and_nothing_else() -> None:
    found = aligned(Zone({}), "a.test", Identifier("spf", "a.test", "fail"))
    assert found == ((), (), "", ("spf fail for a.test",))


def test_what_the_dns_kept_from_passing_is_unsure() -> None:
    zone = Zone({"example.test": RECORD})
    one = Identifier("dkim", "mail.example.test", "temperror")
    assert aligned(zone, "example.test", one).unsure == (one,)
    assert aligned(zone, "example.test", Identifier("dkim", "evil.test", "temperror")).unsure == ()


def test_a_walk_that_fails_is_no_alignment() -> None:
    zone = Zone({"example.test": RECORD}, broken=frozenset({"mail.example.test"}))
    found = aligned(zone, "example.test", Identifier("spf", "mail.example.test", "pass"))
    assert (found.aligned, found.failed) == ((), "mail.example.test: timeout")


def test_strangers_cost_no_questions_and_the_walks_are_limited() -> None:
    zone = Zone({"example.test": RECORD})
    strangers = [Identifier("dkim", f"d{at}.evil.test", "pass") for at in range(50)]
    ours = [Identifier("dkim", f"d{at}.example.test", "pass") for at in range(50)]
    found = aligned(zone, "example.test", *strangers)
    assert (found.aligned, len(zone.asked)) == ((), 2)
    found = aligned(zone, "example.test", *strangers, *ours)
    assert len(found.aligned) == MAX_WALKS
    assert len(zone.asked) <= MAX_QUESTIONS * (MAX_WALKS + 1)
    assert "not looked at" in found.words[-1]
