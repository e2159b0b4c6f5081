"""The answers to VRFY and EXPN, where a listener gives any.

Owns: what is told of an address (RFC 5321 §3.5), and in which letters (RFC 6531 §3.7.4.2). Never: decides who may ask.
Raises: MailError, the one that RCPT would be refused with.
"""

from postroom.accounts import LocalTarget, Person, RemoteTarget, Target
from postroom.intake import Intake
from postroom.queue import Recipient
from postroom.smtp import Reply, Verify, replies


async def verify(asked: Verify, intake: Intake, person: Person | None) -> Reply:
    """Whether mail for that address is taken, or who it leads to."""
    route = await intake.route(Recipient(asked.address), sender=person)
    if asked.expand:
        shown = [address for target in route.targets if (address := _address(target))]
    elif any(isinstance(target, RemoteTarget) and target.address == asked.address for target in route.targets):
        return replies.CANNOT_VERIFY  # it is for another server to know
    else:
        shown = [asked.address]
    if not shown:
        return replies.CANNOT_EXPAND
    if not asked.utf8 and not all(address.isascii() for address in shown):
        return replies.NEEDS_SMTPUTF8
    return Reply(250, "2.1.5", *(f"<{address}>" for address in shown), utf8=asked.utf8)


def _address(target: Target) -> str:
    """As the members of a list are named; "" for a program, whose socket is nobody's business."""
    if isinstance(target, LocalTarget):
        return target.person.address
    return target.address if isinstance(target, RemoteTarget) else ""
