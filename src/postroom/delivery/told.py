"""What a server has told of each recipient of one transaction, and what that means for who brought it.

Owns: who is answered, who goes into the next transaction, who has to be asked elsewhere, of whom it is open. Never:
talks, chooses another server. Raises: nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from postroom.journal import Journal
from postroom.queue import Entry
from postroom.smtp import Outcome, ServerReply, Stage

_BEFORE_THE_END = (Stage.RSET, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.CONTENT)


@dataclass(slots=True)
class Told:
    """The recipients of one transaction."""

    answered: list[tuple[Entry, Outcome]] = field(default_factory=list)
    left_over: list[Entry] = field(default_factory=list)  # for the next transaction with this server
    unasked: list[Entry] = field(default_factory=list)  # the server went away before it could have taken the message
    parting: ServerReply | None = None  # what it, or the connection, said then
    in_doubt: list[Entry] = field(default_factory=list)  # among those answered: by nobody, after the final dot

    @staticmethod
    def of(
        entries: Sequence[Entry], outcomes: Sequence[Outcome], *, elsewhere: bool = True, again: bool = True
    ) -> "Told":
        """Not `elsewhere`: nobody else can be asked, so that its going away is an answer. Not `again`: nor can it."""
        told = Told()
        again = again and any(outcome.delivered for outcome in outcomes)
        for entry, outcome in zip(entries, outcomes, strict=True):
            # At END it may have taken it (RFC 5321 §6.1): no second host gets it in this attempt.
            if elsewhere and outcome.reply.code == 421 and outcome.stage in _BEFORE_THE_END:
                told.unasked.append(entry)
                told.parting = outcome.reply
            elif again and _too_many(outcome):
                told.left_over.append(entry)
            else:
                told.answered.append((entry, outcome))
                if outcome.stage is Stage.END and outcome.reply.local:
                    told.in_doubt.append(entry)
        return told


def note_doubt(journal: Journal, relay: str, entries: Sequence[Entry]) -> None:
    """RFC 1047: who is lost after the final dot may have taken the message, and gets it once more."""
    if entries:
        to = [entry.recipient.address for entry in entries]
        journal.note(entries[0].message.message_id, "in doubt", to=to, relay=relay)


def _too_many(outcome: Outcome) -> bool:
    """RFC 5321 §4.5.3.1.10: the rest of the recipients fit into the next transaction."""
    return outcome.stage is Stage.RCPT and outcome.reply.code == 452 and outcome.reply.enhanced in ("", "4.5.3")
