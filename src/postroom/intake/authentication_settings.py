"""What is checked of mail from other servers, and what follows. Owns: the names, defaults and help. Raises: ValueError
for what is no network or no domain, which msgspec turns into its ValidationError."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.accounts import domain_key
from postroom.net import Networks

Consequence = Literal["reject", "quarantine", "tag"]


class AuthenticationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[authentication]`: who really sent it (SPF, DKIM, DMARC, ARC); docs/authentication.md explains it."""

    check: Annotated[
        bool, Meta(description="Check mail from other servers. [listener.NAME] can turn it off for one listener.")
    ] = True
    trusted_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks of relays in front of this server and of programs of ours: what they bring is not "
            "checked, and their Authentication-Results are kept."
        ),
    ] = ("127.0.0.0/8", "::1/128")
    name: Annotated[
        str,
        Meta(
            description="The name under which results are written into Authentication-Results (RFC 8601); empty: the "
            "hostname. Such fields of this name that come with mail are removed."
        ),
    ] = ""
    dmarc_reject: Annotated[
        Consequence,
        Meta(
            description="What becomes of mail that fails DMARC where the author's domain asks to reject it: reject "
            "(550 5.7.1), quarantine (into Junk) or tag (no more than a result in its header)."
        ),
    ] = "reject"
    dmarc_quarantine: Annotated[Consequence, Meta(description="The same where the domain asks for quarantine.")] = (
        "quarantine"
    )
    spf_fail: Annotated[
        Consequence,
        Meta(description='What becomes of mail of which SPF says "fail" while nothing else shows it to be genuine.'),
    ] = "tag"
    broken_from: Annotated[
        Consequence,
        Meta(
            description="What becomes of mail whose author can't be told: no From field or several, several domains "
            "in it, or none that can be read."
        ),
    ] = "reject"
    to_postmaster: Annotated[
        Consequence,
        Meta(
            description="What becomes of mail to postmaster and abuse alone that would be refused for one of these: "
            "quarantine and tag take it all the same, as whoever is refused complains there (RFC 5321 §4.5.1); reject "
            "refuses it as any other."
        ),
    ] = "quarantine"
    dns_trouble: Annotated[
        Literal["tag", "defer"],
        Meta(
            description="What becomes of mail whose author could not be checked as the DNS did not answer: tag takes "
            "it with a temperror noted, defer lets its sender try again (451)."
        ),
    ] = "tag"
    trusted_sealers: Annotated[
        tuple[str, ...],
        Meta(
            description="Domains of lists and forwarders whose ARC seals are believed: mail that passed DMARC when it "
            "came to them is not refused for failing it now (RFC 8617)."
        ),
    ] = ()
    public_suffix_list: Annotated[
        str,
        Meta(
            description="A file with the public suffix list in the format of publicsuffix.org (Debian's publicsuffix: "
            "/usr/share/publicsuffix/public_suffix_list.dat). It says where an organisation's domain begins when DMARC "
            "records do not (psd=); empty: the records alone decide, as RFC 9989 has it. Read at start and by SIGHUP."
        ),
    ] = ""
    check_reverse_name: Annotated[
        bool, Meta(description="Look up the name of the client's address and whether it leads back (iprev, RFC 8601).")
    ] = True
    received_spf: Annotated[
        bool, Meta(description="Add a Received-SPF field too (RFC 7208 §9.1), for programs that read no other.")
    ] = False
    seal_forwarded: Annotated[
        bool,
        Meta(
            description="Add an ARC seal of this server to what goes on to other servers by an alias or a list, "
            "where the domain has a key (postroom dkim)."
        ),
    ] = True
    max_header_octets: Annotated[
        int, Meta(ge=16_384, description="Octets of the header of mail from other servers; more is refused (552).")
    ] = 262_144
    max_header_lines: Annotated[int, Meta(ge=500, description="Lines of that header; more are refused (552).")] = 10_000
    max_signatures: Annotated[
        int, Meta(ge=1, description="DKIM signatures of a message that are looked at, from the top.")
    ] = 8
    max_dns_questions: Annotated[
        int, Meta(ge=20, description="Questions to the DNS about one message; further ones count as not answered.")
    ] = 150
    max_dns_seconds: Annotated[
        float,
        Meta(gt=0, description="Seconds for which a sender waits, at the end of a message, for the DNS to answer."),
    ] = 10.0

    def __post_init__(self) -> None:
        for network in self.trusted_networks:
            try:
                Networks((network,))
            except ValueError as error:
                raise ValueError(f"trusted_networks: {error}: a network is like 192.0.2.0/24") from None
        for name in (*self.trusted_sealers, *((self.name,) if self.name else ())):
            if domain_key(name) is None:
                raise ValueError(f"{name!r} is not a domain")
