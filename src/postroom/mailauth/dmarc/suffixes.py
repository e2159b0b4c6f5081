"""The public suffix list, for domains whose records do not say where their organisation ends (RFC 7489 §3.2).

Owns: the list's format, what its rules say of a domain. Never: fetches a list, opens a file. Raises: ValueError for
what is no such list.

Rules of both parts count, those of registries and those of companies under whose names others have theirs: two
customers of a host are not one organisation.
"""

from postroom.mailauth.domains import MAX_NAME, domain_name

MAX_LIST_OCTETS = 4_194_304  # the list of 2026 has some 330,000
_COMMENT = "//"


class PublicSuffixes:
    """A list that has been read: a SuffixList."""

    def __init__(self, text: str) -> None:
        """Raises ValueError. Lines that are no rule are passed over, as every reader of the format does."""
        self._rules: set[str] = set()
        self._wildcards: set[str] = set()  # what stands behind "*."
        self._exceptions: set[str] = set()
        for line in text.split("\n"):
            rule = line.split(maxsplit=1)[0] if line.strip() else ""  # a rule ends at the first white space
            if not rule or rule.startswith(_COMMENT):
                continue
            kind, name = self._rules, rule
            if rule.startswith("!"):
                kind, name = self._exceptions, rule[1:]
            elif rule.startswith("*."):
                kind, name = self._wildcards, rule[2:]
            if known := _suffix(name):
                kind.add(known)
        if not self._rules:
            raise ValueError("there is no rule of a public suffix list in it")

    def __len__(self) -> int:
        return len(self._rules) + len(self._wildcards) + len(self._exceptions)

    def __call__(self, domain: str) -> str | None:
        """The organisational domain of a domain (A-labels, lower case): one label below its public suffix.

        A public suffix is its own. None where no rule is about the domain.
        """
        labels = domain.split(".")
        names = [".".join(labels[at:]) for at in range(len(labels))]  # the longest first
        for name in names:  # an exception is above all rules, and its suffix is one label shorter
            if name in self._exceptions:
                return name
        for at, name in enumerate(names):  # of the rules the longest holds
            if name in self._rules or (at + 1 < len(names) and names[at + 1] in self._wildcards):
                return names[at - 1] if at else name
        return None


def _suffix(text: str) -> str:
    """The name of a rule in A-labels, of one label too; "" for none, and for a wildcard that is not the first label."""
    if not text or len(text) > MAX_NAME:
        return ""
    name = domain_name(f"{text.lstrip('.')}.invalid")  # which wants two labels
    return name.removesuffix(".invalid")
