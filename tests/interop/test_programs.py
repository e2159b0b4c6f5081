"""Real clients from Debian: curl, swaks, fetchmail, mutt. Each test fails when the client reports an error."""

import os
from pathlib import Path

import pytest
from tests.interop.clients import need, run
from tests.interop.server import PASSWORD, Server
from tests.interop.test_python_clients import wait_for_mail

pytestmark = pytest.mark.interop

ALICE, BOB = "alice@example.test", "bob@example.test"


def _letter(folder: Path, subject: str) -> Path:
    path = folder / "letter.eml"
    path.write_bytes(
        f"From: Alice <{ALICE}>\r\nTo: Bob <{BOB}>\r\nSubject: {subject}\r\n\r\nHi Bob!\r\n.dot\r\n".encode()
    )
    return path


@pytest.mark.parametrize(
    ("scheme", "port", "options"),
    [("smtp", "submission", ["--ssl-reqd"]), ("smtps", "submissions", [])],
    ids=["starttls", "implicit"],
)
def test_curl_submits(server: Server, tmp_path: Path, scheme: str, port: str, options: list[str]) -> None:
    subject = f"curl {scheme}"
    run(
        [need("curl"), "-sS", "-k", *options, "--user", f"{ALICE}:{PASSWORD}", "--mail-from", ALICE, "--mail-rcpt", BOB]
        + ["--upload-file", str(_letter(tmp_path, subject)), f"{scheme}://127.0.0.1:{server.ports[port]}/client.test"]
    )
    wait_for_mail(server, subject)


def test_curl_reads_by_imap_and_pop3(server: Server, tmp_path: Path) -> None:
    curl, user = need("curl"), ["--user", f"{BOB}:{PASSWORD}"]
    imaps = f"imaps://127.0.0.1:{server.ports['imaps']}"
    run([curl, "-sS", "-k", *user, f"{imaps}/Drafts", "-T", str(_letter(tmp_path, "curl draft"))])
    assert "INBOX" in run([curl, "-sS", "-k", *user, imaps])
    found = run([curl, "-sS", "-k", *user, f"{imaps}/Drafts?SUBJECT%20curl"])
    assert found.strip().startswith("* SEARCH ")
    assert "Hi Bob!" in run([curl, "-sS", "-k", *user, f"{imaps}/Drafts;MAILINDEX=1"])
    plain = run(
        [
            curl,
            "-sS",
            "-k",
            "--ssl-reqd",
            *user,
            f"imap://127.0.0.1:{server.ports['imap']}",
            "-X",
            "STATUS Drafts (MESSAGES)",
        ]
    )
    assert "MESSAGES" in plain
    run([curl, "-sS", "-k", "--ssl-reqd", "--user", f"{ALICE}:{PASSWORD}", f"pop3://127.0.0.1:{server.ports['pop3']}/"])
    listing = run([curl, "-sS", "-k", *user, f"pop3s://127.0.0.1:{server.ports['pop3s']}/"])
    assert listing.split()
    run([curl, "-sS", "-k", *user, f"pop3s://127.0.0.1:{server.ports['pop3s']}/1"])


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("tls", ["--tls", "--tls-on-connect"])
def test_swaks_with_tls_and_auth(server: Server, mechanism: str, tls: str) -> None:
    port = server.ports["submission" if tls == "--tls" else "submissions"]
    subject = f"swaks {mechanism} {tls.strip('-')}"
    output = run(
        [need("swaks"), "--server", "127.0.0.1", "--port", str(port), tls, "--auth", mechanism, "--auth-user", ALICE]
        + ["--auth-password", PASSWORD, "--from", ALICE, "--to", BOB, "--header", f"Subject: {subject}", "--pipeline"]
    )
    assert "250 " in output
    wait_for_mail(server, subject)


def test_fetchmail_takes_everything_by_pop3_and_imap(server: Server, tmp_path: Path) -> None:
    program = need("fetchmail")
    for index, (protocol, port) in enumerate((("pop3", "pop3s"), ("imap", "imaps"))):
        home = tmp_path / protocol
        home.mkdir()
        home.chmod(0o700)
        user = f"fetch{index}@example.test"
        server.cli("account", "add", user, "--password-stdin", stdin=PASSWORD)
        for number in range(3):
            run(
                [need("swaks"), "--server", "127.0.0.1", "--port", str(server.ports["smtp"]), "--from", "x@else.test"]
                + ["--to", user, "--header", f"Subject: fetch {number}", "--body", f"number {number}\n.dot"]
            )
        rc = home / "fetchmailrc"
        rc.write_text(
            f'poll 127.0.0.1 service {server.ports[port]} protocol {protocol} user "{user}" password "{PASSWORD}" '
            f"ssl no sslcertck nokeep fetchall mda \"/bin/sh -c 'cat >> {home}/mbox; echo >> {home}/mbox'\"\n"
        )
        rc.chmod(0o600)
        run([program, "-f", str(rc), "--nodetach", "--nosyslog", "--pidfile", str(home / "pid"), "-v"], cwd=home)
        text = (home / "mbox").read_text()
        assert [text.count(f"Subject: fetch {number}") for number in range(3)] == [1, 1, 1]
        assert "\n.dot\n" in text


def test_mutt_sends_by_smtp_and_saves_by_imap(server: Server, tmp_path: Path) -> None:
    rc = tmp_path / "muttrc"
    rc.write_text(
        f"set ssl_starttls=yes\nset ssl_force_tls=yes\nset ssl_verify_host=no\nset ssl_verify_dates=no\n"
        f'set certificate_file="{tmp_path}/certs"\nset from="{ALICE}"\nset realname="Alice"\nset use_from=yes\n'
        f'set smtp_url="smtps://{ALICE.replace("@", "%40")}@127.0.0.1:{server.ports["submissions"]}/"\n'
        f'set smtp_pass="{PASSWORD}"\nset imap_user="{ALICE}"\nset imap_pass="{PASSWORD}"\n'
        f'set record="imaps://127.0.0.1:{server.ports["imaps"]}/Sent"\nset folder="{tmp_path}"\n'
    )
    certificate = server.folder / "data" / "tls" / "self-signed.crt"
    (tmp_path / "certs").write_bytes(certificate.read_bytes())
    os.environ.setdefault("TERM", "dumb")
    run([need("mutt"), "-F", str(rc), "-s", "from mutt", BOB], stdin="Hello from mutt\n", cwd=tmp_path)
    wait_for_mail(server, "from mutt")
    wait_for_mail_in_sent = run(
        [need("curl"), "-sS", "-k", "--user", f"{ALICE}:{PASSWORD}"]
        + [f"imaps://127.0.0.1:{server.ports['imaps']}/Sent?SUBJECT%20mutt"]
    )
    assert wait_for_mail_in_sent.strip() != "* SEARCH"
