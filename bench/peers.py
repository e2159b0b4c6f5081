"""Postfix with Dovecot (LMTP, IMAP, POP3) from Debian, in folders of their own, on loopback high ports.

Postfix syncs its queue. Dovecot keeps mail as mdbox, its quickest format, with mail_fsync=always, so that a flag change
that was answered OK is on disk, as it is with Postroom; its default, "optimized", syncs deliveries and APPENDs only.
Passwords are in Dovecot's auth cache, as Postroom caches proven ones. Needs root.
"""

import os
import pwd
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "correct-horse-battery"


@dataclass
class Peers:
    """The running pair and its ports."""

    folder: Path
    smtp: int
    imap: int
    pop3: int
    dovecot: "subprocess.Popen[bytes]"
    postfix: "subprocess.Popen[bytes]"

    def processes(self) -> list[int]:
        """Ids of the two master processes."""
        return [self.dovecot.pid, self.postfix.pid]

    def stop(self) -> None:
        """End both."""
        etc = self.folder / "postfix-etc"
        subprocess.run([_program("postfix"), "-c", str(etc), "stop"], capture_output=True, timeout=60)
        self.dovecot.terminate()
        self.dovecot.wait(timeout=60)
        self.postfix.wait(timeout=60)


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise SystemExit(f"bench: {name} is not installed (Debian: postfix dovecot-imapd dovecot-pop3d dovecot-lmtpd)")
    return found


def versions() -> str:
    """The peers' versions, for the report."""
    postfix = subprocess.run([_program("postconf"), "-d", "mail_version"], capture_output=True, text=True).stdout
    dovecot = subprocess.run([_program("dovecot"), "--version"], capture_output=True, text=True).stdout
    return f"Postfix {postfix.split('=')[-1].strip()}, Dovecot {dovecot.split()[0]}"


def start(folder: Path, users: list[str], fsync: str = "always") -> Peers:
    """Start the pair for these users of peer.test; `fsync` is Dovecot's mail_fsync."""
    if os.geteuid() != 0:
        raise SystemExit("bench: the peers can only be started by root")
    folder.mkdir(parents=True, exist_ok=True)
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(parent.stat().st_mode | 0o755)
    smtp, imap, pop3 = (_free_port() for _ in range(3))
    dovecot = _start_dovecot(folder, imap, pop3, users, fsync)
    postfix = _start_postfix(folder, smtp, users)
    for port in (smtp, imap, pop3):
        _wait(port)
    return Peers(folder, smtp, imap, pop3, dovecot, postfix)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"bench: nothing answers on port {port}")


def _start_dovecot(folder: Path, imap: int, pop3: int, users: list[str], fsync: str) -> "subprocess.Popen[bytes]":
    owner = pwd.getpwnam("postfix")
    mail, run = folder / "dovecot-mail", folder / "dovecot-run"
    mail.mkdir()
    run.mkdir()
    os.chown(mail, owner.pw_uid, owner.pw_gid)
    passwd = folder / "passwd"
    passwd.write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}::::::\n" for user in users))
    passwd.chmod(0o644)
    config = folder / "dovecot.conf"
    config.write_text(f"""
protocols = imap pop3 lmtp
base_dir = {run}
state_dir = {run}
log_path = {folder}/dovecot.log
ssl = no
disable_plaintext_auth = no
auth_cache_size = 10M
auth_username_format = %Ln
mail_location = mdbox:{mail}/%n
mail_fsync = {fsync}
mail_uid = {owner.pw_uid}
mail_gid = {owner.pw_gid}
first_valid_uid = 1
mail_max_userip_connections = 2000
default_client_limit = 4000
default_process_limit = 400
passdb {{
  driver = passwd-file
  args = {passwd}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={mail}/%n
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
  service_count = 0
  process_min_avail = 1
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
""")
    return subprocess.Popen([_program("dovecot"), "-F", "-c", str(config)], stderr=subprocess.DEVNULL)


def _start_postfix(folder: Path, port: int, users: list[str]) -> "subprocess.Popen[bytes]":
    owner = pwd.getpwnam("postfix")
    etc, queue, data = (folder / f"postfix-{name}" for name in ("etc", "queue", "data"))
    for path in (etc, queue, data):
        path.mkdir()
    os.chown(data, owner.pw_uid, owner.pw_gid)
    (etc / "users").write_text("".join(f"{user}@peer.test x\n" for user in users))
    (etc / "main.cf").write_text(
        f"compatibility_level = 3.6\nmyhostname = mx.peer.test\nmydestination =\nqueue_directory = {queue}\n"
        f"data_directory = {data}\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n"
        f"virtual_mailbox_domains = peer.test\nvirtual_mailbox_maps = texthash:{etc}/users\n"
        f"virtual_transport = lmtp:unix:{folder}/dovecot-run/lmtp\nlmtp_destination_concurrency_limit = 20\n"
        f"smtpd_relay_restrictions = permit_mynetworks, reject\nalias_maps =\nsmtpd_client_connection_count_limit = 0\n"
        f"maillog_file = {folder}/postfix.log\nmaillog_file_prefixes = {folder}\n"
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
        [_program("postfix"), "-c", str(etc), "start-fg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
