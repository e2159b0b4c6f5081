"""Answers mail programs that ask for their settings: autoconfig (GET) and autodiscover (POST).

Owns: the paths, whose settings are meant. Never: listens or speaks HTTP itself (policy_host.py does), tells whether a
person exists: only the domain is looked up. Raises: what the directory raises.
"""

from collections.abc import Callable, Collection, Sequence
from urllib.parse import parse_qs, urlsplit

from postroom.net import HttpMessage, http_response

from .client_settings import (
    RESPONSE_SCHEMA,
    BadAutodiscover,
    ClientService,
    authentications,
    autoconfig,
    autodiscover,
    read_autodiscover,
)
from .types import LocalDomains

MAX_BODY_OCTETS = 8192  # of an autodiscover request, which holds an address and two names of schemas
_MAX_ADDRESS = 320  # characters; RFC 5321 §4.5.3.1
_MAX_PARAMETERS = 8
AUTOCONFIG_HOST, AUTODISCOVER_HOST = "autoconfig.", "autodiscover."  # before the domain
_AUTOCONFIG_PATHS = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
_AUTODISCOVER_PATH = "/autodiscover/autodiscover.xml"  # in any case: programs differ
_XML = {"Content-Type": "text/xml; charset=utf-8", "Cache-Control": "no-store"}
_PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
_BAD = http_response(400, "Bad Request", {})


class ClientPages:
    """`answer` a request for one of these paths."""

    max_body_octets = MAX_BODY_OCTETS

    def __init__(
        self,
        hostname: str,
        directory: LocalDomains,
        services: Sequence[ClientService],
        mechanisms: Callable[[], Collection[str]] = lambda: ("PLAIN",),
    ) -> None:
        """`mechanisms`: by which people sign in under TLS now."""
        self._mechanisms = mechanisms
        self._hostname = hostname
        self._directory = directory
        self._services = services

    async def answer(self, request: HttpMessage) -> bytes | None:
        """The response; None: it is not for these pages."""
        path = request.target.partition("?")[0]
        if path in _AUTOCONFIG_PATHS:
            return await self._autoconfig(request)
        if path.lower() == _AUTODISCOVER_PATH:
            return await self._autodiscover(request)
        return None

    async def _autoconfig(self, request: HttpMessage) -> bytes:
        if request.method not in ("GET", "HEAD"):
            return http_response(405, "Method Not Allowed", {"Allow": "GET, HEAD"})
        try:
            query = parse_qs(urlsplit(request.target).query, max_num_fields=_MAX_PARAMETERS)
        except ValueError:
            return _BAD
        if addresses := query.get("emailaddress"):
            domain = _domain_of(addresses[0])
        else:
            host = request.fields.get("host", "").lower().partition(":")[0].removesuffix(".")
            domain = host.removeprefix(AUTOCONFIG_HOST)
        if not self._services or not domain or not await self._directory.is_local_domain(domain):
            return http_response(404, "Not Found", _PLAIN, b"Mail for that domain is not here.\n")
        body = autoconfig(domain, self._hostname, self._services, authentications(self._mechanisms()))
        return http_response(200, "OK", _XML, body, head=request.method == "HEAD")

    async def _autodiscover(self, request: HttpMessage) -> bytes:
        if request.method != "POST":
            return http_response(405, "Method Not Allowed", {"Allow": "POST"})
        try:
            asked = read_autodiscover(request.body)
        except BadAutodiscover:
            return _BAD
        domain = _domain_of(asked.address)
        if not domain:
            return _BAD
        if asked.schema not in ("", RESPONSE_SCHEMA):  # of ActiveSync, for one
            return http_response(404, "Not Found", _PLAIN, b"There is no answer of that schema.\n")
        if not self._services or not await self._directory.is_local_domain(domain):
            return http_response(404, "Not Found", _PLAIN, b"Mail for that domain is not here.\n")
        return http_response(200, "OK", _XML, autodiscover(asked.address, self._hostname, self._services))


def _domain_of(address: str) -> str:
    """In lower case; "": that is no address, or none that may be written into XML."""
    local, _, domain = address.rpartition("@")
    is_one = local and domain and len(address) <= _MAX_ADDRESS and address.isprintable()
    return domain.lower() if is_one else ""
