"""Sizes and durations as people write them: "100MiB", "5d".

Owns: the units. Never: guesses. Raises: ValueError.
"""

import re

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\Z")
_OCTETS = {"": 1, "b": 1} | {
    f"{prefix}{suffix}": base**power
    for power, prefix in enumerate("kmgt", 1)
    for suffix, base in (("", 1024), ("ib", 1024), ("b", 1000))
}
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604_800}


def octets(text: str) -> int:
    """ "100MiB" and "100M" are 104,857,600; "100MB" is 100,000,000."""
    return int(_amount(text, _OCTETS, '"64KiB", "100MB" or "2GiB"'))


def seconds(text: str) -> float:
    """ "90", "90s", "15m", "4h", "5d", "2w"."""
    return _amount(text, _SECONDS, '"30s", "15m", "4h" or "5d"')


def _amount(text: str, units: dict[str, int], examples: str) -> float:
    match = _AMOUNT.match(text.strip())
    if match is None or match[2].lower() not in units:
        raise ValueError(f"{text!r} is not like {examples}")
    return float(match[1]) * units[match[2].lower()]


def words(count: int) -> str:
    """An amount of octets for people: "1.5 GiB"."""
    amount, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.4g} {unit}"
