"""Password hashes that another server made: told apart, checked, and never made here."""

from .schemes import BadHash, kept, matches, memory_kibibytes, plain_password

__all__ = ["BadHash", "kept", "matches", "memory_kibibytes", "plain_password"]
