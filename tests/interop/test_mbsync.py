"""mbsync moves 2,000 real messages both ways and back to identical content."""

import email
import hashlib
from pathlib import Path

import pytest
from tests.interop.clients import need, real_messages, run
from tests.interop.server import PASSWORD, Server

pytestmark = pytest.mark.interop
COUNT = 2000


def _maildir(path: Path) -> Path:
    for sub in ("cur", "new", "tmp"):
        (path / sub).mkdir(parents=True)
    return path


def _contents(maildir: Path) -> dict[str, int]:
    """Digest of each message's content (without mbsync's own X-TUID line) and how often it occurs."""
    counts: dict[str, int] = {}
    for path in [*(maildir / "cur").iterdir(), *(maildir / "new").iterdir()]:
        lines = path.read_bytes().replace(b"\r\n", b"\n").split(b"\n")
        digest = hashlib.sha256(b"\n".join(line for line in lines if not line.startswith(b"X-TUID: "))).hexdigest()
        counts[digest] = counts.get(digest, 0) + 1
    return counts


def _config(server: Server, folder: Path, maildir: Path, mailbox: str, user: str) -> Path:
    path = folder / f"mbsyncrc-{maildir.name}"
    path.write_text(
        f'IMAPAccount postroom\nHost localhost\nPort {server.ports["imaps"]}\nUser {user}\nPass "{PASSWORD}"\n'
        f"SSLType IMAPS\nSystemCertificates no\nCertificateFile {server.folder}/data/tls/self-signed.crt\n\n"
        f"IMAPStore far\nAccount postroom\n\nMaildirStore near\nInbox {maildir}\n\n"
        f"Channel one\nFar :far:{mailbox}\nNear :near:INBOX\nCreate Far\nExpunge Both\nSync All\n"
        f"SyncState {folder}/state-{maildir.name}\nCopyArrivalDate yes\n"
    )
    return path


def test_mbsync_both_ways_and_back_to_identical_content(server: Server, tmp_path: Path) -> None:
    program, user = need("mbsync"), "sync@example.test"
    server.cli("account", "add", user, "--password-stdin", stdin=PASSWORD)
    there, back = _maildir(tmp_path / "there"), _maildir(tmp_path / "back")
    for number, message in enumerate(real_messages(COUNT)):
        (there / "cur" / f"{number}.test:2,{'S' if number % 3 else ''}").write_bytes(message.replace(b"\r\n", b"\n"))
    original = _contents(there)

    up = _config(server, tmp_path, there, "Real", user)
    run([program, "-c", str(up), "one"], cwd=tmp_path, timeout=300)
    down = _config(server, tmp_path, back, "Real", user)
    run([program, "-c", str(down), "one"], cwd=tmp_path, timeout=300)
    assert _contents(back) == original
    seen = sum("S" in path.name.rpartition(":2,")[2] for path in (back / "cur").iterdir())
    assert seen == sum(1 for number in range(COUNT) if number % 3)

    # a flag and a deletion made on one side arrive on the other
    victim = sorted((back / "cur").iterdir())[0]
    digest = email.message_from_bytes(victim.read_bytes())["Message-ID"]
    victim.unlink()
    flagged = sorted((back / "cur").iterdir())[0]
    flagged.rename(flagged.with_name(flagged.name.replace(":2,", ":2,F")))
    run([program, "-c", str(down), "one"], cwd=tmp_path, timeout=300)
    run([program, "-c", str(up), "one"], cwd=tmp_path, timeout=300)
    left = [*(there / "cur").iterdir(), *(there / "new").iterdir()]
    assert len(left) == COUNT - 1
    assert sum("F" in path.name.rpartition(":2,")[2] for path in left) == 1
    assert digest is None or _contents(there) != original
