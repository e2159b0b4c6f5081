"""One certificate: drives order.next_step against a server until the chain is there, or it is refused.

Owns: the pauses, the end of patience. Never: keeps what it gets, decides what to order. Raises: OrderFailed.
"""

import asyncio
from dataclasses import dataclass, field

from postroom.base import Clock

from .challenges import BadToken, key_authorization, signing_request
from .client import AcmeClient, AcmeRefused, AcmeTrouble
from .jws import base64url
from .objects import Authorization, Challenge, Order
from .order import Answer, Download, Finalize, LookAtAuthorization, LookAtOrder, Refused, next_step
from .provers import ProofFailed, Prover


class OrderFailed(Exception):
    """`retry_after`: seconds before which the authority does not want to be asked again."""

    def __init__(self, words: str, retry_after: float | None = None, *, account_unknown: bool = False) -> None:
        super().__init__(words)
        self.retry_after = retry_after
        self.account_unknown = account_unknown


@dataclass(slots=True)
class _Run:
    """What is known of an order."""

    url: str
    order: Order
    authorizations: dict[str, Authorization] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    prepared: list[Challenge] = field(default_factory=list)  # shown, and the authority not told yet
    wait: float | None = None  # seconds, as the authority wishes


class Ordering:
    """`kind`: of challenge."""

    def __init__(
        self, client: AcmeClient, clock: Clock, kind: str, *, poll_seconds: float, timeout_seconds: float
    ) -> None:
        self._client = client
        self._clock = clock
        self._kind = kind
        self._poll = poll_seconds
        self._timeout = timeout_seconds

    async def order(self, names: tuple[str, ...], key: bytes, prover: Prover) -> bytes:
        """PEM of the chain for these names and that key (PEM)."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._order(names, key, prover)
        except TimeoutError as error:
            raise OrderFailed(f"the order has not come to an end in {self._timeout:g} s") from error
        except AcmeRefused as error:
            unknown = error.problem.kind == "accountDoesNotExist"  # RFC 8555 §6.7
            raise OrderFailed(str(error), error.retry_after, account_unknown=unknown) from error
        except (AcmeTrouble, ProofFailed, BadToken) as error:
            raise OrderFailed(str(error)) from error
        finally:
            await prover.clean()

    async def _order(self, names: tuple[str, ...], key: bytes, prover: Prover) -> bytes:
        request = {"csr": base64url(signing_request(names, key))}
        run = _Run(*await self._client.new_order(names))
        while True:
            step = next_step(run.order, run.authorizations, run.answered, self._kind)
            match step:
                case LookAtAuthorization(url, again):
                    if again:
                        await self._answer_prepared(run, prover)
                        await self._pause(run)
                    run.authorizations[url], run.wait = await self._client.look(url, Authorization)
                    if again and run.authorizations[url].status == "valid":
                        run.order, _ = await self._client.look(run.url, Order)
                case Answer(_, name, challenge):
                    authorization = key_authorization(challenge.token, self._client.key.thumbprint)
                    await prover.prove(name, challenge.token, authorization)
                    run.answered.add(challenge.url)
                    run.prepared.append(challenge)
                case LookAtOrder():
                    await self._pause(run)
                    run.order, run.wait = await self._client.look(run.url, Order)
                case Finalize(url):
                    await self._client.tell(url, request)
                    run.order, run.wait = await self._client.look(run.url, Order)
                case Download(url):
                    return await self._client.chain(url)
                case Refused(words):
                    raise OrderFailed(words)

    async def _answer_prepared(self, run: _Run, prover: Prover) -> None:
        """Tell the authority to look (RFC 8555 §7.5.1)."""
        if not run.prepared:
            return
        await prover.settle()
        for challenge in run.prepared:
            if challenge.status == "pending":
                await self._client.tell(challenge.url, {})
        run.prepared.clear()

    async def _pause(self, run: _Run) -> None:
        await self._clock.sleep(self._poll if run.wait is None else max(run.wait, self._poll))
