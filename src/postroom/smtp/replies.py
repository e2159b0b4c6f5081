"""Replies: a code, an enhanced status code, and text, ready as wire octets.

Owns: the form of a reply on the wire (RFC 5321 §4.2, RFC 2034) and the replies that never vary. Never: decides which
one is due. Raises: nothing; text that could not stand on a reply line is made so that it can.
"""

import re
from collections.abc import Sequence

from postroom.base import MailError

_MAX_TEXT_OCTETS = 490  # RFC 5321 §4.5.3.1.5: 512 with the codes and the CRLF
_MAX_UTF8_CHARACTERS = _MAX_TEXT_OCTETS // 4
_NOT_UTF8_TEXT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_TEXT = re.compile(r"[^\t\x20-\x7e]")  # RFC 5321 §4.2: textstring; RFC 6531 §3.7.4.2: no UTF-8 in these replies


class Reply:
    """One complete reply. `wire` is what goes out; `code` and `text` are for sessions, logs and tests."""

    __slots__ = ("code", "enhanced", "text", "wire")

    def __init__(self, code: int, enhanced: str, *lines: str, utf8: bool = False) -> None:
        """`utf8` only for who has asked for it, with VRFY or EXPN."""
        self.code = code
        self.enhanced = enhanced
        self.text = "\n".join(lines)
        self.wire = encode(code, enhanced, lines, utf8=utf8)

    @property
    def positive(self) -> bool:
        """2yz: the command succeeded (RFC 5321 §4.2.1)."""
        return 200 <= self.code < 300

    def __repr__(self) -> str:
        return f"Reply({self.wire.decode()!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and self.wire == other.wire

    def __hash__(self) -> int:
        return hash(self.wire)


def encode(code: int, enhanced: str, lines: Sequence[str], *, utf8: bool = False) -> bytes:
    """The reply's lines; `enhanced` goes on each of them (RFC 2034 §4), "" for replies that have none."""
    status = f"{enhanced} " if enhanced else ""
    texts = [part for line in lines for part in _fit(line, utf8)] or [""]
    last = len(texts) - 1
    return "".join(f"{code}{' ' if k == last else '-'}{status}{text}\r\n" for k, text in enumerate(texts)).encode()


def _fit(line: str, utf8: bool) -> list[str]:
    clean = (_NOT_UTF8_TEXT if utf8 else _NOT_TEXT).sub("?", line)
    most = _MAX_UTF8_CHARACTERS if utf8 else _MAX_TEXT_OCTETS
    if len(clean) <= most:
        return [clean]
    return [clean[at : at + most] for at in range(0, len(clean), most)]


def refusal(error: MailError) -> Reply:
    """What a peer reads of a refusal; the detail stays in the log."""
    return Reply(error.code, error.enhanced, error.text)


# RFC 5321 §4.2.2 with the enhanced codes of RFC 3463 and RFC 5248.
OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Ok")
START_MAIL_INPUT = Reply(354, "", "End data with <CR><LF>.<CR><LF>")  # RFC 2034 §4: no enhanced code on 3yz
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
AUTHENTICATED = Reply(235, "2.7.0", "Authentication succeeded")
CLOSING = Reply(221, "2.0.0", "Bye")
CANNOT_VERIFY = Reply(252, "2.5.0", "Cannot VRFY user, but will accept the message and attempt delivery")
CANNOT_EXPAND = Reply(252, "2.5.0", "Cannot EXPN the list, but will accept the message and attempt delivery")
NEEDS_SMTPUTF8 = Reply(252, "2.6.8", "The answer is not ASCII; ask with SMTPUTF8")  # RFC 6531 §3.7.4.2

TEMPORARY_FAILURE = Reply(451, "4.3.0", "Temporary failure, please try again later")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
TLS_NOT_AVAILABLE = Reply(454, "4.7.0", "TLS not available due to temporary reason")
AUTH_TEMPORARY_FAILURE = Reply(454, "4.7.0", "Temporary authentication failure")
TOO_MANY_FAILED_SIGN_INS = Reply(454, "4.7.0", "Too many failed sign-ins, please try again later")

NOT_RECOGNIZED = Reply(500, "5.5.1", "Command unrecognized")
NOT_A_WEB_SERVER = Reply(500, "5.5.1", "This is a mail server")
BARE_LINE_END = Reply(500, "5.5.2", "Commands end with <CR><LF> and hold no bare CR, LF or NUL")
LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
AUTH_LINE_TOO_LONG = Reply(500, "5.5.6", "Authentication exchange line is too long")  # RFC 4954 §6
SYNTAX_ERROR = Reply(501, "5.5.4", "Syntax error in parameters or arguments")
BAD_CHUNK = Reply(501, "5.5.4", "BDAT needs the number of octets, then perhaps LAST; closing connection")
NO_ARGUMENT_ALLOWED = Reply(501, "5.5.4", "This command takes no argument")
BAD_HELLO = Reply(501, "", "A domain name or address literal is required")  # RFC 2034 §4: no enhanced code
OTHER_HELLO = Reply(500, "", "Command unrecognized")  # RFC 2033 §4.1 recommends 500
BAD_SENDER = Reply(501, "5.1.7", "Bad sender address syntax")
BAD_RECIPIENT = Reply(501, "5.1.3", "Bad recipient address syntax")
BAD_BASE64 = Reply(501, "5.5.2", "Cannot decode that base64")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
HELLO_FIRST = Reply(503, "5.5.1", "Say hello first")
NESTED_MAIL = Reply(503, "5.5.1", "A mail transaction is already open")
MAIL_FIRST = Reply(503, "5.5.1", "Need MAIL command first")
NO_RECIPIENTS = Reply(503, "5.5.1", "Need RCPT command first")
BINARY_BY_DATA = Reply(503, "5.5.1", "BODY=BINARYMIME needs BDAT")  # RFC 3030 §3
CHUNKS_BEGUN = Reply(503, "5.5.1", "Not between BDAT commands")  # RFC 3030 §2
NO_VALID_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
ALREADY_AUTHENTICATED = Reply(503, "5.5.1", "Already authenticated")
ALREADY_TLS = Reply(503, "5.5.1", "TLS is already active")
NO_SUCH_MECHANISM = Reply(504, "5.5.4", "Authentication mechanism not supported")
REQUIRETLS_WITHOUT_TLS = Reply(530, "5.7.10", "REQUIRETLS needs TLS: issue a STARTTLS command first")
TLS_REQUIRED = Reply(530, "5.7.0", "Must issue a STARTTLS command first")
AUTH_REQUIRED = Reply(530, "5.7.0", "Authentication required")
BAD_CREDENTIALS = Reply(535, "5.7.8", "Authentication credentials invalid")
ENCRYPTION_REQUIRED = Reply(538, "5.7.11", "Encryption required for requested authentication mechanism")
BARE_CR_LF = Reply(550, "5.6.0", "Message holds a bare CR or LF (RFC 5321 2.3.8)")
NUL_IN_MESSAGE = Reply(550, "5.6.0", "Message holds a NUL octet")
TOO_LARGE = Reply(552, "5.3.4", "Message size exceeds fixed maximum message size")
SENDER_NOT_ASCII = Reply(550, "5.6.7", "Non-ASCII sender without SMTPUTF8")
RECIPIENT_NOT_ASCII = Reply(553, "5.6.7", "Non-ASCII recipient without SMTPUTF8")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "Parameter not recognized or not implemented")
