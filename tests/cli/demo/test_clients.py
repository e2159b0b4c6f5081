"""The demo's clients insist on the replies they should get."""

import asyncio

import pytest

from postroom.cli.demo.clients import DemoFailure, ImapClient, Pop3Client, SmtpClient
from postroom.cli.demo.transcript import Transcript
from postroom.net import Dialer, NetSettings


async def _against(script: bytes, kind: type[SmtpClient] | type[Pop3Client] | type[ImapClient], command: str) -> None:
    """One client that says one command to a server that says `script`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(script)
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        connection = await Dialer(NetSettings()).connect("127.0.0.1", server.sockets[0].getsockname()[1])
        client = kind(connection, Transcript(lambda line: None))
        try:
            if isinstance(client, SmtpClient):
                await client.command(command, "250")
            else:
                await client.command(command)
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (SmtpClient, b"250-a\r\n250 b\r\n", b"550 no\r\n"),
        (Pop3Client, b"+OK\r\n", b"-ERR no\r\n"),
        (ImapClient, b"* x\r\nA001 OK\r\n", b"A001 NO\r\n"),
    ],
)
def test_a_wrong_reply_is_a_failure(
    kind: type[SmtpClient] | type[Pop3Client] | type[ImapClient], good: bytes, bad: bytes
) -> None:
    asyncio.run(_against(good, kind, "X"))
    with pytest.raises(DemoFailure, match="expected"):
        asyncio.run(_against(bad, kind, "X"))
