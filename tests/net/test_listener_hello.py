"""A context chosen by what a client says first."""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop
from tests.mailauth.authority import issue
from tests.net.certificates import QUICK, Serve, connect, hello, made, seen, shown_client

from postroom.net import Listener, NetSettings, ServerTls


class Choice:
    """Another certificate for who speaks "special"."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.wanted = True
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def context(self, name: str, protocols: Sequence[str]) -> ssl.SSLContext | None:
        self.asked.append((name, tuple(protocols)))
        return self._context if "special" in protocols else None


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_handshake_goes_on_with_the_context_that_was_chosen(tmp_path: Path, loop: str) -> None:
    usual, special = issue("usual.example"), issue("special.example")
    files = made(tmp_path / "usual", usual)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*special.write(tmp_path / "special"))
    context.set_alpn_protocols(["special"])
    choice = Choice(context)

    async def main() -> None:
        tls = ServerTls(files.certificate, files.key).context
        listener = Listener("test", Serve(hello), QUICK, tls=tls, hello=choice)
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        try:
            wanting = shown_client()
            wanting.set_alpn_protocols(["special"])
            assert await seen(listener.ports[0], shown_client(), "a.example") == usual.der
            assert await seen(listener.ports[0], wanting, "a.example") == special.der
            assert choice.asked == [("a.example", ()), ("a.example", ("special",))]
            choice.wanted = False
            client = await connect(listener.ports[0], wanting, "a.example")
            assert client.peer_certificates() == [usual.der]
            await client.close()
            assert len(choice.asked) == 2
        finally:
            await listener.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(main())


def test_who_says_nothing_or_half_a_hello_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    files = made(tmp_path, issue("usual.example"))
    settings = NetSettings(tls_handshake_timeout_seconds=0.3, stop_timeout_seconds=1)

    async def main() -> None:
        context = ServerTls(files.certificate, files.key).context
        listener = Listener("test", Serve(hello), settings, tls=context, hello=Choice(context))
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        try:
            for octets in (b"", b"\x16\x03\x01\x02"):
                reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
                writer.write(octets)
                async with asyncio.timeout(3):
                    try:
                        assert await reader.read() == b""
                    except ConnectionResetError:
                        assert octets  # what was not read resets it
                writer.close()
            _, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
            writer.close()
            while listener.connections:
                await asyncio.sleep(0.02)
        finally:
            await listener.stop()

    asyncio.run(main())
