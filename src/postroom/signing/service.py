"""Signs our own mail: the DKIM-Signature fields of a message of ours, with the keys that sign at the moment.

Owns: which keys sign for a domain now, and when they are read again. Never: decides whose mail a message is (whoever
enqueues it does), changes a message. Raises: KeyTrouble when a message's octets can't be read; keys that can't be used
are logged, and the mail goes without their signature.

Keys are read once; a look at their folder, which takes a microsecond, tells of a rotation by any process. A message is
signed in about 0.4 ms, of which RSA takes 0.2; large ones are hashed in a thread, piece by piece. Header fields are
found with the body left out: what is signed is what stands in the queue.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Protocol

from postroom.base import Clock, Spool, SystemClock
from postroom.mailauth.arc import find_sets, seal
from postroom.mailauth.dkim import BodyHasher, Canonicalization, HeaderFields, SigningKey, key_text, sign, signed_names

from .key_folder import Stamp
from .keys import from_pem
from .proof import Proof
from .rotation import signing_set
from .seal_proof import ProvenSeal, SealProof
from .settings import SigningSettings
from .types import Key, KeyTrouble, State

_log = logging.getLogger("postroom.signing")
_PIECE_OCTETS = 65_536
_MAX_HEADER_OCTETS = 1 << 20
_MAX_INSTANCES = 20  # of a field that are signed
_SIGNED_TOGETHER = 50  # copies of a message, in one turn of a thread
_REPORT_FIELDS = (b"tls-required", b"tls-report-domain", b"tls-report-submitter")  # RFC 8460 §5.3, RFC 8689 §5


class Keys(Protocol):
    """Where keys are (KeyFolder)."""

    def stamp(self) -> Stamp: ...

    def read(self) -> State: ...

    def private_key(self, name: str) -> bytes: ...


class NoKeys:
    """There are none."""

    def stamp(self) -> Stamp:
        return None

    def read(self) -> State:
        return State()

    def private_key(self, name: str) -> bytes:
        raise KeyTrouble(f"there is no key {name}")


class Signing:
    """`fields` for one message, `copies` for one with a few lines of its own for each recipient."""

    def __init__(self, folder: Keys, settings: SigningSettings, clock: Clock) -> None:
        self.settings = settings  # may change while it runs
        self._folder = folder
        self._clock = clock
        self._state = State()
        self._stamp: Stamp = None
        self._stale = False
        self._loaded: dict[tuple[str, str], tuple[SigningKey, ...]] = {}  # by domain and set

    # ---- keys

    def reload(self) -> None:
        """Read all keys again when they are next needed."""
        self._stale = True

    def keys(self, domain: str) -> tuple[SigningKey, ...]:
        """Those that sign for this domain (lower-case A-labels) now; () for one that has none."""
        self._refresh()
        if not self.settings.sign or domain in self.settings.not_domains:
            return ()
        return self._keys_of(domain)

    def arc_key(self, domain: str) -> SigningKey | None:
        """What seals for this domain: ARC knows RSA alone (RFC 8617 §4.1.3). None: it has no keys."""
        self._refresh()
        return next((key for key in self._keys_of(domain) if key.algorithm == "rsa-sha256"), None)

    def domain_of(self, host: str) -> str:
        """The domain whose keys sign for a host of ours: its own name or the nearest above it; "" when none has keys.

        That domain is as good as the host's for DMARC (RFC 9989, relaxed alignment).
        """
        name = host.lower()
        while name:
            if self.keys(name):
                return name
            name = name.partition(".")[2]
        return ""

    def proof(self, header: bytes) -> Proof | None:
        """Whether signatures on this message are ours; None: none claims to be. Feed it the body (proof.py)."""
        self._refresh()
        return Proof.of(header, self._state, self._clock.now())

    def seal_proof(self, header: bytes) -> SealProof | None:
        """The same for the newest ARC set (seal_proof.py)."""
        self._refresh()
        return SealProof.of(header, self._state, self._clock.now())

    def _refresh(self) -> None:
        stamp = self._folder.stamp()
        if stamp == self._stamp and not self._stale:
            return
        try:
            self._state = self._folder.read()
        except KeyTrouble as error:
            _log.error("DKIM keys not read, those from before stay: %s", error)
        self._stamp, self._stale = stamp, False
        self._loaded.clear()

    def _keys_of(self, domain: str) -> tuple[SigningKey, ...]:
        one = signing_set(self._state.domains.get(domain, ()), self._clock.now())
        if one is None:
            return ()
        loaded = self._loaded.get((domain, one.name))
        if loaded is None:
            loaded = tuple(key for each in one.keys if (key := self._load(domain, each)) is not None)
            self._loaded[domain, one.name] = loaded
        return loaded

    def _load(self, domain: str, key: Key) -> SigningKey | None:
        try:
            private = from_pem(self._folder.private_key(key.file))
            if key_text(private.public_key()) != key.record:
                raise ValueError("it is not the key of its record")
            return SigningKey(domain, key.selector, private)
        except (KeyTrouble, ValueError) as error:
            _log.error("%s: the DKIM key %s can't be used: %s", domain, key.selector, error)
            return None

    # ---- signatures

    async def fields(self, domain: str, spool: Spool, *, header: bytes | None = None, above: bytes = b"") -> bytes:
        """DKIM-Signature fields of a message, to stand before it; b"" for a domain without keys. Raises KeyTrouble.

        `header`: the begin of the spool, up to the empty line and with it (None: looked for). `above`: fields that go
        before it.
        """
        (made,) = await self.copies(domain, spool, [b""], header=header, above=above)
        return made

    async def copies(
        self, domain: str, spool: Spool, leads: Sequence[bytes], *, header: bytes | None = None, above: bytes = b""
    ) -> list[bytes]:
        """The same for each copy of a message with its own fields before `above`."""
        keys = self.keys(domain)
        if not keys:
            return [b""] * len(leads)
        try:
            header = header_of(spool) if header is None else header
            if not _is_whole(header, spool):
                _log.warning("%s: a message is not signed: the end of its header can't be found", domain)
                return [b""] * len(leads)
            if spool.size <= self.settings.on_loop_octets:
                digest = _digest(spool, len(header))
            else:
                digest = await asyncio.to_thread(_digest, spool, len(header))
        except (OSError, ValueError) as error:  # ValueError: the spool was closed meanwhile
            raise KeyTrouble(f"a message to be signed can't be read: {error}") from error
        whole = above + header
        if len(leads) == 1 and len(whole) <= self.settings.on_loop_octets:
            return [self.sign(keys, leads[0] + whole, digest)]
        made: list[bytes] = []
        for at in range(0, len(leads), _SIGNED_TOGETHER):
            made += await asyncio.to_thread(self._sign_each, keys, leads[at : at + _SIGNED_TOGETHER], whole, digest)
        return made

    def _sign_each(
        self, keys: Sequence[SigningKey], leads: Sequence[bytes], header: bytes, digest: bytes
    ) -> list[bytes]:
        return [self.sign(keys, lead + header, digest) for lead in leads]

    def sign(
        self, keys: Sequence[SigningKey], header: bytes, body_hash: bytes, names: Sequence[bytes] | None = None
    ) -> bytes:
        """A field for each key over this header, and a body by its BodyHash. `names`: h=, if not the usual one."""
        fields = HeaderFields(header)
        return sign(
            fields,
            body_hash,
            keys,
            now=self._clock.now(),
            lifetime=self.settings.lifetime_seconds or None,
            names=self._names(fields) if names is None else names,
        )

    def seal_anew(self, key: SigningKey, proven: ProvenSeal, header: bytes, body_hash: bytes) -> bytes:
        """What was sealed by us, sealed once more over this header, from which that set has gone, and a body by its
        BodyHash (RFC 8617 §5.1)."""
        fields = HeaderFields(header)
        return seal(
            fields,
            find_sets(fields),
            proven.status,
            proven.assessed,
            body_hash,
            key,
            now=self._clock.now(),
            names=proven.names,
        )

    def _names(self, fields: HeaderFields) -> list[bytes]:
        """h= by the settings."""
        left_out = {name.lower().encode() for name in self.settings.not_fields}
        names = [name for name in signed_names(fields) if name not in left_out]
        also = (*_REPORT_FIELDS, *(name.lower().encode() for name in self.settings.also_fields))
        for name in dict.fromkeys(also):
            if name not in names and name not in left_out:
                names += [name] * min(fields.count(name), _MAX_INSTANCES)
        return names


UNSIGNED = Signing(NoKeys(), SigningSettings(), SystemClock())  # for who has no keys


class BodyHash:
    """Of a body as it is signed here."""

    def __init__(self) -> None:
        self._hasher = BodyHasher(Canonicalization.RELAXED)

    def update(self, piece: bytes) -> None:
        """The next octets of the body."""
        self._hasher.update(piece)

    def digest(self) -> bytes:
        """The body has ended."""
        digest = self._hasher.digest()
        assert digest is not None  # that is for bodies shorter than an l=
        return digest


def header_of(spool: Spool) -> bytes:
    """The header of a message made here, the empty line included."""
    octets = spool.read(0, _PIECE_OCTETS)
    end = octets.find(b"\r\n\r\n")
    if end < 0:
        octets = spool.read(0, _MAX_HEADER_OCTETS)
        end = octets.find(b"\r\n\r\n")
    return octets if end < 0 else octets[: end + 4]


def _is_whole(header: bytes, spool: Spool) -> bool:
    """It ends where the body begins, or there is no body."""
    return len(header) == spool.size or header == b"\r\n" or header.endswith(b"\r\n\r\n")


def _digest(spool: Spool, start: int) -> bytes:
    hasher = BodyHash()
    for piece in _pieces(spool, start):
        hasher.update(piece)
    return hasher.digest()


def _pieces(spool: Spool, start: int) -> Iterator[bytes]:
    for at in range(start, spool.size, _PIECE_OCTETS):
        yield spool.read(at, at + _PIECE_OCTETS)
