"""Puts proofs where the authority looks for them, and takes them away: files, DNS updates (RFC 2136), a command.

Owns: what is to be removed after an order. Never: makes a proof's octets (challenges does). Raises: ProofFailed.
"""

import asyncio
import logging
import subprocess
from collections.abc import Sequence
from typing import Protocol

from postroom.base import Clock

from .answers import Answers
from .challenges import BadToken, alpn_certificate, dns_name, dns_value
from .dns_update import DnsUpdate, UpdateFailed

_log = logging.getLogger("postroom.acme")
_SHOWN = 300  # characters of what a command says


class ProofFailed(Exception):
    """It could not be put there; words for people."""


class Prover(Protocol):
    """For one order."""

    async def prove(self, name: str, token: str, authorization: str) -> None:
        """Raises ProofFailed."""

    async def settle(self) -> None:
        """Wait until all can see it. Before the first challenge of the order is answered."""

    async def clean(self) -> None:
        """Take all away again; trouble is logged."""


class HttpProver:
    """http-01: AnswerService serves it."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._put: list[str] = []

    async def prove(self, name: str, token: str, authorization: str) -> None:
        try:
            self._answers.put_http(token, authorization)
        except (OSError, BadToken) as error:
            raise ProofFailed(str(error)) from error
        self._put.append(token)

    async def settle(self) -> None:
        return

    async def clean(self) -> None:
        _remove(self._answers, self._put)


class AlpnProver:
    """tls-alpn-01: the listener of policy_host shows it."""

    def __init__(self, answers: Answers, clock: Clock) -> None:
        self._answers = answers
        self._clock = clock
        self._put: list[str] = []

    async def prove(self, name: str, token: str, authorization: str) -> None:
        try:
            self._answers.put_alpn(name, alpn_certificate(name, authorization, self._clock.now()))
        except (OSError, ValueError) as error:
            raise ProofFailed(str(error)) from error
        self._put.append(name)

    async def settle(self) -> None:
        return

    async def clean(self) -> None:
        _remove(self._answers, self._put)


def _remove(answers: Answers, put: list[str]) -> None:
    for one in put:
        try:
            answers.remove(one)
        except OSError as error:
            _log.warning("an answer to a challenge is left over: %s", error)
    put.clear()


class DnsChanger(Protocol):
    """What changes TXT records. Blocks; runs in a thread. Raises ProofFailed."""

    def change(self, action: str, name: str, value: str) -> None: ...


class CommandChanger:
    """A command with "add" or "remove", the name and the text behind it."""

    def __init__(self, command: Sequence[str], timeout_seconds: float) -> None:
        self._command = command
        self._timeout = timeout_seconds

    def change(self, action: str, name: str, value: str) -> None:
        try:
            done = subprocess.run(
                [*self._command, action, name, value],
                timeout=self._timeout,
                capture_output=True,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            raise ProofFailed(f"{self._command[0]} takes longer than {self._timeout:g} s") from error
        except (OSError, ValueError) as error:
            raise ProofFailed(f"{self._command[0]}: {error}") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-_SHOWN:]
            raise ProofFailed(f"{self._command[0]} {action} ended with {done.returncode}: {said}")


class UpdateChanger:
    """By RFC 2136."""

    def __init__(self, update: DnsUpdate) -> None:
        self._update = update

    def change(self, action: str, name: str, value: str) -> None:
        try:
            (self._update.add if action == "add" else self._update.remove)(name, value)
        except UpdateFailed as error:
            raise ProofFailed(str(error)) from error


class DnsProver:
    """dns-01."""

    def __init__(self, changer: DnsChanger, clock: Clock, wait_seconds: float) -> None:
        self._changer = changer
        self._clock = clock
        self._wait = wait_seconds
        self._put: list[tuple[str, str]] = []

    async def prove(self, name: str, token: str, authorization: str) -> None:
        record = dns_name(name), dns_value(authorization)
        self._put.append(record)  # one that failed half-way is to be taken away too
        await asyncio.to_thread(self._changer.change, "add", *record)

    async def settle(self) -> None:
        await self._clock.sleep(self._wait)

    async def clean(self) -> None:
        for record in self._put:
            try:
                await asyncio.to_thread(self._changer.change, "remove", *record)
            except ProofFailed as error:
                _log.warning("the record %s is left over: %s", record[0], error)
        self._put.clear()
