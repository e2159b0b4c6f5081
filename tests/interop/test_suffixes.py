"""The whole public suffix list, read by ours and by publicsuffix2: both find the same organisations."""

import json
import time

import pytest
from tests.interop.clients import run
from tests.interop.packages import PYTHON_FOLDER

from postroom.mailauth.dmarc import PublicSuffixes
from postroom.mailauth.domains import domain_name

pytestmark = pytest.mark.interop

_LIST = PYTHON_FOLDER / "publicsuffix2" / "public_suffix_list.dat"
_SCRIPT = f"""
import json, sys
sys.path.insert(0, {str(PYTHON_FOLDER)!r})
from publicsuffix2 import PublicSuffixList
suffixes = PublicSuffixList({str(_LIST)!r})
print(json.dumps([suffixes.get_sld(name, strict=True) for name in json.load(sys.stdin)]))
"""


def names(text: str) -> list[str]:
    """Below each rule: what stands for its wildcard, an organisation, one of its hosts."""
    found: dict[str, None] = {}
    for line in text.split("\n"):
        rule = line.strip()
        if rule and not rule.startswith("//"):
            name = domain_name(rule.lstrip("!").replace("*.", "any."))
            for above in ("", "shop.", "www.shop.") if name else ():
                found[above + name] = None
    return list(found)


def test_the_same_organisations() -> None:
    if not _LIST.exists():
        pytest.skip("publicsuffix2 is not installed; `make interop` installs it")
    text = _LIST.read_text("utf-8")
    begin = time.process_time()
    ours = PublicSuffixes(text)
    assert time.process_time() - begin < 1.0  # 25 ms are usual
    asked = names(text)
    assert len(asked) > 20_000
    theirs = json.loads(run(["python3", "-c", _SCRIPT], stdin=json.dumps(asked)))
    differing = [(name, ours(name), other) for name, other in zip(asked, theirs, strict=True) if ours(name) != other]
    assert differing == []
