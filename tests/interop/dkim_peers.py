"""OpenDKIM and rspamd from Debian, as signers and verifiers that ask our DNS server for keys.

Owns: their configuration and processes. Never: judges.
"""

import base64
import json
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.interop.clients import need
from tests.interop.signed_zones import SignedDnsServer

from postroom.mailauth.dkim import SigningKey

_RESULT = re.compile(r"\bdkim=(\w+)")
_FIELD = re.compile(r"hname='DKIM-Signature' hvalue='([^']*)'")


class OpenDkim:
    """`opendkim -t`: the milter with a message from a file in the place of an MTA."""

    def __init__(self, folder: Path, server: SignedDnsServer) -> None:
        self._program = need("opendkim")
        self._folder = folder
        resolver = folder / "libunbound.conf"
        zones = sorted({".".join(name.split(".")[-2:]) for name in server.zones})
        resolver.write_text(
            'server:\n  do-not-query-localhost: no\n  module-config: "iterator"\n  do-ip6: no\n'
            + "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: {server.host}@{server.port}\n' for zone in zones)
        )
        self._common = f"Syslog no\nUserID root\nRequireSafeKeys no\nResolverConfiguration {resolver}\n"

    def results(self, message: bytes) -> list[str]:
        """dkim= of its Authentication-Results, in the order of the signatures."""
        return _RESULT.findall(
            self._run("verify", "Mode v\nAlwaysAddARHeader yes\nMaximumSignaturesToVerify 10\n", message)
        )

    def signed(self, message: bytes, key: SigningKey, form: str) -> bytes:
        """With the field that it would have an MTA insert."""
        file = self._folder / f"{key.selector}.pem"
        file.write_bytes(key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        hosts = self._folder / "hosts"
        hosts.write_text("0.0.0.0/0\nlocalhost\n")
        options = (
            f"Mode s\nDomain {key.domain}\nSelector {key.selector}\nKeyFile {file}\nCanonicalization {form}\n"
            f"SignatureAlgorithm {key.algorithm}\nInternalHosts file:{hosts}\nOversignHeaders From,Subject\n"
        )
        output = self._run("sign", options, message)
        found = _FIELD.search(output)
        assert found is not None, output
        return b"DKIM-Signature: " + found[1].replace("\n", "\r\n").encode() + b"\r\n" + message

    def _run(self, what: str, options: str, message: bytes) -> str:
        config, file = self._folder / f"{what}.conf", self._folder / f"{what}.eml"
        config.write_text(self._common + options)
        file.write_bytes(message)
        done = subprocess.run(
            [self._program, "-x", str(config), "-t", str(file), "-vv"], capture_output=True, timeout=60, check=True
        )
        return (done.stdout + done.stderr).decode("utf-8", "backslashreplace")


class Rspamd:
    """A worker of rspamd that knows DKIM alone, by HTTP."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/checkv2"

    def result(self, message: bytes) -> str:
        """ "+": signed by the domain, "-": not, "": no signature."""
        symbols = self._scan(message)["symbols"]
        assert isinstance(symbols, dict)
        trace = symbols.get("DKIM_TRACE", {}).get("options", [""])
        return str(trace[0]).rpartition(":")[2]

    def keys(self, message: bytes) -> set[str]:
        """The selectors whose signatures are good."""
        symbols = self._scan(message)["symbols"]
        assert isinstance(symbols, dict)
        return {str(option).rpartition("=")[2] for option in symbols.get("R_DKIM_ALLOW", {}).get("options", [])}

    def signed(self, message: bytes) -> bytes:
        """With a field by each of its keys."""
        fields = self._scan(message, {"User": "x@example.org", "From": "x@example.org", "IP": "127.0.0.1"})
        values = fields["dkim-signature"]
        texts = values if isinstance(values, list) else [values]
        return b"".join(b"DKIM-Signature: " + str(text).encode() + b"\r\n" for text in texts) + message

    def _scan(self, message: bytes, headers: dict[str, str] | None = None) -> dict[str, object]:
        request = urllib.request.Request(self._url, data=message, headers=headers or {})
        with urllib.request.urlopen(request, timeout=30) as response:
            found = json.load(response)
        assert isinstance(found, dict)
        return found


@contextmanager
def rspamd(folder: Path, server: SignedDnsServer, keys: list[SigningKey]) -> Iterator[Rspamd]:
    """It signs for `keys`, which are of one domain."""
    program = need("rspamd")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    selectors = ", ".join(f'{{ selector = "{key.selector}"; path = "{_rspamd_key(folder, key)}"; }}' for key in keys)
    (folder / "tld").write_text("org\nnet\ntest\n")  # the whole list takes it a minute
    config = folder / "rspamd.conf"
    config.write_text(
        f'options {{ pidfile = "{folder}/pid"; filters = "dkim"; tempdir = "{folder}"; hs_cache_dir = "{folder}";\n'
        f'  control_socket = "{folder}/control mode=0600"; url_tld = "{folder}/tld"; disable_hyperscan = true;\n'
        f'  dns {{ nameserver = ["{server.host}:{server.port}"]; timeout = 5s; }} }}\n'
        f'logging {{ type = "file"; filename = "{folder}/log"; level = "info"; }}\n'
        f'worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; enabled = true; }}\n'
        'modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }\n'
        "dkim { check_local = true; check_authed = true; }\nactions { reject = 10000; }\n"
        'group "dkim" { symbols { "R_DKIM_ALLOW" { weight = -1; } "R_DKIM_REJECT" { weight = 1; } } }\n'
        "dkim_signing { enabled = true; allow_username_mismatch = true; sign_authenticated = true; sign_local = true;\n"
        f'  use_domain = "header"; domain {{ "{keys[0].domain}" {{ selectors [ {selectors} ] }} }} }}\n'
    )
    process = subprocess.Popen(
        [program, "-f", "-i", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(process, port, folder / "log")
        yield Rspamd(port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _rspamd_key(folder: Path, key: SigningKey) -> Path:
    """Ed25519 keys are not PEM there, but seed and public key in base64."""
    file = folder / f"rspamd-{key.selector}"
    if isinstance(key.private, Ed25519PrivateKey):
        file.write_bytes(
            base64.b64encode(key.private.private_bytes_raw() + key.private.public_key().public_bytes_raw())
        )
    else:
        file.write_bytes(key.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    return file


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
                return
        except OSError:
            assert process.poll() is None, log.exists() and log.read_text()
            assert time.monotonic() < deadline, "rspamd does not answer"
            time.sleep(0.1)
