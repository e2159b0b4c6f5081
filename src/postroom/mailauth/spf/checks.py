"""Which identities of an SMTP session are checked (RFC 7208 §2.3, §2.4).

Owns: HELO and MAIL FROM, one after the other. Never: decides what becomes of the message. Raises: nothing.
"""

from dataclasses import replace

from postroom.mailauth.domains import domain_name
from postroom.mailauth.questions import Inquiry

from .evaluation import check_host
from .types import DEFAULT_LIMITS, SpfLimits, SpfVerdict


def check_sender(
    address: str, mail_from: str, hello: str, *, receiver: str, now: float, limits: SpfLimits = DEFAULT_LIMITS
) -> Inquiry[tuple[SpfVerdict, ...]]:
    """The verdicts on HELO and MAIL FROM, in this order.

    `mail_from`: the address without brackets and source route; "" for the null path, whose identity is the name of
    HELO (RFC 7208 §2.4). Both are always checked: who reads the verdict on MAIL FROM (DMARC) has to have it.
    """
    helo = yield from check_host(
        address,
        hello,
        f"postmaster@{domain_name(hello) or hello}",
        hello,
        receiver=receiver,
        now=now,
        limits=limits,
        identity="helo",
    )
    if not mail_from:
        # <postmaster@HELO> is the sender of the first check as well, so the answer is the same
        return helo, replace(
            helo, identity="mailfrom", words=f"MAIL FROM:<>, so HELO counts: {helo.words}", questions=0
        )
    _, at, domain = mail_from.rpartition("@")
    mailfrom = yield from check_host(
        address, domain if at else "", mail_from, hello, receiver=receiver, now=now, limits=limits
    )
    return helo, mailfrom
