"""What `postroom check` says of people who are known or vouched for elsewhere."""

from pathlib import Path
from typing import Any

from tests.directories.test_hook_source import GOOD as GOOD_HOOK
from tests.signin.issuer import rsa
from tests.signin.web_issuer import web_issuer

from postroom.cli.findings import Finding, Verdict
from postroom.cli.sign_in_findings import elsewhere
from postroom.config import Config
from postroom.directories import DirectorySettings, LdapSettings
from postroom.signin import OAuthSettings

GOOD, BAD = Verdict.GOOD, Verdict.BAD


def found(folder: Path, **sections: Any) -> list[Finding]:
    seen = list(elsewhere(Config(hostname="mail.example.org", data=folder, **sections)))
    assert all(one.fix for one in seen if one.verdict is BAD)
    return seen


def test_nothing_is_said_where_everything_is_here(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_a_hook(tmp_path: Path) -> None:
    path = tmp_path / "people.py"
    path.write_text(GOOD_HOOK)
    path.chmod(0o644)
    directory = DirectorySettings(kind="hook", hook_file=str(path))
    assert [one.verdict for one in found(tmp_path, directory=directory)] == [GOOD]
    path.chmod(0o664)
    (writable, good) = found(tmp_path, directory=directory)
    assert (writable.verdict, good.verdict) == (BAD, GOOD)
    path.write_text(GOOD_HOOK + "\nasync def find(address): raise ValueError\n")
    path.chmod(0o600)
    (broken,) = found(tmp_path, directory=directory)
    assert "ValueError in line" in broken.text
    path.write_text("nonsense(")
    (unusable,) = found(tmp_path, directory=directory)
    assert "SyntaxError" in unusable.text


def test_ldap(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pw\n")
    secret.chmod(0o644)
    ldap = LdapSettings(
        urls=("ldap://127.0.0.1:1",), base="dc=test", bind_dn="cn=a", bind_password_file=str(secret), start_tls=False
    )
    readable, down = found(tmp_path, directory=DirectorySettings(kind="ldap"), ldap=ldap)
    assert "chmod o-r" in readable.fix
    assert (down.verdict, "refused" in down.text) == (BAD, True)


def test_an_issuer(tmp_path: Path) -> None:
    with web_issuer([rsa("one")]) as url:
        oauth = OAuthSettings(issuer=url, audience=("mail",), allow_plain_http=True)
        assert [one.verdict for one in found(tmp_path, oauth=oauth)] == [GOOD]
    (down,) = found(tmp_path, oauth=oauth)
    assert (down.verdict, "refused" in down.text) == (BAD, True)
    missing = OAuthSettings(issuer="https://a.test", audience=("mail",), authorities=str(tmp_path / "missing"))
    (unusable,) = found(tmp_path, oauth=missing)
    assert "oauth.authorities" in unusable.text
