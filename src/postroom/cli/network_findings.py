"""What `postroom check dns` asks of the network: port 25 both ways, block lists, DNSSEC of the resolver, the clock.

Owns: those questions and what their answers mean. Never: sends mail. Raises: DnsTemporary; what is wrong is a finding,
and so is a server that does not answer.
"""

import asyncio
import email.utils
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from postroom.dns import DnsTemporary, Resolver, block_list_name
from postroom.net import ConnectFailed, ConnectionEnd, Dialer, SocketConnection, TlsFailed

from .dns_findings import addresses_of
from .findings import Finding, bad, good, note, unasked

_SMTP, _HTTP = 25, 80
_MAX_HOSTS = 3  # of a domain that are called, and addresses of a host
_MAX_ANSWER = 16_384  # octets of a greeting, or of the head of a response
_LISTED = ipaddress.ip_network("127.0.0.0/8")  # RFC 5782 §2.1: all other answers are no listing
_REFUSED = ipaddress.ip_network("127.255.255.0/24")  # what lists say to who may not ask them
_TEST_POINTS = {4: "127.0.0.2", 6: "::ffff:7f00:2"}  # RFC 5782 §5: each list has these
_DATE = re.compile(rb"\r\nDate:[ \t]*([^\r\n]{1,64})\r\n", re.IGNORECASE)
_REPLY_END = re.compile(rb"^[0-9]{3}(?: [^\r\n]*)?\r\n\Z", re.MULTILINE)
_T = TypeVar("_T")
_WHY_LISTED = "many servers refuse mail from an address that is on it"
_WHY_OUT = "mail leaves by port 25 alone; many providers close it until they are asked"
_WHY_IN = "other servers bring mail to port 25 of this address"
_WHY_CLOCK = "certificates and signatures count as not yet valid or as expired, and mail has the wrong date"


class Unanswered(Exception):
    """A server could not be reached, or said nothing; the text says which."""


class Caller:
    """Calls servers; each call has so many seconds in all."""

    def __init__(self, dialer: Dialer, seconds: float) -> None:
        self._dialer = dialer
        self._seconds = seconds

    async def ask(self, address: str, port: int, said: bytes, end: bytes) -> bytes:
        """What is answered up to `end`, or until the server closes. Raises Unanswered."""

        async def talk(connection: SocketConnection) -> bytes:
            connection.send(said)
            answer = b""
            while end not in answer and len(answer) < _MAX_ANSWER and (data := await connection.receive()):
                answer += data
            return answer

        return await self._call(address, port, talk)

    async def shown(self, address: str, port: int, context: ssl.SSLContext, hostname: str) -> list[bytes] | None:
        """The certificates (DER) that an SMTP server shows after STARTTLS to who asks for that name (RFC 7672 §8.1).

        None: it does not offer STARTTLS. Raises Unanswered.
        """

        async def talk(connection: SocketConnection) -> list[bytes] | None:
            greeting = await _reply(connection)
            if not greeting.startswith(b"220"):
                raise Unanswered(f"{address} port {port} says {greeting[:60]!r}")
            connection.send(b"EHLO " + hostname.encode() + b"\r\n")
            offers = (await _reply(connection)).upper().split(b"\r\n")
            if not any(line[4:].strip() == b"STARTTLS" for line in offers):
                return None
            connection.send(b"STARTTLS\r\n")
            ready = await _reply(connection)
            if not ready.startswith(b"220"):
                raise Unanswered(f"{address} port {port} says to STARTTLS {ready[:60]!r}")
            await connection.start_tls_client(context, hostname)
            return connection.peer_certificates()

        return await self._call(address, port, talk)

    async def _call(self, address: str, port: int, talk: Callable[[SocketConnection], Awaitable[_T]]) -> _T:
        try:
            async with asyncio.timeout(self._seconds):
                connection = await self._dialer.connect(address, port)
                try:
                    return await talk(connection)
                finally:
                    connection.abort()
        except TimeoutError as error:
            raise Unanswered(f"{address} port {port}: no answer in {self._seconds:g} s") from error
        except (ConnectFailed, ConnectionEnd, TlsFailed, OSError) as error:
            words = str(error) or type(error).__name__
            raise Unanswered(words if address in words else f"{address} port {port}: {words}") from error


async def _reply(connection: SocketConnection) -> bytes:
    """One reply of an SMTP server, all its lines (RFC 5321 §4.2.1); what there was of it, if the server leaves."""
    answer = b""
    while len(answer) < _MAX_ANSWER and not _REPLY_END.search(answer) and (data := await connection.receive()):
        answer += data
    return answer


# ---- port 25


async def outbound_findings(
    resolver: Resolver, caller: Caller, hosts: Sequence[str], port: int = _SMTP
) -> AsyncIterator[Finding]:
    """Whether any of these domains' servers can be called: the first that greets will do."""
    troubles: list[str] = []
    asked = False
    for host in hosts:
        try:
            addresses = await _mail_hosts(resolver, host)
        except DnsTemporary as error:
            troubles.append(f"{host}: {error.detail or error}")
            continue
        for address in addresses:
            asked = True
            try:
                answer = await caller.ask(address, port, b"", b"\r\n")
            except Unanswered as error:
                troubles.append(str(error))
                continue
            if answer.startswith(b"220"):
                yield good("port 25 out", f"a server of {host}, {address}, can be called")
                return
            troubles.append(f"{address} says {answer[:60]!r}")
    if not hosts:
        return
    text = "; ".join(troubles[:4]) or f"no addresses of {', '.join(hosts)}"
    if not asked:
        yield unasked("port 25 out", f"whether servers can be called could not be asked: {text}", _FIX_OFFLINE)
        return
    fix = "ask your provider to open port 25 for outgoing mail, or send by a relay (delivery.smarthost)"
    yield bad("port 25 out", f"no server of {', '.join(hosts)} can be called: {text}", fix, _WHY_OUT)


_FIX_OFFLINE = "see that this machine has a way to the Internet and a resolver that works, then again"


async def _mail_hosts(resolver: Resolver, domain: str) -> list[str]:
    """Addresses of the first hosts that take mail for a domain, or of the host of that name."""
    hosts = [record.host for record in (await resolver.mx(domain)).records if record.host][:_MAX_HOSTS] or [domain]
    found: list[str] = []
    for host in hosts:
        found += (await addresses_of(resolver, host))[:_MAX_HOSTS]
    return found[: 2 * _MAX_HOSTS]


async def inbound_findings(caller: Caller, hostname: str, address: str, port: int = _SMTP) -> AsyncIterator[Finding]:
    """Whether this server answers at its own public address."""
    elsewhere = f"look from another network: nc -v {address} {port}"
    try:
        greeting = await caller.ask(address, port, b"", b"\r\n")
    except Unanswered as error:
        if _is_of_this_machine(address):
            fix = f"start the server, and let listen.smtp have an address that {address}:{port} belongs to"
            yield bad("port 25 in", f"nobody answers: {error}", fix, _WHY_IN)
        else:
            text = f"{address} could not be asked from here, which need not mean that others can't: {error}"
            yield unasked("port 25 in", text, elsewhere)
        return
    words = greeting.split(b"\r\n")[0].split()
    if len(words) > 1 and words[0] == b"220" and words[1].lower() == hostname.lower().encode():
        yield good("port 25 in", f"{address} answers as {hostname}")
        return
    fix = f"let port {port} of {address} lead to this server, or correct the address of {hostname} in the DNS"
    yield bad("port 25 in", f"{address} does not answer as {hostname}, but: {greeting[:80]!r}", fix, _WHY_IN)


def _is_of_this_machine(address: str) -> bool:
    """A socket can have it."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True


# ---- block lists (RFC 5782)


async def block_list_findings(resolver: Resolver, address: str, lists: Sequence[str]) -> AsyncIterator[Finding]:
    """What each list knows of that address; one line for all that know nothing."""
    answers = await asyncio.gather(*(_listing(resolver, address, one) for one in lists))
    for finding in answers:
        if finding is not None:
            yield finding
    silent = [one for one, finding in zip(lists, answers, strict=True) if finding is None]
    if silent:
        yield good("block lists", f"{address} is not on {', '.join(silent)}")


async def _listing(resolver: Resolver, address: str, block_list: str) -> Finding | None:
    version = ipaddress.ip_address(address).version
    ignore = "ask by a resolver of your own, or take it out of zone.block_lists"
    try:
        codes = await _codes(resolver, address, block_list)
        works = bool(codes) or bool(await _codes(resolver, _TEST_POINTS[version], block_list))
    except DnsTemporary as error:
        return unasked("block lists", f"{block_list} could not be asked for {address}: {error.detail or error}", ignore)
    except _RefusedByList as error:
        return unasked("block lists", f"{block_list} tells this machine's resolver nothing ({error})", ignore)
    if not works:
        if version == 6:
            return None  # many lists have no IPv6 at all
        text = f"{block_list} does not know the address that every list has (RFC 5782 §5): it works no more"
        return unasked("block lists", text, ignore)
    if not codes:
        return None
    reasons = (await _reasons(resolver, address, block_list))[:1]
    because = f": {reasons[0]}" if reasons else ""
    text = f"{address} is on {block_list} ({', '.join(codes)}){because}"
    fix = f"find out what was sent from there, end it, and then ask {block_list} to take the address off"
    return bad("block lists", text, fix, _WHY_LISTED)


class _RefusedByList(Exception):
    """The list does not answer this resolver."""


async def _codes(resolver: Resolver, address: str, block_list: str) -> list[str]:
    """What says that the address is listed; anything that is not 127.0.0.0/8 comes from no block list."""
    found = (await resolver.a(block_list_name(address, block_list))).records
    if refused := [one for one in found if ipaddress.ip_address(one) in _REFUSED]:
        raise _RefusedByList(refused[0])
    if strange := [one for one in found if ipaddress.ip_address(one) not in _LISTED]:
        raise _RefusedByList(f"{strange[0]}, which is no answer of a block list")
    return list(found)


async def _reasons(resolver: Resolver, address: str, block_list: str) -> list[str]:
    """For people (RFC 5782 §2.1)."""
    try:
        texts = (await resolver.txt(block_list_name(address, block_list))).records
    except DnsTemporary:
        return []
    return [text[:200].decode("utf-8", "replace") for text in texts]


# ---- the resolver


async def resolver_findings(resolver: Resolver, signed_name: str, trusted: bool) -> AsyncIterator[Finding]:
    """Whether answers are validated; `trusted`: the word of these name servers on that is taken (dns.trust_ad)."""
    answer = await resolver.a(signed_name)
    fix = 'run unbound or another resolver that validates on this machine, and set dns.nameservers to ["127.0.0.1"]'
    why = "without it the TLSA records of others can't be used (DANE): mail to them is less well protected"
    if not answer.records:
        fix = "set zone.signed_name to a name with an IPv4 address whose zone is signed"
        yield unasked("dnssec", f"{signed_name} has no address, so that nothing is known", fix)
    elif not answer.secure:
        yield note("dnssec", f"the resolver does not validate DNSSEC: no AD bit for {signed_name}", fix, why)
    elif not trusted:
        text = "the resolver validates DNSSEC, but is not on this machine: its word is not taken (dns.trust_ad)"
        yield note("dnssec", text, fix, why)
    else:
        yield good("dnssec", "the resolver validates DNSSEC")


# ---- the clock


async def clock_findings(
    resolver: Resolver, caller: Caller, hosts: Sequence[str], max_offset: float, now: Callable[[], float]
) -> AsyncIterator[Finding]:
    """The clock of this machine beside the Date of Web servers (RFC 9110 §6.6.1); `now`: Unix seconds."""
    troubles: list[str] = []
    for place in hosts:
        host, _, port = place.partition(":")
        try:
            offset = await _offset(resolver, caller, host, int(port or _HTTP), now)
        except Unanswered as error:
            troubles.append(str(error))
            continue
        except DnsTemporary as error:
            troubles.append(f"{host}: {error.detail or error}")
            continue
        if abs(offset) <= max_offset:
            yield good("clock", f"the clock is that of {host}, within {max_offset:g} s")
        else:
            words = f"{abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} {host}"
            yield bad("clock", f"the clock is {words}", "timedatectl set-ntp true, or run chrony", _WHY_CLOCK)
        return
    if hosts:
        text = f"the clock could not be compared: {'; '.join(troubles[:4])}"
        yield unasked(
            "clock", text, "set zone.time_hosts to a Web server that can be reached, or compare it by hand: date"
        )


async def _offset(resolver: Resolver, caller: Caller, host: str, port: int, now: Callable[[], float]) -> float:
    """Seconds by which this machine is ahead. Raises Unanswered."""
    addresses = (await addresses_of(resolver, host))[:_MAX_HOSTS]
    trouble = Unanswered(f"{host} has no address")
    request = f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    for address in addresses:
        try:
            answer = await caller.ask(address, port, request, b"\r\n\r\n")
        except Unanswered as error:
            trouble = error
            continue
        moment = _date(answer)
        if moment is not None:
            return now() - moment
        trouble = Unanswered(f"{host} [{address}] does not say the time")
    raise trouble


def _date(head: bytes) -> float | None:
    """Of a response, as Unix seconds."""
    match = _DATE.search(head)
    if match is None:
        return None
    try:
        return email.utils.parsedate_to_datetime(match[1].decode("latin-1")).timestamp()
    except (ValueError, OverflowError):
        return None
