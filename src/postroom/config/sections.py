"""All settings in one value: one line a section.

Owns: the names of the sections and the settings above them. Never: reads a file (load does). Raises: nothing.
A package that declares settings gets its line in Config; everything else (loading, checking, explaining, the default
file, the page in docs/) follows from that.
"""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from postroom.accounts import AccountSettings
from postroom.acme.settings import AcmeSettings
from postroom.delivery.report_settings import DmarcReportSettings
from postroom.delivery.settings import DeliverySettings
from postroom.delivery.tls_settings import OutboundTlsSettings, TlsReportSettings
from postroom.directories import DirectorySettings, LdapSettings
from postroom.dns import DnsSettings
from postroom.filters import FilterSettings
from postroom.guard import GuardSettings
from postroom.imap.settings import ImapSettings
from postroom.intake import AuthenticationSettings, IntakeSettings, ScoringSettings
from postroom.interchange.settings import InterchangeSettings
from postroom.journal import JournalSettings
from postroom.message.settings import MessageSettings
from postroom.net import NetSettings, TlsSettings
from postroom.pop3.settings import Pop3Settings
from postroom.queue import QueueSettings
from postroom.reputation.settings import StrangersSettings
from postroom.servers.imap.settings import ImapSessionSettings
from postroom.servers.settings import MtaStsSettings
from postroom.signin import OAuthSettings, SignInSettings
from postroom.signing import SigningSettings
from postroom.smtp.settings import SmtpSettings
from postroom.store.settings import StoreSettings
from postroom.training import TrainingSettings

from .listeners import listeners
from .settings import ListenerSettings, ListenSettings, LogSettings, ProcessSettings, ZoneSettings

DEFAULT_DATA = Path("/var/lib/postroom")


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """postroom.toml, read and checked."""

    hostname: Annotated[
        str,
        Meta(min_length=1, description="The name by which other servers know this one; its MX records point to it."),
    ]
    data: Annotated[Path, Meta(description="The folder that holds everything: people, mail, queue.")] = DEFAULT_DATA
    allow_plaintext_sign_in_on_loopback: Annotated[
        bool,
        Meta(description="Let programs on this machine sign in without TLS, by any protocol; for development only."),
    ] = False

    listen: Annotated[ListenSettings, Meta(description="Addresses and ports.")] = ListenSettings()
    listener: Annotated[
        dict[str, ListenerSettings],
        Meta(description="More listeners, and policy for the usual ones, each with a section [listener.NAME]."),
    ] = msgspec.field(default_factory=dict)
    tls: Annotated[TlsSettings, Meta(description="The server's certificate.")] = TlsSettings()
    acme: Annotated[AcmeSettings, Meta(description="Certificates from an authority (tls.md).")] = AcmeSettings()
    log: Annotated[LogSettings, Meta(description="The log.")] = LogSettings()
    process: Annotated[ProcessSettings, Meta(description="The server's process.")] = ProcessSettings()
    accounts: Annotated[AccountSettings, Meta(description="Addresses, aliases and passwords.")] = AccountSettings()
    directory: Annotated[DirectorySettings, Meta(description="Who knows the people (directories.md).")] = (
        DirectorySettings()
    )
    ldap: Annotated[LdapSettings, Meta(description="People in LDAP (directories.md).")] = LdapSettings()
    oauth: Annotated[OAuthSettings, Meta(description="Sign-in by tokens of an issuer (oauth.md).")] = OAuthSettings()
    sign_in: Annotated[SignInSettings, Meta(description="How people sign in, by any protocol (sign-in.md).")] = (
        SignInSettings()
    )
    net: Annotated[NetSettings, Meta(description="Connections, for every protocol.")] = NetSettings()
    guard: Annotated[GuardSettings, Meta(description="Who is kept out, and how much everybody may do (guard.md).")] = (
        GuardSettings()
    )
    smtp: Annotated[SmtpSettings, Meta(description="SMTP, submission and LMTP sessions.")] = SmtpSettings()
    intake: Annotated[IntakeSettings, Meta(description="What happens to a message that arrives.")] = IntakeSettings()
    authentication: Annotated[
        AuthenticationSettings, Meta(description="Who really sent it: mail from other servers (authentication.md).")
    ] = AuthenticationSettings()
    strangers: Annotated[
        StrangersSettings, Meta(description="What is held against clients that have not signed in (strangers.md).")
    ] = StrangersSettings()
    scoring: Annotated[
        ScoringSettings, Meta(description="What follows from the points for and against a message (strangers.md).")
    ] = ScoringSettings()
    filter: Annotated[
        dict[str, FilterSettings],
        Meta(description="Other programs that look at mail, each with a section [filter.NAME] (filters.md)."),
    ] = msgspec.field(default_factory=dict)
    message: Annotated[MessageSettings, Meta(description="How messages are read.")] = MessageSettings()
    store: Annotated[StoreSettings, Meta(description="How mail is kept.")] = StoreSettings()
    queue: Annotated[QueueSettings, Meta(description="Mail that waits to leave.")] = QueueSettings()
    delivery: Annotated[DeliverySettings, Meta(description="How mail leaves.")] = DeliverySettings()
    outbound_tls: Annotated[
        OutboundTlsSettings, Meta(description="How sure we are of the servers that mail is sent to (tls.md).")
    ] = OutboundTlsSettings()
    tls_reports: Annotated[TlsReportSettings, Meta(description="Reports on TLS between servers (tls.md).")] = (
        TlsReportSettings()
    )
    dmarc_reports: Annotated[
        DmarcReportSettings, Meta(description="Reports on mail in the name of others, and of others on mail in ours.")
    ] = DmarcReportSettings()
    mta_sts: Annotated[MtaStsSettings, Meta(description="What others are told to demand of us (tls.md).")] = (
        MtaStsSettings()
    )
    signing: Annotated[SigningSettings, Meta(description="DKIM signatures of our own mail (signing.md).")] = (
        SigningSettings()
    )
    journal: Annotated[JournalSettings, Meta(description="What happened to each message.")] = JournalSettings()
    training: Annotated[TrainingSettings, Meta(description="What each person calls junk (junk.md).")] = (
        TrainingSettings()
    )
    dns: Annotated[DnsSettings, Meta(description="Questions to the DNS.")] = DnsSettings()
    zone: Annotated[ZoneSettings, Meta(description="What the world sees of this server (dns.md).")] = ZoneSettings()
    pop3: Annotated[Pop3Settings, Meta(description="POP3 sessions.")] = Pop3Settings()
    imap: Annotated[ImapSessionSettings, Meta(description="IMAP sessions.")] = ImapSessionSettings()
    interchange: Annotated[InterchangeSettings, Meta(description="Import and export.")] = InterchangeSettings()
    imap_protocol: Annotated[ImapSettings, Meta(description="Limits of IMAP commands.")] = ImapSettings()

    def listeners(self) -> dict[str, ListenerSettings]:
        """All that have an address, by name, with what they have from [listen] and by default."""
        return listeners(self.listen, self.listener)

    def __post_init__(self) -> None:
        self.listeners()
        if self.allow_plaintext_sign_in_on_loopback:
            replace, force = msgspec.structs.replace, msgspec.structs.force_setattr
            force(self, "smtp", replace(self.smtp, allow_plaintext_auth_on_loopback=True))
            force(self, "pop3", replace(self.pop3, plaintext_sign_in_on_loopback=True))
            force(self, "imap", replace(self.imap, plaintext_sign_in_on_loopback=True))
