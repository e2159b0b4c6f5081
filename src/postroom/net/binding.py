"""Listening sockets, and addresses as people write them.

Owns: how a socket is opened and removed. Never: accepts a connection (listener does).
Raises: OSError; ValueError for what is no address.
"""

import contextlib
import ipaddress
import os
import socket
import stat

_PROBE_SECONDS, _PROBES = 30, 4  # once a client has not answered the first


def parse_address(text: str) -> tuple[str, int]:
    """("127.0.0.1", 25) of "127.0.0.1:25", "[::1]:25"; ("unix:/path", 0) of "unix:/path". Raises ValueError."""
    if text.startswith("unix:/"):
        return text, 0
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{text!r} is not ADDRESS:PORT")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    return str(ipaddress.ip_address(host)), int(port)


def written(name: "tuple[str, int] | str") -> str:
    """What getsockname says, as people write it."""
    if isinstance(name, str):
        return name
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def is_loopback(address: str) -> bool:
    """True for this machine's own addresses: loopback and Unix sockets."""
    if address == "unix":
        return True
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def bind_tcp(host: str, port: int, keepalive_seconds: int) -> socket.socket:
    """A socket that does not wait, bound and not yet listening."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio sets TCP_NODELAY on what such a socket accepts, and on nothing else. Without it
    # the second of two writes waits for a delayed ACK, 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _keep_alive(sock, keepalive_seconds)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _keep_alive(sock: socket.socket, seconds: int) -> None:
    """Accepted connections inherit this. The kernel probes for us: neither a timer here nor a word in the protocol."""
    if not seconds:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # elsewhere the system's own pace holds
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)


def bind_unix(path: str) -> socket.socket:
    """In place of what a server that was killed has left."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        os.chmod(path, 0o660)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
