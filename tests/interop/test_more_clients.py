"""offlineimap, getmail, alpine's tools and aerc against a running server."""

import os
import pty
import select
import signal
import time
from pathlib import Path

import pytest
from tests.interop.clients import Screen, need, real_messages, run
from tests.interop.server import PASSWORD, Server
from tests.interop.test_python_clients import imaps

pytestmark = pytest.mark.interop


def _person(server: Server, name: str) -> str:
    user = f"{name}@example.test"
    server.cli("account", "add", user, "--password-stdin", stdin=PASSWORD)
    return user


def test_offlineimap_brings_a_mailbox_down_and_changes_back(server: Server, tmp_path: Path) -> None:
    program, user = need("offlineimap"), _person(server, "offline")
    with imaps(server, user) as client:
        for octets in real_messages(100):
            client.append("INBOX", "", None, octets)
        rc, maildir = tmp_path / "offlineimaprc", tmp_path / "mail"
        certificate = server.folder / "data" / "tls" / "self-signed.crt"
        rc.write_text(
            f"[general]\naccounts = a\nmetadata = {tmp_path}/meta\nui = quiet\n"
            "[Account a]\nlocalrepository = l\nremoterepository = r\n"
            f"[Repository l]\ntype = Maildir\nlocalfolders = {maildir}\n"
            f"[Repository r]\ntype = IMAP\nremotehost = localhost\nremoteport = {server.ports['imaps']}\n"
            f"remoteuser = {user}\nremotepass = {PASSWORD}\n"
            f"ssl = yes\nsslcacertfile = {certificate}\n"
        )
        run([program, "-c", str(rc), "-o"], cwd=tmp_path, timeout=120)
        here = [*(maildir / "INBOX" / "new").iterdir(), *(maildir / "INBOX" / "cur").iterdir()]
        assert len(here) == 100
        here[0].unlink()
        here[1].rename(maildir / "INBOX" / "cur" / (here[1].name.split(":")[0] + ":2,FS"))
        run([program, "-c", str(rc), "-o"], cwd=tmp_path, timeout=120)
        client.select("INBOX")
        assert len(client.search(None, "ALL")[1][0].split()) == 99
        assert len(client.search(None, "FLAGGED", "SEEN")[1][0].split()) == 1


def test_getmail_takes_everything_by_imap_and_pop3(server: Server, tmp_path: Path) -> None:
    program = need("getmail")
    for kind, port in (("IMAP", "imaps"), ("POP3", "pop3s")):
        user = _person(server, f"get{kind.lower()}")
        with imaps(server, user) as client:
            messages = real_messages(20)
            for octets in messages:
                client.append("INBOX", "", None, octets)
        folder = tmp_path / kind
        folder.mkdir()
        # getmail delivers to no Maildir as root, but to a program when told that this is meant.
        taken = folder / "taken"
        (folder / "getmailrc").write_text(
            f"[retriever]\ntype = Simple{kind}SSLRetriever\nserver = 127.0.0.1\nport = {server.ports[port]}\n"
            f"username = {user}\npassword = {PASSWORD}\n[destination]\ntype = MDA_external\npath = /bin/sh\n"
            f'arguments = ("-c", "cat >> {taken}; echo END-OF-ONE >> {taken}")\nallow_root_commands = true\n'
            "[options]\ndelete = true\nread_all = true\n"
        )
        run([program, "--getmaildir", str(folder), "--rcfile", "getmailrc"], cwd=folder)
        assert taken.read_bytes().count(b"END-OF-ONE\n") == len(messages)
        with imaps(server, user) as client:
            assert client.select("INBOX")[1] == [b"0"]


def on_terminal(command: list[str], folder: Path, answers: list[tuple[bytes, str]]) -> str:
    """Run a program on a terminal of its own and type each answer when its prompt appears; all that it showed."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover: the child becomes the program
        os.chdir(folder)
        os.environ.update(HOME=str(folder), TERM="dumb")
        os.execv(command[0], command)
    shown, answered = b"", 0
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # the program has ended
                break
            if not piece:
                break
            shown += piece
            if answers and answers[0][0] in shown[answered:].lower():
                answered = len(shown)
                os.write(terminal, answers.pop(0)[1].encode() + b"\n")
        else:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    text = shown.decode(errors="replace")
    assert os.waitstatus_to_exitcode(status) == 0, text
    return text


def test_the_tools_of_alpine_copy_a_mailbox(server: Server, tmp_path: Path) -> None:
    """mailutil and rpload are made of the c-client library, as alpine is."""
    mailutil, rpload, user = need("mailutil"), need("rpload"), _person(server, "alpine")
    with imaps(server, user) as client:
        for octets in real_messages(30):
            client.append("INBOX", "", None, octets)
        far = f"{{localhost:{server.ports['imaps']}/imap/ssl/novalidate-cert/user={user}}}"
        password = (b"password:", PASSWORD)
        said = on_terminal([mailutil, "check", f"{far}INBOX"], tmp_path, [password])
        assert "30" in said, said
        on_terminal([mailutil, "copy", f"{far}INBOX", f"{far}Copied"], tmp_path, [password, password])
        assert client.select("Copied")[1] == [b"30"]
        (tmp_path / "pinerc").write_text("personal-name=Alpine\n")
        on_terminal(
            [rpload, "-s", "1", "-t", "pinerc", "-l", str(tmp_path / "pinerc"), "-r", f"{far}remote-pinerc"],
            tmp_path,
            [password],
        )
        assert client.select("remote-pinerc")[0] == "OK"


def test_aerc_shows_a_mailbox_and_reads_a_message(server: Server, tmp_path: Path) -> None:
    aerc, user = need("aerc"), _person(server, "aerc")
    with imaps(server, user) as client:
        for number in range(3):
            client.append(
                "INBOX", "", None, f"From: a@x.test\r\nSubject: aerc {number}\r\n\r\nBody {number}\r\n".encode()
            )
        config = tmp_path / ".config" / "aerc"
        config.mkdir(parents=True)
        (config / "accounts.conf").write_text(
            f"[a]\nsource = imaps://{user.replace('@', '%40')}:{PASSWORD}@localhost:{server.ports['imaps']}\n"
            f"default = INBOX\nfrom = A <{user}>\n"
        )
        (config / "accounts.conf").chmod(0o600)
        certificate = str(server.folder / "data" / "tls" / "self-signed.crt")
        with Screen(tmp_path).running([aerc], SSL_CERT_FILE=certificate) as screen:
            assert screen.shows("aerc 2"), screen.text()
            screen.type("Enter")
            assert screen.shows("Body"), screen.text()
        client.select("INBOX")
        deadline = time.monotonic() + 10
        while not client.search(None, "SEEN")[1][0] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert client.search(None, "SEEN")[1][0]
