"""Limits of a SASL exchange that no deployment has a reason to change.

Owns: the numbers. Never: anything else. Raises: nothing.
"""

MAX_RESPONSE_OCTETS = 12288  # of one base64 line (RFC 4954 §4)
MAX_NAME_OCTETS = 1024  # of authzid, authcid and password each; RFC 4616 §2 asks for at least 255
MAX_TOKEN_OCTETS = 8192  # of a decoded message with a token in it; JWTs with many claims have 2 to 4 KiB
