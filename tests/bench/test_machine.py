"""What is said of the machine."""

from pathlib import Path

from bench import machine

MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/vdb /tmp/disk xfs rw 0 0
"""


def test_the_file_system_is_that_of_the_nearest_mount_point() -> None:
    assert machine.filesystem(MOUNTS, Path("/var/mail")) == "ext4"
    assert machine.filesystem(MOUNTS, Path("/tmp/here")) == "tmpfs"
    assert machine.filesystem(MOUNTS, Path("/tmp/disk/there")) == "xfs"
    assert machine.filesystem("", Path("/tmp")) == "unknown"


def test_the_processor_is_the_first_one_named() -> None:
    assert machine.processor("processor\t: 0\nmodel name\t: Some CPU 3000\nmodel name\t: Other\n") == "Some CPU 3000"
    assert machine.processor("") != ""


def test_a_session_says_where_and_when(tmp_path: Path) -> None:
    session = machine.session(3, tmp_path, "Postfix 1", quick=False)
    assert session.cores >= 1
    assert session.runs == 3
    assert session.peers == "Postfix 1"
