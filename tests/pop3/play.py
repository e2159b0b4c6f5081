"""A session without a network: carries out an engine's requests over messages in memory. Also reads transcripts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from postroom.pop3 import (
    Authenticate,
    AuthResponse,
    Close,
    Maildrop,
    Pop3Engine,
    Pop3Settings,
    Refusal,
    Request,
    Retrieve,
    Send,
    SignIn,
    StartTls,
    Top,
    Update,
    opening,
    stuffed,
)
from postroom.sasl import Challenge, Credentials, ServerMechanism, credentials, server_mechanism

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts" / "pop3"
SETTINGS = Pop3Settings()
USERNAME, PASSWORD = "bob@bob.test", "secret word"
MESSAGES = (
    b"Subject: one\r\n\r\nfirst line\r\n.second line\r\n",
    b"Subject: two\r\nFrom: alice@alice.test\r\n\r\n.\r\nx\r\n",
    b"Subject: three\r\n\r\n",
)


@dataclass
class Play:
    """One session over `messages`, which starts with its greeting in `output`."""

    settings: Pop3Settings = SETTINGS
    messages: tuple[bytes, ...] = MESSAGES
    tls: bool = True
    tls_offered: bool = False
    plaintext_sign_in: bool = False
    refusal: Refusal | None = None  # for a right password
    output: bytes = b""
    removed: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    closed: bool = False

    def __post_init__(self) -> None:
        self.engine = Pop3Engine(
            self.settings,
            hostname="mail.bob.test",
            tls=self.tls,
            tls_offered=self.tls_offered,
            plaintext_sign_in=self.plaintext_sign_in,
        )
        self.engine.mechanisms = ("PLAIN", "LOGIN")
        self.mechanism: ServerMechanism | None = None
        self.output += self.engine.take_output()

    def feed(self, data: bytes) -> bytes:
        """What the session says to these octets."""
        before = len(self.output)
        self.engine.feed(data)
        while (request := self.engine.next_request()) is not None:
            self.output += self.engine.take_output()
            self.requests.append(request)
            self._carry_out(request)
        self.output += self.engine.take_output()
        self.closed = self.closed or self.engine.closed
        return self.output[before:]

    def sign_in(self) -> "Play":
        self.feed(b"USER %b\r\nPASS %b\r\n" % (USERNAME.encode(), PASSWORD.encode()))
        assert self.engine.maildrop is not None
        self.output = b""
        return self

    def _carry_out(self, request: Request) -> None:
        engine = self.engine
        match request:
            case SignIn(username, password):
                self._decide(credentials(username, password))
            case Authenticate(name, initial):
                self.mechanism = server_mechanism(name)
                self._step(initial)
            case AuthResponse(response):
                self._step(response)
            case StartTls():
                engine.tls_started()
            case Retrieve():
                message = self.messages[request.position]
                if request.lines is None:
                    self.output += opening(len(message)) + stuffed(message)
                else:
                    header_len = message.index(b"\r\n\r\n") + 4
                    self.output += opening(None) + stuffed(Top(header_len, request.lines).feed(message))
                engine.retrieved()
            case Send(pieces):
                self.output += b"".join(pieces)
                engine.sent()
            case Update(uids):
                self.removed += uids
                engine.updated(len(uids))
            case Close():
                self.closed = True

    def _step(self, response: bytes | None) -> None:
        assert self.mechanism is not None
        outcome = self.mechanism.step(response)
        if isinstance(outcome, Challenge):
            self.engine.challenge(outcome.data)
        else:
            self._decide(outcome)

    def _decide(self, outcome: object) -> None:
        engine = self.engine
        if outcome != Credentials(USERNAME, PASSWORD):
            engine.refuse_sign_in(Refusal.WRONG)
        elif self.refusal is not None:
            engine.refuse_sign_in(self.refusal)
        else:
            sizes = [len(m) for m in self.messages]
            uids = [10 * (k + 1) for k in range(len(sizes))]
            engine.signed_in(Maildrop(7, 0x65F0, uids, sizes, range(len(sizes))))


def scenes(path: Path) -> Iterator[tuple[str, bytes]]:
    """("C" | "S", octets) of a transcript, in order; "C: (TLS)" lines and comments are ("!", what they say).

    Lines are "C: ..." and "S: ..."; "#" comments; "! word" directs the stage ("! tls", "! close"). In an S line, "..."
    stands for anything on that line.
    """
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        who, _, text = line.partition(" ")
        yield who.removesuffix(":"), text.encode("utf-8")


def matches(expected: bytes, line: bytes) -> bool:
    """Whether a line the server sent is what the transcript says."""
    pattern = b".*".join(re.escape(part) for part in expected.split(b"..."))
    return re.fullmatch(pattern, line, re.DOTALL) is not None
