"""From how many points on a message is marked, put apart or refused. Owns: the names, defaults and help. Raises:
ValueError for what is no domain, which msgspec turns into its ValidationError."""

from typing import Annotated

import msgspec
from msgspec import Meta

from postroom.accounts import domain_key


class ScoringSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[scoring]`: what follows from all that speaks for and against a message; docs/strangers.md explains it."""

    tag_points: Annotated[
        float, Meta(ge=0, description="Points from which a message is marked in its header; 0: none is.")
    ] = 4.0
    junk_points: Annotated[float, Meta(ge=0, description="Points from which it goes into Junk; 0: none does.")] = 7.0
    reject_points: Annotated[
        float,
        Meta(
            ge=0,
            description="Points from which it is refused (550 5.7.1), those for its client's HELO name left out "
            "(RFC 5321 §4.1.4); 0: none is.",
        ),
    ] = 15.0
    defer_points: Annotated[
        float,
        Meta(
            ge=0,
            description="Points from which a message of a sender whom greylisting does not know has to come again, "
            "whatever it was at RCPT; 0: none has to.",
        ),
    ] = 5.0
    dmarc_pass_points: Annotated[
        float, Meta(le=0, description="Points for mail whose author's domain shows that it is its own (DMARC).")
    ] = -1.0
    trusted_authors: Annotated[
        tuple[str, ...],
        Meta(
            description='Domains whose mail gets trusted_author_points if it passes DMARC; ".example.org" is all below.'
        ),
    ] = ()
    trusted_author_points: Annotated[float, Meta(le=0, description="Points for that.")] = -5.0
    trusted_seal_points: Annotated[
        float,
        Meta(
            le=0,
            description="Points for mail that had passed DMARC when it came to one of authentication.trusted_sealers.",
        ),
    ] = -2.0

    def __post_init__(self) -> None:
        for name in self.trusted_authors:
            if domain_key(name.removeprefix(".")) is None:
                raise ValueError(f"trusted_authors: {name!r} is not a domain")
        order = [limit for limit in (self.tag_points, self.junk_points, self.reject_points) if limit]
        if order != sorted(order):
            raise ValueError("tag_points, junk_points and reject_points have to rise")
