"""In which order the addresses of a host are called (RFC 6724 §6, RFC 8305 §4).

Owns: that order. Never: looks up, connects, asks for routes (who calls says from where an address would be called).
Raises: nothing.

RFC 6724's rules that matter to a caller with one socket a connection: an address without a way there comes last
(rule 1); one that would be called from an address of another kind, as a global one from a private one, behind those
that would not (rule 5); then by precedence (rule 6). Equals stay as the DNS gave them. Then the two families alternate.
"""

import ipaddress
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, zip_longest

Source = Callable[[str], str | None]
# RFC 6724 §2.1: prefix, precedence, label; the longest prefix that matches comes first here
_POLICY = tuple(
    (ipaddress.IPv6Network(prefix), precedence, label)
    for prefix, precedence, label in (
        ("::1/128", 50, 0),
        ("::ffff:0:0/96", 35, 4),
        ("::/96", 1, 3),
        ("2001::/32", 5, 5),
        ("2002::/16", 30, 2),
        ("3ffe::/16", 1, 12),
        ("fec0::/10", 1, 11),
        ("fc00::/7", 3, 13),
        ("::/0", 40, 1),
    )
)


def in_calling_order(first: Sequence[str], second: Sequence[str], source: Source | None = None) -> tuple[str, ...]:
    """Addresses of two families, those of the family to begin with first; each once.

    `source`: the own address from which one would be called, None when there is no way.
    """
    if source is None:
        return _alternating(first, second)
    ranks = {address: _rank(address, source(address)) for address in dict.fromkeys((*first, *second))}
    near = [[a for a in family if ranks[a][0]] for family in (first, second)]
    far = [[a for a in family if not ranks[a][0]] for family in (first, second)]
    for family in near:
        family.sort(key=lambda address: ranks[address][1:])
    if near[0] and near[1] and ranks[near[0][0]][1] > ranks[near[1][0]][1]:
        near.reverse()  # the family to begin with is but a makeshift
    return tuple(dict.fromkeys((*_alternating(*near), *_alternating(*far))))


def _alternating(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    in_turns = chain.from_iterable(zip_longest(first, second))
    return tuple(dict.fromkeys(address for address in in_turns if address is not None))


def _rank(address: str, source: str | None) -> tuple[bool, bool, int]:
    """There is a way; it is called from another kind of address; its precedence, the better the lower."""
    if source is None:
        return False, True, 0
    precedence, label = _policy(address)
    return True, label != _policy(source)[1], -precedence


@lru_cache(maxsize=10_000)  # the same hosts are called again and again
def _policy(address: str) -> tuple[int, int]:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return 0, -1
    if found.version == 4:
        return 35, 4  # RFC 6724 §3.2: as the mapped address
    return next((precedence, label) for network, precedence, label in _POLICY if found in network)
