"""How people sign in. Owns: the names, defaults and help. Raises: ValueError for a mechanism that there is not, which
msgspec turns into its ValidationError."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.base import SettingError
from postroom.sasl import SERVER_MECHANISMS


class SignInSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sign_in]`: the same for SMTP, IMAP and POP3."""

    withheld_mechanisms: Annotated[
        tuple[str, ...],
        Meta(
            description="SASL mechanisms that are not to be used, like PLAIN and LOGIN; the others are offered where "
            "they can work (sign-in.md). Without PLAIN there is no LOGIN of IMAP and no USER of POP3 either."
        ),
    ] = ()
    scram: Annotated[
        Literal["when-all-can", "always", "never"],
        Meta(
            description="When SCRAM is offered. Clients choose it where they see it, and some people may have no keys "
            "for it: whose password was set before there were any, or came from another server as a hash, and who has "
            "not signed in by PLAIN since."
        ),
    ] = "when-all-can"
    channel_binding: Annotated[
        bool,
        Meta(
            description="Offer the mechanisms with -PLUS, by which SCRAM under TLS fails for who sits in the middle "
            "with a certificate of their own. Off, as some mail programs (mutt with GNU SASL is one) choose them and "
            "then can't use them."
        ),
    ] = False
    failure_step_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="A failed sign-in is answered a whole number of such steps after it was asked for, so that the "
            "time it took tells nothing.",
        ),
    ] = 0.25

    def __post_init__(self) -> None:
        unknown = [name for name in self.withheld_mechanisms if name not in SERVER_MECHANISMS]
        if unknown:
            raise SettingError(f"{', '.join(unknown)}: the mechanisms are {', '.join(SERVER_MECHANISMS)}")
