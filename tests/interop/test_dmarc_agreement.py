"""DMARC verdicts beside those of authheaders (PyPI) and mailauth (npm), over generated mail and records.

Both go by RFC 7489 and a public suffix list, so the list is given to ours as well; what they do otherwise than the RFCs
is left out of the comparison, each with its reason.
"""

import json
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from tests.interop.clients import need, run
from tests.interop.server import ROOT
from tests.mailauth.dmarc.zone import Dkim, Spf, Word, Zone

from postroom.mailauth.dmarc import DmarcVerdict, author_domain, evaluate
from postroom.mailauth.questions import conclude

pytestmark = pytest.mark.interop
NPM, PACKAGES = ROOT / "build" / "npm", ROOT / "build" / "python"
CASES = 2000
SUFFIXES = ("com", "co.uk", "net")
OURS = ("authheaders", "authres", "publicsuffix2")


@dataclass(frozen=True)
class Case:
    author: str
    spf: Spf
    dkim: Dkim
    records: dict[str, str]  # by domain

    def verdict(self) -> DmarcVerdict:
        header = f'From: "A Name" <a@{self.author}>\r\n\r\n'.encode()
        names = frozenset({self.author, self.spf.domain, self.dkim.domain})
        zone = Zone(self.records, names=names)
        return conclude(evaluate(author_domain(header), [self.spf], [self.dkim], suffixes=organisation), zone.answer)


def organisation(domain: str) -> str | None:
    """By the part of the list that these names need."""
    for suffix in SUFFIXES:
        if domain.endswith("." + suffix):
            return ".".join(domain.split(".")[-(suffix.count(".") + 2) :])
    return None


def generated(strict: bool) -> list[Case]:
    """Records stand at the author's domain and at its organisation's, where RFC 7489 looks for them."""
    dice = random.Random(9989)

    def name() -> str:
        base = f"{dice.choice(('alpha', 'beta'))}.{dice.choice(SUFFIXES)}"
        return dice.choice(("", "", "mail.", "a.mail.", "x.y.z.")) + base

    def record() -> str:
        tags = ["v=DMARC1", f"p={dice.choice(('none', 'quarantine', 'reject'))}"]
        if dice.random() < 0.4:
            tags.append(f"sp={dice.choice(('none', 'quarantine', 'reject'))}")
        for tag in ("adkim", "aspf"):
            if dice.random() < 0.5:
                tags.append(f"{tag}={dice.choice('rs') if strict else 'r'}")
        if dice.random() < 0.3:
            tags.append(dice.choice(("pct=100", "fo=1:d:s", "rua=mailto:r@alpha.com", "x=unknown", "psd=u", "t=n")))
        return dice.choice(("; ", ";")).join(tags) + dice.choice(("", ";"))

    cases = []
    for _ in range(CASES):
        author = name()
        places = {author, organisation(author) or author}
        records = {place: record() for place in sorted(places) if dice.random() < 0.6}
        results = (Word.PASS, Word.PASS, Word.FAIL, Word.NONE)
        cases.append(Case(author, Spf(name(), dice.choice(results)), Dkim(name(), dice.choice(results)), records))
    return cases


@pytest.fixture
def authheaders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if not (PACKAGES / "authheaders").exists():
        pytest.skip("authheaders is not installed; `make interop` installs it")
    monkeypatch.syspath_prepend(str(PACKAGES))
    module = __import__("authheaders")
    for place in (module, module.dmarc_lookup):  # its own reads the whole list from disk for each name
        monkeypatch.setattr(place, "get_org_domain", lambda domain: organisation(domain) or domain)
    yield module
    for found in [found for found in sys.modules if found.partition(".")[0] in OURS]:
        del sys.modules[found]


def test_authheaders_agrees(authheaders: Any) -> None:
    seen = set()
    for case in generated(strict=True):
        spf = SimpleNamespace(result=case.spf.result.value, smtp_mailfrom=f"a@{case.spf.domain}")
        dkim = SimpleNamespace(result=case.dkim.result.value, header_d=case.dkim.domain)

        def text(name: str, case: Case = case) -> str | None:
            return case.records.get(name.removeprefix("_dmarc."))

        result, _, _, policy = authheaders.dmarc_per_from(case.author, spf, dkim, dnsfunc=text)
        ours = case.verdict()
        assert ours.result.value == result, case
        # It takes sp for the very domain that a record stands at, too; sp is for subdomains (RFC 7489 §6.3).
        if result != "none" and (ours.policy_domain != case.author or "sp=" not in ours.record):
            assert ours.policy.value == policy, case
        seen.add((result, policy))
    assert {result for result, _ in seen} == {"none", "pass", "fail"}
    assert len(seen) >= 7


def test_mailauth_agrees() -> None:
    if not (NPM / "node_modules" / "mailauth").exists():
        pytest.skip("npm's mailauth is not installed; `make interop` installs it")
    if int(run([need("node"), "--version"]).strip().removeprefix("v").partition(".")[0]) < 20:
        pytest.skip("mailauth wants Node 20")
    # In strict mode it compares organisational domains all the same, so that others would pass (RFC 7489 §3.1.1).
    cases = generated(strict=False)
    shutil.copy(ROOT / "tests" / "interop" / "dmarc.mjs", NPM / "dmarc.mjs")  # where its imports are found
    asked = NPM / "dmarc-cases.json"
    asked.write_text(
        json.dumps(
            [
                {
                    "from": f"a@{case.author}",
                    "spf": [case.spf.domain] if case.spf.result is Word.PASS else [],
                    "dkim": [case.dkim.domain] if case.dkim.result is Word.PASS else [],
                    "records": case.records,
                }
                for case in cases
            ]
        )
    )
    answers = json.loads(run([need("node"), str(NPM / "dmarc.mjs"), str(asked)], timeout=120))
    assert len(answers) == CASES
    for case, (result, policy) in zip(cases, answers, strict=True):
        ours = case.verdict()
        assert ours.result.value == result, case
        if result != "none":
            assert ours.policy.value == policy, case
    assert {result for result, _ in answers} == {"none", "pass", "fail"}
