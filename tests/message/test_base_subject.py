"""RFC 5256 §2.1."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.base_subject import base_subject


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("", "", False),
        ("hello", "hello", False),
        ("Re: hello", "hello", True),
        ("RE : hello", "hello", True),
        ("fw: hello", "hello", True),
        ("Fwd: hello", "hello", True),
        ("fwdd: hello", "fwdd: hello", False),
        ("Re[2]: hello", "hello", True),
        ("Re [2] : hello", "hello", True),
        ("Re: Re: FW: hello", "hello", True),
        ("  two \t\r\n spaces  ", "two spaces", False),  # (1), (2)
        ("hello (fwd)", "hello", True),
        ("hello (FWD) (fwd)  ", "hello", True),
        ("(fwd)", "", True),
        ("[list] hello", "hello", False),
        ("[list] [more] hello", "hello", False),
        ("[list] Re: [list] hello", "hello", True),
        ("Re: [list] Re: hello", "hello", True),
        ("[a][b]re: [c]", "[c]", True),
        ("[only]", "[only]", False),  # (4): removing it would leave nothing
        ("[a] [b]", "[b]", False),
        ("Re: [a] [b]", "[b]", True),
        ("[a] re:", "", True),
        ("Re:", "", True),
        ("re", "re", False),
        ("reply: no", "reply: no", False),
        ("[Fwd: hello]", "hello", True),  # (6)
        ("[fwd: Re: [list] hello (fwd)]", "hello", True),
        ("[fwd: [fwd: hello]]", "hello", True),
        ("[fwd:]", "", True),
        ("[fwd: hello", "[fwd: hello", False),
        ("[fwd: a] b]", "b]", False),  # "[fwd: a]" is a blob
        ("[open hello", "[open hello", False),
        ("Ré: hello", "Ré: hello", False),
        ("Re: été (fwd)", "été", True),
        ("hello re: there", "hello re: there", False),
    ],
)
def test_base_subject(subject: str, base: str, is_reply: bool) -> None:
    assert base_subject(subject) == (base, is_reply)


def _literally(subject: str) -> str:
    """The seven steps as the RFC writes them, one at a time, on strings."""
    blob = r"\[[^\[\]]*\] *"
    text = re.sub(" +", " ", re.sub(r"[\t\r\n]", " ", subject))
    while True:
        while found := re.search(r"(?:\(fwd\)| )\Z", text, re.IGNORECASE | re.ASCII):
            text = text[: found.start()]
        changed = True
        while changed:
            changed = False
            leader = rf"(?:(?:{blob})*(?:re|fwd?) *(?:{blob})?:| )"
            while found := re.match(leader, text, re.IGNORECASE | re.ASCII):
                text, changed = text[found.end() :], True
            if (found := re.match(blob, text)) and text[found.end() :]:
                text, changed = text[found.end() :], True
        if len(text) >= 6 and text[:5].lower() == "[fwd:" and text[-1] == "]":
            text = text[5:-1]
            continue
        return text


@given(
    st.lists(st.sampled_from(["re", "fwd", "fw", ":", "[", "]", " ", "(fwd)", "[fwd:", "x", "\t", "é"])).map("".join)
)
def test_it_is_the_procedure_of_the_rfc(subject: str) -> None:
    assert base_subject(subject)[0] == _literally(subject)


@pytest.mark.parametrize(
    "piece", ["[a]", "[", "]", "re:", "re [", "[fwd:", "(fwd)", "(", " ", "re[x]:", "[fwd: a]", "[a] re: ", "\t x"]
)
def test_hostile_subjects_take_linear_time(piece: str) -> None:
    for tail in ("", "]" * 100_000, "x"):
        started = time.process_time()
        base_subject(piece * (300_000 // len(piece)) + tail)
        assert time.process_time() - started < 1
