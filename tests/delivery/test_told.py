"""What the outcomes of a transaction mean for its recipients."""

import pytest
from tests.delivery.world import Steps

from postroom.delivery.told import Told, note_doubt
from postroom.queue import Entry, EntryState, Envelope, QueuedMessage, Recipient
from postroom.smtp import Outcome, ServerReply, Stage, local_reply

MESSAGE = QueuedMessage("q1", Envelope("alice@a.test"), 1, 0.0)


def entry(number: int) -> Entry:
    recipient = Recipient(f"r{number}@b.test")
    return Entry(number, MESSAGE, recipient, EntryState.SENDING, 0, 0.0, "", False)


def reply(code: int, enhanced: str = "") -> ServerReply:
    return ServerReply(code, ("words",), enhanced)


TAKEN = Outcome(reply(250), Stage.END)
TOO_MANY = Outcome(reply(452, "4.5.3"), Stage.RCPT)
FULL = Outcome(reply(452, "4.2.2"), Stage.RCPT)
LOST = Outcome(local_reply(421, "4.4.2", "Connection lost"), Stage.END)
BUSY = Outcome(reply(421), Stage.END)


def told(*outcomes: Outcome, elsewhere: bool = True, again: bool = True) -> tuple[Told, list[Entry]]:
    entries = [entry(number) for number in range(len(outcomes))]
    return Told.of(entries, outcomes, elsewhere=elsewhere, again=again), entries


def test_who_is_too_many_goes_in_the_next_transaction_if_some_were_taken() -> None:
    found, entries = told(TAKEN, TOO_MANY, FULL)
    assert found.answered == [(entries[0], TAKEN), (entries[2], FULL)]
    assert (found.left_over, found.unasked, found.parting, found.in_doubt) == ([entries[1]], [], None, [])
    found, _ = told(TOO_MANY, TOO_MANY)  # else it would go on for ever
    assert (len(found.answered), found.left_over) == (2, [])
    found, _ = told(TAKEN, TOO_MANY, again=False)
    assert (len(found.answered), found.left_over) == (2, [])


@pytest.mark.parametrize("stage", [Stage.RSET, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT])
def test_who_went_away_in_time_leaves_the_recipients_to_others(stage: Stage) -> None:
    gone = Outcome(reply(421, "4.3.2"), stage)
    found, entries = told(FULL, gone)
    assert (found.answered, found.unasked) == ([(entries[0], FULL)], [entries[1]])
    assert found.parting == gone.reply
    found, entries = told(FULL, gone, elsewhere=False)
    assert (len(found.answered), found.unasked, found.parting) == (2, [], None)


def test_who_is_lost_after_the_final_dot_may_have_taken_it() -> None:
    found, entries = told(LOST, BUSY, TAKEN)
    assert (found.in_doubt, found.unasked, len(found.answered)) == ([entries[0]], [], 3)
    steps = Steps()
    note_doubt(steps, "mx [192.0.2.1]:25", found.in_doubt)
    note_doubt(steps, "mx [192.0.2.1]:25", [])
    assert steps == [("in doubt", {"to": ["r0@b.test"], "relay": "mx [192.0.2.1]:25"})]
