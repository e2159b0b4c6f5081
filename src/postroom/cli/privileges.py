"""Giving up root, and telling systemd how far we are.

Owns: the switch to another user, the notify socket. Never: binds ports (net does, before). Raises: CannotDrop.
"""

import contextlib
import grp
import os
import pwd
import resource
import socket
import stat
from pathlib import Path

import click


class CannotDrop(click.ClickException):
    """No such user or group, or the system refuses; the text says which."""


def take_descriptors() -> int:
    """Let this process open as many files and connections as the system allows it; how many those are.

    The usual soft limit of 1024 is there for programs that use select(); a thousand phones in IDLE are more than that.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # a system that reports more than it gives
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _ids(user: str, group: str) -> tuple[int, int, str]:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise CannotDrop(f"process.user: there is no user {user!r} on this machine") from None
    try:
        gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid
    except KeyError:
        raise CannotDrop(f"process.group: there is no group {group!r} on this machine") from None
    return entry.pw_uid, gid, entry.pw_name


def drop_privileges(user: str, group: str = "") -> None:
    """Become `user` for good: groups, group, user, and a check that there is no way back. Raises CannotDrop.

    Does nothing when the process is that user already; anybody else but root can't change.
    """
    uid, gid, name = _ids(user, group)
    if os.geteuid() == uid:
        return
    if os.geteuid() != 0:
        raise CannotDrop(
            f"process.user is {user!r}, but only root can become somebody else; start as root or as {user}"
        )
    try:
        os.initgroups(name, gid)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise CannotDrop(f"can't become {user}: {error.strerror}") from error
    if uid != 0:
        with contextlib.suppress(PermissionError):
            os.setuid(0)
            raise CannotDrop(f"became {user}, but could become root again")
    os.umask(0o077)
    os.environ["HOME"], os.environ["USER"] = pwd.getpwuid(uid).pw_dir, name


def give_data(folder: Path, user: str, group: str = "") -> None:
    """Root hands what is root's in the data folder to `user`; to be called before drop_privileges.

    What belongs to others is left alone, and so are links: a hard link could be to a file that is root's with reason.
    """
    uid, gid, _ = _ids(user, group)
    if os.geteuid() != 0 or uid == 0 or not folder.is_dir():
        return
    for _, folders, files, here in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            info = os.stat(name, dir_fd=here, follow_symlinks=False)
            if info.st_uid == 0 and (stat.S_ISDIR(info.st_mode) or info.st_nlink == 1):
                os.chown(name, uid, gid, dir_fd=here, follow_symlinks=False)
    if folder.lstat().st_uid == 0:
        os.lchown(folder, uid, gid)


def notify(state: str) -> bool:
    """Tell systemd ("READY=1", see sd_notify(3)); False when nobody asked to be told."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return False
    address = "\0" + path[1:] if path[0] == "@" else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.sendto(state.encode(), address)
    except OSError:
        return False
    return True
