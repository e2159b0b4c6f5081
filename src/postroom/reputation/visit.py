"""One client's visit: what it does, what is found about it, what it is told.

Owns: the points for its manners, who is let wait, the refusals of strangers. Never: speaks the protocol (the session
does), delivers. Raises: Greylisted, Unwelcome.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from postroom.base import MailError
from postroom.junk import Score, ScorePart
from postroom.net import Connection

from .greylist import Attempt
from .standing import Parts, Standing, network_of, of_past

if TYPE_CHECKING:
    from .strangers import Strangers

_log = logging.getLogger("postroom.reputation")
Outcome = Literal["good", "junk"]
_ALWAYS_TAKEN = frozenset({"postmaster", "abuse"})  # RFC 5321 §4.5.1, RFC 2142 §4
_HELLO = "hello."  # RFC 5321 §4.1.4: what the name is worth refuses nobody


def is_always_taken(recipient: str) -> bool:
    """Those to whom the refused complain: nobody is refused there for who they are."""
    return recipient.partition("@")[0].lower() in _ALWAYS_TAKEN


class Greylisted(MailError):
    """RFC 6647 §5: it has to come again."""

    code, enhanced, text = 450, "4.7.1", "Greylisted: we do not know you yet, please try again later"


class Unwelcome(MailError):
    """So much speaks against the client that its mail is not even looked at."""

    code, enhanced, text = 550, "5.7.1", "Mail from this host is refused"


class Visit:
    """Of one client that has not signed in. `greet` it, tell what it says; `score` is what is known so far."""

    def __init__(self, strangers: "Strangers", address: str, standing: Standing | None, listener: str = "") -> None:
        self.address = address
        self._strangers = strangers
        self._listener = listener
        self._standing = standing
        self._manners: Parts = ()
        self._hello = ""
        self._sender: str | None = None  # whose message is being taken
        self._vouched = ""
        self._parts: Parts = ()  # of the hello and of the sender's domain
        self._delayed = False
        if standing is not None:
            remembered = standing.remembered
        else:
            remembered = strangers.remembered(network_of(address, strangers.settings))
        self._known = strangers.is_known(remembered)

    # ---- manners

    async def greet(self, connection: Connection) -> bytes:
        """Wait before the greeting; what the client has said meanwhile, which it should not have (RFC 5321 §4.3.1).

        Raises what `Connection.receive` does.
        """
        strangers = self._strangers
        strangers.foresee(self.address)
        seconds = strangers.settings.greeting_delay_seconds
        early = connection.receive_nowait()
        if not early and seconds and not self._known:
            early = await self._wait(lambda: _listen(connection, seconds)) or b""
        if early:
            points = strangers.settings.early_greeting_points
            self._blame("manners.before_greeting", points, "it spoke before it was greeted")
        return early

    def spoke_before_hello_was_answered(self) -> None:
        """RFC 2920 §3.1: EHLO is the last command of a group."""
        points = self._strangers.settings.early_hello_points
        self._blame("manners.before_hello", points, "it spoke on before its EHLO was answered")

    def spoke_before_data_was_answered(self) -> None:
        """RFC 2920 §3.1: DATA is the last command of a group."""
        points = self._strangers.settings.early_message_points
        self._blame("manners.before_data", points, "it sent the message before its DATA was answered")

    def _blame(self, name: str, points: float, words: str) -> None:
        if points and not any(part.name == name for part in self._manners):
            self._manners += (ScorePart(name, points, words),)
            _log.info("%s: %s: %s", self._listener, self.address, words)

    async def _wait(self, waiting: Callable[[], Awaitable[bytes | None]]) -> bytes | None:
        """Let the client wait, unless too many do."""
        strangers = self._strangers
        if strangers.delayed >= strangers.settings.max_delayed:
            return None
        strangers.delayed += 1
        try:
            return await waiting()
        finally:
            strangers.delayed -= 1

    # ---- what it says

    def hello(self, name: str) -> None:
        """How the client calls itself."""
        if name != self._hello:
            self._hello = name
            self._sender = None  # what the name is worth has to be found out

    async def recipient(self, mail_from: str, recipient: str) -> None:
        """It has mail for somebody here. Raises Greylisted, Unwelcome."""
        await self._look(mail_from)
        strangers, settings = self._strangers, self._strangers.settings
        if not self._known and not self._delayed and settings.first_time_delay_seconds:
            self._delayed = True
            await self._wait(lambda: _sleep(strangers, settings.first_time_delay_seconds))
        if is_always_taken(recipient):
            return
        score = self.score
        if settings.refuse_points and score.without(_HELLO) >= settings.refuse_points:
            raise Unwelcome(f"{self.address}: {score.words}")
        if not self._known and settings.greylist and score.total >= settings.greylist_points:
            await self._greylist(mail_from, recipient, score)

    async def comes_again(self, mail_from: str, recipients: list[str]) -> MailError | None:
        """Whether greylisting wants to see this message, which is here already, once more."""
        asked = [recipient for recipient in recipients if not is_always_taken(recipient)]
        if self._known or not asked or not self._strangers.settings.greylist:
            return None
        await self._look(mail_from)
        try:
            await self._greylist(mail_from, asked[0], self.score)  # RFC 6647 §5, item 1: the first one will do
        except Greylisted as error:
            return error
        return None

    async def _greylist(self, mail_from: str, recipient: str, score: Score) -> None:
        """Raises Greylisted."""
        strangers, standing = self._strangers, self._standing
        assert standing is not None
        vouched = await strangers.vouched(standing, mail_from, self._hello)
        if vouched and strangers.is_known(past := strangers.remembered(vouched)):
            self._known = True
            others = tuple(part for part in self._parts if part.name != "history.none")
            self._parts = others + of_past(past, vouched, strangers.settings)
            return
        decision = await strangers.attempt(Attempt(standing.network, vouched, mail_from, recipient))
        if decision.taken:
            _log.info("%s: %s for <%s>: %s", self._listener, self.address, recipient, decision.words)
            if not vouched:
                standing.has_come_again(strangers.clock.now())
            self._known = True
            return
        told = f"{score.total:.1f} points: {score.words}" if score.parts else "it is not known"
        raise Greylisted(f"{decision.words} in {decision.wait:.0f} s, {told}")

    async def _look(self, mail_from: str) -> None:
        """Find out what is to be known of a sender before anything is decided."""
        if self._sender == mail_from:
            return
        strangers = self._strangers
        standing = self._standing
        if standing is None:
            standing = self._standing = await strangers.standing(self.address)
        parts = of_past(standing.remembered, standing.network, strangers.settings)
        if self._hello:
            parts += await strangers.hello_parts(standing, self._hello)
        if strangers.has_domain_lists:
            parts += await self._domains(mail_from)
        self._parts = parts
        self._sender = mail_from

    async def _domains(self, mail_from: str) -> Parts:
        """What lists say of the names that the client gives."""
        strangers, sender = self._strangers, mail_from.rpartition("@")[2].lower()
        names = {self._hello.lower(): "HELO", sender: "MAIL FROM"}
        found = [strangers.domain_known(name) for name in names]
        if None in found:
            found = list(await asyncio.gather(*(strangers.domain_parts(name, said) for name, said in names.items())))
        return tuple(part for parts in found if parts for part in parts)

    # ---- what is known

    @property
    def score(self) -> Score:
        """What speaks for and against the client, as far as it is known."""
        standing = self._standing
        return Score((() if standing is None else standing.parts) + self._parts + self._manners)

    async def assess(self, mail_from: str = "") -> Score:
        """All that can be found out about it, as the sender of that."""
        await self._look(mail_from)
        return self.score

    def delivered(self, outcome: Outcome, vouched: str = "") -> None:
        """Learn from a message of it that was taken as good, or found to be junk. `vouched`: the domain by SPF."""
        strangers, standing = self._strangers, self._standing
        if standing is None:
            return
        good, junk = (1, 0) if outcome == "good" else (0, 1)
        standing.noted(good, junk, strangers.clock.now())
        strangers.learn(standing.network, good, junk)
        strangers.learn(vouched, good, junk)


async def _listen(connection: Connection, seconds: float) -> bytes | None:
    try:
        async with asyncio.timeout(seconds):
            return await connection.receive()
    except TimeoutError:
        return None  # it was quiet, as it should be


async def _sleep(strangers: "Strangers", seconds: float) -> None:
    await strangers.clock.sleep(seconds)
