"""Questions of checks, asked of a real name server."""

from collections.abc import AsyncIterator

import pytest
from tests.cli.nameserver import look

from postroom.cli.findings import Finding, good
from postroom.cli.inquiry import answered
from postroom.dns import InspectingResolver
from postroom.mailauth.questions import Inquiry, Kind, Question, Reply

ZONES = {
    "a.test": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"], "TXT": ["a text"], "MX": ["20 b.test.", "10 a.test."]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["a.test."]},
}


def replies(*questions: Question) -> list[Reply]:
    found: list[Reply] = []

    def check() -> Inquiry[int]:
        for question in questions:
            found.append((yield question))
        return len(found)

    async def ask(resolver: InspectingResolver) -> AsyncIterator[Finding]:
        assert await answered(check(), resolver) == len(questions)
        yield good("x", "y")

    look(ZONES, ask, failing={"broken.test"})
    return found


@pytest.mark.parametrize(
    ("kind", "name", "records"),
    [
        ("A", "a.test", ("192.0.2.1",)),
        ("AAAA", "a.test", ("2001:db8::1",)),
        ("TXT", "a.test", (b"a text",)),
        ("MX", "a.test", ("a.test", "b.test")),
        ("PTR", "192.0.2.1", ("a.test",)),
    ],
)
def test_each_kind(kind: Kind, name: str, records: tuple[str, ...]) -> None:
    assert replies(Question(kind, name)) == [Reply(records)]


def test_what_is_not_there_and_what_fails() -> None:
    nothing, denied, failed = replies(
        Question("TXT", "1.2.0.192.in-addr.arpa"), Question("TXT", "no.test"), Question("TXT", "broken.test")
    )
    assert (nothing, denied) == (Reply((), True), Reply((), False))
    assert "SERVFAIL" in failed.failed
