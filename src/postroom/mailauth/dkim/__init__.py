"""DKIM (RFC 6376, RFC 8301, RFC 8463): reading, verifying and making signatures. Pure."""

from .canonical import BodyHasher, Canonicalization, canonical_field
from .fields import HeaderFields
from .key import BadKey, KeyRecord, key_text, read_key, record_name
from .tags import BadTags, read_base64, read_list, read_tags, without_value

__all__ = [
    "BadKey",
    "BadTags",
    "BodyHasher",
    "Canonicalization",
    "HeaderFields",
    "KeyRecord",
    "canonical_field",
    "key_text",
    "read_base64",
    "read_key",
    "read_list",
    "read_tags",
    "record_name",
    "without_value",
]
