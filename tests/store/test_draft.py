from pathlib import Path

import pytest

from postroom.base import Spool
from postroom.message import Scanner
from postroom.store import Draft


def test_a_draft_gathers_octets_and_facts(tmp_path: Path) -> None:
    with Draft(Spool(tmp_path, 10), Scanner()) as draft:
        draft.write(b"Subject: x\r\n")
        with pytest.raises(ValueError, match="finish"):
            _ = draft.facts
        draft.write(b"\r\nbody\r\n")
        assert draft.size == 20
        facts = draft.finish()
        assert facts is draft.finish() is draft.facts
        assert (facts.size, facts.header_len) == (20, 14)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
