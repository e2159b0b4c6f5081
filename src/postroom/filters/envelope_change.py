"""Addresses that a filter puts into the envelope, read as strictly as those of a client.

Owns: what of them is taken. Never: decides whether mail may go there (intake does). Raises: BadEnvelopeChange.
"""

from postroom.smtp import SmtpSettings
from postroom.smtp.commands import Refused as NotSmtp
from postroom.smtp.commands import parse_mail, parse_rcpt

from .types import NewRecipient

MAX_ADDRESS_OCTETS = 2_000  # with its parameters
_SETTINGS = SmtpSettings()
_NOT_FOR_FILTERS = frozenset({b"SIZE", b"BODY", b"AUTH"})  # the client has said that, and the message is as it is


class BadEnvelopeChange(Exception):
    """What a filter gives is no address; the text says so."""


def new_sender(address: bytes, parameters: bytes = b"") -> str:
    """The address without brackets; "": the null sender. Parameters have to be right, and are not used."""
    kept = [word for word in parameters.split() if word.partition(b"=")[0].upper() not in _NOT_FOR_FILTERS]
    argument = b" ".join([b"FROM:" + _bracketed(address), *kept, b"SMTPUTF8"])
    try:
        return parse_mail(argument, _SETTINGS).address
    except NotSmtp as error:
        raise BadEnvelopeChange(f"a sender {address[:80]!r}: {error}") from error


def new_recipient(address: bytes, parameters: bytes = b"") -> NewRecipient:
    """With NOTIFY and ORCPT (RFC 3461 §4.1, §4.2), where there are some."""
    argument = b" ".join([b"TO:" + _bracketed(address), *parameters.split()])
    try:
        rcpt = parse_rcpt(argument, _SETTINGS, smtputf8=True)
    except NotSmtp as error:
        raise BadEnvelopeChange(f"a recipient {address[:80]!r}: {error}") from error
    return NewRecipient(rcpt.address, rcpt.notify, rcpt.original)


def old_recipient(address: bytes) -> str:
    """One that is to go: as it was given, without brackets."""
    return _bracketed(address)[1:-1].decode("utf-8", "replace")


def _bracketed(address: bytes) -> bytes:
    if len(address) > MAX_ADDRESS_OCTETS:
        raise BadEnvelopeChange(f"an address of {len(address)} octets")
    address = address.strip(b" \t")
    return address if address.startswith(b"<") and address.endswith(b">") else b"<%b>" % address
