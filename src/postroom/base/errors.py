"""Errors with two faces: a reply for the peer, a detail for the log.

Owns: the two roots every package's own errors derive from. Never: formats a reply line (each protocol does).
"""


class MailError(Exception):
    """A refusal that a peer may be told about.

    `code` and `enhanced` are the SMTP reply code and enhanced status (RFC 5321 §4.2, RFC 3463), which POP3 and IMAP
    translate into theirs; `text` is what the peer reads; `detail` goes to the log only.
    """

    code: int = 451
    enhanced: str = "4.3.0"
    text: str = "Temporary failure, please try again later"

    def __init__(
        self, detail: str = "", *, code: int | None = None, enhanced: str | None = None, text: str | None = None
    ) -> None:
        self.code = code if code is not None else type(self).code
        self.enhanced = enhanced if enhanced is not None else type(self).enhanced
        self.text = text if text is not None else type(self).text
        self.detail = detail
        super().__init__(detail or self.text)

    @property
    def permanent(self) -> bool:
        """True for 5xx: trying again will not help."""
        return self.code >= 500


class ProtocolError(Exception):
    """A peer broke the protocol beyond repair: the only exception an engine may raise on input."""


class SettingError(ValueError):
    """Settings that can't be meant; `place` names the one, below its section."""

    def __init__(self, text: str, place: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.place = place
