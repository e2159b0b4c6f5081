"""`postroom demo`: two servers, one letter, every line shown."""

import asyncio
import tempfile
from pathlib import Path

import click

from .walk import Walk
from .world import world


async def play() -> int:
    """Start both servers in a temporary folder and play the walk; how many steps failed."""
    with tempfile.TemporaryDirectory(prefix="postroom-demo-") as folder:
        async with world(Path(folder)) as both:
            walk = Walk(both, click.echo)
            await walk.play()
            return walk.failures


@click.command(epilog="Example: postroom demo")
def demo() -> None:
    """Start two servers, walk one letter from Alice to Bob, show every line.

    Real sockets, real TLS, a test DNS server between them, everything in a temporary folder. Also shown: a bounce, a
    mailbox that is full for a while, a relay attempt. The exit status is 1 when a step does not go as it must.
    """
    raise SystemExit(1 if asyncio.run(play()) else 0)
