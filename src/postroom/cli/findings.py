"""What `postroom check` looks at on this machine: files, databases, certificate, ports.

Owns: those looks. Never: repairs, asks the DNS or other servers (check_dns does). Raises: nothing; what goes wrong is a
finding.
"""

import enum
import errno
import os
import pwd
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from postroom.net import Networks, parse_address

if TYPE_CHECKING:
    from postroom.config import Config, ListenerSettings

_SERVING_TIMEOUT = 3.0  # seconds for a listener to take a connection and, where TLS comes later, to greet
_PROXY_ITSELF = b"PROXY UNKNOWN\r\n"  # what a proxy says that only looks whether somebody is there
_GREETS = {"smtp": b"220", "submission": b"220", "lmtp": b"220", "pop3": b"+OK", "imap": b"* OK"}


class Verdict(enum.Enum):
    GOOD = "good"
    NOTE = "note"  # worth knowing; nothing is broken
    BAD = "bad"
    UNASKED = "unasked"  # there was no answer: nothing is known


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    verdict: Verdict
    subject: str
    text: str
    fix: str = ""
    why: str = ""  # why it matters

    @property
    def row(self) -> dict[str, str]:
        """For programs."""
        words = {"subject": self.subject, "text": self.text, "why": self.why, "fix": self.fix}
        return {"verdict": self.verdict.value, **words}


def good(subject: str, text: str) -> Finding:
    return Finding(Verdict.GOOD, subject, text)


def note(subject: str, text: str, fix: str = "", why: str = "") -> Finding:
    return Finding(Verdict.NOTE, subject, text, fix, why)


def bad(subject: str, text: str, fix: str, why: str = "") -> Finding:
    return Finding(Verdict.BAD, subject, text, fix, why)


def unasked(subject: str, text: str, fix: str) -> Finding:
    """`text`: what could not be asked, and what came instead of an answer."""
    return Finding(Verdict.UNASKED, subject, text, fix)


# ---- files


def settings_file(path: Path, config: "Config") -> Iterator[Finding]:
    """Who may change it, and who may read the secrets in it."""
    from postroom.config.explain import has_secrets

    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        yield bad("settings", f"anybody on this machine may change {path}", f"chmod o-w {path}")
    elif mode & stat.S_IROTH and has_secrets(config):
        yield bad("settings", f"anybody on this machine may read a password in {path}", f"chmod o-r {path}")
    else:
        yield good("settings", f"{path} can be used")


def secret_file(subject: str, path: Path) -> Iterator[Finding]:
    """Who may read a file with a secret that the settings name; whether it is there is not asked here."""
    if path.exists() and path.stat().st_mode & stat.S_IROTH:
        yield bad(subject, f"anybody on this machine may read the secret in {path}", f"chmod o-r {path}")


def readable_after_the_start(config: "Config", subject: str, path: Path) -> Iterator[Finding]:
    """A file that root reads at the start, and the server's user later on when it is replaced."""
    user = _server_user(config)
    if user is not None and not _may_read(user, path.stat()):
        text = f"{user.pw_name} may not read {path}: root does at the start, but what replaces it is not seen"
        yield note(subject, text, f"chgrp {user.pw_name} {path}, chmod 0640, and the same for what replaces it")


def _may_read(user: pwd.struct_passwd, info: os.stat_result) -> bool:
    """By the mode alone."""
    if user.pw_uid in (0, info.st_uid):
        return user.pw_uid == 0 or bool(info.st_mode & stat.S_IRUSR)
    is_member = info.st_gid in os.getgrouplist(user.pw_name, user.pw_gid)
    return bool(info.st_mode & (stat.S_IRGRP if is_member else stat.S_IROTH))


def data_folder(config: "Config") -> Iterator[Finding]:
    """It is there, private, and the server's user may write in it."""
    folder = config.data
    if not folder.is_dir():
        yield bad("data", f"there is no folder {folder}", "run: postroom init, or correct the setting data")
        return
    info = folder.stat()
    user = _server_user(config)
    if user is not None and info.st_uid != user.pw_uid:
        owner = _user_name(info.st_uid)
        yield bad("data", f"{folder} belongs to {owner}, not to {user.pw_name}", f"chown -R {user.pw_name} {folder}")
    elif user is None and not os.access(folder, os.W_OK | os.X_OK):
        yield bad(
            "data", f"{_user_name(os.geteuid())} may not write in {folder}", "run as the server's user, or chown it"
        )
    elif info.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        yield note("data", f"other users of this machine may enter {folder}", f"chmod 0700 {folder}")
    else:
        yield good("data", f"{folder} is private and can be written")


def credential_key(config: "Config") -> Iterator[Finding]:
    """The key that seals SCRAM keys and second factors can be read by the server, and by nobody else."""
    from postroom.accounts.vault import KEY_OCTETS

    path = config.data / config.accounts.credential_key_file
    user = _server_user(config)
    try:
        info = path.stat()
    except OSError as error:
        if isinstance(error, FileNotFoundError) and path.parent.is_dir():
            yield good("data", f"{path} is not there yet; it is made when the first password is set")
        else:
            yield bad("data", f"{path} can't be read: {error.strerror}", "correct accounts.credential_key_file")
        return
    if info.st_size != KEY_OCTETS:
        yield bad("data", f"{path} is damaged: it has {info.st_size} octets", "bring it back from a backup")
    elif user is not None and info.st_uid != user.pw_uid:
        owner = _user_name(info.st_uid)
        yield bad("data", f"{path} belongs to {owner}, not to {user.pw_name}", f"chown {user.pw_name} {path}")
    elif info.st_mode & (stat.S_IRWXO | stat.S_IRWXG):
        yield bad("data", f"other users of this machine may read {path}", f"chmod 0600 {path}")
    else:
        yield good("data", f"{path} is private")


def _server_user(config: "Config") -> "pwd.struct_passwd | None":
    """Whom the server becomes, when it is known and not us."""
    try:
        return pwd.getpwnam(config.process.user) if config.process.user else None
    except KeyError:
        return None


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def process_user(config: "Config") -> Iterator[Finding]:
    if config.process.user and _server_user(config) is None:
        yield bad(
            "process",
            f"process.user is {config.process.user!r}, and there is no such user",
            f"useradd --system --home-dir {config.data} {config.process.user}",
        )
    elif not config.process.user and config.data.is_dir() and config.data.stat().st_uid == 0:
        yield note(
            "process",
            f"{config.data} is root's, so the server runs as root",
            "set process.user: root opens the ports, and that user does everything else",
        )


def relays(config: "Config") -> Iterator[Finding]:
    """Source addresses, and passwords in files of their own."""
    from postroom.delivery.routes import PasswordUnreadable, read_password

    delivery = config.delivery
    sources = {"delivery": (delivery.source_ipv4, delivery.source_ipv6)}
    sources |= {f"delivery.relay.{name}": (one.source_ipv4, one.source_ipv6) for name, one in delivery.relay.items()}
    for name, addresses in sources.items():
        for address in filter(None, addresses):
            yield _source(f"{name}.source_ipv{6 if ':' in address else 4}", address)
    for name, relay in config.delivery.relay.items():
        if not relay.password_file:
            continue
        try:
            read_password(name, relay.password_file)
        except PasswordUnreadable as error:
            yield bad("relay", error.detail, "correct the path, or what it holds; the server's user has to read it")
            continue
        found = list(secret_file("relay", Path(relay.password_file)))
        yield from found or [good("relay", f"the password of {name} can be read")]


def public_suffixes(config: "Config") -> Iterator[Finding]:
    """The list that DMARC may fall back on."""
    from postroom.intake.suffix_file import SuffixFileUnreadable, read_suffix_file

    if path := config.authentication.public_suffix_list:
        try:
            yield good("DMARC", f"the public suffix list {path} has {len(read_suffix_file(path))} rules")
        except SuffixFileUnreadable as error:
            yield bad("DMARC", error.detail, "correct the path, or leave it empty: the DNS alone is enough (RFC 9989)")


def _source(setting: str, address: str) -> Finding:
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.bind((address, 0))
    except OSError as error:
        text = f"calls can't be made from {address}: {error.strerror}"
        return bad("relay", text, f"give this machine that address, or correct {setting}")
    return good("relay", f"calls can be made from {address}")


# ---- databases


def databases(config: "Config") -> Iterator[Finding]:
    """Every database opens and is whole."""
    named = [config.data / "postroom.db", config.data / "queue.db"]
    for path in named:
        if path.exists():
            yield _database(path.name, path)
    stores = sorted((config.data / "accounts").glob("*/mail.db"))
    broken = [finding for path in stores if (finding := _database("mail", path)).verdict is Verdict.BAD]
    yield from broken
    if stores and not broken:
        yield good("mail", f"the databases of {len(stores)} account(s) are whole")


def _database(subject: str, path: Path) -> Finding:
    import apsw

    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.set_busy_timeout(5000)
            said = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
        finally:
            db.close()
    except apsw.Error as error:
        return bad(subject, f"{path} can't be opened: {error}", "see who owns it; if it is damaged, restore a backup")
    if said != ["ok"]:
        return bad(subject, f"{path} is damaged: {'; '.join(said)}", "stop the server and restore a backup of it")
    return good(subject, f"{path} is whole")


def people(domains: list[str], addresses: list[str]) -> Iterator[Finding]:
    """There is somebody to get mail."""
    if not domains:
        yield bad("domains", "there are no domains: all mail is refused", "run: postroom domain add DOMAIN")
    elif not addresses:
        yield note("accounts", "nobody has an account yet", f"run: postroom account add NAME@{domains[0]}")
    else:
        yield good("accounts", f"{len(addresses)} account(s) in {len(domains)} domain(s)")


# ---- ports


def ports(config: "Config", *, must_serve: bool) -> Iterator[Finding]:
    """Each address is free or served; with `must_serve`, served."""
    listening = 0
    for name, listener in config.listeners().items():
        for address in listener.addresses:
            listening += 1
            yield _port(name, listener, address, must_serve)
    if not listening:
        yield bad("ports", "no service has an address to listen on", "set the addresses in [listen]")


def _port(name: str, listener: "ListenerSettings", address: str, must_serve: bool) -> Finding:
    try:
        _try_to_bind(address)
        taken = None
    except OSError as error:
        taken = error
    if taken is not None and taken.errno in (errno.EADDRINUSE, errno.EACCES):
        served, trouble = _served(listener.kind, address, proxies=listener.proxies)
        if served:
            return good(name, f"{address} is served")
    else:
        trouble = "nobody listens there"
    if must_serve:
        return bad(name, f"{address} is not served: {trouble}", "start the server: postroom serve")
    if taken is None:
        return good(name, f"{address} is free")
    if taken.errno == errno.EACCES:
        fix = "start as root with process.user set, or let systemd give CAP_NET_BIND_SERVICE"
        return note(name, f"{address}: only root may open this port", fix)
    if taken.errno == errno.EADDRINUSE:
        fix = f"stop what has it: ss -lnp | grep -F {address.rpartition(':')[2]}"
        return bad(name, f"{address} is in use, and does not answer as {listener.kind}: {trouble}", fix)
    return bad(
        name, f"{address}: {taken.strerror}", f"correct the addresses of {name}: this machine has no such address"
    )


def _try_to_bind(address: str) -> None:
    host, port = parse_address(address)
    if host.startswith("unix:"):
        if Path(host[5:]).is_socket() and _served("", address)[0]:  # one that nobody serves is replaced
            raise OSError(errno.EADDRINUSE, "the socket is in use")
        if not os.access(Path(host[5:]).parent, os.W_OK):
            raise OSError(errno.ENOENT, f"no folder to write {host[5:]} in")
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))


def _served(kind: str, address: str, *, proxies: Sequence[str] = ()) -> tuple[bool, str]:
    """Whether somebody answers there, with this protocol's greeting where one comes in the clear."""
    host, port = parse_address(address)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    try:
        if host.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(_SERVING_TIMEOUT)
            target: str | tuple[str, int] = host[5:]
        else:
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
            sock.settimeout(_SERVING_TIMEOUT)
            target = (host, port)
        with sock:
            sock.connect(target)
            if proxies and sock.getsockname()[0] in Networks(proxies):
                sock.sendall(_PROXY_ITSELF)
            expected = _GREETS.get(kind)
            if expected is None:  # TLS from the start: being let in has to do
                return True, ""
            greeting = sock.recv(512)
            return greeting.startswith(expected), f"it says {greeting[:40]!r}"
    except OSError as error:
        return False, error.strerror or str(error)
