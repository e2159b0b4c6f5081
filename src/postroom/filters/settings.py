"""`[filter.NAME]`: another program that looks at mail.

Owns: names, defaults and help of the settings, and where a filter is. Never: connects. Raises: SettingError.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.base import SettingError

Kind = Literal["rspamd", "milter", "spamassassin", "clamav"]
Failure = Literal["accept", "defer", "tag"]
_MIB = 1_048_576
# What is usual for each: SpamAssassin takes a second for a large message, ClamAV refuses what is over its own limit.
_MAX_OCTETS: dict[Kind, int] = {"rspamd": 50 * _MIB, "milter": 0, "spamassassin": 512 * 1024, "clamav": 100 * _MIB}
_ON_FAILURE: dict[Kind, Failure] = {"rspamd": "tag", "milter": "defer", "spamassassin": "tag", "clamav": "defer"}
_KEPT = 4
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,38}[A-Za-z0-9])?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class FilterPlace:
    """Where a filter listens."""

    host: str  # an IP address, or a name; "" with `path`
    port: int
    path: str  # of a Unix socket; ""

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class FilterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One filter; docs/filters.md has examples."""

    kind: Annotated[Kind, Meta(description="Which protocol it speaks.")]
    address: Annotated[
        str, Meta(description='Where it listens: "HOST:PORT", or the path of a Unix socket ("/run/clamav/clamd.ctl").')
    ]
    order: Annotated[
        int,
        Meta(
            description="Filters are asked from the lowest number to the highest; those that cannot change the message "
            "are asked at the same time."
        ),
    ] = 100
    listeners: Annotated[
        tuple[str, ...],
        Meta(description="The listeners whose mail it sees, by name; none: all that take mail."),
    ] = ()
    signed_in: Annotated[bool, Meta(description="It sees the mail of people who have signed in, too.")] = True
    strongest: Annotated[
        Literal["reject", "junk", "tag"],
        Meta(
            description="The most that may follow from what it says: refuse the message (or let its sender try again), "
            "put it into Junk, or only note it in the header and in the score."
        ),
    ] = "reject"
    on_failure: Annotated[
        Literal["", "accept", "defer", "tag"],
        Meta(
            description="When it does not answer, or not as it should: take the message as if it had not been asked, "
            "let its sender try again, or take it and say so in the field Postroom-Unfiltered. Empty: defer for milter "
            "and clamav, tag for the others."
        ),
    ] = ""
    max_octets: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="Larger messages are not shown to it, which Postroom-Unfiltered says; 0: no limit. Not set: 50 "
            "MiB for rspamd, 512 KiB for spamassassin, 100 MiB for clamav, none for milter."
        ),
    ] = None
    timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds for its answer; of a milter, for each of its answers.")
    ] = 30.0
    total_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds for all that a milter says to one message, or to one command.")
    ] = 120.0
    connect_timeout_seconds: Annotated[float, Meta(gt=0, description="Seconds until it takes a connection.")] = 5.0
    idle_connections: Annotated[
        Annotated[int, Meta(ge=0, le=1000)] | None,
        Meta(
            description="Connections that are kept for the next message, where it allows that. Not set: 4, none for "
            "milters, as some of them do not answer a second client."
        ),
    ] = None
    idle_seconds: Annotated[float, Meta(gt=0, description="Seconds for which they are kept.")] = 10.0
    weight: Annotated[
        float, Meta(description="Its points count so many times in the score of a message (rspamd, spamassassin).")
    ] = 1.0
    may_change: Annotated[
        bool, Meta(description="It may change the message: its header, and of a milter the body and the envelope.")
    ] = True
    reject_score: Annotated[
        float | None,
        Meta(description="From so many points on a message is refused (spamassassin); not set: spam goes into Junk."),
    ] = None
    user: Annotated[
        str, Meta(max_length=200, description="Whose rules are to be used (spamassassin); empty: its own.")
    ] = ""

    def __post_init__(self) -> None:
        self.place  # noqa: B018 - raises for what is no address
        if not all(" " < c <= "~" for c in self.user):
            raise SettingError(f"{self.user!r} is no user's name", ("user",))

    @property
    def place(self) -> FilterPlace:
        """Where it is. Raises SettingError."""
        path = self.address.removeprefix("unix:")
        if path.startswith("/"):
            return FilterPlace("", 0, path)
        host, colon, port = self.address.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        plain = host[1:-1] if bracketed else host
        known = (_IPV6 if bracketed else _HOST).fullmatch(plain)
        if not colon or not known or not port.isdecimal() or not 0 < int(port) < 65536:
            raise SettingError(f'{self.address!r} is not like "127.0.0.1:11333" or "/run/filter.sock"', ("address",))
        return FilterPlace(plain, int(port), "")

    @property
    def limit(self) -> int:
        """Octets of the largest message that it sees; 0: any."""
        return _MAX_OCTETS[self.kind] if self.max_octets is None else self.max_octets

    @property
    def failure(self) -> Failure:
        """What follows when it does not answer."""
        return self.on_failure or _ON_FAILURE[self.kind]

    @property
    def kept(self) -> int:
        """How many connections are kept."""
        usual = 0 if self.kind == "milter" else _KEPT
        return usual if self.idle_connections is None else self.idle_connections

    @property
    def alters(self) -> bool:
        """It may change what the next ones see, so they wait for it."""
        return self.kind == "milter" and self.may_change


def check_filters(filters: dict[str, FilterSettings], listeners: "set[str]") -> None:
    """What one filter's settings can't tell. Raises SettingError, its place below `filter`."""
    for name, one in filters.items():
        if not _NAME.fullmatch(name):
            raise SettingError(f"a name of letters, digits, - and _ is needed, not {name!r}", (name,))
        for listener in one.listeners:
            if listener not in listeners:
                raise SettingError(f"there is no listener {listener}", (name, "listeners"))
