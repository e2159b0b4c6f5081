"""Tokens of a real OpenID Connect issuer sign people in, with the libraries and programs that mail programs use."""

import imaplib
import json
import re
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.clients import need, run
from tests.interop.oidc import CLIENT_SECRET, OidcIssuer, oidc_issuer
from tests.interop.packages import NPM_FOLDER
from tests.interop.relays import INSECURE
from tests.interop.server import PASSWORD, Server, start_server, stop_server, with_settings

pytestmark = pytest.mark.interop
DAVE = "dave@example.test"
_SECTION = """
[guard]
max_failure_delay_seconds = 0
max_stranger_delay_seconds = 0

[oauth]
issuer = "{issuer}"
verify = "{verify}"
audience = [{audience}]
scopes = ["mail"]
client_id = "postroom"
client_secret_file = "{secret}"
authorities = "{authorities}"
retry_seconds = 1
introspection_cache_seconds = 1
refusal_cache_seconds = 1
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module", params=["jwt", "opaque"], ids=["keys", "introspection"])
def issuer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcIssuer]:
    with oidc_issuer(tmp_path_factory.mktemp("issuer"), free_port(), request.param) as running:
        yield running


@pytest.fixture(scope="module")
def server(issuer: OidcIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("postroom-oauth")
    (folder / "oauth.secret").write_text(CLIENT_SECRET + "\n")
    section = _SECTION.format(
        issuer=issuer.issuer,
        verify="keys" if issuer.format == "jwt" else "introspection",
        audience='"urn:mail"' if issuer.format == "jwt" else "",
        secret=folder / "oauth.secret",
        authorities=issuer.authorities,
    )
    running = start_server(
        folder, "example.test", [DAVE, "erin@example.test"], lambda text: with_settings(text, section)
    )
    yield running
    stop_server(running)


def by_imap(server: Server, user: str, token: str, mechanism: str = "XOAUTH2") -> str:
    """ "OK", or what the refusal says."""
    if mechanism == "XOAUTH2":
        message = f"user={user}\1auth=Bearer {token}\1\1"
    else:
        message = f"n,a={user},\1host=localhost\1port=993\1auth=Bearer {token}\1\1"
    said: list[bytes] = []

    def answer(challenge: bytes) -> bytes:
        said.append(challenge)
        return message.encode() if len(said) == 1 else b"\1" if mechanism == "OAUTHBEARER" else b""

    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=INSECURE) as imap:
        try:
            return str(imap.authenticate(mechanism, answer)[0])
        except imaplib.IMAP4.error as error:
            return f"{error} {said[1:]}"


def test_the_libraries_of_npm(server: Server, issuer: OidcIssuer) -> None:
    """imapflow by OAUTHBEARER, nodemailer by XOAUTH2."""
    for package in ("imapflow", "nodemailer"):
        if not (NPM_FOLDER / "node_modules" / package).exists():
            pytest.skip(f"npm's {package} is not installed; `make interop` installs it")
    script = Path(__file__).with_name("oauth_clients.mjs")
    ports = [str(server.ports[name]) for name in ("imaps", "submissions")]
    command = [need("node"), str(script), str(NPM_FOLDER), *ports, DAVE]
    seen = json.loads(run(command, stdin=issuer.token(DAVE)).splitlines()[-1])
    assert (seen["imap"], seen["smtp"]) == ("ok", "ok")
    seen = json.loads(run(command, stdin=issuer.token("erin@example.test")).splitlines()[-1])
    assert seen["imap"].startswith("refused"), seen  # a token of somebody else
    assert seen["smtp"].startswith("EAUTH"), seen


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_curl(server: Server, issuer: OidcIssuer, mechanism: str) -> None:
    token = issuer.token(DAVE)
    for kind in ("imaps", "pop3s"):
        place = f"{kind}://127.0.0.1:{server.ports[kind]}/"
        command = [need("curl"), "--silent", "--show-error", "--insecure", place, "--user", f"{DAVE}:"]
        run([*command, "--oauth2-bearer", token, "--login-options", f"AUTH={mechanism}"])


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_what_is_refused(server: Server, issuer: OidcIssuer, mechanism: str) -> None:
    good = issuer.token(DAVE)
    assert by_imap(server, DAVE, good, mechanism) == "OK"
    wrong = [good[:-8] + ("AAAAAAAA" if not good.endswith("AAAAAAAA") else "BBBBBBBB"), "x", "", "x" * 3000]
    wrong += [issuer.token("nobody@example.test"), issuer.token(DAVE, scope="openid")]
    wrong += [issuer.token("unverified@example.test")]
    if issuer.format == "jwt":
        wrong.append(issuer.token(DAVE, resource="urn:calendar"))
    for token in wrong:
        said = by_imap(server, DAVE, token, mechanism)
        assert "AUTHENTICATIONFAILED" in said, (token, said)


def test_a_token_that_is_revoked(server: Server, issuer: OidcIssuer) -> None:
    if issuer.format == "jwt":
        pytest.skip("signed tokens are good to their end, whatever the issuer thinks of them later")
    token = issuer.token(DAVE)
    assert by_imap(server, DAVE, token) == "OK"
    issuer.revoke(token)
    for _ in range(50):
        if "AUTHENTICATIONFAILED" in by_imap(server, DAVE, token):
            return
    raise AssertionError("the token is still good")


def test_the_issuer_stops_and_comes_back_with_new_keys(server: Server, issuer: OidcIssuer) -> None:
    token, other = issuer.token(DAVE), issuer.token("erin@example.test")
    assert by_imap(server, DAVE, token) == "OK"
    issuer.stop()
    try:
        said = by_imap(server, "erin@example.test", other)
        assert said == "OK" if issuer.format == "jwt" else "UNAVAILABLE" in said, said  # its keys are known here
        with smtplib.SMTP_SSL("127.0.0.1", server.ports["submissions"], context=INSECURE) as smtp:
            smtp.login(DAVE, PASSWORD)  # passwords go on
    finally:
        issuer.start()
    fresh = issuer.token(DAVE)
    for _ in range(100):
        if by_imap(server, DAVE, fresh) == "OK":
            break
    assert by_imap(server, DAVE, fresh) == "OK"
    assert by_imap(server, DAVE, token) != "OK"  # its key is gone, or the issuer has forgotten it


def test_no_token_or_secret_is_in_the_log(server: Server) -> None:
    log = (server.folder / "server.log").read_text()
    assert not re.search(r"eyJ[A-Za-z0-9_-]{10}|Bearer|the:secret", log)
