"""The questions of one message: each once, side by side, so many, and no longer than somebody waits."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from postroom.base import FakeClock, SystemClock, TaskOwner
from postroom.dns import Answer, DnsResolver, DnsSettings, DnsTemporary, StaticResolver, TestDnsServer
from postroom.dns.inquiries import Inquiries
from postroom.mailauth.questions import Inquiry, Question, Reply, conclude


def asking(*questions: Question) -> Inquiry[list[Reply]]:
    """A check that asks all of these and gives the replies back."""
    replies = []
    for question in questions:
        replies.append((yield question))
    return replies


def broken() -> Inquiry[None]:
    yield Question("A", "mx.test")
    raise ZeroDivisionError


TXT, A, MX = Question("TXT", "bar.test"), Question("A", "mx.test"), Question("MX", "bar.test")


def run(
    body: Callable[[Inquiries, StaticResolver], Awaitable[None]],
    *,
    limit: int = 10,
    resolver: StaticResolver | None = None,
) -> None:
    async def go() -> None:
        tasks = TaskOwner("test")
        known = resolver or StaticResolver(
            txt_records={"bar.test": ["v=spf1 -all"]},
            a_records={"mx.test": ["192.0.2.1"]},
            aaaa_records={"mx.test": ["2001:db8::1"]},
            mx_records={"bar.test": [(20, "b.test"), (10, "a.test")], "null.test": [(0, "")]},
            ptr_records={"192.0.2.1": ["mx.test"]},
            failing={"bad.test"},
        )
        inquiries = Inquiries(known, tasks, limit)
        try:
            await body(inquiries, known)
        finally:
            inquiries.close()
            await tasks.close()
            assert tasks.failures == 0

    asyncio.run(go())


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        (TXT, Reply((b"v=spf1 -all",))),
        (A, Reply(("192.0.2.1",))),
        (Question("AAAA", "mx.test"), Reply(("2001:db8::1",))),
        (MX, Reply(("a.test", "b.test"))),
        (Question("MX", "null.test"), Reply(("",))),  # RFC 7505: no host, but an answer
        (Question("PTR", "192.0.2.1"), Reply(("mx.test",))),
        (Question("TXT", "mx.test"), Reply(())),
        (Question("TXT", "none.test"), Reply((), exists=False)),
        (Question("TXT", "not a name.test"), Reply((), exists=False)),
        (Question("PTR", "unix"), Reply((), exists=False)),
        (Question("TXT", "bad.test"), Reply(failed="TXT bad.test: told to fail")),
    ],
)
def test_what_each_answer_becomes(question: Question, reply: Reply) -> None:
    async def body(inquiries: Inquiries, resolver: StaticResolver) -> None:
        assert await inquiries.run(asking(question)) == [reply]

    run(body)


def test_checks_of_one_message_share_answers() -> None:
    async def body(inquiries: Inquiries, resolver: StaticResolver) -> None:
        inquiries.foresee(A)
        first = inquiries.begin(asking(TXT, A, MX))
        second = inquiries.begin(asking(MX, TXT))
        assert len(await first) == 3
        assert len(await second) == 2
        await inquiries.run(asking(TXT, A, MX))
        assert sorted(resolver.asked) == [("A", "mx.test"), ("MX", "bar.test"), ("TXT", "bar.test")]

    run(body)


def test_there_are_only_so_many_questions() -> None:
    async def body(inquiries: Inquiries, resolver: StaticResolver) -> None:
        questions = [Question("A", f"{number}.test") for number in range(6)]
        replies = await inquiries.run(asking(*questions, questions[0]))
        assert [bool(reply.failed) for reply in replies] == [False] * 4 + [True] * 2 + [False]
        assert "more than 4 questions" in replies[5].failed
        assert len(resolver.asked) == 4

    run(body, limit=4)


class Silent(StaticResolver):
    """Never answers questions for TXT records."""

    async def txt(self, name: str):  # type: ignore[no-untyped-def]  # it never returns
        self.asked.append(("TXT", name))
        await asyncio.Event().wait()


def test_who_waits_waits_so_long_for_all_questions_together() -> None:
    async def body(inquiries: Inquiries, resolver: StaticResolver) -> None:
        loop = asyncio.get_running_loop()
        begun = inquiries.begin(asking(TXT, Question("TXT", "other.test")))
        await asyncio.sleep(0.05)
        assert not begun.done()  # while the message comes in nobody waits
        start = loop.time()
        inquiries.hurry(0.1)
        late = inquiries.begin(asking(A, Question("TXT", "third.test"), Question("A", "b.test")))
        assert all("too long" in reply.failed for reply in await begun)
        known, *unknown = await late
        assert known.records == ("192.0.2.1",)
        assert all(reply.failed for reply in unknown)
        assert loop.time() - start < 1
        assert [reply.failed for reply in await inquiries.run(asking(MX))] == ["the DNS took too long"]

    run(body, resolver=Silent(a_records={"mx.test": ["192.0.2.1"]}))


def test_the_time_counts_when_the_first_question_comes_after_it() -> None:
    async def body(inquiries: Inquiries, resolver: StaticResolver) -> None:
        inquiries.hurry(0.05)
        assert [reply.failed for reply in await inquiries.run(asking(TXT))] == ["the DNS took too long"]

    run(body, resolver=Silent())


def test_a_session_that_ends_leaves_nothing_behind() -> None:
    async def go() -> None:
        tasks = TaskOwner("test")
        inquiries = Inquiries(Silent(), tasks, 10)
        begun = inquiries.begin(asking(TXT))
        await asyncio.sleep(0)
        inquiries.close()
        await tasks.wait()
        assert begun.cancelled()
        unstarted = Inquiries(Silent(), tasks, 10)
        unstarted.begin(asking(TXT))
        unstarted.close()
        await tasks.wait()
        assert tasks.failures == 0

    asyncio.run(go())


def test_a_bug_in_a_check_reaches_who_waits_for_it() -> None:
    async def body(inquiries: Inquiries, resolver: StaticResolver) -> None:
        with pytest.raises(ZeroDivisionError):
            await inquiries.run(broken())
        with pytest.raises(ZeroDivisionError):
            await inquiries.run(broken())  # its answer is at hand now: the other way through the code

    run(body)


class Buggy(StaticResolver):
    async def a(self, host: str):  # type: ignore[no-untyped-def]  # it never returns
        raise ZeroDivisionError


def test_a_bug_in_the_resolver_is_an_answer_that_failed() -> None:
    async def body(inquiries: Inquiries, resolver: StaticResolver) -> None:
        (reply,) = await inquiries.run(asking(A))
        assert reply.failed == "an error of this server's own"

    run(body, resolver=Buggy())


def test_what_the_resolver_remembers_takes_no_task() -> None:
    async def go() -> None:
        async with TestDnsServer({"bar.test": {"TXT": ["x"]}}, ttl=60) as server:
            resolver = DnsResolver(DnsSettings(nameservers=(server.address,)), SystemClock())
            tasks = TaskOwner("test")
            questions = asking(TXT, Question("TXT", "none.test"))
            first = Inquiries(resolver, tasks, 10).begin(questions)
            assert not first.done()
            replies = await first
            await tasks.wait()
            again = Inquiries(resolver, tasks, 10)
            begun = again.begin(asking(TXT, Question("TXT", "none.test")))
            assert begun.done()
            assert begun.result() == replies == [Reply((b"x",)), Reply((), exists=False)]
            again.foresee(TXT)
            assert len(tasks) == 0
            assert len(server.questions) == 2
            await resolver.close()

    asyncio.run(go())


def test_a_check_driven_by_hand_gives_the_same() -> None:
    async def body(inquiries: Inquiries, resolver: StaticResolver) -> None:
        expected = conclude(asking(TXT, A), {TXT: Reply((b"v=spf1 -all",)), A: Reply(("192.0.2.1",))}.__getitem__)
        assert await inquiries.run(asking(TXT, A)) == expected

    run(body)


def test_the_resolver_tells_what_it_remembers() -> None:
    class Fixed:
        async def ask(self, name: str, kind: str):  # type: ignore[no-untyped-def]
            from postroom.dns.types import Found

            if name == "bad.test":
                raise DnsTemporary("no")
            return Found(("192.0.2.1",) if kind == "A" else ("mx.test",), 60)

        async def close(self) -> None: ...

    async def go() -> None:
        clock = FakeClock()
        resolver = DnsResolver(DnsSettings(), clock, ask=Fixed())
        assert resolver.remembered("A", "mx.test") is None
        await resolver.a("mx.test")
        await resolver.ptr("192.0.2.1")
        with pytest.raises(DnsTemporary):
            await resolver.a("bad.test")
        found = resolver.remembered("A", "MX.test.")
        assert found is not None
        assert found.records == ("192.0.2.1",)
        assert resolver.remembered("AAAA", "mx.test") is None
        reverse = resolver.remembered("PTR", "192.0.2.1")
        assert reverse is not None
        assert reverse.records == ("mx.test",)
        assert resolver.remembered("A", "bad.test") is None  # a failure is asked about again
        for kind, name in (("A", "no name"), ("PTR", "unix")):
            nothing = resolver.remembered(kind, name)
            assert nothing is not None
            assert not nothing.exists
        await resolver.close()

    asyncio.run(go())


def test_the_words_of_an_error_of_our_own_are_for_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Bug: they stood in the header of the message, by way of the reason of a temperror."""

    class Buggy(StaticResolver):
        async def txt(self, name: str) -> Answer[bytes]:
            raise RuntimeError("/var/lib/postroom/secret")

    async def body(inquiries: Inquiries, resolver: StaticResolver) -> None:
        (reply,) = await inquiries.run(asking(TXT))
        assert reply.failed
        assert "secret" not in reply.failed

    run(body, resolver=Buggy())
    assert "secret" in caplog.text
