"""The commands of SMTP and LMTP: one table that says what each needs and does, and the parsers of their arguments.

Owns: the grammar of command lines (RFC 5321 §4.1.1, RFC 1870, 3461, 4954, 6152, 6531, 8689). Never: keeps state,
answers. Raises: Refused with the reply that is due; nothing else on any input.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from postroom.sasl import BadBase64, decode_base64

from .addresses import BadPath, is_hello_name, parse_path
from .announcement import Offers
from .delivery_wishes import parse_by, parse_interval, parse_moment, parse_priority
from .replies import (
    AUTH_CANCELLED,
    BAD_BASE64,
    BAD_HELLO,
    BAD_RECIPIENT,
    BAD_SENDER,
    ENCRYPTION_REQUIRED,
    NO_SUCH_MECHANISM,
    NOT_IMPLEMENTED,
    RECIPIENT_NOT_ASCII,
    SENDER_NOT_ASCII,
    SYNTAX_ERROR,
    TOO_LARGE,
    UNKNOWN_PARAMETER,
    Reply,
)
from .settings import SmtpSettings
from .types import Auth, AuthResponse, Mail, Rcpt, Verify


class Refused(Exception):
    """A command that gets `reply` and changes nothing."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


class Does:
    """Consequences of a command, which the engine reads instead of knowing each command.

    Bits of plain integers: testing an enum.Flag costs more than the rest of a command.
    """

    NOTHING = 0
    NEEDS_HELLO = 1  # RFC 5321 §4.1.4: EHLO, HELO or LHLO before
    NEEDS_MAIL = 2  # only within a transaction
    NEEDS_NO_MAIL = 4  # only outside a transaction
    NO_ARGUMENT = 8
    MOVES_NO_MAIL = 16  # counts against max_idle_commands
    ONLY_SMTP = 32
    ONLY_LMTP = 64  # RFC 2033 §4.1
    NEEDS_SIGN_IN = 128  # where the session demands it (RFC 4954 §6, RFC 3207 §4: 530)
    BRINGS_OCTETS = 256  # of a message, right behind the command's line (RFC 3030 §2)


@dataclass(frozen=True, slots=True)
class Command:
    verb: str
    does: int  # of Does
    help: str  # one line of HELP


_IDLE = Does.MOVES_NO_MAIL
_MAIL = Does.NEEDS_HELLO | Does.NEEDS_SIGN_IN

COMMANDS: dict[bytes, Command] = {
    name.encode(): Command(name, does, text)
    for name, does, text in (
        ("EHLO", _IDLE | Does.ONLY_SMTP, "EHLO domain: begin a session with extensions"),
        ("HELO", _IDLE | Does.ONLY_SMTP, "HELO domain: begin a session"),
        ("LHLO", _IDLE | Does.ONLY_LMTP, "LHLO domain: begin an LMTP session"),
        ("MAIL", _MAIL | Does.NEEDS_NO_MAIL, "MAIL FROM:<address>: begin a transaction"),
        ("RCPT", _MAIL | Does.NEEDS_MAIL, "RCPT TO:<address>: name a recipient"),
        ("DATA", _MAIL | Does.NEEDS_MAIL | Does.NO_ARGUMENT, "DATA: send the message"),
        ("BDAT", _MAIL | Does.NEEDS_MAIL | Does.BRINGS_OCTETS, "BDAT size [LAST]: send a chunk of the message"),
        ("RSET", _IDLE | Does.NO_ARGUMENT, "RSET: drop the transaction"),
        ("NOOP", _IDLE, "NOOP: do nothing"),
        ("VRFY", _IDLE | Does.NEEDS_SIGN_IN, "VRFY address: ask whether mail for it is taken"),
        ("EXPN", _IDLE | Does.NEEDS_SIGN_IN, "EXPN address: ask who it leads to"),
        ("HELP", _IDLE, "HELP [command]: this"),
        ("STARTTLS", Does.NO_ARGUMENT | _IDLE, "STARTTLS: go on under TLS"),
        ("AUTH", Does.NEEDS_HELLO | Does.NEEDS_NO_MAIL, "AUTH mechanism [response]: sign in"),
        ("QUIT", Does.NO_ARGUMENT, "QUIT: end the session"),
    )
}
# RFC 5321 §4.2.4: known but not offered gets 502, unknown gets 500.
NOT_OFFERED = frozenset({b"SEND", b"SOML", b"SAML", b"TURN", b"ETRN", b"ATRN", b"BURL", b"XCLIENT"})
# A browser, or a page in one, that was pointed at this port: what follows is not meant for a mail server.
OF_THE_WEB = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"PATCH"})

_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\x80-\xff]+))?")  # RFC 5321 §4.1.2, RFC 6531 §3.3
_XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")  # RFC 3461 §4
_HEXCHAR = re.compile(rb"\+([0-9A-F]{2})")
# RFC 3461 §4.2: atom ";" xtext, printable once decoded, as it will stand in a header field; RFC 6533 §3: or UTF-8
_ORCPT = re.compile(rb"[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+;(?:[!-*,-<>-~\x80-\xff]|\+(?:[2-6][0-9A-F]|7[0-9A-E]))*")
_GRAPHIC = re.compile(rb"[ -~]*")
_MAX_ENVID_OCTETS = 100  # RFC 3461 §4.4
_MAX_ORCPT_OCTETS = 500  # RFC 3461 §4.2
_NOTIFY = frozenset({"SUCCESS", "FAILURE", "DELAY"})
_NEVER = frozenset({"NEVER"})

_T = TypeVar("_T")
Parameters = dict[str, bytes | None]
_NO_PARAMETERS: Parameters = {}
_ALL = Offers(tls_active=True, hold=(0, 0.0))


def parse_hello(argument: bytes) -> str:
    """The client's name after EHLO, HELO or LHLO."""
    if not is_hello_name(argument):
        raise Refused(BAD_HELLO)
    return argument.decode()


def parse_mail(argument: bytes, settings: SmtpSettings, offers: Offers = _ALL) -> Mail:
    """MAIL FROM:<reverse-path> [parameters] (RFC 5321 §4.1.1.2); what is not offered is refused."""
    address, parameters = _path_and_parameters(argument, b"FROM:", settings, forward=False)
    mail = Mail(address)
    for keyword, value in parameters.items():
        parse = _MAIL_PARAMETERS.get(keyword)
        if parse is None:
            raise Refused(UNKNOWN_PARAMETER)  # RFC 5321 §4.1.1.11
        if (refusal := offers.withheld(keyword)) is not None:
            raise Refused(refusal)
        parse(mail, value)
    if not mail.smtputf8 and not argument.isascii():
        raise Refused(SENDER_NOT_ASCII)  # RFC 6531 §3.5
    if mail.size is not None and mail.size > settings.max_message_octets:
        raise Refused(TOO_LARGE)  # RFC 1870 §6.1
    by, least = mail.by, settings.min_deliver_by_seconds
    if by is not None and not by.notify_only and by.seconds < least:  # RFC 2852 §3
        raise Refused(Reply(555, "5.5.4", f"BY with R needs {least} seconds or more"))
    if mail.hold_for is not None and mail.hold_until is not None:  # RFC 4865 §4.2 (9)
        raise Refused(SYNTAX_ERROR)
    return mail


def parse_rcpt(argument: bytes, settings: SmtpSettings, *, smtputf8: bool) -> Rcpt:
    """RCPT TO:<forward-path> [parameters] (RFC 5321 §4.1.1.3)."""
    address, parameters = _path_and_parameters(argument, b"TO:", settings, forward=True)
    if not smtputf8 and not argument.isascii():
        raise Refused(RECIPIENT_NOT_ASCII)  # RFC 6531 §3.5
    rcpt = Rcpt(address)
    for keyword, value in parameters.items():
        parse = _RCPT_PARAMETERS.get(keyword)
        if parse is None:
            raise Refused(UNKNOWN_PARAMETER)
        parse(rcpt, value)
    return rcpt


def parse_auth(argument: bytes, offers: Offers) -> Auth:
    """AUTH mechanism [initial-response] (RFC 4954 §4)."""
    if not offers.auth:
        raise Refused(ENCRYPTION_REQUIRED if offers.auth_needs_tls else NOT_IMPLEMENTED)
    name, _, initial = argument.partition(b" ")
    mechanism = name.upper().decode("ascii", "replace")
    if not name or b" " in initial:
        raise Refused(SYNTAX_ERROR)
    if mechanism not in offers.auth:
        raise Refused(NO_SUCH_MECHANISM)
    if initial == b"=":  # RFC 4954 §4: an initial response of no octets
        return Auth(mechanism, b"")
    return Auth(mechanism, _decoded(initial) if initial else None)


def parse_auth_response(line: bytes) -> AuthResponse:
    """What follows a challenge."""
    if line == b"*":
        raise Refused(AUTH_CANCELLED)
    return AuthResponse(_decoded(line))


def _decoded(base64: bytes) -> bytes:
    try:
        return decode_base64(base64)
    except BadBase64:
        raise Refused(BAD_BASE64) from None


def parse_verify(argument: bytes, settings: SmtpSettings, *, expand: bool) -> Verify | None:
    """VRFY or EXPN, with or without brackets (RFC 5321 §4.1.1.6, RFC 6531 §3.7.4.2); None for what is no address."""
    head, _, last = argument.rpartition(b" ")
    utf8 = bool(head) and last.upper() == b"SMTPUTF8"
    if utf8:
        argument = head.rstrip(b" ")
    if argument[:1] != b"<":
        argument = b"<%b>" % argument
    try:
        path = parse_path(argument, settings, forward=True)
    except BadPath:
        return None
    return Verify(path.address, expand, utf8) if path.end == len(argument) else None


def _path_and_parameters(
    argument: bytes, word: bytes, settings: SmtpSettings, *, forward: bool
) -> tuple[str, Parameters]:
    size = len(word)
    if argument[:size].upper() != word:
        raise Refused(SYNTAX_ERROR)
    argument = argument[size:]
    if argument[:1] == b" " and settings.quirk_space_after_colon:  # RFC 5321 §3.3 allows none
        argument = argument.lstrip(b" ")
    try:
        path = parse_path(argument, settings, forward=forward)
    except BadPath:
        raise Refused(BAD_RECIPIENT if forward else BAD_SENDER) from None
    rest = argument[path.end :]
    if not rest:
        return path.address, _NO_PARAMETERS
    if rest[:1] != b" ":
        raise Refused(BAD_RECIPIENT if forward else BAD_SENDER)
    return path.address, _parameters(rest)


def _parameters(raw: bytes) -> Parameters:
    parameters: Parameters = {}
    for word in raw.split():
        found = _PARAMETER.fullmatch(word)
        if found is None:
            raise Refused(SYNTAX_ERROR)
        keyword = found[1].decode().upper()
        if keyword in parameters:  # RFC 3461 §4.5, RFC 1870 §4
            raise Refused(SYNTAX_ERROR)
        parameters[keyword] = found[2]
    return parameters


def _size(mail: Mail, value: bytes | None) -> None:
    if value is None or not value.isdigit() or len(value) > 20:  # RFC 1870 §5: 1*20DIGIT
        raise Refused(SYNTAX_ERROR)
    mail.size = int(value)


def _body(mail: Mail, value: bytes | None) -> None:
    body = (value or b"").upper()
    if body not in (b"7BIT", b"8BITMIME", b"BINARYMIME"):  # RFC 6152 §2, RFC 3030 §3
        raise Refused(SYNTAX_ERROR)
    mail.body = body.decode()


def _smtputf8(mail: Mail, value: bytes | None) -> None:
    if value is not None:  # RFC 6531 §3.4
        raise Refused(SYNTAX_ERROR)
    mail.smtputf8 = True


def _ret(mail: Mail, value: bytes | None) -> None:
    ret = (value or b"").upper()
    if ret not in (b"FULL", b"HDRS"):
        raise Refused(SYNTAX_ERROR)
    mail.ret = ret.decode()


def _envid(mail: Mail, value: bytes | None) -> None:
    if value is None or len(value) > _MAX_ENVID_OCTETS or not _XTEXT.fullmatch(value):
        raise Refused(SYNTAX_ERROR)
    envid = decode_xtext(value)
    if not _GRAPHIC.fullmatch(envid):  # RFC 3461 §4.4: it will stand in a header field
        raise Refused(SYNTAX_ERROR)
    mail.envid = envid.decode()


def _auth(mail: Mail, value: bytes | None) -> None:
    if value is None or (value != b"<>" and not _XTEXT.fullmatch(value)):  # RFC 4954 §5
        raise Refused(SYNTAX_ERROR)
    mail.auth = value.decode()


def _requiretls(mail: Mail, value: bytes | None) -> None:
    if value is not None:  # RFC 8689 §2
        raise Refused(SYNTAX_ERROR)
    mail.require_tls = True


def _by(mail: Mail, value: bytes | None) -> None:
    mail.by = _read(parse_by(value))


def _hold_for(mail: Mail, value: bytes | None) -> None:
    mail.hold_for = _read(parse_interval(value))


def _hold_until(mail: Mail, value: bytes | None) -> None:
    mail.hold_until = _read(parse_moment(value))


def _mt_priority(mail: Mail, value: bytes | None) -> None:
    mail.priority = _read(parse_priority(value))


def _read(value: _T | None) -> _T:
    if value is None:
        raise Refused(SYNTAX_ERROR)
    return value


def _notify(rcpt: Rcpt, value: bytes | None) -> None:
    words = (value or b"").decode("latin-1").upper().split(",")
    notify = frozenset(words)
    if not (notify == _NEVER or notify <= _NOTIFY) or len(words) != len(notify):
        raise Refused(SYNTAX_ERROR)
    rcpt.notify = notify


def _orcpt(rcpt: Rcpt, value: bytes | None) -> None:
    if value is None or len(value) > _MAX_ORCPT_OCTETS or not _ORCPT.fullmatch(value):
        raise Refused(SYNTAX_ERROR)  # RFC 3461 §5.1 (b)
    try:
        rcpt.original = value.decode()
    except UnicodeDecodeError:
        raise Refused(SYNTAX_ERROR) from None


_MAIL_PARAMETERS: dict[str, Callable[[Mail, bytes | None], None]] = {
    "SIZE": _size,
    "BODY": _body,
    "SMTPUTF8": _smtputf8,
    "RET": _ret,
    "ENVID": _envid,
    "AUTH": _auth,
    "REQUIRETLS": _requiretls,
    "BY": _by,
    "HOLDFOR": _hold_for,
    "HOLDUNTIL": _hold_until,
    "MT-PRIORITY": _mt_priority,
}
_RCPT_PARAMETERS: dict[str, Callable[[Rcpt, bytes | None], None]] = {"NOTIFY": _notify, "ORCPT": _orcpt}


def decode_xtext(value: bytes) -> bytes:
    """The octets that an xtext stands for (RFC 3461 §4)."""
    return _HEXCHAR.sub(lambda found: bytes.fromhex(found[1].decode()), value)
