"""SMTP TLS Reporting (RFC 8460): where a domain wants reports, and reports as JSON, written and read.

Owns: the text in the DNS, the schema, limits on what is read. Never: sends, stores, counts. Raises: BadReport.
"""

import gzip
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from .unpacking import BadReport

JSON_TYPE, GZIP_TYPE = "application/tlsrpt+json", "application/tlsrpt+gzip"  # RFC 8460 §6.4, §6.5
_MAX_URIS = 10
_FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=(.*)", re.DOTALL)
_ADDRESS = re.compile(r"[^@\s<>\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,253}")
_MAX_POLICIES, _MAX_FAILURES = 1000, 10_000
_MAX_TEXT = 1000  # characters of any string that is kept
_MAX_COUNT = 1 << 53
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """Sessions that failed in the same way (RFC 8460 §4.4)."""

    result_type: str
    count: int
    sending_ip: str = ""
    mx: str = ""
    ip: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PolicyResults:
    """What happened under one policy."""

    kind: str  # "tlsa", "sts", "no-policy-found"
    domain: str
    lines: tuple[str, ...]
    hosts: tuple[str, ...]
    successes: int
    failures: tuple[Failure, ...] = ()
    failed: int = 0  # in sum

    @property
    def failure_count(self) -> int:
        return self.failed or sum(failure.count for failure in self.failures)


@dataclass(frozen=True, slots=True)
class Report:
    """Of one sender on one domain."""

    organization: str
    contact: str
    report_id: str
    begin: float  # seconds since 1970
    end: float
    policies: tuple[PolicyResults, ...]


def record_name(domain: str) -> str:
    """Where the text is (RFC 8460 §3)."""
    return f"_smtp._tls.{domain}"


def record_text(*addresses: str) -> str:
    """What to publish there."""
    return "v=TLSRPTv1; rua=" + ",".join(f"mailto:{address}" for address in addresses)


def report_uris(texts: Iterable[bytes]) -> tuple[str, ...]:
    """Where reports are wanted: "mailto:" and "https:" URIs; none: nowhere (RFC 8460 §3)."""
    ours = [text for text in texts if re.match(rb"v=TLSRPTv1[ \t]*;", text)]
    if len(ours) != 1:
        return ()
    try:
        text = ours[0].decode("ascii")
    except UnicodeDecodeError:
        return ()
    for part in text.split(";")[1:]:
        match = _FIELD.fullmatch(part.strip(" \t"))
        if match is not None and match[1] == "rua":
            uris = [uri.strip(" \t") for uri in match[2].split(",")[:_MAX_URIS]]
            return tuple(uri for uri in uris if mail_address(uri) or https_place(uri))
    return ()


def mail_address(uri: str) -> str:
    """Of a "mailto:" URI (RFC 6068), without its header fields; "" when it is none."""
    scheme, _, rest = uri.partition(":")
    address = unquote(rest.partition("?")[0])
    return address if scheme.lower() == "mailto" and _ADDRESS.fullmatch(address) else ""


def https_place(uri: str) -> tuple[str, int, str] | None:
    """Host, port and target of an "https:" URI."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.lower() != "https" or not host or parts.username is not None or not uri.isascii():
        return None
    if not re.fullmatch(r"[a-z0-9.-]{1,253}", host) or not re.fullmatch(r"[!-~]*", parts.path + parts.query):
        return None
    return host, port or 443, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


# ---- written


def file_name(submitter: str, domain: str, begin: float, end: float, token: str) -> str:
    """RFC 8460 §5.1."""
    return f"{submitter}!{domain}!{int(begin)}!{int(end)}!{token}.json.gz"


def compressed(report: Report) -> bytes:
    """RFC 8460 §5.2; the same report always as the same octets."""
    return gzip.compress(to_json(report), mtime=0)


def to_json(report: Report) -> bytes:
    """RFC 8460 §4.4."""
    policies = []
    for one in report.policies:
        policy: dict[str, Any] = {"policy-type": one.kind, "policy-domain": one.domain}
        if one.lines:
            policy["policy-string"] = list(one.lines)
        if one.hosts:
            policy["mx-host"] = list(one.hosts)
        counts = {"total-successful-session-count": one.successes, "total-failure-session-count": one.failure_count}
        entry: dict[str, Any] = {"policy": policy, "summary": counts}
        if one.failures:
            entry["failure-details"] = [_detail(failure) for failure in one.failures]
        policies.append(entry)
    whole = {
        "organization-name": report.organization,
        "date-range": {"start-datetime": _moment(report.begin), "end-datetime": _moment(report.end)},
        "contact-info": report.contact,
        "report-id": report.report_id,
        "policies": policies,
    }
    return json.dumps(whole, indent=1).encode("ascii")


def _detail(failure: Failure) -> dict[str, Any]:
    named = {
        "result-type": failure.result_type,
        "sending-mta-ip": failure.sending_ip,
        "receiving-mx-hostname": failure.mx,
        "receiving-ip": failure.ip,
        "failure-reason-code": failure.reason,
    }
    return {**{name: value for name, value in named.items() if value}, "failed-session-count": failure.count}


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- read


def read_report(octets: bytes) -> Report:
    """Others' reports are not always as they should be: what can be missing may be. Raises BadReport."""
    if octets.count(b"[") + octets.count(b"{") > 20 * (_MAX_FAILURES + _MAX_POLICIES) or _depth(octets) > _DEEPEST:
        raise BadReport("too much, or too deep")
    try:
        whole = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise BadReport(f"not JSON: {error}") from error
    if not isinstance(whole, dict):
        raise BadReport("not an object")
    dates = _object(whole.get("date-range"))
    return Report(
        organization=_text(whole.get("organization-name")),
        contact=_text(whole.get("contact-info")),
        report_id=_text(whole.get("report-id")) or _missing("report-id"),
        begin=_time(dates.get("start-datetime")),
        end=_time(dates.get("end-datetime")),
        policies=tuple(_policy(_object(one)) for one in _list(whole.get("policies"), _MAX_POLICIES)),
    )


def _depth(octets: bytes) -> int:
    """Of brackets, those within strings too: no more than a bound is wanted."""
    depth = deepest = 0
    for bracket in re.findall(rb"[\[\]{}]", octets):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _policy(one: dict[str, Any]) -> PolicyResults:
    policy, summary = _object(one.get("policy")), _object(one.get("summary"))
    hosts = policy.get("mx-host", ())
    return PolicyResults(
        kind=_text(policy.get("policy-type")),
        domain=_text(policy.get("policy-domain")).lower(),
        lines=_texts(policy.get("policy-string", ())),
        hosts=_texts(hosts),
        successes=_count(summary.get("total-successful-session-count")),
        failures=tuple(_failure(_object(d)) for d in _list(one.get("failure-details"), _MAX_FAILURES)),
        failed=_count(summary.get("total-failure-session-count")),
    )


def _failure(detail: dict[str, Any]) -> Failure:
    return Failure(
        result_type=_text(detail.get("result-type")),
        count=_count(detail.get("failed-session-count")),
        sending_ip=_text(detail.get("sending-mta-ip")),
        mx=_text(detail.get("receiving-mx-hostname")),
        ip=_text(detail.get("receiving-ip")),
        reason=_text(detail.get("failure-reason-code")),
    )


def _missing(name: str) -> str:
    raise BadReport(f"no {name}")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any, limit: int) -> Sequence[Any]:
    if not isinstance(value, list):
        return ()
    if len(value) > limit:
        raise BadReport(f"more than {limit} entries")
    return value


def _text(value: Any) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    """A list, or one string where a list should be, as many write it."""
    items = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(_text(item) for item in items[:_MAX_POLICIES])


def _count(value: Any) -> int:
    return min(value, _MAX_COUNT) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _time(value: Any) -> float:
    try:
        moment = datetime.fromisoformat(_text(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise BadReport(f"not a time: {_text(value)[:40]!r}") from error
