"""What the server says it can do, in which state (RFC 3501 §6.1.1).

Owns: the list of capabilities, one row each, which docs/imap.md is held to. Never: offers what does not work. Raises:
nothing.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom.imap.acl import EXTRA_RIGHTS
from postroom.sasl import SERVER_MECHANISMS

from .compression import may_compress
from .quota import RESOURCES
from .settings import ImapSessionSettings
from .signin import may_log_in, mechanisms
from .status import append_limit

if TYPE_CHECKING:
    from .session import Session


class When(enum.Enum):
    """In which state a capability is told."""

    ALWAYS = "always"
    BEFORE_SIGN_IN = "before sign-in"
    SIGNED_IN = "after sign-in"


def _always(session: "Session") -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Capability:
    """One word of CAPABILITY; `value` makes it where it depends on the session, None: it is not told now."""

    name: bytes
    rfc: int
    when: When = When.SIGNED_IN
    applies: Callable[["Session"], bool] = _always
    can_enable: bool = False  # a word that ENABLE takes (RFC 5161)
    value: Callable[["Session"], bytes] | None = None  # "APPENDLIMIT=…": the word with its value


def _non_synchronizing(session: "Session") -> bytes:
    return b"LITERAL-" if session.service.engine_settings.literal_minus else b"LITERAL+"


def _may_start_tls(session: "Session") -> bool:
    return session.connection.tls is None and session.service.tls_context() is not None


_MECHANISM_RFCS = {
    "EXTERNAL": 4422,
    "SCRAM-SHA-256-PLUS": 7677,
    "SCRAM-SHA-1-PLUS": 5802,
    "SCRAM-SHA-256": 7677,
    "SCRAM-SHA-1": 5802,
    "OAUTHBEARER": 7628,
}


def _offers(mechanism: str) -> Callable[["Session"], bool]:
    return lambda session: mechanism in mechanisms(session)


CAPABILITIES: tuple[Capability, ...] = (
    Capability(b"IMAP4rev1", 3501, When.ALWAYS),
    Capability(b"IMAP4rev2", 9051, When.ALWAYS, can_enable=True),
    Capability(b"LITERAL+", 7888, When.ALWAYS, value=_non_synchronizing),
    Capability(b"SASL-IR", 4959, When.ALWAYS),
    Capability(b"ID", 2971, When.ALWAYS),
    Capability(b"ENABLE", 5161, When.ALWAYS),
    Capability(b"IDLE", 2177, When.ALWAYS),
    Capability(b"STARTTLS", 3501, When.BEFORE_SIGN_IN, _may_start_tls),
    *(
        Capability(b"AUTH=" + name.encode(), _MECHANISM_RFCS.get(name, 3501), When.BEFORE_SIGN_IN, _offers(name))
        for name in SERVER_MECHANISMS
    ),
    Capability(b"LOGINDISABLED", 3501, When.BEFORE_SIGN_IN, lambda session: not may_log_in(session)),
    Capability(b"NAMESPACE", 2342),
    Capability(b"CHILDREN", 3348),
    Capability(b"LIST-EXTENDED", 5258),
    Capability(b"SPECIAL-USE", 6154),
    Capability(b"CREATE-SPECIAL-USE", 6154),
    Capability(b"LIST-STATUS", 5819),
    Capability(b"LIST-METADATA", 9590),
    Capability(b"STATUS=SIZE", 8438),
    Capability(b"APPENDLIMIT", 7889, value=lambda session: b"APPENDLIMIT=%d" % append_limit(session)),
    Capability(b"METADATA", 5464, can_enable=True),
    Capability(b"QUOTA", 9208),
    *(Capability(b"QUOTA=RES-" + resource, 9208) for resource in RESOURCES),
    Capability(b"QUOTASET", 9208),
    Capability(b"UNSELECT", 3691),
    Capability(b"UIDPLUS", 4315),
    Capability(b"MOVE", 6851),
    Capability(b"ACL", 4314),
    Capability(b"RIGHTS=" + EXTRA_RIGHTS, 4314),
    Capability(b"LIST-MYRIGHTS", 8440),
    Capability(b"ESEARCH", 4731),
    Capability(b"SEARCHRES", 5182),
    Capability(b"WITHIN", 5032),
    Capability(b"SEARCH=FUZZY", 6203),
    Capability(b"MULTISEARCH", 7377),
    Capability(b"INPROGRESS", 9585),
    Capability(b"PARTIAL", 9394),
    Capability(b"SORT", 5256),
    Capability(b"SORT=DISPLAY", 5957),
    Capability(b"THREAD=ORDEREDSUBJECT", 5256),
    Capability(b"THREAD=REFERENCES", 5256),
    Capability(b"ESORT", 5267),
    Capability(b"CONTEXT=SEARCH", 5267),
    Capability(b"CONTEXT=SORT", 5267),
    Capability(b"BINARY", 3516),
    Capability(b"PREVIEW", 8970),
    Capability(b"MULTIAPPEND", 3502),
    Capability(b"CATENATE", 4469),
    Capability(b"REPLACE", 8508),
    Capability(b"COMPRESS=DEFLATE", 4978, applies=may_compress),
    Capability(b"LANGUAGE", 5255, When.ALWAYS),
    Capability(b"I18NLEVEL=1", 5255),
    Capability(b"UNAUTHENTICATE", 8437),
    Capability(b"NOTIFY", 5465),
    Capability(b"CONDSTORE", 7162, can_enable=True),
    Capability(b"QRESYNC", 7162, can_enable=True),
    Capability(b"UIDONLY", 9586, can_enable=True),
    Capability(b"OBJECTID", 8474),
    Capability(b"SAVEDATE", 8514),
    Capability(b"UTF8=ACCEPT", 6855, can_enable=True),
)
# What ENABLE takes, in upper case, and as it is written
CAN_BE_ENABLED = {capability.name.upper(): capability.name for capability in CAPABILITIES if capability.can_enable}
# RFC 5464 §1, §4.1: METADATA, which is told, holds all of METADATA-SERVER, which clients may enable alone.
CAN_BE_ENABLED[b"METADATA-SERVER"] = b"METADATA-SERVER"


def withheld(settings: ImapSessionSettings) -> frozenset[bytes]:
    """What the operator would rather not offer, in upper case."""
    return frozenset(word.upper().encode() for word in settings.withheld_capabilities)


def capabilities(session: "Session") -> bytes:
    """The words that hold in this session's state, in their order."""
    unsaid = withheld(session.settings)
    hidden = When.BEFORE_SIGN_IN if session.signed_in is not None else When.SIGNED_IN
    words = [
        one.name if one.value is None else one.value(session)
        for one in CAPABILITIES
        if one.when is not hidden and one.applies(session) and one.name.upper() not in unsaid
    ]
    return b" ".join(words)
