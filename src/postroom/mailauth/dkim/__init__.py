"""DKIM (RFC 6376, RFC 8301, RFC 8463): reading, verifying and making signatures. Pure."""

from .canonical import BodyHasher, Canonicalization, canonical_field
from .fields import HeaderFields
from .key import BadKey, KeyRecord, key_text, read_key, record_name
from .sign import SigningKey, sign, signed_names
from .signature import BadSignature, Signature, find_signatures, read_signature, signed_form
from .tags import BadTags, read_base64, read_list, read_tags, without_value
from .types import DEFAULT_LIMITS, DkimLimits, DkimResult, DkimVerdict
from .verify import BodyHashes, is_untimely, judge, verify

__all__ = [
    "DEFAULT_LIMITS",
    "BadKey",
    "BadSignature",
    "BadTags",
    "BodyHasher",
    "BodyHashes",
    "Canonicalization",
    "DkimLimits",
    "DkimResult",
    "DkimVerdict",
    "HeaderFields",
    "KeyRecord",
    "Signature",
    "SigningKey",
    "canonical_field",
    "find_signatures",
    "is_untimely",
    "judge",
    "key_text",
    "read_base64",
    "read_key",
    "read_list",
    "read_signature",
    "read_tags",
    "record_name",
    "sign",
    "signed_form",
    "signed_names",
    "verify",
    "without_value",
]
