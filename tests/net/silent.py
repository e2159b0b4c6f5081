"""Addresses that do not answer."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def silent(address: str, port: int = 0) -> Iterator[int]:
    """A port where a connection is neither made nor refused: nobody accepts, and the kernel keeps no more."""
    with ExitStack() as stack:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listening = stack.enter_context(socket.socket(family))
        listening.bind((address, port))
        listening.listen(0)
        while True:
            client = stack.enter_context(socket.socket(family))
            client.settimeout(0.02)
            try:
                client.connect(listening.getsockname())
            except TimeoutError:
                break
        yield listening.getsockname()[1]
