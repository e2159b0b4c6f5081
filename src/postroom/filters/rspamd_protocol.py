"""rspamd by HTTP: the request of /checkv2 and what its JSON answer means.

Owns: both. Never: connects. Raises: FilterFailed for an answer that is none.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .envelope_change import BadEnvelopeChange, new_recipient, new_sender, old_recipient
from .plain_words import later, plain, refusal
from .settings import FilterSettings
from .types import ContentSource, FilterFailed, HeaderChange, Verdict

MAX_ANSWER_OCTETS = 2_097_152
MAX_CHANGES = 500  # header fields that one answer adds and removes
MAX_SYMBOLS_TOLD = 8
_MOST_POINTS = 1e6
_JUNK = ("add header", "add_header", "rewrite subject", "rewrite_subject", "quarantine", "discard")
_LATER = ("soft reject", "soft_reject")


def request_head(source: ContentSource, size: int, hostname: str) -> bytes:
    """The head of the request; `size` octets of the message follow."""
    client = source.client
    fields: list[tuple[str, str]] = [
        ("IP", "" if client.address == "unix" else client.address.partition("%")[0]),
        ("Helo", source.hello),
        ("Hostname", client.host),
        ("From", source.mail_from),
        *(("Rcpt", recipient) for recipient in source.recipients),
        ("User", source.user),
        ("Queue-Id", source.queue_id),
        ("MTA-Name", hostname),
        ("TLS-Version", source.tls.version if source.tls is not None else ""),
        ("TLS-Cipher", source.tls.cipher if source.tls is not None else ""),
    ]
    lines = ["POST /checkv2 HTTP/1.1", f"Host: {plain(hostname)}", "Connection: keep-alive", f"Content-Length: {size}"]
    lines += [f"{name}: {_one_line(value)}" for name, value in fields if value]
    return "\r\n".join((*lines, "", "")).encode()


def _one_line(text: str) -> str:
    return "".join("?" if c < " " or c == "\x7f" else c for c in text)


def read_verdict(answer: bytes, settings: FilterSettings) -> Verdict:
    """What the answer means."""
    try:
        told = msgspec.json.decode(answer)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FilterFailed("the answer is not JSON") from error
    if not isinstance(told, dict):
        raise FilterFailed("the answer is no JSON object")
    if "error" in told and "action" not in told:
        raise FilterFailed(f"it says: {plain(str(told['error']))}")
    action = told.get("action")
    if not isinstance(action, str):
        raise FilterFailed("the answer has no action")
    verdict = Verdict(points=_points(told.get("score")) * settings.weight)
    verdict.words = _words(action, told)
    _consequence(verdict, action, told)
    if settings.may_change:
        try:
            _changes(verdict, action, told)
        except BadEnvelopeChange as error:
            raise FilterFailed(str(error)) from error
    return verdict


def _points(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return max(-_MOST_POINTS, min(float(value), _MOST_POINTS))


def _words(action: str, told: Mapping[str, Any]) -> str:
    """ "add header, 7.1 of 15: SYMBOL (3.5), …"."""
    symbols = told.get("symbols")
    found: list[tuple[float, str]] = []
    if isinstance(symbols, dict):
        found = [(_points(one.get("score")), name) for name, one in symbols.items() if isinstance(one, dict)]
        found = sorted((one for one in found if one[0]), key=lambda one: -abs(one[0]))[:MAX_SYMBOLS_TOLD]
    why = ", ".join(f"{name} ({score:g})" for score, name in found)
    most = told.get("required_score")
    of = f" of {_points(most):g}" if isinstance(most, int | float) else ""
    return plain(f"{action}, {_points(told.get('score')):g}{of}" + (f": {why}" if why else ""))


def _consequence(verdict: Verdict, action: str, told: Mapping[str, Any]) -> None:
    messages = told.get("messages")
    said = messages.get("smtp_message") if isinstance(messages, dict) else None
    said = said if isinstance(said, str) else ""
    if action == "reject":
        milter = told.get("milter")
        if isinstance(milter, dict) and milter.get("reject") in ("discard", "quarantine"):
            verdict.action = "junk"
        else:
            verdict.action = "reject"
            verdict.error = refusal(said or "The message looks like spam", detail=verdict.words)
    elif action in _LATER:
        verdict.action, verdict.error = "defer", later(said, detail=verdict.words)
    elif action in _JUNK:
        verdict.action = "junk"


def _changes(verdict: Verdict, action: str, told: Mapping[str, Any]) -> None:
    milter = told.get("milter")
    milter = milter if isinstance(milter, dict) else {}
    changes = verdict.header_changes
    changes += _removed(milter.get("remove_headers"))
    changes += _added(milter.get("add_headers"))
    if action in ("rewrite subject", "rewrite_subject") and isinstance(told.get("subject"), str):
        changes.append(HeaderChange("change", b"Subject", b" " + told["subject"].encode(), 1))
    if action in ("add header", "add_header"):
        changes.append(HeaderChange("insert", b"X-Spam", b" Yes", 1))
    signatures = told.get("dkim-signature")
    for value in signatures if isinstance(signatures, list) else [signatures]:
        if isinstance(value, str):
            changes.append(HeaderChange("insert", b"DKIM-Signature", b" " + value.encode(), 1))
    if len(changes) > MAX_CHANGES:
        raise FilterFailed(f"more than {MAX_CHANGES} changes to the header")
    if isinstance(milter.get("change_from"), str):
        verdict.mail_from = new_sender(milter["change_from"].encode())
    for address in _texts(milter.get("add_rcpt")):
        verdict.added.append(new_recipient(address))
    for address in _texts(milter.get("del_rcpt")):
        verdict.removed.append(old_recipient(address))


def _texts(value: Any) -> list[bytes]:
    values = value if isinstance(value, list) else [value]
    return [one.encode() for one in values[:MAX_CHANGES] if isinstance(one, str)]


def _removed(table: Any) -> Iterator[HeaderChange]:
    """Each name with the number of the field, or several of them; 0: all."""
    if not isinstance(table, dict):
        return
    for name, numbers in table.items():
        wanted = [one for one in (numbers if isinstance(numbers, list) else [numbers]) if isinstance(one, int)]
        for number in sorted(wanted, reverse=True):  # from the last one, as each removal moves those behind it
            yield HeaderChange("change", name.encode(), b"", number)


def _added(table: Any) -> Iterator[HeaderChange]:
    """Each name with a value, or {"value": …, "order": place}, or several of these."""
    if not isinstance(table, dict):
        return
    for name, values in table.items():
        for one in values if isinstance(values, list) else [values]:
            order = None
            if isinstance(one, dict):
                order, one = one.get("order"), one.get("value")
            if not isinstance(one, str):
                continue
            value = b" " + one.encode()
            if isinstance(order, int) and order >= 0:
                yield HeaderChange("insert", name.encode(), value, min(order, 1_000_000))
            else:
                yield HeaderChange("add", name.encode(), value)
