"""Keys of people for the tests of SCRAM, made from their passwords. Not a test itself."""

from dataclasses import dataclass

from postroom.sasl.scram_keys import HashName, hashed, keyed, salted_password


@dataclass(frozen=True)
class Key:
    credential_id: int
    stored_key: bytes
    server_key: bytes


@dataclass(frozen=True)
class Keys:
    salt: bytes
    iterations: int
    keys: tuple[Key, ...]


def keys_of(
    *passwords: str, hash_name: HashName = "sha-256", salt: bytes = b"salt of 16 octet", iterations: int = 4096
) -> Keys:
    """What an account with these passwords has; their ids count from 0."""
    return Keys(
        salt,
        iterations,
        tuple(key_of(number, password, hash_name, salt, iterations) for number, password in enumerate(passwords)),
    )


def key_of(number: int, password: str, hash_name: HashName, salt: bytes, iterations: int) -> Key:
    salted = salted_password(password, salt, iterations, hash_name)
    stored = hashed(hash_name, keyed(hash_name, salted, b"Client Key"))
    return Key(number, stored, keyed(hash_name, salted, b"Server Key"))
