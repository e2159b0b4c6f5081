"""Checks that ask the DNS without a resolver."""

from postroom.mailauth.questions import Inquiry, Question, Reply, conclude


def count_names() -> Inquiry[int]:
    hosts = yield Question("MX", "example.org")
    found = 0
    for host in hosts.names:
        found += len((yield Question("A", host)).names)
    return found


def test_a_check_is_sent_the_reply_to_each_of_its_questions() -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Reply:
        asked.append(question)
        return Reply(("a.example.org", "b.example.org")) if question.kind == "MX" else Reply(("192.0.2.1",))

    assert conclude(count_names(), answer) == 2
    assert [question.name for question in asked] == ["example.org", "a.example.org", "b.example.org"]


def test_a_check_that_asks_nothing_has_its_verdict_at_once() -> None:
    def in_case_of(hosts: list[str]) -> Inquiry[str]:
        for host in hosts:
            yield Question("A", host)
        return "none"

    def never(question: Question) -> Reply:
        raise AssertionError(question)

    assert conclude(in_case_of([]), never) == "none"


def test_a_reply_tells_texts_from_names() -> None:
    assert Reply((b"v=spf1 -all",)).texts == [b"v=spf1 -all"]
    assert Reply((b"v=spf1 -all",)).names == []
    assert Reply(failed="timeout").texts == []
