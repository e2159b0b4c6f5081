"""The public test suite of RFC 7208: 203 cases with the zones they need. The file is no part of this tree."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.mailauth.zone import TIMEOUT, Zone

from postroom.mailauth.spf import SpfLimits, SpfResult, check_sender

_SHARED = Path(os.environ.get("POSTROOM_SHARED", Path(__file__).resolve().parents[3] / "shared"))
_FILE = _SHARED / "vectors" / "spf" / "rfc7208-tests.yml"
_SUITES: list[dict[str, Any]] = list(yaml.safe_load_all(_FILE.read_text("utf-8"))) if _FILE.exists() else []
_CASES = [
    pytest.param(suite["zonedata"], case, id=f"{suite['description']}: {name}")
    for suite in _SUITES
    for name, case in suite["tests"].items()
]

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not _CASES, reason=f"no SPF test suite at {_FILE}: set POSTROOM_SHARED to the folder it is in"),
]


def _text(value: str | list[str]) -> bytes:
    """The strings of one record; the file has octets as the characters of the same number."""
    return (value if isinstance(value, str) else "".join(value)).encode("latin-1")


def _records(entries: list[Any]) -> list[tuple[str, str | bytes]]:
    """As the suite wants it read: SPF stands for TXT, unless there is a TXT ("NONE": there is none)."""
    records: list[tuple[str, str | bytes]] = []
    has_txt = any("TXT" in entry for entry in entries if isinstance(entry, dict))
    exchanges = []
    for entry in entries:
        if entry == "TIMEOUT":
            records.append(TIMEOUT)
            continue
        for kind, value in entry.items():
            if kind == "TXT" or (kind == "SPF" and not has_txt):
                if value != "NONE":
                    records.append(("TXT", _text(value)))
            elif kind == "MX":
                exchanges.append((value[0], value[1]))
            elif kind != "SPF":
                records.append((kind, value))
    return [*records, *(("MX", host) for _, host in sorted(exchanges))]


def test_the_suite_is_whole() -> None:
    assert len(_CASES) == 203


@pytest.mark.parametrize(("zonedata", "case"), _CASES)
def test_case(zonedata: dict[str, list[Any]], case: dict[str, Any]) -> None:
    zone = Zone({name: _records(entries) for name, entries in zonedata.items()})
    check = check_sender(case["host"], case["mailfrom"], case["helo"], receiver="receiver.example", now=0)
    verdict = zone.conclude(check)[-1]
    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert verdict.result.value in wanted, verdict
    if "explanation" in case:
        # Upper or lower case of hexadecimal digits is left open (RFC 7208 §7.3; the RFC and the suite differ)
        explanation = "" if case["explanation"] == "DEFAULT" else case["explanation"]
        assert verdict.explanation.lower() == explanation.lower(), verdict
    assert verdict.words
    assert verdict.questions <= SpfLimits().most_questions
    assert bool(verdict.mechanism) or verdict.result is not SpfResult.PASS
