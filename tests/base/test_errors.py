"""What the peer reads and what the log reads are two things."""

from postroom.base import MailError


class _Full(MailError):
    code, enhanced, text = 552, "5.2.2", "Mailbox full"


def test_the_detail_stays_apart_from_the_text() -> None:
    error = _Full("account 7: 12/10")
    assert (error.code, error.enhanced, error.text, error.detail) == (552, "5.2.2", "Mailbox full", "account 7: 12/10")
    assert str(error) == "account 7: 12/10"
    assert error.permanent


def test_one_error_may_differ_from_its_class() -> None:
    error = _Full(code=452, enhanced="4.2.2", text="Full for now")
    assert (error.code, error.enhanced, str(error), error.permanent) == (452, "4.2.2", "Full for now", False)
    assert _Full().code == 552
