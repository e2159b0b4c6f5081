"""Whose signatures they are, in the journal's words."""

import asyncio
from pathlib import Path

from tests.signing.signed import Signer

from postroom.signing import signers


def test_the_keys_of_each_signature_in_order(tmp_path: Path) -> None:
    fields = asyncio.run(Signer(tmp_path).signed(b"From: alice@a.test\r\n\r\nHello.\r\n")).partition(b"From")[0]
    told = ["d=a.test s=20231114-rsa rsa-sha256", "d=a.test s=20231114-ed25519 ed25519-sha256"]
    assert signers(fields) == told
    assert signers(b"List-Unsubscribe: <https://a.test/?d=x>\r\n" + fields + b"To: b@b.test\r\n") == told


def test_no_signature() -> None:
    assert signers(b"") == []
    assert signers(b"ARC-Seal: i=1; a=rsa-sha256; d=a.test; s=x\r\n") == []
