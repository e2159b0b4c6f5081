"""A client engine on a stage: what the server says, what the client must have said, what comes of it."""

from postroom.smtp import ClientEngine, ClientEvent, Done, Ready, SendMail, SendTo, Stage

OFFERED = ("mx.b.test", "PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8", "DSN", "STARTTLS")
EHLO = "".join(f"250-{line}\n" for line in OFFERED) + "250 AUTH PLAIN LOGIN"


class Play:
    """S: what the server says, C: what the client must have sent since; events are collected."""

    def __init__(self, **options: int) -> None:
        self.engine = ClientEngine("a.test", **options)  # type: ignore[arg-type]

    def server(self, text: str) -> list[ClientEvent]:
        self.engine.feed(text.replace("\n", "\r\n").encode() + b"\r\n")
        return self.events()

    def events(self) -> list[ClientEvent]:
        found = []
        while (event := self.engine.next_event()) is not None:
            found.append(event)
        return found

    def client(self, text: str) -> None:
        expected = text.replace("\n", "\r\n").encode() + b"\r\n" if text else b""
        assert self.engine.take_output() == expected

    def stage(self) -> Stage:
        return self.engine.stage

    def ready(self, ehlo: str = EHLO) -> None:
        self.server("220 mx.b.test ESMTP")
        self.client(("LHLO" if self.engine._lmtp else "EHLO") + " a.test")
        (event,) = self.server(ehlo)
        assert isinstance(event, Ready)


def ready(ehlo: str = EHLO, **options: int) -> Play:
    play = Play(**options)
    play.ready(ehlo)
    return play


MAIL = SendMail("alice@a.test", (SendTo("bob@b.test"), SendTo("carol@b.test")), size=10)


def shown(done: ClientEvent) -> list[str]:
    assert isinstance(done, Done)
    return [f"{o.stage.value}: {o.reply}" for o in done.outcomes]
