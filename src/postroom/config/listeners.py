"""The listeners that the settings make: those of `[listen]`, and those of `[listener.NAME]`.

Owns: joining the two, and what can't be meant. Never: opens a socket. Raises: SettingError, its place below `listener`.
"""

from collections.abc import Mapping

import msgspec

from postroom.base import SettingError
from postroom.net import Networks

from .settings import ListenerSettings, ListenSettings, check_address

KINDS = ListenSettings.__struct_fields__
_TAKE_MAIL = ("smtp", "submission", "submissions", "lmtp")
_NO_CLIENT_CERTIFICATES = ("smtp", "lmtp", "policy_host", "acme_http")
_OF_MAIL = (
    "sign_in",
    "require_tls",
    "check_senders",
    "vrfy",
    "priority_networks",
    "max_recipients",
    "max_message_octets",
)
_DEFAULTS = ListenerSettings()
_MOST = 48  # the board of several workers counts the connections of 64


def listeners(listen: ListenSettings, tables: Mapping[str, ListenerSettings]) -> dict[str, ListenerSettings]:
    """All that have an address, by name, each with its kind, its addresses and whether clients sign in."""
    found: dict[str, ListenerSettings] = {}
    for name in dict.fromkeys((*KINDS, *tables)):
        given = tables.get(name, _DEFAULTS)
        kind = given.kind or (name if name in KINDS else "")
        if not kind:
            raise SettingError(f"a kind is needed: one of {', '.join(KINDS)}", (name,))
        if name in KINDS and kind != name:
            raise SettingError(f"the listener {name} is of the kind {name}", (name, "kind"))
        addresses = given.addresses or getattr(listen, name, ())
        _check(name, kind, given)
        if addresses:
            sign_in = given.sign_in or ("required" if kind in ("submission", "submissions") else "never")
            found[name] = msgspec.structs.replace(given, kind=kind, addresses=addresses, sign_in=sign_in)
        elif name not in KINDS:
            raise SettingError("addresses are needed", (name,))
    if len(found) > _MOST:
        raise SettingError(f"there are more than {_MOST} listeners")
    return found


def _check(name: str, kind: str, given: ListenerSettings) -> None:
    for key in ("proxies", "priority_networks"):
        try:
            Networks(getattr(given, key))
        except ValueError as error:
            raise SettingError(f"{error}: a network is like 192.0.2.0/24", (name, key)) from None
    for address in given.addresses:
        try:
            check_address(address, unix=kind == "lmtp")
        except ValueError as error:
            raise SettingError(str(error), (name, "addresses")) from None
    if kind in _NO_CLIENT_CERTIFICATES and given.client_certificates != "off":
        reason = "other servers show certificates of any authority, and OpenSSL would end the connection over them"
        raise SettingError(reason if kind == "smtp" else f"not for {kind}", (name, "client_certificates"))
    if kind not in _TAKE_MAIL:
        for key in _OF_MAIL:
            if getattr(given, key) != getattr(_DEFAULTS, key):
                raise SettingError(f"this is for listeners that take mail: {', '.join(_TAKE_MAIL)}", (name, key))
    if kind.startswith("submission") and given.sign_in not in ("", "required"):
        raise SettingError("people always sign in before they send mail (RFC 6409)", (name, "sign_in"))
