"""What there is to set for certificates from an authority. Owns: names, defaults and help. Raises: SettingError."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.base import SettingError


class AcmeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[acme]`: certificates from an authority (docs/tls.md)."""

    directory: Annotated[
        str,
        Meta(
            description="Where the authority's ACME directory is, "
            '"https://acme-v02.api.letsencrypt.org/directory" for Let\'s Encrypt; empty: no certificates are ordered.'
        ),
    ] = ""
    terms_agreed: Annotated[
        bool, Meta(description="You agree to the authority's terms of service; without that it gives no account.")
    ] = False
    contact: Annotated[
        tuple[str, ...], Meta(description="Mail addresses by which the authority reaches you; none is needed.")
    ] = ()
    challenge: Annotated[
        Literal["http-01", "tls-alpn-01", "dns-01"],
        Meta(
            description="How names are proved: http-01 needs listen.acme_http on port 80, tls-alpn-01 "
            "listen.policy_host on port 443, dns-01 the right to change the DNS (dns_server or dns_command)."
        ),
    ] = "http-01"
    names: Annotated[
        dict[str, tuple[str, ...]],
        Meta(
            description="Certificates to keep besides one for hostname and one for each domain: a table with the host "
            'names of each. A name may have "*." before it with dns-01.'
        ),
    ] = msgspec.field(default_factory=dict)
    domain_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="With listen.policy_host: the hosts below each domain here for which it gets a certificate; "
            "those that the DNS does not have are left out."
        ),
    ] = ("mta-sts", "autoconfig", "autodiscover")
    keep_keys: Annotated[
        bool,
        Meta(
            description="Renewed certificates keep their private key, so that TLSA records stay right (DANE); "
            "`postroom certificate renew --new-key` makes another. False: a new one each time."
        ),
    ] = True
    authorities: Annotated[
        str,
        Meta(description="Path of PEM certificates by which the ACME server is known; empty: those of the system."),
    ] = ""
    eab_key_id: Annotated[
        str, Meta(description="Identifier of your account with the authority, where it asks for one (EAB).")
    ] = ""
    eab_key_file: Annotated[str, Meta(description="Path of a file with its MAC key, base64url.")] = ""
    dns_server: Annotated[
        str, Meta(description='"address:port" of the primary name server that takes updates (RFC 2136), for dns-01.')
    ] = ""
    dns_key_name: Annotated[str, Meta(description="Name of the TSIG key that it knows.")] = ""
    dns_key_file: Annotated[str, Meta(description="Path of a file with that key's secret, base64.")] = ""
    dns_key_algorithm: Annotated[
        Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"], Meta(description="Of that key.")
    ] = "hmac-sha256"
    dns_command: Annotated[
        tuple[str, ...],
        Meta(
            description='A command that changes the DNS instead: it is given "add" or "remove", the name of a TXT '
            "record, and its text; it has to end with 0."
        ),
    ] = ()
    dns_command_timeout_seconds: Annotated[float, Meta(gt=0, description="Seconds that the command may take.")] = 120.0
    dns_wait_seconds: Annotated[
        float, Meta(ge=0, description="Seconds for a record to reach all name servers before it is looked at.")
    ] = 15.0
    renew_at_fraction: Annotated[
        float,
        Meta(gt=0, lt=1, description="A certificate is renewed when this part of its lifetime is left."),
    ] = 1 / 3
    look_seconds: Annotated[
        float, Meta(gt=0, description="Seconds between two looks whether something is to be ordered.")
    ] = 3600.0
    first_retry_seconds: Annotated[
        float, Meta(gt=0, description="Seconds until a certificate that could not be had is tried again; then doubled.")
    ] = 3600.0
    max_retry_seconds: Annotated[float, Meta(gt=0, description="Where that stops growing.")] = 86_400.0
    poll_seconds: Annotated[
        float, Meta(gt=0, description="Seconds between two questions about an order, unless the authority says others.")
    ] = 3.0
    order_timeout_seconds: Annotated[float, Meta(gt=0, description="Seconds that one order may take.")] = 600.0
    timeout_seconds: Annotated[float, Meta(gt=0, description="Seconds for one answer of the authority.")] = 60.0
    max_octets: Annotated[int, Meta(ge=65_536, description="Octets of its largest answer.")] = 1_048_576

    def __post_init__(self) -> None:
        if not self.directory:
            return
        if not self.directory.startswith("https://"):
            raise SettingError("an address is needed that begins with https://", ("directory",))
        if not self.terms_agreed:
            raise SettingError("read the terms of the authority, and set this to true", ("terms_agreed",))
        if self.challenge == "dns-01" and bool(self.dns_server) == bool(self.dns_command):
            raise SettingError("dns-01 needs either dns_server or dns_command", ("challenge",))
        if bool(self.eab_key_id) != bool(self.eab_key_file):
            raise SettingError("eab_key_id and eab_key_file belong together", ("eab_key_id",))
        if bool(self.dns_key_name) != bool(self.dns_key_file):
            raise SettingError("dns_key_name and dns_key_file belong together", ("dns_key_name",))
        wild = [name for names in self.names.values() for name in names if name.startswith("*.")]
        if wild and self.challenge != "dns-01":
            raise SettingError(f"{wild[0]}: only dns-01 proves names with a wildcard", ("names",))
