"""What is kept of app passwords."""

from postroom.accounts import app_passwords
from postroom.accounts.types import CredentialRow


def test_scram_clients_may_leave_out_the_hyphens() -> None:
    assert app_passwords.spellings(" ABCD efgh ") == ("abcd-efgh", "abcdefgh")


def test_a_digest_is_for_one_account_and_only_app_passwords_match_it() -> None:
    assert app_passwords.digest(7, "abcd") != app_passwords.digest(8, "abcd")
    digest = app_passwords.digest(7, "abcd")
    app = CredentialRow(2, 7, digest, "phone")
    assert app_passwords.matching([CredentialRow(1, 7, digest), app], 7, "AB-CD") == app
    assert app_passwords.matching([CredentialRow(1, 7, digest)], 7, "abcd") is None
    assert app_passwords.matching([app], 7, "\udcff") is None
    assert "abcd" not in repr(app)
    assert digest not in repr(app)
