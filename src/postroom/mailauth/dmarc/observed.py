"""One message as a row of an aggregate report (RFC 9990).

Owns: what of a verdict the owner of the author's domain is told. Never: counts, keeps, sends. Raises: nothing.
"""

from collections.abc import Sequence

from .aggregate import DkimEntry, Reason, Row, SpfEntry
from .alignment import DkimResult, SpfResult
from .author import domain_name
from .evaluation import DmarcResult, DmarcVerdict
from .record import Policy

MAX_SIGNATURES = 16  # of one message that are told
_MAX_TEXT = 255  # characters of a domain or selector


def observed(
    verdict: DmarcVerdict,
    spf: Sequence[SpfResult],
    dkim: Sequence[DkimResult],
    *,
    source_ip: str,
    disposition: Policy,
    reasons: Sequence[Reason] = (),
) -> Row | None:
    """What to count of a message; None where no record was gone by, or the DNS left it open.

    `disposition` is what was done. Where that is not what the record wishes, a reason says why; of `reasons` none for
    test mode, and none for a policy of this server that has no better name (RFC 9990), need be given.
    """
    if verdict.published is None or verdict.result not in (DmarcResult.PASS, DmarcResult.FAIL):
        return None
    passed = verdict.result is DmarcResult.PASS
    told = list(reasons)
    if not passed and verdict.testing and verdict.policy is not Policy.NONE:
        told.insert(0, Reason("policy_test_mode"))
    if not passed and disposition is not verdict.disposition and not reasons:
        told.append(Reason("local_policy"))
    mail_from = next((one for one in spf if one.identity == "mailfrom"), None)
    return Row(
        source_ip=source_ip,
        count=1,
        disposition="pass" if passed and verdict.policy is not Policy.NONE else disposition.value,
        dkim="pass" if verdict.dkim_aligned else "fail",
        spf="pass" if verdict.spf_aligned else "fail",
        header_from=verdict.domain,
        envelope_from=_domain(mail_from.domain) if mail_from else "",
        reasons=tuple(told),
        dkim_results=tuple(
            DkimEntry(_domain(one.domain), one.selector[:_MAX_TEXT], str(one.result.value))
            for one in sorted(dkim, key=lambda one: _rank(one, verdict.domain))[:MAX_SIGNATURES]
        ),
        spf_results=(SpfEntry(_domain(mail_from.domain), str(mail_from.result.value)),) if mail_from else (),
    )


def _rank(one: DkimResult, author: str) -> int:
    """Those first that tell the owner most (RFC 9990): passed and its own, passed, the rest."""
    if one.result.value != "pass":
        return 2
    return 0 if _domain(one.domain) == author else 1


def _domain(text: str) -> str:
    return domain_name(text.encode("utf-8", "replace")) or text[:_MAX_TEXT]
