"""What the outcome of a transaction says."""

import pytest

from postroom.smtp import Outcome, Stage, local_reply


@pytest.mark.parametrize(
    ("code", "stage", "delivered"),
    [
        (250, Stage.END, True),
        (250, Stage.RCPT, False),  # accepted, and then nothing came of it
        (354, Stage.END, False),
        (451, Stage.END, False),
        (550, Stage.RCPT, False),
    ],
)
def test_delivered_is_what_the_end_was_accepted_for(code: int, stage: Stage, delivered: bool) -> None:
    assert Outcome(local_reply(code, "", "x"), stage).delivered is delivered
