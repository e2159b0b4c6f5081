"""What was found out about who sent a message, told three ways: as header fields, in words, to the policy.

Owns: the properties of each method in Authentication-Results (RFC 8601 §2.7), Received-SPF (RFC 7208 §9.1), the words
of the journal and of `postroom check message`. Never: finds anything out, decides. Raises: nothing.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from postroom.mailauth.arc import ArcVerdict
from postroom.mailauth.dkim import DkimVerdict
from postroom.mailauth.dmarc import Author, DmarcResult, DmarcVerdict, Policy
from postroom.mailauth.dmarc.aggregate import Reason
from postroom.mailauth.domains import domain_name
from postroom.mailauth.iprev import IprevVerdict
from postroom.mailauth.results import MethodResult, field
from postroom.mailauth.spf import SpfResult, SpfVerdict

from .judgement import Findings, Judgement

Facts = dict[str, str | list[str]]
_SHOWN = 300  # characters of one thing that others wrote, in the journal
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTED_PAIR = re.compile(r'(["\\])')


@dataclass(frozen=True, slots=True)
class Evidence:
    """All verdicts on one message."""

    address: str  # the client's
    hello: str
    author: Author
    spf: Sequence[SpfVerdict]  # on HELO and MAIL FROM
    iprev: IprevVerdict | None  # None: not looked up
    dkim: Sequence[DkimVerdict]  # on each signature
    arc: ArcVerdict | None  # None: there is no chain
    dmarc: DmarcVerdict

    def findings(self, trusted_sealers: Collection[str] = ()) -> Findings:
        """What the policy wants to know. `trusted_sealers`: lower case, A-labels."""
        failed = next((one for one in self.spf if one.result is SpfResult.FAIL), None)
        dmarc = self.dmarc
        return Findings(
            author_domain=self.author.domain or dmarc.domain,
            author_problem="" if self.author.domain else self.author.problem.value,
            dmarc=dmarc.result.value,
            policy=dmarc.policy.value,
            testing=dmarc.testing,
            spf_fails=failed.domain if failed is not None else "",
            spf_explanation=failed.explanation if failed is not None else "",
            vouched_by=self._vouched_by(trusted_sealers),
        )

    @property
    def vouched_domain(self) -> str:
        """The domain of MAIL FROM for which SPF lets the client send; "": none."""
        passed = (one for one in self.spf if one.identity == "mailfrom" and one.result is SpfResult.PASS)
        return next((one.domain for one in passed), "")

    def _vouched_by(self, trusted: Collection[str]) -> str:
        """The trusted sealer whom the message reached with DMARC intact for its present author (RFC 8617 §7.2.1)."""
        if self.arc is None or not trusted or not self.author.domain:
            return ""
        for sealer, results in zip(self.arc.sealers, self.arc.believed(trusted), strict=False):
            dmarc = results.only("dmarc")
            if dmarc is None or dmarc.result != "pass":
                continue
            if domain_name(dmarc.value("header", "from").rpartition("@")[2]) == self.author.domain:
                return sealer
        return ""


# ---- header fields


def results_field(name: str, found: Evidence, judgement: Judgement, *, utf8: bool) -> bytes:
    """Authentication-Results, with its line end. `name`: the authserv-id."""
    return field(name, method_results(found, judgement), utf8=utf8)


def method_results(found: Evidence, judgement: Judgement) -> list[MethodResult]:
    """The verdicts as RFC 8601 has them."""
    told: list[MethodResult] = []
    if found.iprev is not None:
        properties = [("policy", "iprev", found.address.partition("%")[0])]  # RFC 8601 §2.7.3
        told.append(MethodResult("iprev", found.iprev.result.value, _reason(found.iprev), tuple(properties)))
    told += [_spf(one) for one in found.spf if one.sender or one.identity == "helo"]
    told += [_dkim(one) for one in found.dkim] or [MethodResult("dkim", "none")]
    if found.arc is not None:
        told.append(found.arc.method_result(found.address.partition("%")[0]))
    told.append(_dmarc(found, judgement))
    return told


def _spf(one: SpfVerdict) -> MethodResult:
    name = "mailfrom" if one.identity == "mailfrom" else "helo"  # RFC 8601 §2.7.2
    value = one.sender if name == "mailfrom" else one.domain or one.sender.rpartition("@")[2]
    return MethodResult("spf", one.result.value, _reason(one), (("smtp", name, value),))


def _dkim(one: DkimVerdict) -> MethodResult:
    # RFC 8601 §2.7.1, RFC 6008 §4
    known = (("d", one.domain), ("i", one.identity), ("s", one.selector), ("a", one.algorithm), ("b", one.header_b))
    properties = tuple(("header", name, value) for name, value in known if value)
    return MethodResult("dkim", one.result.value, _reason(one), properties)


def _dmarc(found: Evidence, judgement: Judgement) -> MethodResult:
    dmarc = found.dmarc
    properties = [("header", "from", found.author.domain)] if found.author.domain else []  # RFC 7489 §11.1
    if dmarc.result is DmarcResult.FAIL:
        disposition = judgement.action if judgement.action in ("reject", "quarantine") else "none"
        properties.append(("policy", "dmarc", disposition))
    return MethodResult("dmarc", dmarc.result.value, _reason(dmarc), tuple(properties))


def _reason(one: SpfVerdict | IprevVerdict | DkimVerdict | DmarcVerdict) -> str:
    """Why, where somebody may want to know."""
    return "" if one.result.value in ("pass", "none") else one.words


def received_spf(found: Evidence, receiver: str) -> bytes:
    """RFC 7208 §9.1, on MAIL FROM; "" where that was not checked."""
    one = next((one for one in found.spf if one.identity == "mailfrom"), None)
    if one is None:
        return b""
    pairs = [
        ("client-ip", found.address.partition("%")[0]),
        ("envelope-from", one.sender),
        ("helo", found.hello),
        ("identity", "mailfrom"),
        ("receiver", receiver),
        ("mechanism", one.mechanism),
    ]
    told = ";\r\n\t".join(f"{key}={_value(value)}" for key, value in pairs if value)
    comment = re.sub(r"([()\\])", r"\\\1", _plain(one.words, 400))
    return f"Received-SPF: {one.result.value}\r\n\t({comment})\r\n\t{told}\r\n".encode()


def _value(text: str) -> str:
    """A value of a key-value pair: a dot-atom or a quoted string."""
    text = _plain(text, 320)
    if _ATOM.fullmatch(text):
        return text
    quoted = _QUOTED_PAIR.sub(r"\\\1", text)
    return f'"{quoted}"'


def _plain(text: str, most: int) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text[:most])


# ---- reports to the author's domain


def disposition(judgement: Judgement) -> Policy:
    """What was done, in the words of RFC 9990."""
    return Policy(judgement.action) if judgement.action in ("reject", "quarantine") else Policy.NONE


def reasons(found: Evidence, judgement: Judgement) -> tuple[Reason, ...]:
    """Why something else was done than the record wishes."""
    if disposition(judgement) is found.dmarc.disposition:
        return ()
    return (Reason("local_policy", _cut(judgement.why)),)  # for ARC too (RFC 8617 §7.2.2)


# ---- words


def facts(found: Evidence, judgement: Judgement) -> Facts:
    """For the journal: each verdict with what it stands on."""
    told: Facts = {}
    if found.author.address or found.author.problem:
        told["author"] = _author(found.author)
    if found.iprev is not None:
        told["iprev"] = f"{found.iprev.result.value}: {found.iprev.words}"
    told["spf"] = [_spf_words(one) for one in found.spf]
    told["dkim"] = [_dkim_words(one) for one in found.dkim]
    if found.arc is not None:
        told["arc"] = _cut(f"{found.arc.result.value}: {found.arc.words}")
    told["dmarc"] = _dmarc_words(found.dmarc)
    if found.dmarc.evidence:
        told["alignment"] = [_cut(line) for line in found.dmarc.evidence]
    told["action"] = judgement.action
    told["why"] = judgement.why
    return told


def _author(author: Author) -> str:
    odd = f" ({author.problem.value})" if author.problem else ""
    named = f", while its display name shows an address of {author.named}" if author.named else ""
    return _cut(f"{author.address}{odd}{named}".strip())


def _spf_words(one: SpfVerdict) -> str:
    who = f"MAIL FROM <{one.sender}>" if one.identity == "mailfrom" else f"HELO {one.domain}"
    if one.identity == "mailfrom" and not one.sender:
        who = "MAIL FROM <>"
    record = f'; record "{one.record}"' if one.record else ""
    return _cut(f"{one.result.value} for {who}: {one.words}{record}")


def _dkim_words(one: DkimVerdict) -> str:
    key = f"d={one.domain} s={one.selector} {one.algorithm}" if one.domain else "a signature"
    bits = f" with a key of {one.key_bits} bits" if one.key_bits and one.algorithm.startswith("rsa") else ""
    trial = ", on trial (t=y)" if one.testing else ""
    return _cut(f"{one.result.value} for {key}{bits}{trial}: {one.words}")


def _dmarc_words(one: DmarcVerdict) -> str:
    record = f'; record "{one.record}" of {one.policy_domain}' if one.record and one.policy_domain else ""
    return _cut(f"{one.result.value} for {one.domain or '?'}: {one.words}{record}")


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


_ORDER = (
    ("author", "author"),
    ("iprev", "reverse name"),
    ("spf", "SPF"),
    ("dkim", "DKIM"),
    ("arc", "ARC"),
    ("dmarc", "DMARC"),
    ("alignment", "alignment"),
)


def told(known: Facts) -> list[str]:
    """The facts of the journal, a line each, for people."""
    lines: list[str] = []
    for key, name in _ORDER:
        fact = known.get(key)
        for text in fact if isinstance(fact, list) else [fact] if fact else []:
            lines.append(f"{name}: {text}")
    if "spf" in known and not known.get("dkim"):
        lines.append("DKIM: there is no signature")
    return lines
