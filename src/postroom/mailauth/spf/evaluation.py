"""check_host(), as RFC 7208 §4 to §6 have it, as a generator that asks the DNS by yielding questions.

Owns: what a record means for a client, and what that may cost. Never: asks itself, waits, keeps time. Raises: nothing.

A DNS that gives no answer makes the result temperror (§5), never one that lets mail pass.
"""

from collections.abc import Sequence
from typing import NamedTuple

from postroom.mailauth.clients import BITS, Client, client_at
from postroom.mailauth.domains import askable_name, domain_name, is_within
from postroom.mailauth.questions import Inquiry, Kind, Question, Reply

from .macros import BadMacro, MacroString, Values, expand_name, expand_text, read_explanation
from .record import BadRecord, Directive, SpfRecord, read_record, select_records
from .types import DEFAULT_LIMITS, Identity, SpfLimits, SpfResult, SpfVerdict

MAX_SENDER = 1024  # characters; RFC 5321 §4.5.3.1 has 320 octets, 64 of them for the local part
MAX_HELLO = 1024
MAX_DEPTH = 20  # includes inside of each other; the limit of terms is reached before, unless it was raised
_SHOWN_RECORD = 2048  # characters of a record, and of a term, that a verdict tells
_SHOWN_TERM = 200
_QUALIFIERS = {
    "+": SpfResult.PASS,
    "-": SpfResult.FAIL,
    "~": SpfResult.SOFTFAIL,
    "?": SpfResult.NEUTRAL,
}
_DECIDED = {
    SpfResult.PASS: "{domain} lets {client} send its mail: {why}",
    SpfResult.FAIL: "{domain} does not let {client} send its mail: {why}",
    SpfResult.SOFTFAIL: "{domain} says that {client} probably may not send its mail: {why}",
    SpfResult.NEUTRAL: "{domain} does not say whether {client} may send its mail: {why}",
}


class _Stop(Exception):
    """The check ends here, however deep it is (RFC 7208 §4.6.2, an exception)."""

    def __init__(self, result: SpfResult, words: str) -> None:
        super().__init__(words)
        self.result = result
        self.words = words


class _Found(NamedTuple):
    """What the record of a domain says. `exp` is to be read for `domain`, whose record has it."""

    result: SpfResult
    why: str
    record: str = ""
    mechanism: str = ""
    exp: MacroString | None = None
    domain: str = ""


def check_host(
    address: str,
    domain: str,
    sender: str,
    hello: str,
    *,
    receiver: str,
    now: float,
    limits: SpfLimits = DEFAULT_LIMITS,
    identity: Identity = "mailfrom",
) -> Inquiry[SpfVerdict]:
    """May the client at `address` send mail for `domain` (RFC 7208 §4)?

    `sender`: an address, or only its domain; `hello`: what the client called itself; `receiver`: our name and `now`:
    Unix seconds, both for explanations. Asks at most `limits.most_questions` questions; raises nothing.
    """
    local, _, sender_domain = sender.rpartition("@")
    name = domain_name(domain)
    client = client_at(address)
    if not name or client is None or len(sender) > MAX_SENDER:  # RFC 7208 §4.3
        words = f"{_shown(domain)!r} is no domain name" if not name else f"{len(sender)} characters are no address"
        if client is None:
            words = "the client has no IP address"
        return SpfVerdict(SpfResult.NONE, identity, name, sender, words)
    local = local or "postmaster"  # RFC 7208 §4.3
    sender_domain = domain_name(sender_domain) or sender_domain
    values = Values(
        {
            "s": f"{local}@{sender_domain}",
            "l": local,
            "o": sender_domain,
            "i": client.dotted,
            "v": "in-addr" if client.version == 4 else "ip6",
            "h": hello if 0 < len(hello) <= MAX_HELLO else "unknown",
        }
    )
    check = _Check(client, values, limits)
    explanation = ""
    try:
        found = yield from check.domain(name)
        if found.result is SpfResult.FAIL and found.exp is not None:
            texts = {"c": client.text, "r": receiver or "unknown", "t": str(int(now))}
            explanation = yield from check.explanation(found.exp, found.domain, texts)
    except _Stop as stop:
        found = _Found(stop.result, stop.words, check.at_record, check.at_term)
    words = _DECIDED.get(found.result, "{why}").format(domain=name, client=client.text, why=found.why)
    return SpfVerdict(
        found.result,
        identity,
        name,
        sender,
        words,
        explanation,
        _shown(found.record, _SHOWN_RECORD),
        _shown(found.mechanism),
        check.questions,
    )


class _Check:
    """One check: what it has cost so far, and where in which record it is."""

    def __init__(self, client: Client, values: Values, limits: SpfLimits) -> None:
        self.client = client
        self.values = values
        self.limits = limits
        self.at_record = ""
        self.at_term = ""
        self._terms = 0
        self._depth = 0
        self._void = 0
        self._record_octets = 0
        self._addresses = 0
        self._known: dict[Question, Reply] = {}
        # RFC 8616 §4: what has such a local part in it matches nothing
        self._unmatchable: frozenset[str] = frozenset() if values.letters["l"].isascii() else frozenset("sl")

    @property
    def questions(self) -> int:
        return len(self._known)

    def domain(self, domain: str) -> Inquiry[_Found]:
        """The record of `domain` and those it leads to by redirect (RFC 7208 §4.4 to §4.7, §6.1)."""
        way = ""
        while True:
            record = yield from self._record(domain)
            if isinstance(record, str):
                if way:  # RFC 7208 §6.1
                    raise _Stop(SpfResult.PERMERROR, f"redirect leads nowhere: {record}")
                return _Found(SpfResult.NONE, record)
            self.at_record, self.at_term = record.text, ""
            for directive in record.directives:
                why = yield from self._match(directive, domain)
                if why:
                    result = _QUALIFIERS[directive.qualifier]
                    return _Found(result, why + way, record.text, directive.text, record.exp, domain)
                self.at_record, self.at_term = record.text, ""  # an include has been elsewhere
            if record.redirect is None or record.has_all:  # RFC 7208 §4.7, §5.1
                why = f"nothing in its record matches, and that ends without a word on all others{way}"
                return _Found(SpfResult.NEUTRAL, why, record.text)
            self.at_term = f"redirect={record.redirect.text}"
            self._count_term()
            target = yield from self._target(record.redirect, domain)
            if target is None:
                raise _Stop(SpfResult.PERMERROR, f"redirect={_shown(record.redirect.text)} leads to no domain name")
            domain, way = target, f" (record of {target}, by redirect)"

    def _record(self, domain: str) -> Inquiry[SpfRecord | str]:
        """The one record, or why there is none."""
        reply = yield from self._ask("TXT", domain)
        self._answered(reply, "TXT", domain)  # RFC 7208 §4.4
        records = select_records(reply.texts)
        if not records:
            return f"{domain} has no SPF record" if reply.exists else f"{domain} does not exist"
        self.at_term = ""
        self.at_record = records[0][:_SHOWN_RECORD].decode("ascii", "backslashreplace")
        if len(records) > 1:
            raise _Stop(SpfResult.PERMERROR, f"{domain} has {len(records)} SPF records, and only one is allowed")
        self._record_octets += len(records[0])
        if self._record_octets > self.limits.record_octets:
            raise _Stop(SpfResult.PERMERROR, f"more than {self.limits.record_octets} octets of SPF records")
        try:
            return read_record(records[0])
        except BadRecord as error:
            raise _Stop(SpfResult.PERMERROR, f"syntax error in the SPF record of {domain}: {error}") from error

    def _match(self, directive: Directive, domain: str) -> Inquiry[str]:
        """Why the mechanism matches; "" when it does not (RFC 7208 §5)."""
        self.at_term = directive.text
        term = _shown(directive.text)
        if not directive.asks:
            return term if self._is_in_network(directive) else ""
        self._count_term()
        target: str | None = domain
        if directive.target is not None:
            if directive.target.letters & self._unmatchable:
                return ""
            target = yield from self._target(directive.target, domain)
        if directive.mechanism == "include":
            return (yield from self._include(term, target))
        if target is None:  # RFC 7208 §4.8 leaves it open; no such name can be in the DNS
            return ""
        match directive.mechanism:
            case "a":
                matched = yield from self._a(directive, target)
            case "mx":
                matched = yield from self._mx(directive, target)
            case "ptr":
                matched = yield from self._ptr(target)
            case _:
                matched = yield from self._exists(target)
        return term if matched else ""

    def _is_in_network(self, directive: Directive) -> bool:
        """all, ip4, ip6 (RFC 7208 §5.1, §5.6)."""
        if directive.mechanism == "all":
            return True
        if self.client.version == 4:
            return directive.mechanism == "ip4" and self.client.is_in(directive.network, directive.prefix4)
        return directive.mechanism == "ip6" and self.client.is_in(directive.network, directive.prefix6)

    def _include(self, term: str, target: str | None) -> Inquiry[str]:
        """RFC 7208 §5.2."""
        if target is None:
            raise _Stop(SpfResult.PERMERROR, f"{term} leads to no domain name")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Stop(SpfResult.PERMERROR, f"more than {MAX_DEPTH} includes inside of each other")
        found = yield from self.domain(target)
        self._depth -= 1
        if found.result is SpfResult.NONE:
            raise _Stop(SpfResult.PERMERROR, f"{term} leads nowhere: {found.why}")
        return f"{term}, there {found.why}" if found.result is SpfResult.PASS else ""

    def _a(self, directive: Directive, target: str) -> Inquiry[bool]:
        """RFC 7208 §5.3."""
        reply = yield from self._ask(self.client.kind, target)
        self._answered(reply, self.client.kind, target)
        if not reply.records:
            self._count_void(target)
        return self._is_among(reply.names, directive)

    def _mx(self, directive: Directive, target: str) -> Inquiry[bool]:
        """RFC 7208 §5.4; never the domain's own address (implicit MX)."""
        reply = yield from self._ask("MX", target)
        self._answered(reply, "MX", target)
        if len(reply.records) > self.limits.names:  # RFC 7208 §4.6.4
            raise _Stop(SpfResult.PERMERROR, f"{target} has more than {self.limits.names} MX records")
        hosts = [name for text in reply.names if (name := askable_name(text))]  # a null MX (RFC 7505) is no host
        found = False
        for host in hosts:
            addresses = yield from self._ask(self.client.kind, host)
            self._answered(addresses, self.client.kind, host)
            if self._is_among(addresses.names, directive):
                return True
            found = found or bool(addresses.records)
        if not reply.records or (hosts and not found):
            self._count_void(target)
        return False

    def _ptr(self, target: str) -> Inquiry[bool]:
        """RFC 7208 §5.5. Only names inside of the target have to be confirmed."""
        names = yield from self._reverse_names()
        if not names and self._known[Question("PTR", self.client.text)].failed == "":
            self._count_void(self.client.text)
        for name in names:
            if is_within(name, target) and (yield from self._is_address_of(name)):
                return True
        return False

    def _exists(self, target: str) -> Inquiry[bool]:
        """RFC 7208 §5.7: "A" whatever the client has."""
        reply = yield from self._ask("A", target)
        self._answered(reply, "A", target)
        if not reply.records:
            self._count_void(target)
        return bool(reply.names)

    def _target(self, spec: MacroString, domain: str, *, counted: bool = True) -> Inquiry[str | None]:
        """The <target-name> of RFC 7208 §4.8; None when that is no name."""
        if spec.letters & self._unmatchable:
            return None
        values = yield from self._values(spec, domain, counted=counted)
        return expand_name(spec, values) or None

    def _values(self, string: MacroString, domain: str, *, counted: bool) -> Inquiry[Values]:
        if "p" not in string.letters:
            return self.values.with_letters(d=domain) if "d" in string.letters else self.values
        # RFC 7208 §4.6.4: a PTR question for %{p} counts as a term does
        if counted and Question("PTR", self.client.text) not in self._known:
            self._count_term()
        return self.values.with_letters(d=domain, p=(yield from self._confirmed_name(domain)))

    def _confirmed_name(self, domain: str) -> Inquiry[str]:
        """RFC 7208 §7.3, "p": the domain itself if it can be, else a name below it, else another."""
        names = yield from self._reverse_names()
        for name in sorted(names, key=lambda name: (name != domain, not is_within(name, domain))):
            if (yield from self._is_address_of(name)):
                return name
        return "unknown"

    def _reverse_names(self) -> Inquiry[Sequence[str]]:
        """What the client's address is called: claims, until they are confirmed. RFC 7208 §5.5: errors are no names."""
        reply = yield from self._ask("PTR", self.client.text)
        if reply.failed:
            return ()
        names = [name for text in reply.names[: self.limits.names] if (name := askable_name(text))]
        return tuple(dict.fromkeys(names))

    def _is_address_of(self, name: str) -> Inquiry[bool]:
        """RFC 7208 §5.5: a name for which there is no answer is passed over."""
        reply = yield from self._ask(self.client.kind, name)
        return not reply.failed and self._is_among(reply.names, None)

    def _is_among(self, addresses: Sequence[str], directive: Directive | None) -> bool:
        """Does one of the addresses match, as far as the prefix of the directive says?"""
        self._addresses += len(addresses)
        if self._addresses > self.limits.addresses:
            raise _Stop(SpfResult.PERMERROR, f"more than {self.limits.addresses} addresses")
        prefix = BITS[self.client.version]
        if directive is not None:
            prefix = directive.prefix4 if self.client.version == 4 else directive.prefix6
        return self.client.is_among(addresses, prefix)

    def _ask(self, kind: Kind, name: str) -> Inquiry[Reply]:
        """Each question once a check."""
        question = Question(kind, name)
        reply = self._known.get(question)
        if reply is None:
            reply = self._known[question] = yield question
        return reply

    def _answered(self, reply: Reply, kind: Kind, name: str) -> None:
        """RFC 7208 §5: without an answer the topmost check is temperror."""
        if reply.failed:
            raise _Stop(SpfResult.TEMPERROR, f"no answer for {name} ({kind}): {_shown(reply.failed)}")

    def _count_term(self) -> None:
        self._terms += 1
        if self._terms > self.limits.terms:
            raise _Stop(SpfResult.PERMERROR, f"more than {self.limits.terms} terms that ask the DNS")

    def _count_void(self, name: str) -> None:
        self._void += 1
        if self._void > self.limits.void:
            raise _Stop(SpfResult.PERMERROR, f"more than {self.limits.void} terms find nothing, the last {name}")

    def explanation(self, spec: MacroString, domain: str, texts: dict[str, str]) -> Inquiry[str]:
        """RFC 7208 §6.2; "" after any error. Its questions count against nothing (§4.6.4), and are few."""
        try:
            target = yield from self._target(spec, domain, counted=False)
            if target is None:
                return ""
            reply = yield from self._ask("TXT", target)
            if reply.failed or len(reply.texts) != 1 or len(reply.texts[0]) > self.limits.explanation_octets:
                return ""
            string = read_explanation(reply.texts[0].decode("ascii"))
            values = yield from self._values(string, domain, counted=False)
            text = expand_text(
                string, values.with_letters(**{"d": domain, **texts}), self.limits.explanation_characters
            )
        except (BadMacro, UnicodeDecodeError, _Stop):
            return ""
        # A local part or HELO may have brought in what no reply of SMTP can have
        return text if text.isascii() and text.isprintable() else ""


def _shown(text: str, most: int = _SHOWN_TERM) -> str:
    """For a verdict: printable ASCII, and not too long."""
    if len(text) > most:
        text = text[: most - 3] + "..."
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if " " <= one <= "~" else one.encode("unicode_escape").decode("ascii") for one in text)[:most]
