"""Asks the DNS for a check of mailauth: its questions go to a resolver, the answers back, one after the other.

Owns: that exchange, for commands. Never: knows what an answer means, checks mail that arrives. Raises: nothing of its
own; a question without an answer is a Reply that says so.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from postroom.dns import Answer, DnsTemporary, Resolver
from postroom.mailauth.questions import Inquiry, Question, Reply

T = TypeVar("T")
_ASK: dict[str, Callable[[Resolver, str], Awaitable[Answer[Any]]]] = {
    "TXT": lambda resolver, name: resolver.txt(name),
    "A": lambda resolver, name: resolver.a(name),
    "AAAA": lambda resolver, name: resolver.aaaa(name),
    "MX": lambda resolver, name: resolver.mx(name),
    "PTR": lambda resolver, name: resolver.ptr(name),
}


async def answered(inquiry: Inquiry[T], resolver: Resolver) -> T:
    """The check's verdict."""
    try:
        question = next(inquiry)
        while True:
            question = inquiry.send(await _reply(resolver, question))
    except StopIteration as end:
        verdict: T = end.value
        return verdict


async def _reply(resolver: Resolver, question: Question) -> Reply:
    try:
        answer = await _ASK[question.kind](resolver, question.name)
    except DnsTemporary as error:
        return Reply(failed=error.detail or str(error))
    records = tuple(one.host for one in answer.records) if question.kind == "MX" else answer.records
    return Reply(records, answer.exists)
