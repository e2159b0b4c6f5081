"""kill -9 while keys are rotated and retired, time after time: what is on the disk signs, and is verified."""

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

from tests.signing.signed import BOTH, Signer

MESSAGE = b"From: alice@a.test\r\n\r\nHello.\r\n"
ROUNDS = 20
CHILD = """
import sys
from pathlib import Path
from tests.signing.keys import one_key
from postroom.base import SystemClock
from postroom.signing import KeyFolder, KeyKeeper, SigningSettings, keeping
keeping.new_private_key = one_key
keeper = KeyKeeper(KeyFolder(Path(sys.argv[1])), SigningSettings(revoked_seconds=0), SystemClock())
one_key("rsa-sha256", 2048)
print("ready", flush=True)
while True:
    keeper.rotate("a.test", 0.0)
    keeper.retire("a.test", at_once=True)
    keeper.retire("a.test")
"""


def test_whenever_it_is_killed_keys_are_there_that_sign(tmp_path: Path) -> None:
    chance = random.Random(11)
    signer = Signer(tmp_path)
    states = set()
    for _ in range(ROUNDS):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.0, 0.05))
        child.kill()
        child.wait()
        child.stdout.close()
        assert signer.results(asyncio.run(signer.signed(MESSAGE))) == BOTH
        states.add((tmp_path / "dkim" / "keys.json").read_bytes())
    assert len(states) > ROUNDS // 2  # it was killed at work
    signer.keeper.rotate("a.test", 0.0)
    signer.keeper.retire("a.test", at_once=True)
    named = {key.file for one in signer.keeper.sets("a.test") if one.revoked is None for key in one.keys}
    assert {path.name for path in (tmp_path / "dkim").iterdir()} == {*named, "keys.json"}
