"""Other mail servers on loopback, each of its own folder: a Postfix and an Exim that know the way to a Postroom.

Both are started by hand by root, as their Debian packages exclude each other (packages.py).
"""

import contextlib
import os
import pwd
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.interop.clients import need
from tests.interop.packages import EXIM, EXIM_USER
from tests.interop.server import PASSWORD, Server, start_server, stop_server

from postroom.net import self_signed

INSECURE = ssl._create_unverified_context()


@dataclass
class Relay:
    """The other server: carol, jürgen and r0, r1 … of its domain are local to it (Maildirs), the rest it relays."""

    domain: str
    folder: Path
    port: int
    logs: list[Path]

    def received(self, mailbox: str = "carol") -> list[bytes]:
        """The messages in a Maildir, with CRLF: carol, juergen, many."""
        new = self.folder / "mail" / mailbox / "new"
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in new.iterdir()] if new.exists() else []

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in self.logs if path.exists())

    def wait_for(self, found: Callable[[], bool], seconds: float = 30) -> None:
        """Until it is so, or the test fails with the log."""
        deadline = time.monotonic() + seconds
        while not found():
            assert time.monotonic() < deadline, self.log()[-4000:]
            time.sleep(0.05)

    def send(self, to: str | list[str], message: bytes, options: Sequence[str] = (), notify: str = "") -> None:
        """As a client of it, from carol."""
        with smtplib.SMTP("127.0.0.1", self.port) as smtp:
            given = [f"NOTIFY={notify}"] if notify else []
            assert smtp.sendmail(f"carol@{self.domain}", to, message, list(options), given) == {}


def submit(server: Server, to: str | list[str], message: bytes, options: Sequence[str] = (), notify: str = "") -> None:
    """As alice of example.test, to her own server."""
    with smtplib.SMTP_SSL("127.0.0.1", server.ports["submissions"], context=INSECURE) as smtp:
        smtp.login("alice@example.test", PASSWORD)
        given = [f"NOTIFY={notify}"] if notify else []
        assert smtp.sendmail("alice@example.test", to, message, list(options), given) == {}


DOMAINS = ("postfix.test", "exim.test")


@contextmanager
def postroom(folder: Path) -> Iterator[tuple[Server, dict[str, int]]]:
    """A Postroom for example.test that knows the way to both, and the ports where it thinks they are."""
    if os.geteuid() != 0:
        pytest.skip("other mail servers can only be started by root")
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in DOMAINS]
        ports = {domain: int(sock.getsockname()[1]) for domain, sock in zip(DOMAINS, sockets, strict=True)}
    routes = ", ".join(f'"{domain}" = "127.0.0.1:{port}"' for domain, port in ports.items())

    def routed(text: str) -> str:
        return text.replace("\n[delivery]\n", f"\n[delivery]\nidle_connection_seconds = 1\nroutes = {{{routes}}}\n")

    server = start_server(folder, "example.test", ["alice@example.test", "bob@example.test"], routed)
    try:
        yield server, ports
    finally:
        stop_server(server)


@contextmanager
def folder_for_others() -> Iterator[Path]:
    """One that other users get into, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="postroom-interop-") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


def certified(folder: Path, domain: str, owner: pwd.struct_passwd) -> tuple[Path, Path]:
    """A certificate and its key that the owner can read."""
    certificate, key = self_signed(folder, f"mx.{domain}", 30, time.time())
    os.chown(key, owner.pw_uid, owner.pw_gid)
    return certificate, key


def wait_for_port(relay: Relay, address: str = "127.0.0.1") -> None:
    def answers() -> bool:
        try:
            socket.create_connection((address, relay.port), timeout=1).close()
        except OSError:
            return False
        return True

    relay.wait_for(answers)


@contextmanager
def running_postfix(relay: Relay, main: str, services: dict[str, str], owner: pwd.struct_passwd) -> Iterator[None]:
    """A Postfix in the relay's folder, with these lines of main.cf and these smtpd by address, each with its options;
    what they refer to is in `etc` there already."""
    program = need("postfix")
    etc, queue, data = (relay.folder / name for name in ("etc", "queue", "data"))
    for path in (queue, data):
        path.mkdir()
    os.chown(data, owner.pw_uid, owner.pw_gid)
    (etc / "main.cf").write_text(
        f"compatibility_level = 3.6\nmydestination =\nqueue_directory = {queue}\ndata_directory = {data}\n"
        "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nalias_maps =\n"
        "smtpd_relay_restrictions = permit_mynetworks, reject\nsmtpd_tls_security_level = may\n"
        f"maillog_file = /dev/stdout\nmaillog_file_prefixes = /dev/stdout\nmyhostname = mx.{relay.domain}\n{main}"
    )
    standard = Path("/usr/share/postfix/master.cf.dist").read_text().splitlines()
    lines = [line for line in standard if line and not line.startswith(("#", " ", "\t", "smtp      inet"))]
    own = [f"{address}:{relay.port} inet n - n - - smtpd{options}" for address, options in services.items()]
    (etc / "master.cf").write_text("\n".join([*own, *_no_chroot(lines)]) + "\n")
    relay.logs = [relay.folder / "log"]
    with (relay.folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(etc), "start-fg"], stdout=log, stderr=log)
    try:
        wait_for_port(relay, list(services)[-1])
        yield
    finally:
        subprocess.run([program, "-c", str(etc), "stop"], capture_output=True, timeout=60)
        process.wait(timeout=60)


@contextmanager
def postfix(folder: Path, port: int, postroom_port: int) -> Iterator[Relay]:
    need("postfix")
    relay = Relay("postfix.test", folder, port, [])
    owner = pwd.getpwnam("postfix")
    etc, mail = folder / "etc", folder / "mail"
    for path in (etc, mail):
        path.mkdir()
    os.chown(mail, owner.pw_uid, owner.pw_gid)
    certificate, key = certified(etc, relay.domain, owner)
    (etc / "mailboxes").write_text(
        "/^carol@postfix\\.test$/ carol/\n/^jürgen@postfix\\.test$/ juergen/\n/^r[0-9]+@postfix\\.test$/ many/\n"
    )
    main = (
        f"virtual_mailbox_domains = postfix.test\nvirtual_mailbox_base = {mail}\n"
        f"virtual_mailbox_maps = regexp:{etc}/mailboxes\nvirtual_uid_maps = static:{owner.pw_uid}\n"
        f"virtual_gid_maps = static:{owner.pw_gid}\nvirtual_minimum_uid = 1\nvirtual_mailbox_limit = 0\n"
        "message_size_limit = 0\nmailbox_size_limit = 0\n"
        f"transport_maps = inline:{{ example.test=smtp:[127.0.0.1]:{postroom_port} }}\n"
        "smtp_tls_security_level = encrypt\nsmtp_tls_loglevel = 1\nsmtpd_tls_received_header = yes\n"
        f"smtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\n"
    )
    with running_postfix(relay, main, {"127.0.0.1": ""}, owner):
        yield relay


def _no_chroot(lines: list[str]) -> list[str]:
    """master.cf lines with chroot off, so that the folder needs no copies of system files."""
    out = []
    for line in lines:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[4] == "y":
            fields[4] = "n"
        out.append(" ".join(fields))
    return out


@contextmanager
def exim(folder: Path, port: int, postroom_port: int) -> Iterator[Relay]:
    if not EXIM.exists():
        pytest.skip("Exim is not there; `make interop` as root fetches it")
    relay = Relay("exim.test", folder, port, [])
    owner = pwd.getpwnam(EXIM_USER)
    etc, spool, logs, mail = (folder / name for name in ("etc", "spool", "logs", "mail"))
    for path in (etc, spool, logs, mail):
        path.mkdir()
    for path in (spool, logs, mail):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    certificate, key = certified(etc, relay.domain, owner)
    (etc / "mailboxes").write_text("carol: carol\njürgen: juergen\n")
    (etc / "exim.conf").write_text(
        _EXIM_CONF.format(
            port=relay.port,
            etc=etc,
            spool=spool,
            logs=logs,
            mail=mail,
            user=EXIM_USER,
            program=EXIM,
            certificate=certificate,
            key=key,
            postroom=postroom_port,
        )
    )
    relay.logs = [folder / "log", logs / "mainlog", logs / "rejectlog", logs / "paniclog"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([EXIM, "-C", str(etc / "exim.conf"), "-bdf", "-q1m"], stdout=log, stderr=log)
    try:
        wait_for_port(relay)
        yield relay
    finally:
        process.terminate()
        process.wait(timeout=60)


_EXIM_CONF = """\
exim_user = {user}
exim_group = {user}
exim_path = {program}
deliver_drop_privilege = true
keep_environment =
primary_hostname = mx.exim.test
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
disable_ipv6 = true
spool_directory = {spool}
log_file_path = {logs}/%slog
log_selector = +received_recipients
pid_file_path = {spool}/pid
message_size_limit = 100M
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
dsn_advertise_hosts = *
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  accept domains = exim.test
         verify = recipient
  deny domains = exim.test
       message = 550 5.1.1 no such person
  accept hosts = 127.0.0.0/8
  deny message = no relaying
begin routers
postroom:
  driver = manualroute
  domains = example.test
  route_list = * 127.0.0.1
  self = send
  transport = postroom
people:
  driver = accept
  domains = exim.test
  address_data = ${{lookup{{$local_part}}lsearch{{{etc}/mailboxes}}{{$value}}fail}}
  transport = people
many:
  driver = accept
  domains = exim.test
  local_parts = ^r[0-9]+\\$
  transport = many
begin transports
postroom:
  driver = smtp
  port = {postroom}
  allow_localhost = true
  hosts_require_tls = *
  hosts_try_dane =
  tls_verify_certificates =
  tls_try_verify_hosts =
people:
  driver = appendfile
  maildir_format
  create_directory
  user = {user}
  directory = {mail}/$address_data
many:
  driver = appendfile
  maildir_format
  create_directory
  user = {user}
  directory = {mail}/many
begin retry
* * F,1h,1m
"""
