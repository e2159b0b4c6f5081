"""What clients hear that are not let in, in the words of each protocol, and who those are.

Owns: these words (RFC 5321 §3.1, RFC 3206 §4, RFC 5530 §3) and the join of listeners to the guard. Never: decides.
Raises: nothing. Nothing is said of accounts: nobody has named one yet.
"""

import logging

from postroom.guard import Guard

from .policy_host import BUSY as _BUSY_HTTPS

_log = logging.getLogger("postroom.net")
POP3, IMAP, POLICY_HOST, ACME_HTTP = ("pop3", "pop3s"), ("imap", "imaps"), "policy_host", "acme_http"


def _words(smtp: str, others: str) -> dict[str, bytes]:
    pop3, imap = f"-ERR [SYS/TEMP] {others}\r\n".encode(), f"* BYE [UNAVAILABLE] {others}\r\n".encode()
    known = dict.fromkeys(POP3, pop3) | dict.fromkeys(IMAP, imap) | dict.fromkeys((POLICY_HOST, ACME_HTTP), _BUSY_HTTPS)
    return {"": f"421 {smtp} {others}\r\n".encode(), **known}


_BUSY = _words("4.3.2", "Too many connections, please try again later")
_UNWELCOME = _words("4.7.0", "No connections from your address for now, please try again later")


def busy(kind: str) -> bytes:
    """For a client that comes when there are too many; `kind` of listener."""
    return _BUSY.get(kind, _BUSY[""])


class GuardedDoor:
    """net.Admission: asks the guard, as long as there is one."""

    def __init__(self, name: str, kind: str) -> None:
        self._name = name
        self._words = _UNWELCOME.get(kind, _UNWELCOME[""])
        self.guard: Guard | None = None

    def admit(self, address: str) -> bytes | None:
        refusal = None if self.guard is None else self.guard.admit(address)
        if refusal is None:
            return None
        _log.debug("%s: %s turned away: %s", self._name, address, refusal.words)  # no line for each of a thousand
        return self._words

    def leave(self, address: str) -> None:
        if self.guard is not None:
            self.guard.leave(address)
