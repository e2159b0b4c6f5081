import pytest

from postroom.store import AclChanged, StoreSettings, TooManyAclEntries
from postroom.store.acl import with_rights

FEW = StoreSettings(max_acl_entries=2)


def test_rights_and_identifiers_are_in_order() -> None:
    acl = with_rights((), "bob", "wrwl", FEW)
    assert acl == (("bob", "lrw"),)
    assert with_rights(acl, "-bob", "x", FEW) == (("-bob", "x"), ("bob", "lrw"))
    assert with_rights(acl, "bob", "", FEW) == ()
    assert with_rights(acl, "nobody", "", FEW) == acl


def test_a_list_that_is_too_long_already_may_be_changed_and_shrink() -> None:
    acl = (("a", "l"), ("b", "l"), ("c", "l"))
    assert with_rights(acl, "b", "r", FEW) == (("a", "l"), ("b", "r"), ("c", "l"))
    assert with_rights(acl, "b", "", FEW) == (("a", "l"), ("c", "l"))
    with pytest.raises(TooManyAclEntries):
        with_rights(acl, "d", "r", FEW)


def test_rights_are_made_of_those_that_were_held() -> None:
    acl = (("bob", "lr"),)
    assert with_rights(acl, "bob", "l", FEW, "lr") == (("bob", "l"),)
    assert with_rights(acl, "carol", "l", FEW, "") == (("bob", "lr"), ("carol", "l"))
    for name, held in (("bob", "l"), ("bob", ""), ("carol", "l")):
        with pytest.raises(AclChanged):
            with_rights(acl, name, "lrs", FEW, held)
