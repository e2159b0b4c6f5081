"""Our own MTA-STS policy.

Owns: its settings' names, defaults and help. Never: serves it. Raises: ValueError for a host that can't be one, which
msgspec turns into its ValidationError.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.mailauth.mta_sts import Mode, Policy, read_policy


class MtaStsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[mta_sts]`: what other servers are told to demand of this one (RFC 8461); served by `listen.policy_host`."""

    mode: Annotated[
        Literal["enforce", "testing", "none"],
        Meta(
            description='"testing": failures are reported only; "enforce": who fails delivers nothing; "none": the end '
            "of a policy, to be served until the last one has aged."
        ),
    ] = "testing"
    max_age_seconds: Annotated[
        int, Meta(ge=0, le=31_557_600, description="Seconds for which others keep the policy (RFC 8461 §3.2: weeks).")
    ] = 604_800
    hosts: Annotated[
        tuple[str, ...],
        Meta(description='All mail servers of the domains here, "*.example.org" is possible; none: the hostname.'),
    ] = ()
    request_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds a client has to ask for the policy and take it.")
    ] = 10.0

    def __post_init__(self) -> None:
        self.policy("mail.example.org")

    def policy(self, hostname: str) -> Policy:
        """For a server of that name."""
        hosts = tuple(host.lower() for host in self.hosts or (hostname,))
        return read_policy(Policy(Mode(self.mode), self.max_age_seconds, hosts).file)
