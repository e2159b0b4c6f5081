"""What is known of the keys of each domain, as it stands in keys.json; private keys are elsewhere (key_folder.py).

Owns: those values. Never: reads files, holds a secret. Raises: KeyTrouble is declared here.
"""

import enum
from typing import Literal

import msgspec

from postroom.base import MailError

Algorithm = Literal["rsa-sha256", "ed25519-sha256"]  # RFC 6376 §3.3.2, RFC 8463 §3
ALGORITHMS: tuple[Algorithm, ...] = ("rsa-sha256", "ed25519-sha256")


class KeyTrouble(MailError):
    """The keys can't be read or changed; the detail says why."""

    code, enhanced, text = 451, "4.3.5", "Trouble with the signing keys here, please try again later"


class Phase(enum.Enum):
    """Where a set of keys is on its way."""

    WAITING = "waiting"  # its records are to be published; it does not sign yet
    SIGNING = "signing"
    REPLACED = "replaced"  # signs no more; what it has signed is still on its way
    REVOKED = "revoked"  # the private keys are gone; its records say so


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key by what may be known of it."""

    selector: str
    algorithm: Algorithm
    record: str  # what is published of it: "v=DKIM1; k=rsa; p=…"
    file: str  # name of the file that holds the private key


class KeySet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a domain that were made together, one of each algorithm, and sign together. Times: Unix seconds."""

    name: str  # the day: "20261126"
    made: float
    use_from: float | None  # when it begins to sign; None: once its records are seen in the DNS
    keys: tuple[Key, ...]
    revoked: float | None = None


KeySets = tuple[KeySet, ...]  # of one domain, in the order in which they were made


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of keys.json."""

    version: Literal[1] = 1
    domains: dict[str, KeySets] = {}  # by the domain in lower-case A-labels
