"""Does the client's address lead to a name, and the name back to the address (RFC 8601 §3)?

Owns: the questions and what their answers mean. Never: asks itself, waits. Raises: nothing.
"""

import enum
from dataclasses import dataclass

from .clients import BITS, client_at
from .domains import domain_name
from .questions import Inquiry, Question

MAX_NAMES = 10  # names that are looked up (RFC 8601 §3 asks for a limit and cites RFC 7208 §4.6.4)
MAX_ADDRESSES = 256  # of one name, that are compared
MAX_QUESTIONS = 1 + MAX_NAMES


class IprevResult(enum.Enum):
    """RFC 8601 §2.7.3."""

    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class IprevVerdict:
    """`name`: the host name that is confirmed, "" unless the result is PASS; `words`: why, for people."""

    result: IprevResult
    name: str
    words: str


def check_iprev(address: str) -> Inquiry[IprevVerdict]:
    """Of the names that the reverse DNS has for `address`, the first that has this address (at most MAX_QUESTIONS)."""
    client = client_at(address)
    if client is None:
        return IprevVerdict(IprevResult.PERMERROR, "", "the client has no IP address")
    reverse = yield Question("PTR", client.text)
    if reverse.failed:
        return IprevVerdict(IprevResult.TEMPERROR, "", f"no answer for the name of {client.text} (PTR)")
    # "" and names that no host can have are claims that cannot be confirmed
    names = [name for text in reverse.names[:MAX_NAMES] if (name := domain_name(text))]
    if not reverse.names:
        return IprevVerdict(IprevResult.PERMERROR, "", f"the reverse DNS has no name for {client.text} (PTR)")
    unanswered = []
    for name in dict.fromkeys(names):
        reply = yield Question(client.kind, name)
        if reply.failed:
            unanswered.append(name)
        elif client.is_among(reply.names[:MAX_ADDRESSES], BITS[client.version]):
            return IprevVerdict(IprevResult.PASS, name, f"{client.text} is called {name}, and {name} has this address")
    if unanswered:  # one of these might have confirmed it
        return IprevVerdict(
            IprevResult.TEMPERROR, "", f"no answer for the addresses of {unanswered[0]}, as {client.text} calls itself"
        )
    claim = f"is called {names[0]}, which does not have this address" if names else "is called what is no host name"
    more = f" (nor have its {len(names) - 1} other names)" if len(names) > 1 else ""
    return IprevVerdict(IprevResult.FAIL, "", f"{client.text} {claim}{more}")
