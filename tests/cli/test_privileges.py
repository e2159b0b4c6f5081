"""Giving up root, in a child process; the notify socket."""

import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from postroom.cli.privileges import CannotDrop, drop_privileges, give_data, notify

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give it up")


def _child(script: str) -> subprocess.CompletedProcess[str]:
    script = "import os\nfrom postroom.cli.privileges import *\n" + script
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@root_only
def test_root_is_given_up_for_good() -> None:
    nobody = pwd.getpwnam("nobody")
    result = _child(
        "drop_privileges('nobody')\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups(), oct(os.umask(0)))\n"
        "for back in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0])):\n"
        "    try: back()\n"
        "    except PermissionError: print('no way back')\n"
        "drop_privileges('nobody')\n"
    )
    uid, gid = nobody.pw_uid, nobody.pw_gid
    expected = f"{(uid,) * 3} {(gid,) * 3} [{gid}] 0o77\n" + "no way back\n" * 3
    assert result.stdout == expected, result.stderr


@root_only
def test_another_group() -> None:
    result = _child("drop_privileges('nobody', 'daemon')\nprint(os.getgid(), 0 in os.getgroups())\n")
    assert result.stdout == "1 False\n", result.stderr


@root_only
def test_who_is_not_root_can_not_become_somebody_else() -> None:
    result = _child(
        "drop_privileges('nobody')\ntry: drop_privileges('daemon')\nexcept CannotDrop as e: print(e.message)"
    )
    assert "only root" in result.stdout


def test_users_and_groups_must_exist() -> None:
    with pytest.raises(CannotDrop, match="no user 'no-such-user'"):
        drop_privileges("no-such-user")
    with pytest.raises(CannotDrop, match="no group 'no-such-group'"):
        drop_privileges("root", "no-such-group")


def test_staying_who_one_is() -> None:
    before = os.getresuid()
    drop_privileges(pwd.getpwuid(os.geteuid()).pw_name)
    assert os.getresuid() == before


@root_only
def test_the_data_folder_changes_hands_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch()
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    for name in ("file", "of others"):
        (data / "deep" / name).touch()
    os.chown(data / "deep" / "of others", 4321, 4321)
    (data / "link").symlink_to(outside)
    (data / "deep" / "hard").hardlink_to(outside)
    nobody = pwd.getpwnam("nobody").pw_uid
    for _ in range(2):
        give_data(data, "nobody")
        owners = {path.name: path.lstat().st_uid for path in (data, *data.rglob("*"))}
        expected = {"data": nobody, "deep": nobody, "file": nobody, "link": nobody, "hard": 0, "of others": 4321}
        assert owners == expected
        assert outside.stat().st_uid == 0
    give_data(tmp_path / "nowhere", "nobody")


def test_notify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody-listens"))
    assert not notify("READY=1")
    for name in (str(tmp_path / "notify"), f"@postroom-test-{os.getpid()}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind("\0" + name[1:] if name[0] == "@" else name)
            systemd.settimeout(5)
            monkeypatch.setenv("NOTIFY_SOCKET", name)
            assert notify("READY=1")
            assert systemd.recv(100) == b"READY=1"


def test_the_soft_limit_of_descriptors_is_raised() -> None:
    """Bug: with the usual 1024, a thousand clients left no descriptor for anybody's mail."""
    result = _child(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "print(take_descriptors() == resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 64)\n"
    )
    assert result.stdout == "True\n", result.stderr
