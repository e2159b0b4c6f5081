"""A milter written with pymilter (libmilter), run by Debian's Python: it does what the subject of a message says.

Usage: pymilter_peer.py SOCKET
"""

import os
import sys

import Milter  # type: ignore[import-not-found]


class Changer(Milter.Base):  # type: ignore[misc]
    """Every modification, at the end of a message whose subject is "change"."""

    def __init__(self) -> None:
        self.subject = ""
        self.octets = 0
        self.heard: list[str] = []

    @Milter.noreply  # type: ignore[untyped-decorator]
    def connect(self, host: str, family: object, address: object) -> object:
        self.heard.append("connect")
        return Milter.CONTINUE

    def hello(self, name: str) -> object:
        self.heard.append("hello")
        return Milter.CONTINUE

    def envfrom(self, sender: str, *parameters: str) -> object:
        self.subject, self.octets = "", 0
        self.heard.append(f"mail {sender} {' '.join(parameters)}".strip())
        if sender.startswith("<nobody@"):
            self.setreply("554", "5.7.7", "Nobody sends nothing")
            return Milter.REJECT
        return Milter.CONTINUE

    def envrcpt(self, recipient: str, *parameters: str) -> object:
        if recipient.startswith("<carol@"):
            self.setreply("451", "4.7.5", "Not for carol now")
            return Milter.TEMPFAIL
        return Milter.CONTINUE

    def header(self, name: str, value: str) -> object:
        if name == "Subject":
            self.subject = value.strip()
        return Milter.REJECT if self.subject == "reject in the header" else Milter.CONTINUE

    def eoh(self) -> object:
        return Milter.DISCARD if self.subject == "discard" else Milter.CONTINUE

    def body(self, chunk: bytes) -> object:
        self.octets += len(chunk)
        return Milter.SKIP if self.subject == "skip" else Milter.CONTINUE

    def eom(self) -> object:
        subject = self.subject
        if subject == "die":
            os._exit(1)
        if subject == "later":
            self.setreply("451", "4.7.1", "100%% later")
            return Milter.TEMPFAIL
        if subject == "odd":
            self.quarantine("looks odd")
        self.addheader("X-Octets", str(self.octets))
        self.addheader("X-Queue-Id", self.getsymval("i") or "none")
        if subject == "change":
            self.change()
        return Milter.ACCEPT if subject == "accept" else Milter.CONTINUE

    def change(self) -> None:
        self.progress()
        self.addheader("X-Heard", "; ".join(self.heard))
        self.addheader("X-Top", "inserted\n\ton two lines", 0)
        self.chgheader("Subject", 1, "Changed by a milter")
        self.chgheader("X-Remove", 2, "")
        self.addrcpt("<bob@example.test>")
        self.addrcpt("<dora@example.test>", "NOTIFY=NEVER")
        self.delrcpt("<alice@example.test>")
        self.chgfrom("<changed@bar.test>")
        self.replacebody(b"A new body,\r\n")
        self.replacebody(b"in two pieces.\r\n")


if __name__ == "__main__":
    Milter.factory = Changer
    Milter.set_flags(
        Milter.ADDHDRS
        + Milter.CHGHDRS
        + Milter.CHGBODY
        + Milter.ADDRCPT
        + Milter.DELRCPT
        + Milter.ADDRCPT_PAR
        + Milter.CHGFROM
        + Milter.QUARANTINE
    )
    Milter.runmilter("changer", sys.argv[1], 60)
