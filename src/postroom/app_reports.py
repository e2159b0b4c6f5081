"""The part of the composition root that builds the reports to and of other servers.

Owns: which of them a worker sends and reads. Never: what is in them. Raises: MailError when a database can't be opened.
"""

import contextlib
from dataclasses import dataclass

from postroom.accounts import SqliteDirectory
from postroom.base import Clock, Ids
from postroom.config import Config
from postroom.delivery import (
    ClientContexts,
    DmarcDatabase,
    DmarcReading,
    DmarcReports,
    DmarcResults,
    OutboundTls,
    StsPolicies,
    TlsDatabase,
    TlsReading,
    TlsReports,
    TlsResults,
)
from postroom.dns import Resolver
from postroom.intake import Authentication
from postroom.journal import Journal
from postroom.net import Dialer, HttpsClient
from postroom.queue import SqliteQueue
from postroom.signing import Signing
from postroom.store import MailStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """What reports are built from; `closing` closes them."""

    config: Config
    first: bool  # the worker that sends and reads them
    clock: Clock
    ids: Ids
    store: MailStore
    directory: SqliteDirectory
    queue: SqliteQueue
    resolver: Resolver
    signing: Signing
    journal: Journal
    closing: contextlib.AsyncExitStack


def outbound_tls(parts: Reporting) -> OutboundTls:
    """How sure we are of the servers that mail is sent to; what comes of it is counted for the reports."""
    settings = parts.config.outbound_tls
    contexts = ClientContexts(settings.authorities)
    database = TlsDatabase(parts.config.data / "tls.db")
    parts.closing.callback(database.close)
    client = HttpsClient(
        Dialer(parts.config.net),
        lambda: contexts.named,
        max_octets=settings.mta_sts_max_octets,
        timeout_seconds=settings.mta_sts_timeout_seconds,
    )
    sts = StsPolicies(parts.resolver, client, database, parts.clock, settings)
    parts.closing.push_async_callback(sts.close)
    results = TlsResults(database, parts.clock, parts.config.tls_reports)
    parts.closing.push_async_callback(results.close)
    if parts.first:
        report_tls(parts, database, results, contexts)
    return OutboundTls(parts.resolver, settings, contexts, sts, results)


def report_tls(parts: Reporting, database: TlsDatabase, results: TlsResults, contexts: ClientContexts) -> None:
    """Tell others of the TLS with them, and read what they tell us."""
    settings = parts.config.tls_reports
    reading = TlsReading(
        database=database, store=parts.store, directory=parts.directory, clock=parts.clock, settings=settings
    )
    reading.start()
    parts.closing.push_async_callback(reading.close)
    if settings.send:
        results.start()
        client = HttpsClient(
            Dialer(parts.config.net),
            lambda: contexts.named,
            max_octets=settings.max_octets,
            timeout_seconds=settings.timeout_seconds,
        )
        reports = TlsReports(
            database=database,
            results=results,
            resolver=parts.resolver,
            client=client,
            queue=parts.queue,
            clock=parts.clock,
            ids=parts.ids,
            settings=settings,
            hostname=parts.config.hostname,
            signing=parts.signing,
            journal=parts.journal,
        )
        reports.start()
        parts.closing.push_async_callback(reports.close)


def report_dmarc(parts: Reporting, authentication: Authentication) -> DmarcResults:
    """Tell others of mail in their name, and read what they tell of mail in ours."""
    settings = parts.config.dmarc_reports
    database = DmarcDatabase(parts.config.data / "dmarc.db")
    parts.closing.callback(database.close)
    results = DmarcResults(database, parts.clock, settings)
    parts.closing.push_async_callback(results.close)
    if settings.send:
        results.start()
    if parts.first:
        reading = DmarcReading(
            database=database, store=parts.store, directory=parts.directory, clock=parts.clock, settings=settings
        )
        reading.start()
        parts.closing.push_async_callback(reading.close)
        if settings.send:
            reports = DmarcReports(
                database=database,
                results=results,
                resolver=parts.resolver,
                queue=parts.queue,
                clock=parts.clock,
                ids=parts.ids,
                settings=settings,
                hostname=parts.config.hostname,
                suffixes=authentication.organisation,
                signing=parts.signing,
                journal=parts.journal,
            )
            reports.start()
            parts.closing.push_async_callback(reports.close)
    return results
