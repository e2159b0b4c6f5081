"""Checks that ask by yielding questions, led to their end by a resolver: one by itself, or all of one message.

Owns: what a resolver's answer is as a Reply, what the questions of one message cost. Never: knows what a check is
about. Raises: nothing; trouble with the DNS is a Reply too.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from postroom.base import TaskOwner
from postroom.mailauth.questions import Inquiry, Question, Reply

from .api import Answer, DnsTemporary, Resolver

T = TypeVar("T")
_log = logging.getLogger("postroom.dns")
_ASK: dict[str, Callable[[Resolver, str], Coroutine[Any, Any, Answer[Any]]]] = {
    "TXT": lambda resolver, name: resolver.txt(name),
    "A": lambda resolver, name: resolver.a(name),
    "AAAA": lambda resolver, name: resolver.aaaa(name),
    "MX": lambda resolver, name: resolver.mx(name),
    "PTR": lambda resolver, name: resolver.ptr(name),
}


async def ask(resolver: Resolver, question: Question) -> Reply:
    """Put one question."""
    try:
        return as_reply(question, await _ASK[question.kind](resolver, question.name))
    except DnsTemporary as error:
        return Reply(failed=error.detail or error.text)


def as_reply(question: Question, answer: Answer[Any]) -> Reply:
    """A resolver's answer as checks read it."""
    if question.kind == "MX":
        return Reply(tuple(mx.host for mx in answer.records), answer.exists)
    return Reply(answer.records, answer.exists)


async def pursue(resolver: Resolver, inquiry: Inquiry[T]) -> T:
    """The verdict."""
    try:
        question = next(inquiry)
        while True:
            question = inquiry.send(await ask(resolver, question))
    except StopIteration as end:
        verdict: T = end.value
        return verdict


class Inquiries:
    """Of one message, or one client: each question asked once, several at once, so many in all, and no longer than
    somebody can be let wait. `close` it: what is under way then ends.

    What the resolver remembers is answered on the spot, without a task: with warm DNS a check is an ordinary function
    call.
    """

    __slots__ = (
        "_alarm",
        "_end",
        "_late",
        "_max_questions",
        "_replies",
        "_resolver",
        "_tasks",
        "_under_way",
        "_waiting",
        "_what",
    )

    def __init__(self, resolver: Resolver, tasks: TaskOwner, max_questions: int, what: str = "message") -> None:
        self._resolver = resolver
        self._tasks = tasks
        self._max_questions = max_questions
        self._what = what  # is looked at
        self._replies: dict[Question, Reply] = {}
        self._waiting: dict[Question, asyncio.Future[Reply]] = {}
        self._under_way: list[asyncio.Task[None]] = []
        self._end: float | None = None  # by the loop's clock
        self._alarm: asyncio.TimerHandle | None = None
        self._late: Reply | None = None  # to every question that comes after the end

    def begin(self, inquiry: Inquiry[T]) -> "asyncio.Future[T]":
        """Start it; its verdict may be there at once. It goes on while its caller does other things."""
        verdict: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            question = next(inquiry)
            while (reply := self._known(question)) is not None:
                question = inquiry.send(reply)
        except StopIteration as end:
            verdict.set_result(end.value)
        except Exception as error:
            _fail(verdict, error)
        else:
            self._spawn(self._go_on(inquiry, question, verdict), "check")
        return verdict

    async def run(self, inquiry: Inquiry[T]) -> T:
        """Its verdict."""
        return await self.begin(inquiry)

    def foresee(self, question: Question) -> None:
        """Ask now what a check will ask later."""
        if self._known(question) is None:
            self._ask(question)

    def hurry(self, seconds: float) -> None:
        """From now on somebody waits: what has no answer in that time gets none."""
        self._end = asyncio.get_running_loop().time() + seconds
        if self._waiting:
            self._watch()

    def close(self) -> None:
        """Whoever waits is cancelled."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for task in self._under_way:
            task.cancel()
        self._under_way.clear()

    # ---- one question

    def _known(self, question: Question) -> Reply | None:
        """The reply that needs no waiting."""
        reply = self._replies.get(question)
        if reply is not None:
            return reply
        if self._late is not None:
            return self._late
        if question in self._waiting:
            return None
        if len(self._replies) + len(self._waiting) >= self._max_questions:
            return Reply(failed=f"more than {self._max_questions} questions to the DNS for one {self._what}")
        answer = self._resolver.remembered(question.kind, question.name)
        if answer is None:
            return None
        reply = self._replies[question] = as_reply(question, answer)
        return reply

    async def _go_on(self, inquiry: Inquiry[T], question: Question, verdict: "asyncio.Future[T]") -> None:
        """With a question to which no answer is at hand."""
        try:
            while True:
                reply = self._known(question)
                question = inquiry.send(await self._ask(question) if reply is None else reply)
        except StopIteration as end:
            if not verdict.done():
                verdict.set_result(end.value)
        except asyncio.CancelledError:
            verdict.cancel()
            raise
        except Exception as error:
            _fail(verdict, error)

    def _ask(self, question: Question) -> "asyncio.Future[Reply]":
        waiting = self._waiting.get(question)
        if waiting is None:
            waiting = self._waiting[question] = asyncio.get_running_loop().create_future()
            self._spawn(self._fetch(question), f"{question.kind} {question.name}")
            if self._end is not None and self._alarm is None:
                self._watch()
        return waiting

    async def _fetch(self, question: Question) -> None:
        try:
            reply = await ask(self._resolver, question)
        except Exception:  # our bug: its words are for the log, as those of a reply are told in a header
            _log.exception("%s %s", question.kind, question.name)
            reply = Reply(failed="an error of this server's own")
        self._answered(question, reply)

    def _answered(self, question: Question, reply: Reply) -> None:
        self._replies[question] = reply
        waiting = self._waiting.pop(question, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    # ---- time

    def _watch(self) -> None:
        assert self._end is not None
        self._alarm = asyncio.get_running_loop().call_at(self._end, self._give_up)

    def _give_up(self) -> None:
        self._late = Reply(failed="the DNS took too long")
        for question in tuple(self._waiting):
            self._answered(question, self._late)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._under_way.append(self._tasks.spawn(work, name=name))


def _fail(verdict: "asyncio.Future[Any]", error: Exception) -> None:
    if not verdict.done():
        verdict.set_exception(error)
        verdict.exception()  # seen: whoever wanted to know may be gone
