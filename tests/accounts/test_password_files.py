"""passwd, shadow, Dovecot's passwd-file."""

from postroom.accounts.password_files import PasswordLine, read_lines

FILE = """\
# people
root:x:0:0:root:/root:/bin/bash
alice:$6$salt$hash:19000:0:99999:7:::

bob@example.org:{SSHA}abc=:1000:1000::/home/bob::userdb_quota=1G
carol@example.org:{PLAIN}s3cret\r
dave:!$6$salt$hash:19000::::::
erin:*:19000::::::
frank::19000::::::
nonsense
:$6$salt$hash:
   # a comment too
grace@example.org:$2y$05$abc
"""


def test_lines_of_all_three() -> None:
    lines = list(read_lines(FILE.split("\n")))
    good = [(one.line, one.name, one.hash) for one in lines if not one.trouble]
    assert good == [
        (3, "alice", "$6$salt$hash"),
        (5, "bob@example.org", "{SSHA}abc="),
        (6, "carol@example.org", "{PLAIN}s3cret"),
        (13, "grace@example.org", "$2y$05$abc"),
    ]
    words = {one.name: one.trouble for one in lines if one.trouble}
    assert "shadow" in words["root"]
    assert words["dave"] == words["erin"] == "it is locked"
    assert words["frank"] == "it has no password"
    assert "name:hash" in words["nonsense"]
    assert "name:hash" in words[""]


def test_a_hash_is_not_shown() -> None:
    assert "secret" not in repr(PasswordLine(1, "bob", "{PLAIN}secret"))
