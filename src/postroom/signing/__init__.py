"""DKIM keys of our own domains, and the signatures of our own mail."""

from .keeping import KeyKeeper
from .key_folder import FOLDER, KeyFolder
from .proof import Proof, Proven
from .publication import KeyRecord, KeyWatch, Texts, key_records, missing
from .rotation import NoRotation, Retired, phase, retire_due, signing_set, waiting_set
from .seal_proof import ProvenSeal, SealProof
from .service import UNSIGNED, BodyHash, Signing
from .settings import SigningSettings
from .signers import signers
from .types import Key, KeySet, KeySets, KeyTrouble, Phase, State

__all__ = [
    "FOLDER",
    "UNSIGNED",
    "BodyHash",
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
    "Proof",
    "Proven",
    "ProvenSeal",
    "Retired",
    "SealProof",
    "Signing",
    "SigningSettings",
    "State",
    "Texts",
    "key_records",
    "missing",
    "phase",
    "retire_due",
    "signers",
    "signing_set",
    "waiting_set",
]
