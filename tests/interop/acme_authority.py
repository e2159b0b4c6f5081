"""A real ACME authority, pebble, and the DNS server that it asks, pebble-challtestsrv; both from Debian."""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.server import wait_for_port
from tests.mailauth.authority import issue

EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
DIRECTORY_HOST = "acme.test"


def free_ports(count: int) -> list[int]:
    """That nobody listens on now, TCP and UDP."""
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            sock = stack.enter_context(socket.socket())
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
            datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                datagrams.bind(("127.0.0.1", port))
                ports.append(port)
        return ports


@dataclass(frozen=True)
class Authority:
    """`http` and `tls`: where it looks for http-01 and tls-alpn-01."""

    folder: Path
    port: int
    http: int
    tls: int
    asked: int  # port of the name server that it asks
    management: int  # of the test's own DNS server

    @property
    def directory(self) -> str:
        return f"https://{DIRECTORY_HOST}:{self.port}/dir"

    @property
    def cafile(self) -> Path:
        """By which its own server is known."""
        return self.folder / "web-ca" / "chain.pem"

    def settings(self, **more: object) -> str:
        """What is in the section [acme]."""
        values = {
            "directory": self.directory,
            "terms_agreed": True,
            "authorities": str(self.cafile),
            "poll_seconds": 0.2,
            "look_seconds": 0.5,
            "contact": ["postmaster@example.test"],
            **more,
        }
        lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
        return "\n".join(lines)

    def txt_command(self) -> list[str]:
        """For acme.dns_command."""
        script = self.folder / "txt.sh"
        script.write_text(
            '#!/bin/sh\n[ "$1" = add ] && do=set-txt || do=clear-txt\n'
            'exec curl -sSf -d "{\\"host\\":\\"$2.\\",\\"value\\":\\"$3\\"}" '
            f"http://127.0.0.1:{self.management}/$do\n"
        )
        script.chmod(0o755)
        return [str(script)]

    def lead(self, host: str, addresses: list[str]) -> None:
        """Where a name leads, instead of to 127.0.0.1."""
        body = json.dumps({"host": f"{host}.", "addresses": addresses}).encode()
        url = f"http://127.0.0.1:{self.management}/add-a"
        urllib.request.urlopen(urllib.request.Request(url, body), timeout=5).close()


@contextlib.contextmanager
def authority(folder: Path, *, eab: bool = False, bad_nonces: int = 20, dns: int = 0) -> Iterator[Authority]:
    """Runs for the length of a block; `bad_nonces`: how many of a hundred good ones it refuses; `dns`: another server's
    port that it asks."""
    folder.mkdir(parents=True, exist_ok=True)
    port, management, http, tls, dns_port, dns_management = free_ports(6)
    root = issue("pebble's Web server", ca=True, now=time.time())
    root.write(folder / "web-ca")
    certificate, key = issue(DIRECTORY_HOST, root, now=time.time()).write(folder / "web")
    settings = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": http,
        "tlsPort": tls,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": eab,
        "externalAccountMACKeys": {"kid-1": EAB_KEY},
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    environment = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(bad_nonces)}
    asked = dns or dns_port
    commands = [
        ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{asked}", "-strict"],
        [
            *("pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns_port}", "-management", f"127.0.0.1:{dns_management}"),
            *("-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "", "-defaultIPv4", "127.0.0.1"),
        ],
    ]
    processes = []
    with (folder / "authority.log").open("wb") as log:
        try:
            for command in commands:
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder))
            for one, process in ((port, processes[0]), (dns_management, processes[1])):
                wait_for_port(one, process, folder / "authority.log")
            yield Authority(folder, port, http, tls, asked, dns_management)
        finally:
            for process in processes:
                process.terminate()
                process.wait(timeout=10)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)
