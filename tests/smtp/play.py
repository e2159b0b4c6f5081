"""A session without a network: answers the engine's events by simple rules. Also reads transcripts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from postroom.sasl import Challenge, Credentials, ServerMechanism, server_mechanism
from postroom.smtp import (
    Auth,
    AuthResponse,
    Event,
    Mail,
    MessageData,
    MessageEnd,
    MessageStart,
    Offers,
    Rcpt,
    Reply,
    ServerEngine,
    SmtpSettings,
    StartTls,
    Verify,
    replies,
)

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts" / "smtp"
SETTINGS = SmtpSettings()
USERS = {"jones@foo.com", "brown@foo.com", "admin.mrc@foo.com", "bob@foo.com", "postmaster"}
PASSWORD = "1234"


@dataclass
class Play:
    """One session at foo.com, which starts with its greeting in `output`."""

    settings: SmtpSettings = SETTINGS
    lmtp: bool = False
    tls_offered: bool = False
    auth_offered: tuple[str, ...] = ()
    auth_needs_tls: bool = False
    verify: Literal["off", "signed-in", "on"] = "off"
    everyone: bool = False  # accept any recipient
    output: bytes = b""
    messages: list[tuple[str, list[str], bytes]] = field(default_factory=list)  # accepted ones
    events: list[Event] = field(default_factory=list)
    body: bytes = b""
    recipients: list[str] = field(default_factory=list)
    mechanism: ServerMechanism | None = None

    def __post_init__(self) -> None:
        self.engine = ServerEngine("foo.com", self.settings, lmtp=self.lmtp)
        self.engine.offers = Offers(
            starttls=self.tls_offered,
            auth=self.auth_offered,
            auth_needs_tls=self.auth_needs_tls,
            verify=self.verify,
            hold=(2_592_000, 1e9) if self.auth_offered else None,
        )
        self.engine.greet()
        self.output += self.engine.take_output()

    def feed(self, data: bytes) -> bytes:
        """What the server says to `data`."""
        self.engine.feed(data)
        while (event := self.engine.next_event()) is not None:
            self.act(event)
        out = self.engine.take_output()
        self.output += out
        return out

    def act(self, event: Event) -> None:
        if not isinstance(event, MessageData):
            self.events.append(event)
        reply = self.engine.reply
        match event:
            case Mail():
                self.recipients = []
                reply(replies.SENDER_OK)
            case Rcpt(address=address):
                if not self.everyone and not address.lower().endswith("@foo.com") and "@" in address:
                    reply(Reply(550, "5.7.1", "Relay access denied"))
                elif not self.everyone and address.lower() not in USERS:
                    reply(Reply(550, "5.1.1", "No such user here"))
                else:
                    self.recipients.append(address)
                    reply(replies.RECIPIENT_OK)
            case MessageStart():
                self.body = b""
                reply(replies.START_MAIL_INPUT)
            case MessageData(piece=piece):
                self.body += piece
            case MessageEnd(refusal=refusal):
                self.end(refusal)
            case Verify(address=address):
                reply(Reply(250, "2.1.5", f"<{address}>") if address in USERS else Reply(550, "5.1.1", "No such user"))
            case StartTls():
                reply(replies.READY_FOR_TLS)
            case Auth(mechanism=name, initial=initial):
                self.mechanism = server_mechanism(name)
                self.sign_in(initial)
            case AuthResponse(response=response):
                self.sign_in(response)

    def end(self, refusal: Reply | None) -> None:
        if refusal is None:
            assert self.engine.mail is not None
            self.messages.append((self.engine.mail.address, self.recipients, self.body))
        while self.engine.reply_due:
            self.engine.reply(refusal or Reply(250, "2.0.0", f"Ok: queued as {len(self.messages)}"))

    def sign_in(self, response: bytes | None) -> None:
        assert self.mechanism is not None
        outcome = self.mechanism.step(response)
        if isinstance(outcome, Challenge):
            self.engine.challenge(outcome.data)
        elif isinstance(outcome, Credentials) and outcome.password == PASSWORD:
            self.engine.reply(replies.AUTHENTICATED)
        else:
            self.engine.reply(replies.BAD_CREDENTIALS)


def ready(**options: object) -> Play:
    """A session that said EHLO already."""
    play = Play(**options)  # type: ignore[arg-type]
    play.feed(b"LHLO bar.com\r\n" if play.lmtp else b"EHLO bar.com\r\n")
    play.events.clear()
    return play


def codes(output: bytes) -> list[int]:
    """The code of each reply, multi-line replies counted once."""
    return [int(code) for code in re.findall(rb"^(\d{3})(?: |\r)", output, re.MULTILINE)]


@dataclass
class Line:
    """One line of a transcript: who says it ("S", "C" or "!") and what."""

    who: str
    text: str


def transcript(path: Path) -> tuple[dict[str, str], list[Line]]:
    """Options ("# option: value") and lines. A server line may end in "*": anything from there on."""
    options: dict[str, str] = {}
    lines: list[Line] = []
    for raw in path.read_text().splitlines():
        if found := re.fullmatch(r"# (\w+): (.*)", raw):
            options[found[1]] = found[2]
        elif raw and not raw.startswith("#"):
            who, _, text = raw.partition(": ") if raw[:2] in ("S:", "C:") else ("!", "", raw[2:])
            lines.append(Line(who.rstrip(":"), text))
    return options, lines


def turns(lines: list[Line]) -> Iterator[tuple[str, list[str]]]:
    """Lines in groups by the same speaker."""
    group: list[str] = []
    speaker = ""
    for line in lines:
        if line.who != speaker and group:
            yield speaker, group
            group = []
        speaker = line.who
        group.append(line.text)
    if group:
        yield speaker, group


def matches(expected: list[str], said: bytes) -> bool:
    """True when the server said these lines."""
    actual = said.decode().split("\r\n")
    if actual.pop() != "" or len(actual) != len(expected):
        return False
    return all(
        line.startswith(want[:-1]) if want.endswith("*") else line == want
        for want, line in zip(expected, actual, strict=True)
    )
