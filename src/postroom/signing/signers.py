"""Whose signatures were made here, as the journal tells it.

Owns: those words. Never: verifies (that is proof.py's). Raises: nothing.
"""

import re

from postroom.message import iter_fields

_TAG = re.compile(r"(?:^|;)\s*([ads])=([^;\s]+)")  # of those that say whose signature it is


def signers(fields: bytes) -> list[str]:
    """Of DKIM-Signature fields that were made here, and others with them: domain, selector, algorithm of each."""
    told: list[str] = []
    for field in iter_fields(fields):
        if field.name.lower() == b"dkim-signature":
            tags = dict(_TAG.findall(field.value.decode("ascii", "replace")))
            told.append(f"d={tags.get('d', '?')} s={tags.get('s', '?')} {tags.get('a', '?')}")
    return told
