"""What filters say, made one."""

import pytest
from tests.filters.peers import spool

from postroom.filters import FilterSettings
from postroom.filters.milter import Said
from postroom.filters.milter.dialogue import CONTINUE, Answer
from postroom.filters.milter.packets import HeaderWish, QuarantineWish, RecipientWish, SenderWish, Wish
from postroom.filters.plain_words import later, refusal
from postroom.filters.types import Action, FilterFailed, HeaderChange, Verdict
from postroom.filters.verdict import capped, failure, gravest, of_milter, refused, too_large


def settings(**more: object) -> FilterSettings:
    return FilterSettings(**({"kind": "milter", "address": "a:1"} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("strongest", "action", "wanted"),
    [
        ("reject", "reject", "reject"),
        ("reject", "defer", "defer"),
        ("junk", "reject", "junk"),
        ("junk", "junk", "junk"),
        ("junk", "defer", "accept"),
        ("tag", "reject", "accept"),
        ("tag", "junk", "accept"),
        ("tag", "accept", "accept"),
    ],
)
def test_no_more_follows_than_the_settings_let(strongest: str, action: Action, wanted: Action) -> None:
    verdict = Verdict(action, points=3, error=refusal("no") if action in ("reject", "defer") else None)
    found = capped(verdict, settings(strongest=strongest))
    assert found.action == wanted
    assert (found.error is None) == (wanted not in ("reject", "defer"))
    assert found.points == 3


def test_the_policy_of_a_failure_is_not_capped() -> None:
    verdict = Verdict("defer", error=later(), asked=False)
    assert capped(verdict, settings(strongest="tag")).action == "defer"


def test_the_gravest_counts_and_of_equals_the_first() -> None:
    junk, first, second = Verdict("junk"), Verdict("reject"), Verdict("reject")
    assert gravest([junk, first, second]) is first
    assert gravest([]) is None


def test_failures() -> None:
    deferred = failure("av", "connection refused", settings(on_failure="defer"))
    assert deferred.error is not None
    assert (deferred.action, deferred.error.code) == ("defer", 451)
    assert "connection" not in deferred.error.text  # of our network nobody outside hears
    tagged = failure("av", "127.0.0.1 port 5: connection refused", settings(on_failure="tag"))
    assert tagged.header_changes == [HeaderChange("insert", b"Postroom-Unfiltered", b" av (it did not answer)", 1)]
    assert (tagged.action, tagged.asked) == ("accept", False)
    assert failure("av", "x", settings(on_failure="accept")).header_changes == []
    assert too_large("av", "5 octets").header_changes[0].value == b" av (the message is too large for it)"


def test_replies_of_a_milter() -> None:
    error = refused(Answer("refuse", 554, "5.7.9", b"No\r\n250 fine"), "m")
    assert (error.code, error.enhanced, error.text) == (554, "5.7.9", "No 250 fine")
    assert error.permanent
    assert refused(Answer("close", 421, "4.7.0", b"bye"), "m").code == 421


def test_what_is_to_be_discarded_goes_into_junk() -> None:
    assert of_milter(Said(Answer("discard")), "m").action == "junk"
    assert of_milter(Said(CONTINUE, [QuarantineWish(b"odd")]), "m").words == "quarantine: odd"
    assert of_milter(Said(Answer("refuse", 451, "4.7.1", b"later")), "m").action == "defer"
    assert of_milter(Said(Answer("accept")), "m").action == "accept"


def test_wishes_in_their_order() -> None:
    wishes: list[Wish] = [
        HeaderWish("add", b"X", b"v"),
        RecipientWish("add", b"<a@b.c>"),
        RecipientWish("add with parameters", b"<d@b.c>", b"NOTIFY=NEVER"),
        RecipientWish("delete", b"<a@b.c>"),
        SenderWish(b"<x@b.c>"),
        SenderWish(b"<>"),
    ]
    verdict = of_milter(Said(CONTINUE, wishes, None, lambda value: b" " + value), "m")
    assert verdict.header_changes == [HeaderChange("add", b"X", b" v")]
    assert [one.address for one in verdict.added] == ["d@b.c"]
    assert verdict.removed == ["a@b.c"]
    assert verdict.mail_from == ""


def test_what_is_no_address_is_a_failure_and_leaves_no_file() -> None:
    body = spool(b"x" * 100, memory=1)
    path = body.path
    assert path is not None
    with pytest.raises(FilterFailed):
        of_milter(Said(CONTINUE, [RecipientWish("add", b"a b\r\nc")], body), "m")
    assert not path.exists()
