"""Questions to the DNS, as the mail server asks them.

Owns: the value types and the Resolver protocol. Never: decides what an answer means for mail (delivery does).
Raises: DnsTemporary when no answer can be had now; absence is an answer, not an error.
"""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from postroom.base import MailError

T = TypeVar("T")


class DnsTemporary(MailError):
    """SERVFAIL, timeout, refused: ask again later."""

    code, enhanced, text = 451, "4.4.3", "DNS trouble, please try again later"


@dataclass(frozen=True, slots=True)
class Mx:
    preference: int
    host: str  # lower case, no final dot; "" is the null MX (RFC 7505)


@dataclass(frozen=True, slots=True)
class Srv:
    """Where a service is (RFC 2782)."""

    priority: int
    weight: int
    port: int
    host: str  # lower case, no final dot; "": the service is not offered


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """Records of one type at one name; empty when there are none."""

    records: tuple[T, ...]
    exists: bool = True  # False: NXDOMAIN, the name does not exist at all
    secure: bool = False  # DNSSEC-validated, absence too; only a resolver that may be trusted says so (dns.trust_ad)
    canonical: str = ""  # the name at the end of aliases, from a resolver that tells `secure`; "" when there are none


class Resolver(Protocol):
    """Names are Unicode or A-labels, without a final dot. Answers are cached by their TTL.

    In ASCII a name may hold any characters, and by escapes any octets (`names.exact_name`), in questions as in answers.
    What cannot be in the DNS does not exist.
    """

    async def mx(self, domain: str) -> Answer[Mx]:
        """Sorted by preference."""

    async def a(self, host: str) -> Answer[str]: ...

    async def aaaa(self, host: str) -> Answer[str]: ...

    async def cname(self, name: str) -> Answer[str]:
        """The alias at the name itself."""

    async def tlsa(self, name: str) -> Answer[bytes]:
        """The data of each record, as it is in an answer (RFC 6698 §2.1); none where no resolver is trusted."""

    async def txt(self, name: str) -> Answer[bytes]:
        """The strings of each record joined."""

    async def ptr(self, address: str) -> Answer[str]: ...

    def remembered(self, kind: str, name: str) -> "Answer[Any] | None":
        """The answer to a question of that kind ("TXT"; "PTR" has an address as its name) if it is at hand."""

    async def close(self) -> None: ...
