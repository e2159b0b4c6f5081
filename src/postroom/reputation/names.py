"""What the name of a client's address tells of it: is it made from the address, as providers name those of customers?

Owns: reading such names. Never: asks, decides. Raises: nothing.
"""

import ipaddress
import re
from typing import Literal

Kind = Literal["", "generic", "dynamic", "static"]
_WORD = re.compile(r"[a-z]+")
_DIGITS = re.compile(r"[0-9]+")
_DYNAMIC = frozenset(
    word
    for line in (
        "adsl broadband cable catv cpe cust customer customers dhcp dial dialin dialup dip docsis dsl dyn dynamic",
        "dynip fiber fibre ftth gpon home host hsd lte mobile nat pool pools ppp pppoe pptp res residential",
        "retail umts user users vdsl wifi wimax wireless xdsl",
    )
    for word in line.split()
)
_STATIC = frozenset(("fixed", "mail", "mailer", "mta", "mx", "out", "outbound", "relay", "sender", "smtp", "static"))


def kind_of(name: str, address: str) -> Kind:
    """What sort of name `name` is for `address`; "" for one that somebody has chosen. Both as the DNS has them."""
    words = set(_WORD.findall(name.rsplit(".", 2)[0] if name.count(".") > 1 else name))
    if not _made_from(name, address, half=bool(words & _DYNAMIC)):
        return ""
    if words & _STATIC:
        return "static"
    return "dynamic" if words & _DYNAMIC else "generic"


def _made_from(name: str, address: str, *, half: bool) -> bool:
    """The name holds the address: its numbers in either order, or in hexadecimal; `half` of it will do."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    squeezed = name.replace(".", "").replace("-", "").replace("_", "")
    if isinstance(found, ipaddress.IPv6Address):
        digits = found.exploded.replace(":", "")
        return digits[16:] in squeezed or digits[:16] in squeezed or digits[::-1][:16] in squeezed
    octets = list(found.packed)
    numbers = [int(number) for number in _DIGITS.findall(name) if len(number) <= 3]
    for order in (octets, octets[::-1]):
        if any(numbers[at : at + 4] == order for at in range(len(numbers) - 3)):
            return True
        if "".join(f"{octet:03}" for octet in order) in squeezed or bytes(order).hex() in squeezed:
            return True
    # some providers name the last two numbers alone: 2-7.pool.example.net
    return half and any(numbers[at : at + 2] in (octets[2:], octets[:1:-1]) for at in range(len(numbers) - 1))
