"""[listen] and [listener.NAME] together."""

from pathlib import Path

import pytest

from postroom.base import SettingError
from postroom.config import Config, ConfigError, ListenerSettings, ListenSettings, loads
from postroom.config.listeners import listeners

LISTEN = ListenSettings(smtp=("127.0.0.1:25",), submission=("127.0.0.1:587",), lmtp=("unix:/run/lmtp",))


def test_listen_alone_is_enough() -> None:
    found = listeners(LISTEN, {})
    assert [(name, one.kind, one.addresses, one.sign_in) for name, one in found.items()] == [
        ("smtp", "smtp", ("127.0.0.1:25",), "never"),
        ("submission", "submission", ("127.0.0.1:587",), "required"),
        ("lmtp", "lmtp", ("unix:/run/lmtp",), "never"),
    ]
    assert listeners(ListenSettings(), {}) == {}


def test_a_table_of_a_known_name_says_how_that_listener_is() -> None:
    found = listeners(LISTEN, {"smtp": ListenerSettings(proxies=("10.0.0.0/8",), sign_in="possible")})
    assert found["smtp"] == ListenerSettings(
        kind="smtp", addresses=("127.0.0.1:25",), sign_in="possible", proxies=("10.0.0.0/8",)
    )
    assert listeners(ListenSettings(), {"smtp": ListenerSettings(require_tls=True)}) == {}  # it may be off


def test_a_table_of_another_name_is_one_more() -> None:
    found = listeners(LISTEN, {"partners": ListenerSettings(kind="smtp", addresses=("127.0.0.1:2525",))})
    assert list(found) == ["smtp", "submission", "lmtp", "partners"]
    assert found["partners"].sign_in == "never"


SMTP = ("127.0.0.1:2525",)


@pytest.mark.parametrize(
    ("name", "given", "place", "words"),
    [
        ("partners", ListenerSettings(addresses=SMTP), ("partners",), "a kind is needed"),
        ("partners", ListenerSettings(kind="smtp"), ("partners",), "addresses are needed"),
        ("smtp", ListenerSettings(kind="lmtp"), ("smtp", "kind"), "of the kind smtp"),
        ("smtp", ListenerSettings(proxies=("10.0.0.1/8",)), ("smtp", "proxies"), "has host bits set"),
        ("smtp", ListenerSettings(priority_networks=("all",)), ("smtp", "priority_networks"), "a network is like"),
        ("smtp", ListenerSettings(addresses=("25",)), ("smtp", "addresses"), "is not like"),
        ("smtp", ListenerSettings(addresses=("unix:/x",)), ("smtp", "addresses"), "only lmtp"),
        ("imap", ListenerSettings(sign_in="never"), ("imap", "sign_in"), "listeners that take mail"),
        ("pop3s", ListenerSettings(max_recipients=100), ("pop3s", "max_recipients"), "listeners that take mail"),
        ("submission", ListenerSettings(sign_in="possible"), ("submission", "sign_in"), "always sign in"),
    ],
)
def test_what_can_not_be_meant(name: str, given: ListenerSettings, place: tuple[str, ...], words: str) -> None:
    with pytest.raises(SettingError, match=words) as caught:
        listeners(LISTEN, {name: given})
    assert caught.value.place == place


def test_servers_of_strangers_are_not_asked_for_certificates() -> None:
    """OpenSSL ends a handshake over a certificate of an authority that it does not know, even where none is needed."""
    for kind, words in (("smtp", "other servers show certificates of any authority"), ("lmtp", "not for lmtp")):
        with pytest.raises(SettingError, match=words) as caught:
            listeners(LISTEN, {kind: ListenerSettings(client_certificates="ask")})
        assert caught.value.place == (kind, "client_certificates")
    asked = listeners(LISTEN, {"submission": ListenerSettings(client_certificates="ask")})
    assert asked["submission"].client_certificates == "ask"
    with pytest.raises(ConfigError, match=r"client_certificates: set tls\.client_authorities"):
        loads('hostname = "mail.example.org"\n[listener.submission]\nclient_certificates = "need"\n', Path("x.toml"))


def test_there_is_an_end() -> None:
    many = {f"l{n}": ListenerSettings(kind="smtp", addresses=SMTP) for n in range(60)}
    with pytest.raises(SettingError, match="more than 48"):
        listeners(LISTEN, many)


def test_in_a_file() -> None:
    head = 'hostname = "mail.example.org"\n[listen]\nsmtp = ["127.0.0.1:25"]\n'
    config = loads(head + '[listener.smtp]\nmax_message_octets = "1MB"\n', Path("postroom.toml"))
    assert config.listeners()["smtp"].max_message_octets == 1_000_000
    with pytest.raises(ConfigError) as caught:
        loads(head + '[listener.smtp]\nproxies = ["x"]\n', Path("postroom.toml"))
    assert str(caught.value).startswith("postroom.toml:5: listener.smtp.proxies: 'x' does not appear to be")


def test_a_config_made_without_a_file_is_checked_too() -> None:
    with pytest.raises(SettingError):
        Config(hostname="mail.example.org", listener={"partners": ListenerSettings()})
