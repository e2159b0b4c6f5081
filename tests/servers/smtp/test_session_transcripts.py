"""The transcripts of tests/transcripts/smtp again, over a socket and with all that is behind it."""

import asyncio
from pathlib import Path

import pytest
from tests.smtp.play import TRANSCRIPTS, matches, transcript, turns

from postroom.net import client_context

from .room import client, serving


async def played(path: Path) -> None:
    options, lines = transcript(path)
    listener = next((name for option, name in LISTENERS.items() if option in options), "smtp")
    async with serving() as room, client(room, listener, hello=None) as peer:
        groups = list(turns(lines))[1:]  # the greeting has been read
        for speaker, texts in groups:
            if speaker == "S":
                said = b"".join([await peer.reader.readuntil(b"\r\n") for _ in texts])
                assert matches(texts, said), (texts, said)
            elif speaker == "C":
                await peer.send(*texts)
            elif texts == ["tls"]:
                await peer.writer.start_tls(client_context(verify=False))
            else:
                assert await peer.rest() == b""


LISTENERS = {"lmtp": "lmtp", "tls_offered": "smtp-tls", "submission": "plain"}


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_socket_plays(path: Path) -> None:
    asyncio.run(played(path))
