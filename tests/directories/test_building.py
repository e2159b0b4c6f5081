"""From settings to a source."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.directories.ldap_server import no_hashes
from tests.directories.test_hook_source import GOOD

from postroom.accounts import AccountSettings
from postroom.base import FakeClock, SeededIds
from postroom.config import ConfigError, loads
from postroom.directories import DirectorySettings, LdapSettings, RememberingSource, SourceUnusable, source
from postroom.directories.types import Source
from postroom.dns import StaticResolver
from postroom.net import Dialer, NetSettings

HEAD = 'hostname = "mail.example.org"\n'
FILE = Path("/etc/postroom/postroom.toml")


def built(directory: dict[str, Any], **ldap: Any) -> Source | None:
    return source(
        DirectorySettings(**directory),
        LdapSettings(**ldap),
        AccountSettings(),
        resolver=StaticResolver(),
        dialer=Dialer(NetSettings()),
        clock=FakeClock(),
        ids=SeededIds(1),
        hashes=no_hashes,
    )


def test_which_source(tmp_path: Path) -> None:
    assert built({}) is None
    (tmp_path / "people.py").write_text(GOOD)
    hook = built({"kind": "hook", "hook_file": str(tmp_path / "people.py")})
    assert isinstance(hook, RememberingSource)
    ldap = built({"kind": "ldap"}, urls=("ldaps://ldap.test",), base="dc=test")
    assert ldap is not None

    async def close() -> None:
        await ldap.close()
        await hook.close()

    asyncio.run(close())


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    ldap = {"urls": ("ldaps://ldap.test",), "base": "dc=test"}
    missing = str(tmp_path / "missing")
    with pytest.raises(SourceUnusable, match=r"ldap\.authorities"):
        built({"kind": "ldap"}, **ldap, authorities=missing)
    with pytest.raises(SourceUnusable, match=r"ldap\.bind_password_file"):
        built({"kind": "ldap"}, **ldap, bind_dn="cn=a", bind_password_file=missing)


def test_paths_begin_at_the_settings_file() -> None:
    config = loads(HEAD + '[directory]\nkind = "hook"\nhook_file = "people.py"\n[ldap]\nauthorities = "ca.pem"\n', FILE)
    assert config.directory.hook_file == "/etc/postroom/people.py"
    assert config.ldap.authorities == "/etc/postroom/ca.pem"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[directory]\nkind = "ldap"\n', r"directory\.kind: LDAP needs ldap\.urls and ldap\.base"),
        ('[directory]\nkind = "hook"\n', r"directory\.hook_file"),
        ('[ldap]\nurls = ["ldap://a.test"]\nstart_tls = false\n', r"ldap\.urls: .* without TLS"),
        ('[ldap]\nurls = ["a.test"]\n', r"ldap\.urls"),
        ('[ldap]\nuser_filter = "(uid={name})"\n', r"ldap\.user_filter"),
        ('[ldap]\naddress_filter = "mail={address}"\n', r"ldap\.address_filter"),
        ('[ldap]\nbind_dn = "cn=a"\n', r"ldap\.bind_dn"),
    ],
)
def test_settings_that_are_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        loads(HEAD + text, FILE)


def test_plain_ldap_where_nobody_listens_or_that_is_wanted() -> None:
    for text in ('urls = ["ldap://127.0.0.1"]\n', 'urls = ["ldap://a.test"]\nallow_plain = true\n'):
        assert loads(HEAD + "[ldap]\nstart_tls = false\n" + text, FILE).ldap.urls
