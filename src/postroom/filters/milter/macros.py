"""Macros: what a milter may want to know of a connection and a message beside the commands.

Owns: their names and which are told when, unless the milter asks for others. Never: sends them. Raises: nothing.
"""

from collections.abc import Mapping

from postroom.filters.types import Client, ContentSource

# SMFIM: the stages, as a milter numbers them
AT_CONNECT, AT_HELO, AT_MAIL, AT_RCPT, AT_DATA, AT_END, AT_END_OF_HEADER = 0, 1, 2, 3, 4, 5, 6
MAX_VALUE = 1_000  # characters
_USUAL: dict[int, tuple[str, ...]] = {
    AT_CONNECT: ("j", "_", "{daemon_name}", "{daemon_addr}", "{daemon_port}", "{if_name}", "{if_addr}", "v")
    + ("{client_addr}", "{client_name}", "{client_port}", "{client_ptr}", "{client_resolve}"),
    AT_HELO: ("{tls_version}", "{cipher}", "{cipher_bits}"),
    AT_MAIL: ("i", "{auth_type}", "{auth_authen}", "{auth_author}", "{mail_addr}", "{mail_host}", "{mail_mailer}"),
    AT_RCPT: ("{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"),
    AT_DATA: ("i",),
    AT_END_OF_HEADER: ("i",),
    AT_END: ("i", "{msg_size}"),
}


def told(stage: int, values: Mapping[str, str], wanted: Mapping[int, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Those of a stage that have a value."""
    names = wanted.get(stage, _USUAL.get(stage, ()))
    found = [(name, values.get(name) or values.get(f"{{{name.strip('{}')}}}", "")) for name in names]
    return [(name, _plain(value)) for name, value in found if value]


def of_client(client: Client, hostname: str) -> dict[str, str]:
    """From the beginning of a connection on."""
    address = client.address
    literal = f"[{address}]" if address != "unix" else "localhost"
    name = client.host or literal
    return {
        "j": hostname,
        "v": "Postroom",
        "_": f"{name} {literal}" if client.host else literal,
        "{daemon_name}": client.listener,
        "{daemon_addr}": client.own_address,
        "{daemon_port}": str(client.own_port or ""),
        "{if_name}": hostname,
        "{if_addr}": client.own_address,
        "{client_addr}": address if address != "unix" else "",
        "{client_name}": name,
        "{client_ptr}": client.host,
        "{client_port}": str(client.port or ""),
        "{client_resolve}": "OK" if client.host else "FAIL",
    }


def of_source(source: ContentSource) -> dict[str, str]:
    """From MAIL on."""
    tls, sender = source.tls, source.mail_from
    signed_in = {"{auth_type}": "PLAIN", "{auth_authen}": source.user, "{auth_author}": source.user}
    return {
        "i": source.queue_id,
        "{tls_version}": tls.version if tls is not None else "",
        "{cipher}": tls.cipher if tls is not None else "",
        "{cipher_bits}": str(tls.bits) if tls is not None else "",
        "{mail_addr}": sender,
        "{mail_host}": sender.rpartition("@")[2] if "@" in sender else "",
        "{mail_mailer}": "esmtp" if sender else "local",
        **(signed_in if source.user else {}),
    }


def of_recipient(address: str, *, refused: bool = False) -> dict[str, str]:
    """At RCPT; a refused one has the mailer "error" (SMFIP_RCPT_REJ)."""
    return {
        "{rcpt_addr}": address,
        "{rcpt_host}": address.rpartition("@")[2] if "@" in address else "",
        "{rcpt_mailer}": "error" if refused else "esmtp",
    }


def _plain(value: str) -> str:
    return "".join(c if c >= " " else "?" for c in value[:MAX_VALUE])
