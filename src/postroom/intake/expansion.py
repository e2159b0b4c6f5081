"""What becomes of a sender's wish for reports (RFC 3461) when the recipient is an alias.

Owns: RFC 3461 §5.2.7.2 and §5.2.7.3 (c): which wishes go on to the targets, and the "expanded" report. Never: sends
it. Raises: nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from postroom.accounts import LocalTarget, RemoteTarget, SocketTarget, Target
from postroom.message import (
    Action,
    DeliveryReport,
    Dsn,
    RecipientReport,
    Returned,
    compose_dsn,
    decode_field,
    first_value,
)
from postroom.queue import Envelope, Recipient

from .routing import Route
from .trace import delivered_to

_SUCCESS = frozenset({"SUCCESS"})
_NEVER = frozenset({"NEVER"})
_MAX_SUBJECT_CHARACTERS = 200


def wants_success_report(route: Route) -> bool:
    """The sender asked to hear that the message has arrived."""
    return route.recipient.notify is not None and "SUCCESS" in route.recipient.notify


def for_target(route: Route, target: Target) -> Recipient:
    """The queue entry for one target of a route."""
    recipient = sent_on(route.recipient, target, route)
    if len(route.targets) == 1:  # RFC 3461 §5.2.7.2: all that was asked for goes on
        return replace(recipient, address=target.address)
    notify = recipient.notify
    if notify is not None and "SUCCESS" in notify:
        notify = notify - _SUCCESS or _NEVER
    # A person's own address, not the alias: that has other targets.
    address = target.person.address if isinstance(target, LocalTarget) else target.address
    return replace(recipient, address=address, notify=notify)


def sent_on(recipient: Recipient, target: Target, route: Route) -> Recipient:
    """What mail needs to go on from an address of ours to this target."""
    if isinstance(target, SocketTarget):
        return replace(recipient, way=target.place)
    if isinstance(target, RemoteTarget) and route.forwarder:
        return replace(recipient, lead=delivered_to(route.forwarder), mail_from=route.sender)
    return recipient


def expanded(routes: Sequence[Route]) -> list[Recipient]:
    """The aliases among the recipients on which an "expanded" report is due."""
    return [route.recipient for route in routes if len(route.targets) > 1 and wants_success_report(route)]


def expansion_report(
    recipients: Sequence[Recipient],
    envelope: Envelope,
    header: bytes,
    *,
    hostname: str,
    queue_id: str,
    now: float,
    token: str,
) -> Dsn:
    """The report for envelope.mail_from; `header` is what it gives back of the message."""
    subject = first_value(header, b"Subject")
    return compose_dsn(
        DeliveryReport(
            reporting_mta=hostname,
            recipients=[
                RecipientReport(one.address, Action.EXPANDED, "2.1.5", original=one.original) for one in recipients
            ],
            arrival=now,
            envelope_id=envelope.envid,
            queue_id=queue_id,
            subject="" if subject is None else decode_field(subject)[:_MAX_SUBJECT_CHARACTERS],
        ),
        to=envelope.mail_from,
        date=now,
        token=token,
        returned=Returned.HEADERS,
        original_8bit=not header.isascii(),
        utf8=envelope.smtputf8,
    )
