"""What follows from all points for and against a message: the sum, the thresholds, the words.

Owns: the Postroom-Score field, what the evidence on the author is worth in points. Never: finds anything out, refuses
(the pipeline does). Raises: nothing; the refusals that it hands back are declared here.

The client's name in HELO alone never refuses a message (RFC 5321 §4.1.4): its points count for all but that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from postroom.accounts import domain_key
from postroom.base import MailError
from postroom.junk import NO_SCORE, Score, ScorePart
from postroom.reputation import Visit, is_always_taken

from .authentication import Checked
from .judgement import Action
from .scoring_settings import ScoringSettings

FIELD = b"Postroom-Score"
_HELLO = "hello."  # begins the names of parts that stand on the name in HELO
_MAX_PARTS = 40  # that are told
_MAX_WORDS = 200  # characters of each
_FACTS = 20  # lines of the journal


class TooManyPoints(MailError):
    """So much speaks against the message that nobody here gets it."""

    code, enhanced, text = 550, "5.7.1", "The message looks like junk and is refused"


@dataclass(frozen=True, slots=True)
class Weighed:
    """What came out."""

    score: Score = NO_SCORE
    action: Action = "accept"
    error: MailError | None = None  # with reject and defer
    limit: float = 0.0  # that was reached

    @property
    def junk(self) -> bool:
        """Mailboxes keep it apart."""
        return self.action == "quarantine"

    @property
    def why(self) -> str:
        """For people, in a line."""
        return f"{self.score.total:.1f} points of {self.limit:g}: {self.score.words}" if self.limit else ""

    def field(self) -> bytes:
        """Postroom-Score, with its line end; b"" where nothing was weighed."""
        if not self.score.parts:
            return b""
        lines = [b"%b: %b; points=%.1f" % (FIELD, self.action.encode(), self.score.total)]
        lines += [_plain(part).encode() for part in weightiest(self.score)[:_MAX_PARTS]]
        return b";\r\n\t".join(lines) + b"\r\n"

    def facts(self) -> dict[str, str | list[str]]:
        """For the journal."""
        return {"points": f"{self.score.total:.1f}", "action": self.action, "parts": told(self.score)}


UNWEIGHED = Weighed()


def weigh(
    score: Score, checked: Checked | None, settings: ScoringSettings, *, more: Sequence[ScorePart] = ()
) -> Weighed:
    """The score of the visit, `more` from those who looked at the content, and what the evidence adds.

    Where nothing speaks against the message there is nothing to weigh.
    """
    if more:
        score = score.with_parts(tuple(more))
    if not any(part.points > 0 for part in score.parts):
        return UNWEIGHED
    score = score.with_parts(_evidence(checked, settings))
    total = score.total
    if settings.reject_points and score.without(_HELLO) >= settings.reject_points:
        return Weighed(score, "reject", TooManyPoints(score.words), settings.reject_points)
    if settings.junk_points and total >= settings.junk_points:
        return Weighed(score, "quarantine", limit=settings.junk_points)
    if settings.tag_points and total >= settings.tag_points:
        return Weighed(score, "tag", limit=settings.tag_points)
    return Weighed(score)


def milder(weighed: Weighed, recipients: Sequence[str]) -> Weighed:
    """For whom mail is never refused by points, a refusal is Junk."""
    if weighed.action != "reject" or not all(map(is_always_taken, recipients)):
        return weighed
    return Weighed(weighed.score, "quarantine", limit=weighed.limit)


def defers(weighed: Weighed, settings: ScoringSettings) -> bool:
    """Greylisting is to say whether the message has to come again."""
    return bool(settings.defer_points) and weighed.action != "reject" and weighed.score.total >= settings.defer_points


def deferred(weighed: Weighed, error: MailError, settings: ScoringSettings) -> Weighed:
    """It has to."""
    return Weighed(weighed.score, "defer", error, settings.defer_points)


def learn(visit: Visit, weighed: Weighed, checked: Checked | None, *, junk: bool = False) -> None:
    """What became of a message that is taken is remembered of its client, and of the domain that SPF vouches for."""
    judged = "accept" if checked is None else checked.judgement.action
    vouched = "" if checked is None else checked.evidence.vouched_domain
    if junk or "quarantine" in (weighed.action, judged):
        visit.delivered("junk", vouched)
    elif weighed.action == "accept" and judged == "accept":
        visit.delivered("good", vouched)


def weightiest(score: Score) -> list[ScorePart]:
    """The parts, those that weigh most first."""
    return sorted(score.parts, key=lambda part: -abs(part.points))


def told(score: Score) -> list[str]:
    """The parts for the journal, those that weigh most first."""
    return [_plain(part) for part in weightiest(score)[:_FACTS]]


def _evidence(checked: Checked | None, settings: ScoringSettings) -> tuple[ScorePart, ...]:
    """What shows the message to be somebody's who is known or can be found."""
    if checked is None:
        return ()
    found = checked.evidence.findings(checked.shared.trusted_sealers)
    parts = []
    if found.dmarc == "pass":
        author = found.author_domain
        parts.append(ScorePart("dmarc.pass", settings.dmarc_pass_points, f"{author} shows that it sent it"))
        if _is_trusted(author, settings):
            parts.append(ScorePart("author.trusted", settings.trusted_author_points, f"{author} is trusted"))
    elif found.vouched_by:
        words = f"it had passed DMARC when it came to {found.vouched_by}"
        parts.append(ScorePart("seal.trusted", settings.trusted_seal_points, words))
    return tuple(part for part in parts if part.points)


def _is_trusted(domain: str, settings: ScoringSettings) -> bool:
    for trusted in settings.trusted_authors:
        name = domain_key(trusted.removeprefix(".")) or ""
        if domain.endswith(f".{name}") if trusted.startswith(".") else domain == name:
            return True
    return False


def _plain(part: ScorePart) -> str:
    """A part for a header field and the journal: ASCII, of a length that fits, without what ends a part."""
    words = "".join(c if " " <= c <= "~" and c != ";" else "?" for c in part.words[:_MAX_WORDS])
    return f"{part.points:+.1f} {part.name}: {words}"
