"""Settings of DKIM signing. Owns: their names, defaults and help. Raises: ValueError for what is no field name or
domain, which msgspec turns into its ValidationError."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

_FIELD_NAME = re.compile(r"[!-9;-~]+\Z")  # RFC 5322 §2.2
_NEVER_SIGNED = frozenset({"return-path", "dkim-signature", "received"})  # RFC 6376 §5.4.1; §3.5: never itself


class SigningSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[signing]`: the DKIM signatures of our own mail (signing.md)."""

    sign: Annotated[
        bool, Meta(description="Sign mail from here (RFC 6376), for each domain that has keys: postroom dkim list.")
    ] = True
    not_domains: Annotated[
        tuple[str, ...], Meta(description="Domains whose mail is not signed, though there are keys.")
    ] = ()
    also_fields: Annotated[
        tuple[str, ...],
        Meta(description="Header fields that are signed where a message has them, beside those of signing.md."),
    ] = ()
    not_fields: Annotated[
        tuple[str, ...], Meta(description="Header fields that are not signed, of those of signing.md.")
    ] = ()
    lifetime_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description="Seconds for which a signature is good (RFC 6376 §3.5, x=), longer than mail is on its way; "
            "0: for ever.",
        ),
    ] = 0
    rsa_bits: Annotated[
        int, Meta(ge=2048, le=4096, multiple_of=1024, description="Bits of new RSA keys (RFC 8301 §3.2).")
    ] = 2048
    on_loop_octets: Annotated[
        int,
        Meta(
            ge=0,
            description="Messages up to this many octets are signed on the event loop, in a fraction of a "
            "millisecond; larger ones in a thread.",
        ),
    ] = 65_536
    look_seconds: Annotated[
        float,
        Meta(gt=0, description="Seconds between two looks whether the records of new keys are in the DNS."),
    ] = 300.0
    settle_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds from the moment they are seen there until they sign; every name server of the domain "
            "has them by then.",
        ),
    ] = 900.0
    overlap_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds for which the records of replaced keys stay published: mail that they have signed "
            "waits in the queue for delivery.give_up_seconds, and with others on its way.",
        ),
    ] = 864_000.0
    revoked_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description='Seconds for which a revoked key keeps its record with an empty "p=" (RFC 6376 §3.6.1), '
            "before it is forgotten.",
        ),
    ] = 2_592_000.0

    def __post_init__(self) -> None:
        for name in (*self.also_fields, *self.not_fields):
            if not _FIELD_NAME.match(name) or name.lower() in _NEVER_SIGNED:
                raise ValueError(f"{name!r} is no header field that can be signed")
        if "from" in {name.lower() for name in self.not_fields}:
            raise ValueError("From has to be signed (RFC 6376 §5.4)")
        msgspec.structs.force_setattr(self, "not_domains", tuple(name.lower() for name in self.not_domains))
