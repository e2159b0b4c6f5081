import pytest

from postroom.store import (
    DELETED,
    SEEN,
    AppendOptions,
    BadMailboxName,
    MailboxExists,
    NoSuchMailbox,
    OverQuota,
    StoreSettings,
)
from postroom.store.books import Books, with_room

SETTINGS = StoreSettings()


def books(*names: str) -> Books:
    new = Books()
    for name in names:
        new.add(name, 1000, None, SETTINGS)
    return new


def test_a_copy_shares_nothing_that_changes() -> None:
    before = books("INBOX", "a", "b")
    after = before.copy()
    box = after.touch(after.names["a"])
    after.count(box, [(0, 100, 1)])
    after.next_modseq()
    after.rename("b", "c")
    after.drop("a")
    after.add("d", 5, None, SETTINGS)
    after.subscriptions |= {"x"}
    assert list(before.names) == ["INBOX", "a", "b"]
    assert before.named("a").messages == before.messages == before.octets == 0
    assert before.modseq == 1
    assert before.subscriptions == frozenset()
    assert set(after.names) == {"INBOX", "c", "d"}


def test_uid_validity_only_grows() -> None:
    account = books("a", "b")
    assert [account.named(name).uid_validity for name in "ab"] == [1000, 1001]
    account.drop("b")
    assert account.add("b", 10, None, SETTINGS).uid_validity == 1002  # though the clock went back
    assert account.add("c", 5000, None, SETTINGS).uid_validity == 5000


def test_counting() -> None:
    account = books("INBOX")
    box = account.touch(1)
    account.count(box, [(SEEN, 10, 1), (DELETED, 20, 2)])
    assert (box.messages, box.unseen, box.deleted, box.octets) == (3, 2, 2, 30)
    assert (account.messages, account.octets) == (3, 30)
    account.count(box, [(DELETED, -20, -2)])
    assert (box.messages, box.unseen, box.deleted, box.octets) == (1, 0, 0, 10)
    assert (account.messages, account.octets) == (1, 10)


def test_dropping_a_mailbox_gives_its_room_back() -> None:
    account = books("INBOX", "a")
    account.count(account.touch(2), [(0, 10, 1)])
    account.drop("a")
    assert (account.messages, account.octets) == (0, 0)


def test_refusals() -> None:
    account = books("INBOX", "a", "b")
    with pytest.raises(MailboxExists):
        account.add("a", 1, None, SETTINGS)
    with pytest.raises(BadMailboxName):
        account.drop("inbox")
    with pytest.raises(NoSuchMailbox):
        account.drop("x")
    with pytest.raises(NoSuchMailbox):
        account.touch(77)
    with pytest.raises(MailboxExists):
        account.rename("a", "b")
    with pytest.raises(NoSuchMailbox):
        account.rename("x", "y")
    with pytest.raises(OverQuota):
        account.check_room(11, 1, 10, None)
    with pytest.raises(OverQuota):
        account.check_room(1, 1, None, 0)
    account.check_room(10, 1, 10, 1)


def test_subscriptions_follow_a_rename() -> None:
    account = books("INBOX", "a", "a/b")
    account.subscriptions = frozenset({"a/b", "a/gone"})
    account.rename("a", "z")
    assert account.subscriptions == {"z/b", "a/gone"}


def test_a_new_mailbox_has_the_list_of_its_nearest_ancestor() -> None:
    account = books("INBOX", "a", "a/b")
    account.touch(account.names["a"]).acl = (("bob", "l"),)
    made = {name: account.add(name, 1, None, SETTINGS).acl for name in ("a/c/d", "a/b/c", "ab", "INBOX/x")}
    assert made == {"a/c/d": (("bob", "l"),), "a/b/c": (), "ab": (), "INBOX/x": ()}
    assert account.named("a/c/d").copy().acl == account.named("a/c/d").as_mailbox(0, True).acl == (("bob", "l"),)


def test_room_for_what_is_replaced() -> None:
    assert with_room(AppendOptions(quota_octets=10, quota_messages=3), 5) == AppendOptions(
        quota_octets=15, quota_messages=4
    )
    assert with_room(AppendOptions(), 5) == AppendOptions()


def test_a_mailbox_is_found_by_the_denormalized_form_of_its_name() -> None:
    """RFC 9051 §5.1; where both spellings are mailboxes, each is the one it says."""
    one = books("Caf\u00e9", "Cafe\u0301s")
    assert one.named("Cafe\u0301").name == "Caf\u00e9"
    assert one.named("Cafe\u0301s").name == "Cafe\u0301s"
    with pytest.raises(NoSuchMailbox):
        one.named("Caf\u00e9s")
    assert (one.spelt("inbox"), one.spelt("cafe\u0301")) == ("INBOX", "cafe\u0301")
