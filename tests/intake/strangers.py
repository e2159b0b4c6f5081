"""A server on loopback that checks who sent its mail, a DNS that says what a test wants, and keys to sign with.

Every connection comes from 127.0.0.1, so that is the address that SPF speaks of.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.servers.smtp.room import FAST_HASHES, PASSWORD, Room, service

from postroom.accounts import MemoryDirectory
from postroom.base import SeededIds, SystemClock
from postroom.dns import DnsResolver, DnsSettings, TestDnsServer
from postroom.intake import Authentication, AuthenticationSettings, Intake, IntakeSettings
from postroom.mailauth.arc import ArcResult, find_sets, seal
from postroom.mailauth.dkim import BodyHasher, Canonicalization, HeaderFields, SigningKey, sign, signed_form
from postroom.mailauth.results import AuthenticationResults, parse
from postroom.message import MessageSettings, iter_fields, unfold
from postroom.net import Listener, NetSettings
from postroom.queue import MemoryQueue, QueueSettings
from postroom.servers.smtp import LMTP, RELAY, SUBMISSION, Policy
from postroom.smtp import SmtpSettings
from postroom.store import MemoryStore, StoreSettings

Zones = dict[str, dict[str, list[str]]]
Note = tuple[str, dict[str, Any]]


class Notes:
    """journal.Journal that a test can read."""

    def __init__(self) -> None:
        self.taken: list[Note] = []

    def note(self, message_id: str, step: str, /, **facts: Any) -> None:
        self.taken.append((step, facts))

    def last(self, step: str) -> dict[str, Any]:
        return next(facts for name, facts in reversed(self.taken) if name == step)


@dataclass
class Strangers(Room):
    """The room, whose mail is checked."""

    dns: TestDnsServer = field(default_factory=lambda: TestDnsServer({}))
    notes: Notes = field(default_factory=Notes)
    authentication: Authentication | None = None


@asynccontextmanager
async def strangers(zones: Zones, dns: DnsSettings | None = None, **settings: Any) -> AsyncIterator[Strangers]:
    """foo.com with bob and jones. Listeners: smtp, unchecked, submission, lmtp."""
    clock, ids = SystemClock(), SeededIds()
    folder = TemporaryDirectory()
    directory = MemoryDirectory(FAST_HASHES, clock, ids)
    store = MemoryStore(Path(folder.name), StoreSettings(), MessageSettings(), clock, ids)
    queue = MemoryQueue(QueueSettings(), clock, ids)
    await directory.add_domain("foo.com")
    for name in ("bob", "jones"):
        person = await directory.add_person(f"{name}@foo.com", PASSWORD)
        await store.create_account(person.account_id)
    notes = Notes()
    async with TestDnsServer(zones) as server:
        given = dns or DnsSettings(timeout_seconds=0.2, tries=1, total_timeout_seconds=0.5)
        resolver = DnsResolver(msgspec.structs.replace(given, nameservers=(server.address,)), clock)
        chosen = AuthenticationSettings(**({"trusted_networks": ()} | settings))
        authentication = Authentication(resolver, clock, chosen, hostname="foo.com")
        intake = Intake(
            hostname="foo.com",
            directory=directory,
            store=store,
            queue=queue,
            clock=clock,
            ids=ids,
            settings=IntakeSettings(),
            journal=notes,
            authentication=authentication,
        )
        room = Strangers(directory, store, queue, intake, dns=server, notes=notes, authentication=authentication)
        smtp = SmtpSettings(allow_plaintext_auth_on_loopback=True)
        policies = {
            "smtp": RELAY,
            "unchecked": Policy("unchecked", checks_senders=False),
            "submission": SUBMISSION,
            "lmtp": LMTP,
        }
        for name, policy in policies.items():
            listener = Listener(name, service(room, policy, smtp), NetSettings(sweep_interval_seconds=0.01))
            listener.bind(["127.0.0.1:0"])
            await listener.start()
            room.listeners[name] = listener
        try:
            yield room
        finally:
            for listener in room.listeners.values():
                await listener.stop()
            await authentication.close()
            await resolver.close()
            await directory.close()
            await queue.close()
            await store.close()
            folder.cleanup()


def with_strangers(
    zones: Zones, body: Callable[[Strangers], Awaitable[None]], dns: DnsSettings | None = None, **settings: Any
) -> None:
    async def run() -> None:
        async with strangers(zones, dns, **settings) as room:
            await body(room)

    asyncio.run(run())


# ---- records and signatures


def spf(text: str) -> dict[str, list[str]]:
    return {"TXT": [text]}


@cache
def key(domain: str, selector: str = "s1") -> SigningKey:
    """Always the same one for a domain."""
    seed = f"{domain}/{selector}".encode().ljust(32, b".")[:32]
    return SigningKey(domain, selector, Ed25519PrivateKey.from_private_bytes(seed))


def key_record(domain: str, selector: str = "s1") -> Zones:
    one = key(domain, selector)
    return {one.record_name: {"TXT": [one.record]}}


def signed(message: bytes, domain: str, selector: str = "s1") -> bytes:
    """The message with a signature of the domain."""
    header, _, body = message.partition(b"\r\n\r\n")
    hasher = BodyHasher(Canonicalization.RELAXED)
    hasher.update(body)
    digest = hasher.digest()
    assert digest is not None
    fields = sign(HeaderFields(header + b"\r\n"), digest, [key(domain, selector)], now=SystemClock().now())
    return fields + message


def letter(author: str = "Alice <alice@bar.com>", *fields: str, body: str = "Hello\r\n") -> bytes:
    """A message with one From field, more fields above it."""
    lines = [*fields, f"From: {author}", "To: bob@foo.com", "Subject: x", "Message-ID: <1@bar.com>"]
    return (
        "".join(f"{line}\r\n" for line in lines).encode()
        + b"Date: Thu, 26 Nov 2026 10:00:00 +0000\r\n\r\n"
        + body.encode()
    )


def signed_as(
    message: bytes, domain: str, tags: str, names: str = "from:to:subject", *, covered: int | None = None
) -> bytes:
    """With a signature of other tags and names than ours has; `covered` octets of the body are hashed."""
    header, _, body = message.partition(b"\r\n\r\n")
    relaxed = Canonicalization.RELAXED
    hasher = BodyHasher(relaxed, [covered])
    hasher.update(body)
    digest = base64.b64encode(hasher.digest(covered) or b"").decode("ascii")
    one = key(domain)
    field = f"DKIM-Signature: v=1; a={one.algorithm}; c=relaxed/relaxed; d={domain}; s={one.selector}; {tags}"
    field += f" h={names}; bh={digest}; b="
    chosen = HeaderFields(header + b"\r\n").choose([name.encode() for name in names.split(":")], relaxed)
    value = one.signature(hashlib.sha256(chosen + signed_form(field.encode(), relaxed)).digest())
    return f"{field}{base64.b64encode(value).decode('ascii')}\r\n".encode() + message


def sealed(message: bytes, domain: str, found: str, *, status: str = "none") -> bytes:
    """With an ARC set of the domain, which says it had found that; `status` of the chain below."""
    header, _, body = message.partition(b"\r\n\r\n")
    hasher = BodyHasher(Canonicalization.RELAXED)
    hasher.update(body)
    fields = HeaderFields(header + b"\r\n")
    assessed = f"{domain}; {found}".encode()
    digest = hasher.digest() or b""
    return (
        seal(fields, find_sets(fields), ArcResult(status), assessed, digest, key(domain), now=SystemClock().now())
        + message
    )


def field_values(message: bytes, name: str) -> list[bytes]:
    return [unfold(one.value) for one in iter_fields(message) if one.name.lower() == name.lower().encode()]


def found_in(message: bytes) -> AuthenticationResults:
    """What the server says of the message, in the only field of its name."""
    ours = [
        read
        for value in field_values(message, "Authentication-Results")
        if (read := parse(value)).authserv_id == "foo.com"
    ]
    assert len(ours) == 1
    assert ours[0].problem == ""
    return ours[0]
