"""Keeps the certificates that there should be: orders what is missing, renews in time, says loudly what fails.

Owns: when an order is made, what becomes of its end. Never: shows a certificate (net.ServerTls does, in each worker).
Raises: KeptTrouble and OrderFailed from what the command line calls; the task logs them.
"""

import datetime
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from postroom.base import Clock, TaskOwner
from postroom.dns import DnsTemporary, Resolver
from postroom.net import Dialer, HttpsClient, NetSettings, client_context, names_of, parse_address

from .answers import Answers
from .client import AcmeClient, AcmeRefused, AcmeTrouble, HttpsWeb, Web
from .dns_update import DnsUpdate, UpdateFailed
from .jws import AccountKey, BadKey, new_key
from .kept import Account, Kept, KeptTrouble, State, same_names
from .ordering import OrderFailed, Ordering
from .provers import AlpnProver, CommandChanger, DnsChanger, DnsProver, HttpProver, Prover, UpdateChanger
from .settings import AcmeSettings
from .wishes import Wish, after_failure, due_at, is_due, wishes

_log = logging.getLogger("postroom.acme")
_DAY = 86_400.0
Tell = Callable[[str, str], Awaitable[None]]  # subject and text, to the postmaster; raises nothing


async def tell_nobody(subject: str, text: str) -> None:
    """The log has it."""


class CertificateKeeper:
    """`start` it in one process; `order` is for the command line too. `domains` gives those here, as A-labels."""

    def __init__(
        self,
        *,
        kept: Kept,
        settings: AcmeSettings,
        hostname: str,
        web_served: bool,
        domains: Callable[[], Awaitable[Sequence[str]]],
        resolver: Resolver,
        clock: Clock,
        net: NetSettings | None = None,
        web: Web | None = None,
        tell: Tell = tell_nobody,
    ) -> None:
        self.kept = kept
        self._settings = settings
        self._hostname = hostname
        self._web_served = web_served
        self._domains = domains
        self._resolver = resolver
        self._clock = clock
        self._web = web or https_web(settings, net or NetSettings(), resolver)
        self._tell = tell
        self._tasks = TaskOwner("acme")

    def start(self) -> None:
        if self._settings.directory:
            self._tasks.spawn(self._run(), name="renew")

    async def close(self) -> None:
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # our bug; the next look may do better
                _log.exception("certificates")
            await self._clock.sleep(self._settings.look_seconds)

    # ---- what there should be

    async def wishes(self) -> list[Wish]:
        """All, before it is asked which names the DNS has."""
        return wishes(self._settings, self._hostname, await self._domains(), web=self._web_served)

    async def look(self) -> int:
        """Order what is due; how many certificates came."""
        came = 0
        for wish in await self.wishes():
            try:
                came += await self._look_at(await self.known(wish))
            except KeptTrouble as error:  # the others need not suffer from it
                _log.error("certificate %s: %s", wish.label, error)
        return came

    async def _look_at(self, wish: Wish) -> bool:
        """Whether a new one came. Raises KeptTrouble."""
        now, state = self._clock.now(), self.kept.state(wish.label)
        if not wish.names or not is_due(
            wish, self.kept.certificate(wish.label), state, self._settings.renew_at_fraction, now
        ):
            await self._worry(wish, state)
            return False
        with self.kept.alone() as alone:
            if not alone:
                _log.info("certificates: another process orders now")
                return False
            try:
                await self.order(wish)
                return True
            except OrderFailed as error:
                _log.error("no certificate for %s: %s", ", ".join(wish.names), error)
                await self._worry(wish, self.kept.state(wish.label))
                return False

    async def known(self, wish: Wish) -> Wish:
        """Of optional names those that have an address; when that can't be asked, those of the last order."""
        if not wish.optional:
            return wish
        try:
            known = [name for name in wish.names if await self._has_address(name)]
        except DnsTemporary:
            known = list(self.kept.state(wish.label).names)
        return replace(wish, names=tuple(known))

    async def _has_address(self, name: str) -> bool:
        return bool((await self._resolver.a(name)).records or (await self._resolver.aaaa(name)).records)

    async def _worry(self, wish: Wish, state: State) -> None:
        """Once a day, in the log and to the postmaster, while a certificate can't be had."""
        now = self._clock.now()
        if not state.failures or now - state.told_at < _DAY:
            return
        words = self._trouble(wish, state)
        _log.error("%s", words)
        self.kept.put_state(wish.label, msgspec.structs.replace(state, told_at=now))
        await self._tell(f"No certificate for {wish.names[0] if wish.names else wish.label}", words)

    def _trouble(self, wish: Wish, state: State) -> str:
        names = ", ".join(wish.names) or wish.label
        text = f"The certificate {wish.label} ({names}) could not be had, {state.failures} time(s): {state.failure}."
        certificate = self.kept.certificate(wish.label)
        if certificate is None:
            return f"{text} There is none yet."
        return f"{text} The one in use ends on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC."

    # ---- ordering

    async def order(self, wish: Wish, *, new: bool = False) -> None:
        """Get it now, with a new key when `new`; the outcome is kept. Raises OrderFailed, KeptTrouble.

        Only while `kept.alone()`.
        """
        state = self.kept.state(wish.label)
        try:
            key = self._key(wish.label, new)
            chain = await self._ordered(wish.names, key)
            check_chain(chain, key, wish.names)
        except OrderFailed as error:
            settings = self._settings
            failed = after_failure(
                state,
                str(error),
                self._clock.now(),
                settings.first_retry_seconds,
                settings.max_retry_seconds,
                error.retry_after,
            )
            self.kept.put_state(wish.label, failed)
            raise
        self.kept.put(wish.label, key, chain)
        self.kept.put_state(wish.label, State(names=wish.names, directory=self._settings.directory))
        certificate = self.kept.certificate(wish.label)
        assert certificate is not None
        _log.info(
            "certificate %s for %s, until %s; renewed from %s on",
            wish.label,
            ", ".join(wish.names),
            _day(certificate.not_valid_after_utc.timestamp()),
            _day(due_at(certificate, self._settings.renew_at_fraction)),
        )

    def _key(self, label: str, new: bool) -> bytes:
        """The one in use stays, unless another was prepared or is wanted."""
        prepared = self.kept.next_key(label)
        if prepared is not None:
            return prepared
        present = self.kept.key(label) if self._settings.keep_keys and not new else None
        return present or new_key()

    async def _ordered(self, names: tuple[str, ...], key: bytes) -> bytes:
        settings = self._settings
        client = await self._client()
        ordering = Ordering(
            client,
            self._clock,
            settings.challenge,
            poll_seconds=settings.poll_seconds,
            timeout_seconds=settings.order_timeout_seconds,
        )
        try:
            return await ordering.order(names, key, self._prover())
        except OrderFailed as error:
            if not error.account_unknown:
                raise
        _log.warning("the authority does not know our account any more; another one is made")
        await self._open_account(client)
        return await ordering.order(names, key, self._prover())

    async def _client(self) -> AcmeClient:
        """With an account, made at the first time."""
        settings = self._settings
        account = self.kept.account(settings.directory)
        try:
            key = AccountKey.read(self.kept.account_key())
        except BadKey as error:
            raise OrderFailed(f"the account's key: {error}") from error
        client = AcmeClient(self._web, settings.directory, key, self._clock, account)
        if not account:
            await self._open_account(client)
        return client

    async def _open_account(self, client: AcmeClient) -> None:
        settings = self._settings
        binding = None
        if settings.eab_key_id:
            binding = settings.eab_key_id, _secret(settings.eab_key_file)
        try:
            url = await client.open_account(settings.contact, binding)
        except AcmeRefused as error:
            raise OrderFailed(f"the account: {error}", error.retry_after) from error
        except (AcmeTrouble, BadKey) as error:
            raise OrderFailed(f"the account: {error}") from error
        self.kept.put_account(Account(directory=settings.directory, url=url))
        _log.info("account with the authority: %s", url)

    def _prover(self) -> Prover:
        settings = self._settings
        answers = Answers(self.kept.acme)
        if settings.challenge == "http-01":
            return HttpProver(answers)
        if settings.challenge == "tls-alpn-01":
            return AlpnProver(answers, self._clock)
        return DnsProver(dns_changer(settings), self._clock, settings.dns_wait_seconds)


def check_chain(chain: bytes, key: bytes, names: Sequence[str]) -> None:
    """Raises OrderFailed for one that must not take the place of what is there: of another key, or for other names."""
    try:
        own = x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise OrderFailed("what the authority gives is no certificate") from error
    public = serialization.load_pem_private_key(key, None).public_key()
    if own.public_key() != public:
        raise OrderFailed("the certificate that the authority gives is of another key")
    if not same_names(names_of(own), names):
        raise OrderFailed(f"the certificate that the authority gives is for {', '.join(names_of(own)) or 'nobody'}")


def https_web(settings: AcmeSettings, net: NetSettings, resolver: Resolver) -> Web:
    """How the authority of the settings is reached."""
    cafile = Path(settings.authorities) if settings.authorities else None
    client = HttpsClient(
        Dialer(net),
        lambda: client_context(verify=True, cafile=cafile),
        max_octets=settings.max_octets,
        timeout_seconds=settings.timeout_seconds,
    )
    return HttpsWeb(client, resolver)


def dns_changer(settings: AcmeSettings) -> DnsChanger:
    """By the settings of dns-01. Raises OrderFailed."""
    if settings.dns_command:
        return CommandChanger(settings.dns_command, settings.dns_command_timeout_seconds)
    try:
        address, port = parse_address(settings.dns_server)
        key = None
        if settings.dns_key_name:
            key = settings.dns_key_name, _secret(settings.dns_key_file), settings.dns_key_algorithm
        return UpdateChanger(DnsUpdate(address, port, key))
    except (ValueError, UpdateFailed) as error:
        raise OrderFailed(f"acme.dns_server: {error}") from error


def _secret(path: str) -> str:
    """Raises OrderFailed, without what is in the file."""
    try:
        return Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "not plain text"
        raise OrderFailed(f"{path}: {words}") from error


def _day(moment: float) -> str:
    return f"{datetime.datetime.fromtimestamp(moment, datetime.UTC):%Y-%m-%d}"
