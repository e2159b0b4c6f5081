"""What several failures amount to, and which targets are the same; the whole is in test_pipeline."""

import pytest

from postroom.accounts import LocalTarget, Person, RemoteTarget, SocketTarget, Target
from postroom.base import MailError
from postroom.intake.distribution import _key, worst

FULL = MailError(code=452, enhanced="4.2.2", text="full")
GONE, NO = (MailError(code=550, enhanced="5.1.1", text=text) for text in ("gone", "no"))
BOB = Person(1, "bob@foo.com", None, None)


@pytest.mark.parametrize(
    ("errors", "said"), [((GONE, FULL), FULL), ((GONE, NO), GONE), ((FULL,), FULL), ((NO, GONE, FULL, FULL), FULL)]
)
def test_while_one_may_succeed_the_whole_may(errors: tuple[MailError, ...], said: MailError) -> None:
    assert worst(errors) is said


def test_which_targets_are_the_same_delivery() -> None:
    targets: tuple[Target, ...] = (
        LocalTarget(BOB, "bob@foo.com"),
        LocalTarget(BOB, "alias@foo.com"),
        LocalTarget(BOB, "bob+x@foo.com", "x"),
        RemoteTarget("c@d.test"),
        SocketTarget("lmtp:/run/a", "x@foo.com"),
        SocketTarget("lmtp:/run/a", "y@foo.com"),
    )
    keys = [_key(target) for target in targets]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 5
