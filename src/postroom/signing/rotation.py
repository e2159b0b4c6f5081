"""How the keys of a domain follow each other: made, shown, signing, replaced, revoked, forgotten.

Owns: those steps as changes of values, and which set signs at a moment. Never: makes keys, reads files, keeps time.
Raises: NoRotation.

Which set signs follows from the clock alone: every process of the server comes to the same answer without being told.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from postroom.base import MailError

from .types import Key, KeySet, KeySets, Phase


class NoRotation(MailError):
    """The step can't be taken; the text says why, for the operator."""

    code, enhanced, text = 550, "5.3.5", "The keys can't be changed so"


def set_name(now: float, taken: Collection[str]) -> str:
    """The day in UTC, "20261126"; further sets of one day are "20261126b" and so on."""
    day = datetime.datetime.fromtimestamp(now, datetime.UTC).date().isoformat().replace("-", "")
    for letter in ("", *"bcdefghijklmnopqrstuvwxyz"):
        name = f"{day}{letter}"
        if name not in taken:
            return name
    raise NoRotation(text="There are too many keys of this day; new ones can be made tomorrow")


def signing_set(sets: KeySets, now: float) -> KeySet | None:
    """The newest that has begun; None: nothing signs."""
    return next((one for one in reversed(sets) if one.revoked is None and _has_begun(one, now)), None)


def waiting_set(sets: KeySets, now: float) -> KeySet | None:
    """The one that is made and does not sign yet."""
    return next((one for one in sets if phase(one, sets, now) is Phase.WAITING), None)


def phase(one: KeySet, sets: KeySets, now: float) -> Phase:
    """Where this set of those is at the moment `now`."""
    if one.revoked is not None:
        return Phase.REVOKED
    if not _has_begun(one, now):
        return Phase.WAITING
    return Phase.SIGNING if signing_set(sets, now) == one else Phase.REPLACED


def replaced_at(one: KeySet, sets: KeySets, now: float) -> float | None:
    """When a later set took over; None: none has."""
    later = sets[sets.index(one) + 1 :]
    began = [other.use_from for other in later if other.use_from is not None and other.use_from <= now]
    return min(began) if began else None


def _has_begun(one: KeySet, now: float) -> bool:
    return one.use_from is not None and one.use_from <= now


def with_new(sets: KeySets, new: KeySet, now: float) -> KeySets:
    """Another set is made. Raises NoRotation: one at a time."""
    waiting = waiting_set(sets, now)
    if waiting is not None:
        raise NoRotation(text=f"The keys {waiting.name} wait for their turn already")
    return (*sets, new)


def with_begin(sets: KeySets, name: str, use_from: float) -> KeySets:
    """The set `name` signs from that moment on."""
    return tuple(msgspec.structs.replace(one, use_from=use_from) if one.name == name else one for one in sets)


@dataclass(frozen=True, slots=True)
class Retired:
    """What a retirement comes to."""

    sets: KeySets
    revoked: tuple[str, ...] = ()  # names of sets: their private keys go, their records say so
    forgotten: tuple[str, ...] = ()  # their records can go from the DNS
    keys: tuple[Key, ...] = ()  # whose files are to be removed


def retire(sets: KeySets, now: float, *, overlap: float, revoked: float, at_once: bool = False) -> Retired:
    """Revoke what was replaced `overlap` seconds ago (`at_once`: at all), forget what was revoked `revoked` seconds
    ago."""
    kept: list[KeySet] = []
    newly: list[KeySet] = []
    forgotten: list[str] = []
    for one in sets:
        due = retire_due(one, sets, now, overlap=overlap, revoked=revoked)
        ready = due is not None and due <= now
        match phase(one, sets, now):
            case Phase.REPLACED if ready or at_once:
                newly.append(one)
                kept.append(msgspec.structs.replace(one, revoked=now))
            case Phase.REVOKED if ready:
                forgotten.append(one.name)
            case _:
                kept.append(one)
    keys = tuple(key for one in newly for key in one.keys)
    return Retired(tuple(kept), tuple(one.name for one in newly), tuple(forgotten), keys)


def retire_due(one: KeySet, sets: KeySets, now: float, *, overlap: float, revoked: float) -> float | None:
    """When the next step of a set that signs no more may be taken; None: it is in use, or is to be."""
    if one.revoked is not None:
        return one.revoked + revoked
    if phase(one, sets, now) is not Phase.REPLACED:
        return None
    since = replaced_at(one, sets, now)
    return None if since is None else since + overlap
