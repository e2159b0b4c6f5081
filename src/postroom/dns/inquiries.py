"""A check that asks by yielding questions, led to its end by a resolver, one question after another.

Owns: what a resolver's answer is as a Reply. Never: knows what a check is about. Raises: nothing; trouble with the DNS
is a Reply too.
"""

from typing import TypeVar

from postroom.mailauth.questions import Inquiry, Question, Reply

from .api import DnsTemporary, Resolver

T = TypeVar("T")


async def ask(resolver: Resolver, question: Question) -> Reply:
    """Put one question."""
    name = question.name
    try:
        if question.kind == "TXT":
            texts = await resolver.txt(name)
            return Reply(texts.records, texts.exists)
        if question.kind == "MX":
            hosts = await resolver.mx(name)
            return Reply(tuple(mx.host for mx in hosts.records if mx.host), hosts.exists)  # "" is no host
        if question.kind == "PTR":
            names = await resolver.ptr(name)
        else:
            names = await (resolver.a(name) if question.kind == "A" else resolver.aaaa(name))
        return Reply(names.records, names.exists)
    except DnsTemporary as error:
        return Reply(failed=error.detail or error.text)


async def pursue(resolver: Resolver, inquiry: Inquiry[T]) -> T:
    """The verdict."""
    try:
        question = next(inquiry)
        while True:
            question = inquiry.send(await ask(resolver, question))
    except StopIteration as end:
        verdict: T = end.value
        return verdict
