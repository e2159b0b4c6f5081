"""OpenLDAP's slapd with a few people, on ports of its own."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interop.clients import need
from tests.mailauth.authority import issue

from postroom.base import SystemClock

BASE = "dc=example,dc=test"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "of the directory"
_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
TLSCACertificateFile {authorities}
TLSCertificateFile {folder}/own/chain.pem
TLSCertificateKeyFile {folder}/own/key.pem
disallow bind_anon
security simple_bind=128
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw {password}
directory {folder}/db
access to attrs=userPassword by dn.exact="cn=reader,{base}" read by anonymous auth by * none
access to * by * read
"""
_PERSON = """
dn: uid={uid},ou=people,{base}
objectClass: inetOrgPerson
uid: {uid}
cn: {uid}
sn: {uid}
mail: {uid}@example.test
userPassword: {password}
"""


class Slapd:
    """`start` and `stop` it as often as wanted."""

    def __init__(self, folder: Path, port: int, secure_port: int) -> None:
        self._folder = folder
        self.urls = (f"ldap://localhost:{port}", f"ldaps://localhost:{secure_port}")
        self.authorities = folder / "root" / "chain.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self, people: dict[str, str]) -> None:
        """With these people and their userPassword."""
        now = SystemClock().now()
        root = issue("Root", ca=True, now=now)
        root.write(self._folder / "root")
        issue("localhost", root, now=now).write(self._folder / "own", root=False)
        (self._folder / "db").mkdir()
        config = _CONFIG.format(
            folder=self._folder, authorities=self.authorities, base=BASE, admin=ADMIN, password=f'"{ADMIN_PASSWORD}"'
        )
        (self._folder / "slapd.conf").write_text(config)
        entries = f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n"
        entries += f"dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n"
        entries += (
            f"\ndn: cn=reader,{BASE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
            f"cn: reader\nuserPassword: {ADMIN_PASSWORD}\n"
        )
        entries += "".join(_PERSON.format(uid=uid, base=BASE, password=hashed) for uid, hashed in people.items())
        (self._folder / "people.ldif").write_text(entries)
        add = [need("slapadd"), "-f", str(self._folder / "slapd.conf"), "-l", str(self._folder / "people.ldif")]
        done = subprocess.run(add, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        with (self._folder / "slapd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [need("slapd"), "-d", "256", "-f", str(self._folder / "slapd.conf"), "-h", " ".join(self.urls)],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 20
        while "slapd starting" not in self.log().rpartition("stopped")[2]:
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def log(self) -> str:
        path = self._folder / "slapd.log"
        return path.read_text(errors="replace") if path.exists() else ""


@contextmanager
def slapd(folder: Path, port: int, people: dict[str, str]) -> Iterator[Slapd]:
    """One that runs, and whose files go with it."""
    running = Slapd(folder, port, port + 1)
    running.prepare(people)
    running.start()
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder / "db", ignore_errors=True)
