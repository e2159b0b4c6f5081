"""rspamd, SpamAssassin, ClamAV, OpenDKIM and a milter of libmilter's, each with a folder of its own.

Owns: their configuration and processes. Never: judges.
"""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.interop.clients import need

from postroom.filters.probes import EICAR

SIGNATURE = "Eicar-Test-Signature"
VIRUS = f"{SIGNATURE}.UNOFFICIAL"  # so clamd says of signatures that are not ClamAV's
STREAM_MAX_OCTETS = 1_048_576
DEBIAN_PYTHON = "/usr/bin/python3"  # whose packages are Debian's
_CHANGER = Path(__file__).parent / "pymilter_peer.py"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(command: list[str], log: Path, answers: Callable[[], bool]) -> Iterator["subprocess.Popen[bytes]"]:
    """A server in the foreground, from when it answers."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not answers():
            assert process.poll() is None, log.read_text(errors="replace")[-3000:]
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-3000:]
            time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def takes_connections(place: int | Path) -> Callable[[], bool]:
    def answers() -> bool:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX if isinstance(place, Path) else socket.AF_INET) as one,
        ):
            one.connect(str(place) if isinstance(place, Path) else ("127.0.0.1", place))
            return True
        return False

    return answers


def need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("the filters of Debian are started by root")


@contextmanager
def clamd(folder: Path) -> Iterator[tuple[Path, "subprocess.Popen[bytes]"]]:
    """With one signature, its own; the path of its socket."""
    program = need("clamd")
    need_root()
    database = folder / "signatures"
    database.mkdir(parents=True, exist_ok=True)
    (database / "test.ndb").write_text(f"{SIGNATURE}:0:*:{EICAR.hex()}\n")
    path, config = folder / "clamd.sock", folder / "clamd.conf"
    path.unlink(missing_ok=True)
    config.write_text(
        f"LocalSocket {path}\nDatabaseDirectory {database}\nTemporaryDirectory {folder}\nUser root\nForeground true\n"
        f"StreamMaxLength {STREAM_MAX_OCTETS}\n"
    )
    with started([program, "-c", str(config)], folder / "clamd.log", takes_connections(path)) as process:
        yield path, process


@contextmanager
def spamd(folder: Path) -> Iterator[int]:
    """By its own rules, without the network; the port."""
    program, port = need("spamd"), free_port()
    need_root()
    command = [program, "-L", "-x", "-i", "127.0.0.1", "-p", str(port), "-m", "2", "-s", "stderr"]
    with started(command, folder / "spamd.log", takes_connections(port)):
        yield port


@contextmanager
def rspamd(folder: Path) -> Iterator[int]:
    """A worker that knows GTUBE and one rule of a test; the port."""
    program, port = need("rspamd"), free_port()
    (folder / "tld").write_text("test\ncom\n")  # the whole list takes it a minute
    (folder / "rules.lua").write_text(
        "rspamd_config:register_symbol{ name = 'CHEAP', score = 7.0, callback = function(task)\n"
        "  local subject = task:get_subject() or ''\n"
        "  task:set_milter_reply({ add_headers = { ['X-Seen-Of'] = { value = (task:get_helo() or '') .. ' ' ..\n"
        "    tostring(task:get_ip()) .. ' ' .. (task:get_queue_id() or ''), order = 1 } } })\n"
        "  return subject:find('cheap') ~= nil\nend }\n"
    )
    config = folder / "rspamd.conf"
    config.write_text(
        f'options {{ pidfile = "{folder}/pid"; filters = ""; tempdir = "{folder}"; hs_cache_dir = "{folder}";\n'
        f'  control_socket = "{folder}/control mode=0600"; url_tld = "{folder}/tld"; disable_hyperscan = true;\n'
        '  dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; } }\n'
        f'logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "info"; }}\n'
        f'worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; enabled = true; }}\n'
        f'lua = "{folder}/rules.lua";\n'
        "actions { reject = 15; add_header = 6; }\n"
    )
    command = [program, "-f", "-i", "-c", str(config)]
    with started(command, folder / "rspamd.out", takes_connections(port)):
        yield port


@contextmanager
def opendkim(folder: Path, options: str) -> Iterator[Path]:
    """As a milter; the path of its socket."""
    program = need("opendkim")
    need_root()
    path, config = folder / "opendkim.sock", folder / "opendkim.conf"
    path.unlink(missing_ok=True)
    config.write_text(f"Syslog no\nUserID root\nRequireSafeKeys no\nSocket local:{path}\n{options}")
    with started([program, "-f", "-x", str(config)], folder / "opendkim.log", takes_connections(path)):
        yield path


@contextmanager
def changer(folder: Path) -> Iterator[tuple[Path, "subprocess.Popen[bytes]"]]:
    """The milter of pymilter_peer.py."""
    if subprocess.run([DEBIAN_PYTHON, "-c", "import Milter"], capture_output=True).returncode:
        pytest.skip("python3-milter is not installed here; `make interop` as root installs it")
    path = folder / "changer.sock"
    path.unlink(missing_ok=True)
    command = [DEBIAN_PYTHON, str(_CHANGER), f"local:{path}"]
    with started(command, folder / "changer.log", takes_connections(path)) as process:
        yield path, process
