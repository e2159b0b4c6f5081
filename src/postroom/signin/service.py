"""The one way to sign in, for all protocols.

Owns: which mechanisms a client is offered, what is asked of the directory, the tokens and the guard, how long a refusal
takes. Never: words a reply (each protocol does), sees a connection, keeps a password. Raises: nothing; what is
nobody's refusal but a bug is logged.

A failed sign-in is one kind of failure, whatever the reason; its answer comes a whole number of steps after the
question, so that the way to it can't be timed, and later still when the guard says so.
"""

import logging
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

from postroom.accounts import CredentialExpired, Person, SignInBusy
from postroom.base import Clock, Ids, MailError
from postroom.sasl import (
    SCRAM_MECHANISMS,
    SERVER_MECHANISMS,
    Credentials,
    Failed,
    ScramKeys,
    ScramNeeded,
    ScramProven,
    credentials,
    server_mechanism,
)

from .exchange import Exchange
from .settings import SignInSettings
from .tokens import TokenVerdict
from .types import (
    Client,
    Guard,
    NoGuard,
    Refused,
    ScramDirectory,
    SignedIn,
    SignInDirectory,
    Step,
    Tokens,
)

_log = logging.getLogger("postroom.signin")
_BINDING = "tls-server-end-point"  # RFC 5929 §4
_PLUS = "-PLUS"
_NONCE_CHARACTERS = 32
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_FAILURES = ("credentials", "authorization")  # that the guard counts


class SignIn:
    """One for the server. `scram`: None, where the directory has no keys for it; `tokens`: None without an issuer."""

    def __init__(
        self,
        directory: SignInDirectory,
        clock: Clock,
        ids: Ids,
        settings: SignInSettings | None = None,
        *,
        guard: Guard | None = None,
        scram: ScramDirectory | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._guard = guard or NoGuard()
        self._scram = scram
        self._tokens = tokens
        self.settings = settings or SignInSettings()

    # ---- what protocols call

    def mechanisms(self, client: Client) -> tuple[str, ...]:
        """What this client may use now, best first; whether it may sign in at all is for its protocol to say."""
        withheld = self.settings.withheld_mechanisms
        return tuple(name for name in SERVER_MECHANISMS if name not in withheld and self._works(name, client))

    def under_tls(self) -> tuple[str, ...]:
        """What is offered to any client that has TLS and nothing else: for pages that tell mail programs of it."""
        return self.mechanisms(Client("", "imap", tls=True))

    @property
    def takes_passwords(self) -> bool:
        """Whether POP3's USER and IMAP's LOGIN are offered: where a password may be shown at all."""
        return "PLAIN" not in self.settings.withheld_mechanisms

    def exchange(self, mechanism: bytes | str, client: Client) -> Exchange | None:
        """A new exchange; None when the client has not been offered that mechanism."""
        name = (mechanism if isinstance(mechanism, str) else mechanism.decode("ascii", "replace")).upper()
        offered = self.mechanisms(client)
        if name not in offered:
            return None
        binding = client.channel_binding
        # RFC 5802 §6: a client that knows channel binding has been offered it, unless somebody has changed the offer
        bound = binding is not None and f"{name.removesuffix(_PLUS)}{_PLUS}" in offered
        made = server_mechanism(
            name,
            nonce=self._ids.token(_NONCE_CHARACTERS),
            channel_bindings={_BINDING: binding} if bound and binding is not None else {},
        )
        assert made is not None
        return Exchange(self, made, client)

    async def password(self, username: bytes, password: bytes, client: Client) -> SignedIn | Refused:
        """By a command of the protocol's own (POP3 USER and PASS, IMAP LOGIN)."""
        given = credentials(username, password)

        async def ask() -> Step:
            if not self.takes_passwords:
                return Refused("credentials", "passwords are not to be shown here")
            if isinstance(given, Failed):
                return Refused("credentials", given.reason)
            return await self.check(given, client)

        answer = await self.in_even_time(client, ask)
        assert isinstance(answer, SignedIn | Refused)
        return answer

    def _works(self, name: str, client: Client) -> bool:
        if name in SCRAM_MECHANISMS:
            bound = self.settings.channel_binding and client.channel_binding is not None
            return self._offers_scram and (bound or not name.endswith(_PLUS))
        if name in ("OAUTHBEARER", "XOAUTH2"):
            return self._tokens is not None and client.tls  # RFC 6750 §5.3, RFC 7628 §1: never in the clear
        return name != "EXTERNAL" or client.certificate is not None

    @property
    def _offers_scram(self) -> bool:
        when = self.settings.scram
        return self._scram is not None and (when == "always" or (when == "when-all-can" and self._scram.scram_for_all))

    # ---- what an exchange calls

    async def in_even_time(self, client: Client, ask: Callable[[], Awaitable[Step]]) -> Step:
        """What `ask` says; a refusal when its time has come, and the guard knows of it."""
        started = self._clock.monotonic()
        try:
            answer = await ask()
            # Others from there have guessed meanwhile, all at once: right or wrong, it is too late for this one
            if self._guard.banned(client.address) is not None:
                answer = _banned(answer.username if isinstance(answer, Refused | SignedIn) else "")
            if isinstance(answer, SignedIn):
                address = answer.person.address
                await self._guard.succeeded(client.address, address, answer.username or address)
            if not isinstance(answer, Refused):
                return answer
            wait = 0.0
            if answer.kind in _FAILURES and not answer.counted:
                wait = await self._guard.failed_sign_in(client.address, answer.username, answer.secret)
                answer = replace(answer, secret="")
        except MailError as error:
            answer, wait = _trouble(error), 0.0
        except Exception:  # our bug: nobody is let in by it, and it shows no sooner than a refusal does
            _log.exception("a sign-in failed")
            answer, wait = Refused("unavailable", "trouble of our own"), 0.0
        if (step := self.settings.failure_step_seconds) > 0:
            taken = self._clock.monotonic() - started
            wait += max(1, math.ceil(taken / step)) * step - taken
        await self._clock.sleep(wait)
        return replace(answer, username=await self._shown(answer.username))

    async def _shown(self, name: str) -> str:
        """The name, for the log, unless it may be a password that somebody has typed in its place."""
        if _ADDRESS.fullmatch(name):
            return name
        try:
            return name if await self._directory.find(name) is not None else ""
        except Exception:  # whatever a directory's trouble is, the refusal is told
            return ""

    async def check(self, given: Credentials, client: Client) -> SignedIn | Refused:
        """Whether name and password belong together."""
        if (banned := await self.kept_out(client, given.username)) is not None:
            return banned
        # As it was typed: the hash that it has to fit may be another server's. The guard compares the prepared form.
        person = await self._directory.authenticate(given.username, given.typed or given.password, client.protocol)
        if person is None or not person.enabled:
            return Refused("credentials", "wrong name or password", given.username, secret=given.password)
        return SignedIn(person, given.username)

    async def scram_keys(self, needed: ScramNeeded, client: Client) -> ScramKeys:
        """Of a person, or of nobody."""
        assert self._scram is not None
        return await self._scram.scram_keys(needed.username, needed.hash_name, client.protocol)

    async def proven(self, proven: ScramProven, client: Client) -> Person | None:
        """The one who has proven to be a person, while that may be."""
        assert self._scram is not None
        person = await self._scram.proven(proven.username, proven.credential_id, client.protocol)
        return person if person is not None and person.enabled else None

    async def verdict(self, token: str) -> TokenVerdict:
        """Whose token it is."""
        assert self._tokens is not None
        return await self._tokens.verify(token)

    @property
    def token_help(self) -> tuple[str, str]:
        """For who had no good token: the scope that it needs, and where to learn of whom to get one."""
        return (self._tokens.scope, self._tokens.discovery_url) if self._tokens is not None else ("", "")

    async def find(self, name: str) -> Person | None:
        """The person of that name, who may sign in."""
        person = await self._directory.find(name)
        return person if person is not None and person.enabled else None

    async def count_failure(self, client: Client, username: str) -> None:
        """Tell the guard of a failure that is not the end yet, and wait as it says."""
        await self._clock.sleep(await self._guard.failed_sign_in(client.address, username))

    async def kept_out(self, client: Client, username: str) -> Refused | None:
        """Ask the guard before anything is tried."""
        wait = await self._guard.may_sign_in(client.address, username)
        if wait is None:
            return _banned(username)
        if wait > 0:
            await self._clock.sleep(wait)
        return None


def _banned(username: str) -> Refused:
    return Refused("banned", "too many failed sign-ins from there", username)


def _trouble(error: MailError) -> Refused:
    if isinstance(error, SignInBusy):
        return Refused("busy", str(error))
    return Refused("expired" if isinstance(error, CredentialExpired) else "unavailable", str(error))
