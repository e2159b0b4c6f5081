"""Changes TXT records at the primary name server of a zone (RFC 2136), signed with TSIG (RFC 8945).

Owns: finding the zone, the messages. Never: blocks an event loop (who calls it has a thread for it). Raises:
UpdateFailed.
"""

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsigkeyring
import dns.update

_TTL_SECONDS = 60
_TIMEOUT_SECONDS = 20.0


class UpdateFailed(Exception):
    """The name server does not take it; words for people, without the key."""


class DnsUpdate:
    """`key`: name, secret in base64, algorithm; None: the server knows us by our address."""

    def __init__(self, address: str, port: int, key: tuple[str, str, str] | None) -> None:
        self._address = address
        self._port = port
        self._signed: dict[str, object] = {}
        if key is not None:
            name, secret, algorithm = key
            try:
                ring = dns.tsigkeyring.from_text({name: secret})
            except (ValueError, dns.exception.DNSException) as error:
                raise UpdateFailed(f"the TSIG key {name} is not base64") from error
            self._signed = {"keyring": ring, "keyalgorithm": dns.name.from_text(algorithm)}

    def add(self, name: str, text: str) -> None:
        """One record more: those of other orders stay."""
        self._change(name, text, delete=False)

    def remove(self, name: str, text: str) -> None:
        """That one record."""
        self._change(name, text, delete=True)

    def _change(self, name: str, text: str, *, delete: bool) -> None:
        full = dns.name.from_text(name)
        zone = self._zone(full)
        update = dns.update.UpdateMessage(zone, **self._signed)  # type: ignore[arg-type]
        if delete:
            update.delete(full, "TXT", f'"{text}"')
        else:
            update.add(full, _TTL_SECONDS, "TXT", f'"{text}"')
        answer = self._ask(update)
        if answer.rcode() != dns.rcode.NOERROR:
            raise UpdateFailed(f"{self._shown} refuses to change {name}: {dns.rcode.to_text(answer.rcode())}")

    def _zone(self, name: dns.name.Name) -> dns.name.Name:
        """The zone that it has the name in: the nearest above it with a SOA record."""
        above = name
        while above != dns.name.root:
            answer = self._ask(dns.message.make_query(above, dns.rdatatype.SOA))
            if answer.get_rrset(answer.answer, above, dns.rdataclass.IN, dns.rdatatype.SOA) is not None:
                return above
            above = above.parent()
        raise UpdateFailed(f"{self._shown} has no zone with {name.to_text(omit_final_dot=True)} in it")

    def _ask(self, message: dns.message.Message) -> dns.message.Message:
        try:
            return dns.query.tcp(message, self._address, _TIMEOUT_SECONDS, self._port)
        except (OSError, EOFError, dns.exception.DNSException) as error:
            raise UpdateFailed(f"{self._shown}: {str(error) or type(error).__name__}") from error

    @property
    def _shown(self) -> str:
        return f"the name server {self._address} port {self._port}"
