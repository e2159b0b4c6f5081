"""Talks with an ACME server: signed requests, one nonce each, its problems as errors (RFC 8555 §6).

Owns: the nonces at hand, trying again after badNonce. Never: knows what an order needs, waits. Raises: AcmeRefused (it
said no, perhaps with when to come again), AcmeTrouble (it could not be asked, or says what nobody understands).
"""

import logging
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from postroom.base import Clock
from postroom.dns import DnsTemporary, Resolver
from postroom.net import Fetch, FetchFailed, HttpMessage, HttpsClient

from .jws import AccountKey
from .objects import Authorization, BadAnswer, Directory, Order, Problem, read, read_problem, retry_after

_log = logging.getLogger("postroom.acme")
_JOSE = "application/jose+json"  # RFC 8555 §6.2
_AGENT = "Postroom"  # RFC 8555 §6.1
_MOST_BAD_NONCES = 10  # in a row
_MOST_NONCES = 20  # that are kept
T = TypeVar("T", Authorization, Order)


class AcmeTrouble(Exception):
    """No answer that can be used; words for people."""


class AcmeRefused(Exception):
    """`retry_after`: seconds, when the server has said."""

    def __init__(self, problem: Problem, status: int, retry_after: float | None) -> None:
        super().__init__(problem.words if problem.kind != "about:blank" else f"status {status}")
        self.problem = problem
        self.status = status
        self.retry_after = retry_after


class Web(Protocol):
    """How requests reach the server."""

    async def ask(self, method: str, url: str, body: bytes = b"") -> HttpMessage:
        """The response, whatever its status. Raises AcmeTrouble."""


class HttpsWeb:
    """Web by net.HttpsClient."""

    def __init__(self, client: HttpsClient, resolver: Resolver) -> None:
        self._client = client
        self._resolver = resolver

    async def ask(self, method: str, url: str, body: bytes = b"") -> HttpMessage:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or 443
        except ValueError as error:
            raise AcmeTrouble(f"{url[:200]!r} is no address") from error
        if parts.scheme != "https" or not host:
            raise AcmeTrouble(f"{url[:200]!r} is no https address")  # RFC 8555 §6.1
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not target.isascii() or not target.isprintable() or " " in target:
            raise AcmeTrouble(f"{url[:200]!r} is no address")
        fields = {"User-Agent": _AGENT, "Accept-Language": "en"}
        if body:
            fields["Content-Type"] = _JOSE
        try:
            addresses = [*(await self._resolver.a(host)).records, *(await self._resolver.aaaa(host)).records]
            return await self._client.fetch(Fetch(host, target, addresses, port, method, fields, body))
        except (FetchFailed, DnsTemporary) as error:
            raise AcmeTrouble(str(error)) from error


class AcmeClient:
    """One account with one authority; `account` is its URL once there is one."""

    def __init__(self, web: Web, directory_url: str, key: AccountKey, clock: Clock, account: str = "") -> None:
        self._web = web
        self._directory_url = directory_url
        self._directory: Directory | None = None
        self._clock = clock
        self._nonces: list[str] = []
        self.key = key
        self.account = account

    async def directory(self) -> Directory:
        """RFC 8555 §7.1.1; asked for once."""
        if self._directory is None:
            answer = await self._web.ask("GET", self._directory_url)
            if answer.status != 200:
                raise self._refused(answer)
            self._directory = _understood(answer, Directory)
        return self._directory

    async def open_account(self, contact: tuple[str, ...], binding: tuple[str, str] | None = None) -> str:
        """Its URL: of the one that the key has already, else of a new one (RFC 8555 §7.3). `binding`: key id and MAC
        key of an account elsewhere (§7.3.4)."""
        directory = await self.directory()
        wanted: dict[str, Any] = {"termsOfServiceAgreed": True}
        if contact:
            wanted["contact"] = [f"mailto:{address}" for address in contact]
        if binding is not None:
            wanted["externalAccountBinding"] = self.key.bound(directory.new_account, *binding)
        elif directory.meta.external_account_required:
            raise AcmeTrouble("the authority wants to know your account with it: set acme.eab_key_id, eab_key_file")
        answer = await self._post(directory.new_account, wanted, as_account=False)
        self.account = answer.fields.get("location", "")
        if not self.account:
            raise AcmeTrouble("the authority does not say where the account is")
        return self.account

    async def new_order(self, names: tuple[str, ...]) -> tuple[str, Order]:
        """Its URL and how it is (RFC 8555 §7.4)."""
        directory = await self.directory()
        wanted = {"identifiers": [{"type": "dns", "value": name} for name in names]}
        answer = await self._post(directory.new_order, wanted)
        if not (url := answer.fields.get("location", "")):
            raise AcmeTrouble("the authority does not say where the order is")
        return url, _understood(answer, Order)

    async def look(self, url: str, kind: type[T]) -> tuple[T, float | None]:
        """How an order or an authorization is now, and after how many seconds it should be looked at again."""
        answer = await self._post(url, None)
        return _understood(answer, kind), retry_after(answer.fields.get("retry-after"), self._clock.now())

    async def tell(self, url: str, payload: dict[str, str]) -> None:
        """That a challenge is prepared, or what to certify. The object that comes back is looked at later."""
        await self._post(url, payload)

    async def chain(self, url: str) -> bytes:
        """PEM (RFC 8555 §7.4.2)."""
        answer = await self._post(url, None)
        if b"-----BEGIN CERTIFICATE-----" not in answer.body:
            raise AcmeTrouble("what the authority gives is no certificate")
        return answer.body

    async def _post(self, url: str, payload: Any, *, as_account: bool = True) -> HttpMessage:
        for _ in range(_MOST_BAD_NONCES):
            nonce = self._nonces.pop() if self._nonces else await self._nonce()
            body = self.key.signed(url, nonce, payload, self.account if as_account else "")
            answer = await self._web.ask("POST", url, body)
            if fresh := answer.fields.get("replay-nonce"):
                self._nonces = [*self._nonces, fresh][-_MOST_NONCES:]  # the last one is taken first: RFC 8555 §6.5
            if answer.status < 400:
                return answer
            refusal = self._refused(answer)
            if refusal.problem.kind != "badNonce":
                raise refusal
            _log.debug("%s: badNonce, asked again", url)
        raise AcmeTrouble(f"the authority takes no nonce, {_MOST_BAD_NONCES} times in a row")

    async def _nonce(self) -> str:
        """RFC 8555 §7.2."""
        answer = await self._web.ask("GET", (await self.directory()).new_nonce)
        if not (nonce := answer.fields.get("replay-nonce", "")):
            raise AcmeTrouble(f"the authority gives no nonce (status {answer.status})")
        return nonce

    def _refused(self, answer: HttpMessage) -> AcmeRefused:
        wait = retry_after(answer.fields.get("retry-after"), self._clock.now())
        return AcmeRefused(read_problem(answer.body), answer.status, wait)


def _understood(answer: HttpMessage, kind: Any) -> Any:
    try:
        return read(answer.body, kind)
    except BadAnswer as error:
        raise AcmeTrouble(f"the authority's answer can't be used: {error}") from error
