"""DKIM keys of our own domains, and the signatures of our own mail."""

from .keeping import KeyKeeper
from .key_folder import FOLDER, KeyFolder
from .publication import KeyRecord, KeyWatch, Texts, key_records, missing
from .rotation import NoRotation, Retired, phase, retire_due, signing_set, waiting_set
from .settings import SigningSettings
from .types import Key, KeySet, KeySets, KeyTrouble, Phase, State

__all__ = [
    "FOLDER",
    "Key",
    "KeyFolder",
    "KeyKeeper",
    "KeyRecord",
    "KeySet",
    "KeySets",
    "KeyTrouble",
    "KeyWatch",
    "NoRotation",
    "Phase",
    "Retired",
    "SigningSettings",
    "State",
    "Texts",
    "key_records",
    "missing",
    "phase",
    "retire_due",
    "signing_set",
    "waiting_set",
]
