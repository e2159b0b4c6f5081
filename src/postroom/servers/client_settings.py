"""Where mail programs find the servers here, in the words of Mozilla's autoconfig and Microsoft's autodiscover.

Owns: which services are offered at which port, the two XML documents, the reading of autodiscover's request. Never:
answers a request (client_pages.py does), tells who exists. Raises: BadAutodiscover.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from postroom.net import is_loopback, parse_address

# RFC 6186 §3.1, §3.2; RFC 8314 §5.1: the service of each kind of listener, and what is spoken there. TLS from the start
# comes first (RFC 8314 §3.3).
_KINDS = {
    "submissions": ("smtp", True),
    "submission": ("smtp", False),
    "imaps": ("imap", True),
    "imap": ("imap", False),
    "pop3s": ("pop3", True),
    "pop3": ("pop3", False),
}
_MAX_DEPTH = 8  # of elements in a request
_MAX_TEXT = 1000  # characters of one value in it
_NAMES = {"EMailAddress": "address", "AcceptableResponseSchema": "schema"}
RESPONSE_SCHEMA = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_ENVELOPE_SCHEMA = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"


class BadAutodiscover(ValueError):
    """That is no request for settings; the text says why."""


@dataclass(frozen=True, slots=True)
class ClientService:
    """One place that a mail program can use."""

    kind: str  # of the listener: "imaps"
    port: int

    @property
    def protocol(self) -> str:
        """ "smtp", "imap" or "pop3"."""
        return _KINDS[self.kind][0]

    @property
    def tls_from_the_start(self) -> bool:
        """False: STARTTLS."""
        return _KINDS[self.kind][1]


def offered(listeners: Iterable[tuple[str, Sequence[str]]]) -> tuple[ClientService, ...]:
    """What listeners, each a kind and its addresses, offer to mail programs; the best of a protocol first.

    Of several addresses of a kind the first counts that other machines can reach.
    """
    places: dict[str, list[tuple[str, int]]] = {}
    for kind, addresses in listeners:
        if kind in _KINDS:
            places.setdefault(kind, []).extend(map(parse_address, addresses))
    found = []
    for kind in _KINDS:
        here = places.get(kind, [])
        open_ones = [port for host, port in here if not is_loopback(host)]
        if ports := open_ones or [port for _, port in here]:
            found.append(ClientService(kind, ports[0]))
    return tuple(found)


# ---- Mozilla's autoconfig, version 1.1


def authentications(mechanisms: Collection[str]) -> tuple[str, ...]:
    """The ways to sign in by these SASL mechanisms, as the format calls them; the one to be tried first comes first.

    Tokens come behind the password, as most programs can get them from issuers alone where their makers are known.
    """
    password = "password-cleartext" if {"PLAIN", "LOGIN"} & set(mechanisms) else "password-encrypted"
    takes_passwords = password == "password-cleartext" or any(name.startswith("SCRAM-") for name in mechanisms)
    tokens = ("OAuth2",) if {"XOAUTH2", "OAUTHBEARER"} & set(mechanisms) else ()
    return ((password,) if takes_passwords else ()) + tokens


def autoconfig(
    domain: str, hostname: str, services: Sequence[ClientService], ways: Sequence[str] = ("password-cleartext",)
) -> bytes:
    """The document; mail programs put the address in the place of %EMAILADDRESS%. `ways`: `authentications`."""
    name = escape(domain)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<clientConfig version="1.1">',
        f"  <emailProvider id={quoteattr(domain)}>",
        f"    <domain>{name}</domain>",
        f"    <displayName>{name}</displayName>",
        f"    <displayShortName>{name}</displayShortName>",
    ]
    for protocol in ("imap", "pop3", "smtp"):
        element = "outgoingServer" if protocol == "smtp" else "incomingServer"
        for one in (one for one in services if one.protocol == protocol):
            lines += [
                f'    <{element} type="{protocol}">',
                f"      <hostname>{escape(hostname)}</hostname>",
                f"      <port>{one.port}</port>",
                f"      <socketType>{'SSL' if one.tls_from_the_start else 'STARTTLS'}</socketType>",
                *(f"      <authentication>{way}</authentication>" for way in ways),
                "      <username>%EMAILADDRESS%</username>",
                f"    </{element}>",
            ]
    lines += ["  </emailProvider>", "</clientConfig>", ""]
    return "\n".join(lines).encode()


# ---- Microsoft's autodiscover, "plain old XML" ([MS-OXDSCLI] §2.2.3, §2.2.4)


@dataclass(frozen=True, slots=True)
class AutodiscoverRequest:
    """What is asked."""

    address: str
    schema: str  # of the response that is understood


def read_autodiscover(body: bytes) -> AutodiscoverRequest:
    """Raises BadAutodiscover for what is no XML, has a document type (entities, that is), or has no address."""
    reading = _Reading()
    try:
        reading.parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise BadAutodiscover(str(error)) from error
    address = reading.values.get("address", "").strip()
    if not address:
        raise BadAutodiscover("no EMailAddress")
    return AutodiscoverRequest(address, reading.values.get("schema", "").strip())


class _Reading:
    """What is wanted of a request; namespaces are not looked at, as clients differ in them."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._open: list[str] = []
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.StartDoctypeDeclHandler = self._document_type
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _document_type(self, *_: object) -> None:
        raise BadAutodiscover("a document type")

    def _start(self, name: str, _: object) -> None:
        if len(self._open) == _MAX_DEPTH:
            raise BadAutodiscover(f"elements deeper than {_MAX_DEPTH}")
        self._open.append(_NAMES.get(name.rpartition(" ")[2], ""))
        if (wanted := self._open[-1]) and wanted in self.values:
            raise BadAutodiscover(f"a second {wanted}")

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        if self._open and (wanted := self._open[-1]):
            self.values[wanted] = self.values.get(wanted, "") + text
            if len(self.values[wanted]) > _MAX_TEXT:
                raise BadAutodiscover(f"more than {_MAX_TEXT} characters")


def autodiscover(address: str, hostname: str, services: Sequence[ClientService]) -> bytes:
    """The response with the settings for that address, which nobody has checked."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<Autodiscover xmlns="{_ENVELOPE_SCHEMA}">',
        f'  <Response xmlns="{RESPONSE_SCHEMA}">',
        "    <Account>",
        "      <AccountType>email</AccountType>",
        "      <Action>settings</Action>",
    ]
    for protocol in ("imap", "pop3", "smtp"):
        for one in (one for one in services if one.protocol == protocol):
            lines += [
                "      <Protocol>",
                f"        <Type>{protocol.upper()}</Type>",
                f"        <Server>{escape(hostname)}</Server>",
                f"        <Port>{one.port}</Port>",
                "        <DomainRequired>off</DomainRequired>",
                f"        <LoginName>{escape(address)}</LoginName>",
                "        <SPA>off</SPA>",
                "        <SSL>on</SSL>",
                f"        <Encryption>{'SSL' if one.tls_from_the_start else 'TLS'}</Encryption>",
                "        <AuthRequired>on</AuthRequired>",
                "      </Protocol>",
            ]
    lines += ["    </Account>", "  </Response>", "</Autodiscover>", ""]
    return "\r\n".join(lines).encode()
