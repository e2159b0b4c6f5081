"""A check that asks by yielding questions, led to its end by a resolver, one question after another.

Owns: what a resolver's answer is as a Reply. Never: knows what a check is about. Raises: nothing; trouble with the DNS
is a Reply too.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from postroom.mailauth.questions import Inquiry, Question, Reply

from .api import Answer, DnsTemporary, Resolver

T = TypeVar("T")
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
