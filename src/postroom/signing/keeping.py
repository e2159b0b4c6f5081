"""What is done with the keys of a domain: the first are made, new ones take over, old ones go.

Owns: those changes of the key folder. Never: decides when (the command line, publication.py). Raises: KeyTrouble,
NoRotation. Everything here blocks.
"""

from typing import NamedTuple

import msgspec

from postroom.base import Clock
from postroom.mailauth.dkim import key_text

from .key_folder import Change, KeyFolder, file_name
from .keys import new_private_key, to_pem
from .rotation import NoRotation, Retired, retire, set_name, waiting_set, with_begin, with_new
from .settings import SigningSettings
from .types import ALGORITHMS, Algorithm, Key, KeySet, KeySets, State

_SELECTOR_ENDS: dict[Algorithm, str] = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}


class _Made(NamedTuple):
    """A set, and its private keys by the names of their files."""

    keys: KeySet
    files: dict[str, bytes]


class KeyKeeper:
    """Domains are in lower-case A-labels."""

    def __init__(self, folder: KeyFolder, settings: SigningSettings, clock: Clock) -> None:
        self._folder = folder
        self._settings = settings
        self._clock = clock

    def all(self) -> dict[str, KeySets]:
        """The keys of every domain that has some."""
        return dict(sorted(self._folder.read().domains.items()))

    def sets(self, domain: str) -> KeySets:
        """Those of one domain; () when it has none."""
        return self._folder.read().domains.get(domain, ())

    def ensure(self, domain: str) -> bool:
        """Make the first keys of a domain; False when it has some.

        They sign at once: a signature whose key can't be found yet counts for as much as none (RFC 6376 §6.1).
        """
        before = self.sets(domain)
        if before:
            return False
        made = False

        def work(state: State) -> Change | None:
            nonlocal made
            if state.domains.get(domain):
                return None
            made = True
            now = self._clock.now()
            first = self._make(domain, now, now, ())
            return _with_sets(state, domain, (first.keys,), add=first.files)

        self._folder.change(work)
        return made

    def rotate(self, domain: str, use_from: float | None) -> KeySet:
        """New keys, which sign from that moment on; None: once their records are in the DNS."""

        def work(state: State) -> Change:
            now = self._clock.now()
            sets = state.domains.get(domain, ())
            new = self._make(domain, now, use_from, sets)
            return _with_sets(state, domain, with_new(sets, new.keys, now), add=new.files)

        return self._folder.change(work).domains[domain][-1]

    def begin(self, domain: str, name: str, use_from: float) -> None:
        """The set that waits signs from that moment on. Raises NoRotation when another process was quicker."""

        def work(state: State) -> Change:
            sets = state.domains.get(domain, ())
            waiting = waiting_set(sets, self._clock.now())
            if waiting is None or waiting.name != name:
                raise NoRotation(text=f"The keys {name} of {domain} do not wait any more")
            return _with_sets(state, domain, with_begin(sets, name, use_from))

        self._folder.change(work)

    def retire(self, domain: str, *, at_once: bool = False) -> Retired:
        """Take the steps that are due with keys that were replaced; `at_once`: revoke all that were."""
        done: list[Retired] = []

        def work(state: State) -> Change | None:
            settings = self._settings
            sets = state.domains.get(domain, ())
            made = retire(
                sets,
                self._clock.now(),
                overlap=settings.overlap_seconds,
                revoked=settings.revoked_seconds,
                at_once=at_once,
            )
            done.append(made)
            if made.sets == sets:
                return None
            return _with_sets(state, domain, made.sets, remove=tuple(key.file for key in made.keys))

        self._folder.change(work)
        return done[-1]

    def forget(self, domain: str) -> KeySets:
        """The domain is not here any more: all its keys go. Those that it had."""
        had: list[KeySets] = []

        def work(state: State) -> Change | None:
            sets = state.domains.get(domain)
            if sets is None:
                return None
            had.append(sets)
            return _with_sets(state, domain, (), remove=tuple(key.file for one in sets for key in one.keys))

        self._folder.change(work)
        return had[-1] if had else ()

    def _make(self, domain: str, now: float, use_from: float | None, sets: KeySets) -> _Made:
        name = set_name(now, {one.name for one in sets})
        keys: list[Key] = []
        files: dict[str, bytes] = {}
        for algorithm in ALGORITHMS:
            private = new_private_key(algorithm, self._settings.rsa_bits)
            selector = f"{name}-{_SELECTOR_ENDS[algorithm]}"
            file = file_name(domain, selector)
            files[file] = to_pem(private)
            keys.append(Key(selector=selector, algorithm=algorithm, record=key_text(private.public_key()), file=file))
        return _Made(KeySet(name=name, made=now, use_from=use_from, keys=tuple(keys)), files)


def _with_sets(
    state: State, domain: str, sets: KeySets, *, add: dict[str, bytes] | None = None, remove: tuple[str, ...] = ()
) -> Change:
    domains = {**state.domains, domain: sets}
    if not sets:
        del domains[domain]
    return Change(msgspec.structs.replace(state, domains=domains), add or {}, remove)
