"""The list of capabilities (what a session is told of it is tested in test_service.py)."""

from postroom.servers.imap.capabilities import CAN_BE_ENABLED, CAPABILITIES


def test_no_capability_is_told_twice() -> None:
    names = [one.name for one in CAPABILITIES]
    assert len(set(names)) == len(names)


def test_what_can_be_enabled_is_told() -> None:
    part_of_metadata = {b"METADATA-SERVER"}  # RFC 5464 §1
    assert {one.name for one in CAPABILITIES} >= set(CAN_BE_ENABLED.values()) - part_of_metadata
    assert all(word.upper() == upper for upper, word in CAN_BE_ENABLED.items())
