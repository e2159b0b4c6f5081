"""What validating a chain gives, and its limits (RFC 8617).

Owns: the words of the chain validation status, the verdict. Never: decides whom to trust (`ArcVerdict.believed` is
told). Raises: nothing.
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass

from postroom.mailauth.results import AuthenticationResults, MethodResult, parse_arc

MAX_INSTANCE = 50  # RFC 8617 §4.2.1


class ArcResult(enum.Enum):
    """The chain validation status (RFC 8617 §4.4); values are its words."""

    NONE = "none"  # there is no chain
    PASS = "pass"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class ArcLimits:
    """What one chain may cost. One that is beyond them has failed, but for `max_older_signatures`."""

    max_field_octets: int = 16_384  # of one ARC field
    max_header_octets: int = 262_144  # of the whole header
    max_signed_names: int = 500  # in h=
    max_questions: int = 20  # different keys; a chain of MAX_INSTANCE honest sets by so many sealers still passes
    max_older_signatures: int = 10  # ARC-Message-Signatures that are tried below the newest, for oldest-pass
    clock_skew_seconds: int = 300  # for x=


DEFAULT_LIMITS = ArcLimits()


@dataclass(frozen=True, slots=True)
class ArcVerdict:
    """On the chain of a message. Of a chain that does not pass, nothing is told but why (RFC 8617 §5.2)."""

    result: ArcResult
    words: str  # why, for people
    sealers: tuple[str, ...] = ()  # d= of the ARC-Seals, newest first, in lower case and A-labels
    assessments: tuple[bytes, ...] = ()  # values of the ARC-Authentication-Results, newest first: what sealers found
    oldest_pass: int = 0  # the oldest instance whose signature still fits the message; 0: all do (RFC 8617 §5.2)
    covers_author: bool = False  # the newest signature covers every From field: without that a seal says little
    temporary: bool = False  # it failed because the DNS did; for ARC that is final (RFC 8617 §5.2.1)

    @property
    def results(self) -> AuthenticationResults | None:
        """What the newest sealer found, when the chain passes."""
        return parse_arc(self.assessments[0]) if self.assessments else None

    def believed(self, trusted: Collection[str]) -> tuple[AuthenticationResults, ...]:
        """What trusted sealers found, newest first, down to the first sealer that is not trusted.

        Who sealed later could have put anything below its own seal, so none but an unbroken run counts. `trusted`:
        domains in lower case and A-labels. Empty when the newest signature does not cover the author.
        """
        found: list[AuthenticationResults] = []
        for domain, assessment in zip(self.sealers, self.assessments, strict=True):
            if not self.covers_author or domain not in trusted:
                break
            found.append(parse_arc(assessment))
        return tuple(found)

    def method_result(self, address: str) -> MethodResult:
        """For Authentication-Results (RFC 8617 §6); `address`: of the server that sent the message."""
        properties = [("smtp", "remote-ip", address)]
        if self.result is ArcResult.PASS:
            properties.append(("header", "oldest-pass", str(self.oldest_pass)))
        if self.temporary:  # a word of ours: the registry has none for it, and who seals later has to know
            properties.append(("policy", "arc", "temperror"))
        reason = self.words if self.result is ArcResult.FAIL else ""
        return MethodResult("arc", self.result.value, reason, tuple(properties))
