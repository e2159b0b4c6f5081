"""What a TLS client says first, looked at before anybody answers: the host name and the protocols that it wants.

Owns: reading a ClientHello (RFC 8446 §4.1.2), server_name (RFC 6066 §3), ALPN (RFC 7301 §3.1). Never: takes the octets
away from the handshake. Raises: nothing; what can't be understood says nothing.
"""

from dataclasses import dataclass

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _ALPN, _HOST_NAME = 0, 16, 0
MAX_HELLO_OCTETS = 16_384


class _Short(Exception):
    """More octets are needed."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    name: str = ""
    protocols: tuple[str, ...] = ()


def read_client_hello(data: bytes) -> ClientHello | None:
    """None: it is not whole yet. One that says nothing: it is no ClientHello, or a broken one."""
    try:
        return _read(_message(data))
    except _Short:
        return None if len(data) < MAX_HELLO_OCTETS else ClientHello()
    except (IndexError, ValueError, UnicodeDecodeError):
        return ClientHello()


def _message(data: bytes) -> bytes:
    """The first handshake message, which may be in several records (RFC 8446 §5.1)."""
    message, at = b"", 0
    while True:
        if at + 5 > len(data):
            if data[at : at + 1] not in (b"", bytes([_HANDSHAKE])):
                raise ValueError("no handshake")
            raise _Short
        if data[at] != _HANDSHAKE:
            raise ValueError("no handshake")
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        message += data[at + 5 : at + 5 + size]
        if len(message) >= 4:
            if message[0] != _CLIENT_HELLO:
                raise ValueError("no ClientHello")
            wanted = int.from_bytes(message[1:4], "big")
            if len(message) >= 4 + wanted:
                return message[4 : 4 + wanted]
        if at + 5 + size > len(data):
            raise _Short
        at += 5 + size


def _read(hello: bytes) -> ClientHello:
    at = 34  # version and random
    at += 1 + hello[at]  # session id
    at += 2 + int.from_bytes(hello[at : at + 2], "big")  # ciphers
    at += 1 + hello[at]  # compression
    extensions = hello[at + 2 : at + 2 + int.from_bytes(hello[at : at + 2], "big")]
    protocols: tuple[str, ...] = ()
    name, at = "", 0
    while at + 4 <= len(extensions):
        kind, size = (int.from_bytes(extensions[n : n + 2], "big") for n in (at, at + 2))
        body = extensions[at + 4 : at + 4 + size]
        if kind == _SERVER_NAME:
            name = _host_name(body)
        elif kind == _ALPN:
            protocols = _protocols(body)
        at += 4 + size
    return ClientHello(name, protocols)


def _host_name(body: bytes) -> str:
    if len(body) < 5 or body[2] != _HOST_NAME:
        return ""
    return body[5 : 5 + int.from_bytes(body[3:5], "big")].decode("ascii")


def _protocols(body: bytes) -> tuple[str, ...]:
    found, at = [], 2
    while at < len(body):
        found.append(body[at + 1 : at + 1 + body[at]].decode("latin-1"))
        at += 1 + body[at]
    return tuple(found)
