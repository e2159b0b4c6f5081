"""What TLS is spoken: each profile against clients that can do less."""

import asyncio
import ssl
import time
from pathlib import Path

import pytest
from tests.mailauth.authority import issue
from tests.net.certificates import connect, hello, listening, made, seen, shown_client

from postroom.net import (
    ServerTls,
    TlsFailed,
)

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NOW_REAL = time.time()


@pytest.mark.parametrize(("profile", "versions"), [("intermediate", (V12, V13)), ("modern", (V13,))])
def test_profiles_speak_what_they_say(tmp_path: Path, profile: str, versions: tuple[ssl.TLSVersion, ...]) -> None:
    files = made(tmp_path, issue("mail.example.org"))
    tls = ServerTls(files.certificate, files.key)

    def client(version: ssl.TLSVersion, ciphers: str) -> ssl.SSLContext:
        context = shown_client(version=version)
        context.set_ciphers(ciphers)
        return context

    async def main() -> None:
        async with listening(hello, tls.front(profile)) as port:
            for version in (V12, V13):
                if version in versions:
                    assert await seen(port, shown_client(version=version))
                else:
                    with pytest.raises(TlsFailed):
                        await connect(port, shown_client(version=version))
            for weak in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA256"):  # no forward secrecy; no AEAD
                with pytest.raises(TlsFailed):
                    await connect(port, client(V12, weak))

    asyncio.run(main())
