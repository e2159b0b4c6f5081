"""Postfix with Dovecot (LMTP, IMAP, POP3) from Debian, in folders of their own, on loopback high ports.

Owns: installing them, their configuration, their processes. Never: measures. Raises: Unavailable when
they can't be had.

Postfix syncs its queue. Dovecot keeps mail as mdbox, its quickest format, with mail_fsync=always, so that a flag change
that was answered OK is on disk, as it is with Postroom; its default, "optimized", syncs deliveries and APPENDs only.
Passwords are in Dovecot's auth cache, as Postroom caches proven ones. Needs root.
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.interop.packages import install_debian
from tests.interop.server import PASSWORD

from bench import processes
from bench.errors import BenchError, Unavailable
from bench.side import Side
from postroom.net import self_signed

PROGRAMS = {  # program: Debian package
    "postfix": "postfix",
    "dovecot": "dovecot-core",
}
_MORE_PACKAGES = ("dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd")
_PROTOCOLS = Path("/usr/lib/dovecot")
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_WATCHERS = 16_384  # each Dovecot session in IDLE is one
_DOVECOT = """
protocols = imap pop3 lmtp
base_dir = {run}
state_dir = {run}
log_path = {folder}/dovecot.log
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_cache_size = 10M
auth_username_format = %Ln
mail_location = mdbox:{mail}/%n
mail_fsync = {fsync}
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
mail_max_userip_connections = 20000
default_client_limit = 8000
default_process_limit = 400
passdb {{
  driver = passwd-file
  args = {passwd}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={mail}/%n
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {imaps}
  }}
  service_count = 0
  process_min_avail = 1
}}
service imap {{
  process_limit = 4000
}}
service pop3-login {{
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
  service_count = 0
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
namespace inbox {{
  inbox = yes
}}
"""


def install() -> None:
    """Both from Debian, unless they are here. Raises Unavailable."""
    if not _missing():
        return
    if os.geteuid() != 0:
        raise Unavailable(f"{', '.join(_missing())} missing, and only root can install them")
    print("bench: installing Postfix and Dovecot", file=sys.stderr)
    install_debian([*PROGRAMS.values(), *_MORE_PACKAGES])
    if missing := _missing():
        raise Unavailable(f"{', '.join(missing)} could not be installed")


def _missing() -> list[str]:
    missing = [name for name in PROGRAMS if _find(name) is None]
    return missing + [f"dovecot's {name}" for name in ("imap", "pop3", "lmtp") if not (_PROTOCOLS / name).exists()]


def _find(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def program(name: str) -> str:
    """Its path. Raises Unavailable."""
    found = _find(name)
    if found is None:
        raise Unavailable(f"{name} is not installed")
    return found


def versions() -> str:
    """The peers' versions, for the report."""
    postfix = subprocess.run([program("postconf"), "-d", "mail_version"], capture_output=True, text=True).stdout
    dovecot = subprocess.run([program("dovecot"), "--version"], capture_output=True, text=True).stdout
    return f"Postfix {postfix.split('=')[-1].strip()}, Dovecot {dovecot.split()[0]}"


class Peers(Side):
    """The running pair, for these users of peer.test; `fsync` is Dovecot's mail_fsync."""

    name = "peers"
    domain = "peer.test"

    def __init__(self, folder: Path, users: Sequence[str], fsync: str = "always") -> None:
        if os.geteuid() != 0:
            raise Unavailable("the peers can only be started by root")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for parent in [folder, *folder.parents][:3]:
            parent.chmod(parent.stat().st_mode | 0o755)
        self._watchers = _INOTIFY.read_text()
        _allow_watchers(str(max(_WATCHERS, int(self._watchers))))
        self.smtp, self.imap, self.imaps, self.pop3 = (free_port() for _ in range(4))
        _configure_dovecot(folder, (self.imap, self.imaps, self.pop3), users, fsync)
        self._dovecot = self._start_dovecot()
        self._postfix = _start_postfix(folder, self.smtp, users)
        wait_for(self.smtp)

    def _start_dovecot(self) -> "subprocess.Popen[bytes]":
        command = [program("dovecot"), "-F", "-c", str(self._folder / "dovecot.conf")]
        started = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        for port in (self.imap, self.imaps, self.pop3):
            wait_for(port)
        return started

    def roots(self) -> list[int]:
        return [self._dovecot.pid, self._postfix.pid]

    def memory(self) -> int:
        """Many processes of the same programs: what they share is counted once."""
        return processes.proportional_octets(self.roots())

    def restart(self) -> None:
        """Dovecot: Postfix keeps nothing of mailboxes."""
        self._dovecot.terminate()
        self._dovecot.wait(timeout=60)
        self._dovecot = self._start_dovecot()

    def stop(self) -> None:
        etc = self._folder / "postfix-etc"
        subprocess.run([program("postfix"), "-c", str(etc), "stop"], capture_output=True, timeout=60)
        self._dovecot.terminate()
        self._dovecot.wait(timeout=60)
        self._postfix.wait(timeout=60)
        _allow_watchers(self._watchers)


def _allow_watchers(number: str) -> None:
    try:
        _INOTIFY.write_text(number)
    except OSError as error:
        print(f"bench: {_INOTIFY} stays as it is ({error}): Dovecot may tell sessions in IDLE late", file=sys.stderr)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(port: int) -> None:
    """Until somebody listens there."""
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise BenchError(f"nothing answers on port {port}")


def _configure_dovecot(folder: Path, ports: tuple[int, int, int], users: Sequence[str], fsync: str) -> None:
    imap, imaps, pop3 = ports
    owner = pwd.getpwnam("postfix")
    mail, run = folder / "dovecot-mail", folder / "dovecot-run"
    mail.mkdir()
    run.mkdir()
    os.chown(mail, owner.pw_uid, owner.pw_gid)
    passwd = folder / "passwd"
    passwd.write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}::::::\n" for user in users))
    passwd.chmod(0o644)
    certificate, key = self_signed(folder / "tls", "mail.peer.test", 30, time.time())
    (folder / "dovecot.conf").write_text(
        _DOVECOT.format(
            folder=folder,
            run=run,
            mail=mail,
            passwd=passwd,
            certificate=certificate,
            key=key,
            fsync=fsync,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            imap=imap,
            imaps=imaps,
            pop3=pop3,
        )
    )


def _start_postfix(folder: Path, port: int, users: Sequence[str]) -> "subprocess.Popen[bytes]":
    folder.joinpath("postfix-users").write_text("".join(f"{user}@peer.test x\n" for user in users))
    return start_postfix(
        folder,
        port,
        f"virtual_mailbox_domains = peer.test\nvirtual_mailbox_maps = texthash:{folder}/postfix-users\n"
        f"virtual_transport = lmtp:unix:{folder}/dovecot-run/lmtp\nlmtp_destination_concurrency_limit = 20\n",
    )


def start_postfix(folder: Path, port: int, settings: str) -> "subprocess.Popen[bytes]":
    """One with these lines in its main.cf beside the usual ones, in `folder`; it is up when `port` answers."""
    owner = pwd.getpwnam("postfix")
    etc, queue, data = (folder / f"postfix-{name}" for name in ("etc", "queue", "data"))
    for path in (etc, queue, data):
        path.mkdir()
    os.chown(data, owner.pw_uid, owner.pw_gid)
    (etc / "main.cf").write_text(
        f"compatibility_level = 3.6\nmyhostname = mx.peer.test\nmydestination =\nqueue_directory = {queue}\n"
        f"data_directory = {data}\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n"
        f"smtpd_relay_restrictions = permit_mynetworks, reject\nalias_maps =\nsmtpd_client_connection_count_limit = 0\n"
        f"smtpd_client_connection_rate_limit = 0\ndefault_process_limit = 200\n"
        f"maillog_file = {folder}/postfix.log\nmaillog_file_prefixes = {folder}\n{settings}"
    )
    standard = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = [f"127.0.0.1:{port} inet n - n - 200 smtpd"]
    for line in standard.splitlines():
        if line and not line.startswith(("#", " ", "\t", "smtp      inet")):
            fields = line.split(None, 7)
            fields[4] = "n" if fields[4] == "y" else fields[4]
            lines.append(" ".join(fields))
    (etc / "master.cf").write_text("\n".join(lines) + "\n")
    return subprocess.Popen(
        [program("postfix"), "-c", str(etc), "start-fg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
