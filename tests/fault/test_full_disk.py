"""A server that can write no more: a temporary refusal, nothing acknowledged is lost, and it recovers by itself."""

import imaplib
import poplib
import resource
import smtplib
from pathlib import Path

from tests.interop.server import PASSWORD, Server, start_server, stop_server

BOB = "bob@example.test"
LIMIT = 96 * 1024  # octets that a file may have: the databases' logs and the spool files soon want more


def _allow(server: Server, octets: int) -> None:
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (octets, hard))


def _send(server: Server, name: str, size: int) -> int:
    """The reply code to one message."""
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=20) as smtp:
        try:
            smtp.sendmail(
                "x@else.test", [BOB], f"Subject: {name}\r\n\r\n{'x' * 70}\r\n" + f"{'y' * 70}\r\n" * (size // 72)
            )
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
    return 250


def _subjects(imap: imaplib.IMAP4) -> list[str]:
    imap.select("INBOX", readonly=True)
    _, rows = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [row[1].decode().removeprefix("Subject: ").strip() for row in rows if isinstance(row, tuple)]


def test_a_full_disk_is_a_temporary_refusal(tmp_path: Path) -> None:
    server = start_server(tmp_path, "example.test", [BOB])
    try:
        assert _send(server, "first", 100) == 250
        _allow(server, LIMIT)
        codes = {f"m{n}": _send(server, f"m{n}", 200_000 if n % 3 == 2 else 8_000) for n in range(40)}
        assert {code // 100 for code in codes.values()} == {2, 4}
        with imaplib.IMAP4("127.0.0.1", server.ports["imap"], timeout=20) as imap:
            imap.login(BOB, PASSWORD)
            large = b"Subject: appended\r\n\r\n" + b"z" * 300_000
            assert imap.append("INBOX", "", "", large)[0] == "NO"
            assert _subjects(imap)[0] == "first"  # reading goes on
        pop = poplib.POP3("127.0.0.1", server.ports["pop3"], timeout=20)
        pop.user(BOB)
        pop.pass_(PASSWORD)
        pop.dele(1)
        _allow(server, 1024)
        said = b""
        try:
            pop.quit()
        except poplib.error_proto as error:
            said = error.args[0]
        pop.close()
        assert b"not removed" in said

        _allow(server, resource.RLIM_INFINITY)
        assert _send(server, "after", 200_000) == 250
        with imaplib.IMAP4("127.0.0.1", server.ports["imap"], timeout=20) as imap:
            imap.login(BOB, PASSWORD)
            assert imap.append("INBOX", "", "", large)[0] == "OK"
            acknowledged = [name for name, code in codes.items() if code == 250]
            assert _subjects(imap) == ["first", *acknowledged, "after", "appended"]
    finally:
        stop_server(server)
