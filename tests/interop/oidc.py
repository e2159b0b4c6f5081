"""A real OpenID Connect issuer (npm's oidc-provider), and how a mail program gets its token: code flow with PKCE."""

import base64
import hashlib
import http.cookiejar
import json
import select
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.interop.clients import need
from tests.interop.packages import NPM_FOLDER
from tests.mailauth.authority import issue

from postroom.base import SystemClock

CLIENT_SECRET = "the:secret of/postroom"
_BACK = "http://127.0.0.1/back"
_VERIFIER = "v" * 50


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_STARTS, _START_SECONDS = 3, 20.0


@dataclass
class OidcIssuer:
    """`start` and `stop` it as often as wanted; each start has new keys."""

    folder: Path
    port: int
    format: str  # "jwt" or "opaque"
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def authorities(self) -> Path:
        return self.folder / "root" / "chain.pem"

    def prepare(self) -> None:
        now = SystemClock().now()
        root = issue("Root", ca=True, now=now)
        root.write(self.folder / "root")
        issue("localhost", root, now=now).write(self.folder / "own", root=False)

    def start(self) -> None:
        script, own = Path(__file__).with_name("oidc_issuer.mjs"), self.folder / "own"
        command = [need("node"), str(script), str(NPM_FOLDER), str(self.port)]
        command += [str(own / "key.pem"), str(own / "chain.pem"), self.format]
        for _ in range(_STARTS):
            with (self.folder / "issuer.log").open("ab") as log:
                self._process = process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
            assert process.stdout is not None
            if select.select([process.stdout], [], [], _START_SECONDS)[0]:
                line = process.stdout.readline()
                assert line == b"ready\n", (line, (self.folder / "issuer.log").read_text())
                return
            process.kill()  # Node was once seen waiting for itself (a futex) before it had read the script
            self.stop()
        raise AssertionError(f"it does not start: {(self.folder / 'issuer.log').read_text()}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def token(self, person: str, scope: str = "openid mail", resource: str = "urn:mail") -> str:
        """An access token of this person."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).rstrip(b"=").decode()
        wanted = {
            "client_id": "mail-program",
            "response_type": "code",
            "redirect_uri": _BACK,
            "scope": scope,
            "login_hint": person,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | ({"resource": resource} if self.format == "jwt" else {})
        place = f"{self.issuer}/auth?{urllib.parse.urlencode(wanted)}"
        opener = self._opener()
        while not place.startswith(_BACK):
            place = urllib.parse.urljoin(place, _location(opener, place))
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(place).query)["code"][0]
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": _BACK, "code_verifier": _VERIFIER}
        body = urllib.parse.urlencode(asked | {"client_id": "mail-program"}).encode()
        with opener.open(f"{self.issuer}/token", body) as answer:
            return str(json.load(answer)["access_token"])

    def revoke(self, token: str) -> None:
        body = urllib.parse.urlencode({"token": token, "client_id": "mail-program"}).encode()
        self._opener().open(f"{self.issuer}/token/revocation", body).close()

    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context(cafile=str(self.authorities))
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        return urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=context), cookies)


def _location(opener: urllib.request.OpenerDirector, place: str) -> str:
    """Where the issuer sends the browser next."""
    try:
        opener.open(place).close()
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (302, 303):
                return str(error.headers["Location"])
            raise AssertionError(error.read().decode()) from error
    raise AssertionError("the issuer shows a page")


@contextmanager
def oidc_issuer(folder: Path, port: int, kind: str) -> Iterator[OidcIssuer]:
    """One that runs."""
    if not (NPM_FOLDER / "node_modules" / "oidc-provider").exists():
        pytest.skip("npm's oidc-provider is not installed; `make interop` installs it")
    running = OidcIssuer(folder, port, kind)
    running.prepare()
    running.start()
    try:
        yield running
    finally:
        running.stop()
