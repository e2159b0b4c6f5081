"""What of a sender's wishes goes on to the targets of an alias; the reports themselves are in test_pipeline."""

import pytest

from postroom.accounts import LocalTarget, Person, RemoteTarget
from postroom.intake import Route
from postroom.intake.expansion import expanded, expansion_report, for_target, wants_success_report
from postroom.queue import Envelope, Recipient

CAROL = RemoteTarget("carol@elsewhere.org")
BOB = LocalTarget(Person(1, "bob@foo.com", None, None), "all@foo.com")


def route(*notify: str, targets: tuple[LocalTarget | RemoteTarget, ...] = (BOB, CAROL)) -> Route:
    return Route(Recipient("all@foo.com", frozenset(notify) or None, "rfc822;all@foo.com"), targets)


@pytest.mark.parametrize(
    ("asked", "passed_on"),
    [
        ((), None),
        (("NEVER",), {"NEVER"}),
        (("FAILURE", "DELAY"), {"FAILURE", "DELAY"}),
        (("SUCCESS", "DELAY"), {"DELAY"}),
        (("SUCCESS",), {"NEVER"}),
    ],
)
def test_success_does_not_go_on_to_several(asked: tuple[str, ...], passed_on: set[str] | None) -> None:
    several = route(*asked)
    assert for_target(several, CAROL) == Recipient("carol@elsewhere.org", passed_on, "rfc822;all@foo.com")  # type: ignore[arg-type]
    assert for_target(several, BOB).address == "bob@foo.com"
    assert for_target(route(*asked, targets=(CAROL,)), CAROL).notify == (frozenset(asked) or None)


def test_expanded_are_aliases_with_several_targets_only() -> None:
    one, several = route("SUCCESS", targets=(BOB,)), route("SUCCESS")
    assert wants_success_report(one)
    assert expanded([one, several, route("FAILURE"), route()]) == [several.recipient]


def test_the_report_travels_as_its_octets_need() -> None:
    header = "Subject: Grüße\r\n".encode()
    dsn = expansion_report(
        [Recipient("all@foo.com")],
        Envelope("a@bar.com", smtputf8=True),
        header,
        hostname="foo.com",
        queue_id="m1",
        now=0,
        token="tok",
    )
    assert (dsn.eight_bit, dsn.utf8) == (True, True)
    assert b"Action: expanded\r\nStatus: 2.1.5\r\n" in dsn.whole(header)
