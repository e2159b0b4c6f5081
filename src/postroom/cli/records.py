"""The DNS records a mail domain should publish.

Owns: that list. Never: asks the DNS. Raises: nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a zone file, and why it is there."""

    name: str
    kind: str
    value: str
    why: str


def records(domain: str, hostname: str) -> list[Record]:
    """Absolute names, for a server `hostname` that takes mail for `domain`."""
    host = f"{hostname}."
    found = [
        Record(f"{domain}.", "MX", f"10 {host}", "where mail for the domain goes (RFC 5321 §5.1)"),
        Record(host, "A", "<this machine's IPv4 address>", "where that is"),
        Record(host, "AAAA", "<this machine's IPv6 address>", "the same, if it has one"),
        Record(f"{domain}.", "TXT", '"v=spf1 mx -all"', "only this server sends for the domain (RFC 7208)"),
    ]
    if host != f"{domain}.":
        found.append(Record(host, "TXT", '"v=spf1 a -all"', "the same for its own name in HELO (RFC 7208 §2.3)"))
    # RFC 6186 §3, RFC 8314 §5.1: how mail programs find the servers from an address alone.
    for service, port, why in (
        ("_submissions", 465, "mail programs: sending"),
        ("_submission", 587, "mail programs: sending, with STARTTLS"),
        ("_imaps", 993, "mail programs: reading"),
        ("_pop3s", 995, "mail programs: fetching"),
    ):
        preference = 10 if service == "_pop3s" else 0
        found.append(Record(f"{service}._tcp.{domain}.", "SRV", f"{preference} 1 {port} {host}", f"{why} (RFC 6186)"))
    return found


def zone_lines(domain: str, hostname: str) -> list[str]:
    """The same as lines of a zone file, aligned."""
    found = records(domain, hostname)
    names, values = max(len(one.name) for one in found), max(len(one.value) for one in found)
    return [f"{one.name:<{names}}  IN {one.kind:<4}  {one.value:<{values}}  ; {one.why}" for one in found]
