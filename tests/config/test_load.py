"""A settings file: values, and every problem with its line."""

from pathlib import Path

import pytest

from postroom.config import Config, ConfigError, load, loads
from postroom.config.settings import available_processors

FILE = Path("/etc/postroom/postroom.toml")
HOST = 'hostname = "mail.example.org"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(text, FILE)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


def test_the_smallest_file() -> None:
    assert loads(HOST, FILE) == Config(hostname="mail.example.org")


def test_values_of_every_kind() -> None:
    config = loads(
        HOST
        + """
data = "data"
[listen]
smtp = ["0.0.0.0:25", "[::]:25"]
lmtp = ["unix:/run/postroom/lmtp"]
[tls]
certificate = "tls/cert.pem"
key = "/etc/ssl/key.pem"
[smtp]
max_message_octets = "100MiB"
command_timeout_seconds = "5m"
data_timeout_seconds = 90
[delivery]
give_up_seconds = "3d"
own_addresses = ["192.0.2.1"]
[delivery.routes]
"example.net" = "192.0.2.9:25"
"example.com" = ["a.test", "b.test:26"]
[delivery.relay.provider]
hosts = ["smtp.provider.test:587"]
username = "us"
password_file = "secrets/provider"
[log]
level = "debug"
[pop3]
expire_days = 7
""",
        FILE,
    )
    assert config.data == Path("/etc/postroom/data")
    assert config.listen.smtp == ("0.0.0.0:25", "[::]:25")
    assert config.tls.certificate == "/etc/postroom/tls/cert.pem"
    assert config.tls.key == "/etc/ssl/key.pem"
    assert config.smtp.max_message_octets == 100 << 20
    assert config.smtp.command_timeout_seconds == 300
    assert config.smtp.data_timeout_seconds == 90
    assert config.delivery.give_up_seconds == 3 * 86400
    assert config.delivery.own_addresses == ("192.0.2.1",)
    assert config.delivery.routes == {"example.net": "192.0.2.9:25", "example.com": ("a.test", "b.test:26")}
    assert config.delivery.relay["provider"].hosts == ("smtp.provider.test:587",)
    assert config.delivery.relay["provider"].password_file == "/etc/postroom/secrets/provider"
    assert config.log.level == "debug"
    assert config.pop3.expire_days == 7


def test_plaintext_on_loopback_is_set_for_every_protocol_at_once() -> None:
    config = loads(HOST, FILE)
    assert not config.pop3.plaintext_sign_in_on_loopback
    config = loads(HOST + "allow_plaintext_sign_in_on_loopback = true\n[smtp]\nmax_errors = 7\n", FILE)
    assert config.smtp.allow_plaintext_auth_on_loopback
    assert config.pop3.plaintext_sign_in_on_loopback
    assert config.imap.plaintext_sign_in_on_loopback
    assert config.smtp.max_errors == 7


def test_workers_are_counted_or_as_many_as_there_are_processors() -> None:
    assert loads(HOST, FILE).process.worker_count == 1
    assert loads(HOST + "[process]\nworkers = 3", FILE).process.worker_count == 3
    assert loads(HOST + '[process]\nworkers = "auto"', FILE).process.worker_count == available_processors() >= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HOST + '[smtp]\n\nmax_message_octets = "big"',
            (
                'postroom.toml:4: smtp.max_message_octets: expected int ≥ 65536, got "big" '
                '(\'big\' is not like "64KiB", "100MB" or "2GiB")'
            ),
        ),
        (
            HOST + "[smtp]\nmax_message_octets = 12",
            "postroom.toml:3: smtp.max_message_octets: expected int ≥ 65536, got 12",
        ),
        (HOST + "[smtp]\nmax_errors = true", "postroom.toml:3: smtp.max_errors: expected int ≥ 1, got true"),
        (
            HOST + "[smtp]\nmax_mesage_octets = 1",
            "postroom.toml:3: smtp.max_mesage_octets: there is no such setting; did you mean smtp.max_message_octets?",
        ),
        (
            HOST + "undo_days = 1",
            "postroom.toml:2: undo_days: there is no such setting; did you mean store.undo_days?",
        ),
        (HOST + "[stroe]\n", "postroom.toml:2: stroe: there is no such section; did you mean store?"),
        (HOST + "xyzzy = 1", "postroom.toml:2: xyzzy: there is no such setting"),
        (HOST + "smtp = 25", "postroom.toml:2: smtp: expected a table ([smtp]), got 25"),
        (
            HOST + '[log]\nlevel = "loud"',
            'postroom.toml:3: log.level: expected one of "debug", "info", "warning", "error", got "loud"',
        ),
        (
            HOST + '[process]\nworkers = "many"',
            'postroom.toml:3: process.workers: expected int ≥ 1 and ≤ 128 or "auto", got "many"',
        ),
        (
            HOST + "[process]\nworkers = 0",
            'postroom.toml:3: process.workers: expected int ≥ 1 and ≤ 128 or "auto", got 0',
        ),
        (
            HOST + '[listen]\nsmtp = ["25"]',
            (
                'postroom.toml:3: listen.smtp: expected list of text, got ["25"] '
                '(\'25\' is not like "127.0.0.1:25" or "[::1]:25")'
            ),
        ),
        (
            HOST + '[listen]\nsmtp = ["unix:/x"]',
            (
                'postroom.toml:3: listen.smtp: expected list of text, got ["unix:/x"] '
                "('unix:/x': only lmtp can listen on a Unix socket)"
            ),
        ),
        (
            HOST + "[delivery]\n[delivery.relay.up]\nport = 0",
            "postroom.toml:4: delivery.relay.up.port: expected int ≥ 1 and ≤ 65535 or unset, got 0",
        ),
        (
            HOST + "[delivery.relay.up]\nhost = 0",
            "postroom.toml:3: delivery.relay.up.host: there is no such setting; did you mean delivery.relay.up.hosts?",
        ),
        (HOST + "[delivery]\nrelay = 3", "postroom.toml:3: delivery.relay: expected table of tables, got 3"),
        (
            HOST + '[delivery.relay.up]\npassword = "x"',
            "postroom.toml:2: delivery.relay.up: username and password (or password_file) belong together",
        ),
        (
            HOST + '[delivery.routes]\n"b.test" = "up"',
            (
                "postroom.toml:3: delivery.routes.b.test: there is no relay 'up' "
                '(a host without a dot is written with its port: "up:25")'
            ),
        ),
        (HOST + "data = 3", "postroom.toml:2: data: expected path, got 3"),
        (HOST + "data = 2020-01-01", "postroom.toml:2: data: expected path, got 2020-01-01"),
        (HOST + '[tls]\nkey = "k"', "postroom.toml:3: tls.key: a key is of no use without tls.certificate"),
        (
            'hostname = "my host"',
            'postroom.toml:1: hostname: expected a host name like mail.example.org, got "my host"',
        ),
        ('hostname = ""', 'postroom.toml:1: hostname: expected text of at least 1 character(s), got ""'),
        (
            "[smtp]\n",
            (
                "postroom.toml: hostname: is missing: The name by which other servers know this one; "
                "its MX records point to it."
            ),
        ),
        ("hostname = \n", "postroom.toml:1: not TOML: Invalid value"),
        ('hostname = "a', "postroom.toml:1: not TOML: Unterminated string"),
    ],
)
def test_a_problem_names_file_line_and_setting(text: str, message: str) -> None:
    assert problems(text) == [message]


def test_all_problems_are_told_at_once_in_order() -> None:
    lines = problems(
        'data = 1\nhostname = "a b"\n[smtp]\nmax_errors = 0\n[imap]\nnope = 1\nidle_timeout_seconds = "x"\n'
    )
    assert [line.split(":")[1] for line in lines] == ["1", "2", "4", "6", "7"]


def test_long_values_are_cut() -> None:
    [line] = problems(HOST + f'[log]\nlevel = "{"x" * 500}"')
    assert len(line) < 200


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.toml: No such file"):
        load(tmp_path / "nowhere.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "binary.toml")
    (tmp_path / "postroom.toml").write_text(HOST)
    assert load(tmp_path / "postroom.toml").hostname == "mail.example.org"


def test_paths_of_certificates_begin_at_the_folder_of_the_file() -> None:
    text = """
hostname = "mail.example.org"
[tls]
client_authorities = "people.pem"
[tls.certificates.net]
certificate = "net.pem"
key = "/keys/net.pem"
[tls.certificates.com]
certificate = "com.pem"
"""
    tls = loads(text, Path("/etc/postroom/postroom.toml")).tls
    assert tls.client_authorities == "/etc/postroom/people.pem"
    assert {name: (one.certificate, one.key) for name, one in tls.certificates.items()} == {
        "net": ("/etc/postroom/net.pem", "/keys/net.pem"),
        "com": ("/etc/postroom/com.pem", ""),
    }
    with pytest.raises(ConfigError, match=r"tls\.certificates\.net\.certificate: is missing"):
        loads('hostname = "mail.example.org"\n[tls.certificates.net]\nkey = "k"\n', Path("x.toml"))
