"""The server's side of SCRAM: the RFCs' examples, another implementation's client, and what goes wrong."""

from base64 import b64decode, b64encode

import pytest
import scramp
from hypothesis import given
from hypothesis import strategies as st

from postroom.sasl import SCRAM_MECHANISMS, Challenge, Failed, Scram, ScramNeeded, ScramProven
from postroom.sasl.scram_keys import keyed, salted_password
from postroom.sasl.scram_messages import MAX_MESSAGE_OCTETS

from .scram_peer import Key, Keys, keys_of

BINDING = {"tls-server-end-point": b"hash of the certificate"}
FIRST = b"n,,n=user,r=clientnonce"


def scram(name: str = "SCRAM-SHA-256", *, nonce: str = "servernonce", bound: bool = False) -> Scram:
    return Scram(name, nonce=nonce, channel_bindings=BINDING if bound else {})


def asked(server: Scram, first: bytes = FIRST, keys: Keys | None = None) -> bytes:
    """The server's first message."""
    assert isinstance(server.step(first), ScramNeeded)
    return server.keys(keys or keys_of("pencil")).data


@pytest.mark.parametrize(
    ("name", "nonces", "salt", "proof", "signature"),
    [
        (  # RFC 5802 §5
            "SCRAM-SHA-1",
            ("fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j"),
            "QSXCR+Q6sek8bf92",
            b"v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (  # RFC 7677 §3
            "SCRAM-SHA-256",
            ("rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
)
def test_the_examples_of_the_rfcs(
    name: str, nonces: tuple[str, str], salt: str, proof: bytes, signature: bytes
) -> None:
    server = scram(name, nonce=nonces[1])
    needed = server.step(f"n,,n=user,r={nonces[0]}".encode())
    assert needed == ScramNeeded("user", "sha-1" if name == "SCRAM-SHA-1" else "sha-256")
    keys = keys_of("pencil", hash_name=needed.hash_name, salt=b64decode(salt))
    nonce = "".join(nonces).encode()
    assert server.keys(keys) == Challenge(b"r=%b,s=%b,i=4096" % (nonce, salt.encode()))
    final = server.step(b"c=biws,r=%b,p=%b" % (nonce, proof))
    assert final == ScramProven("user", 0, b"v=" + signature)


@pytest.mark.parametrize("name", SCRAM_MECHANISMS)
@pytest.mark.parametrize("user", ["user", "a,b=c", "p\u00e4r@example.org"])
def test_another_implementations_client(name: str, user: str) -> None:
    plus = name.endswith("-PLUS")
    client = scramp.ScramClient(
        [name],
        user,
        "p\u00e4ss",
        channel_binding=("tls-server-end-point", BINDING["tls-server-end-point"]) if plus else None,
    )
    server = scram(name, bound=plus)
    needed = server.step(client.get_client_first().encode())
    assert isinstance(needed, ScramNeeded)
    assert needed.username == user
    keys = keys_of("other", "p\u00e4ss", "more", hash_name=needed.hash_name)
    client.set_server_first(server.keys(keys).data.decode())
    proven = server.step(client.get_client_final().encode())
    assert isinstance(proven, ScramProven)
    assert (proven.username, proven.credential_id) == (user, 1)
    client.set_server_final(proven.final.decode())  # raises when the signature is wrong


def test_a_wrong_password_fails_as_nobody_does() -> None:
    reasons = set()
    for keys in (keys_of("pencil"), keys_of("pencil", "other"), Keys(b"x" * 16, 4096, (Key(0, bytes(32), bytes(32)),))):
        client = scramp.ScramClient(["SCRAM-SHA-256"], "user", "wrong")
        server = scram()
        server.step(client.get_client_first().encode())
        client.set_server_first(server.keys(keys).data.decode())
        failed = server.step(client.get_client_final().encode())
        assert isinstance(failed, Failed)
        reasons.add(failed.reason)
    assert len(reasons) == 1


def _final(client: scramp.ScramClient, server_first: bytes) -> bytes:
    client.set_server_first(server_first.decode())
    message = client.get_client_final()
    assert isinstance(message, str)
    return message.encode()


def test_a_replayed_exchange_fails() -> None:
    """The same client messages again, to a server whose nonce is another."""
    client = scramp.ScramClient(["SCRAM-SHA-256"], "user", "pencil")
    first = client.get_client_first().encode()
    server = scram(nonce="one")
    final = _final(client, asked(server, first))
    assert isinstance(server.step(final), ScramProven)
    again = scram(nonce="two")
    asked(again, first)
    assert again.step(final) == Failed("the nonce of another exchange")
    with pytest.raises(ValueError):
        again.step(final)


def test_a_downgraded_exchange_fails() -> None:
    """RFC 5802 §6: the client can bind, and was told that we can't."""
    client = scramp.ScramClient(
        ["SCRAM-SHA-256"], "user", "pencil", channel_binding=("tls-server-end-point", b"whatever")
    )
    first = client.get_client_first().encode()
    assert first.startswith(b"y,,")
    failed = scram(bound=True).step(first)
    assert isinstance(failed, Failed)
    assert "downgraded" in failed.reason
    assert isinstance(scram(bound=False).step(first), ScramNeeded)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("SCRAM-SHA-256-PLUS", FIRST),
        ("SCRAM-SHA-256-PLUS", b"y,,n=user,r=abc"),
        ("SCRAM-SHA-256", b"p=tls-server-end-point,,n=user,r=abc"),
        ("SCRAM-SHA-256-PLUS", b"p=tls-unique,,n=user,r=abc"),
        ("SCRAM-SHA-256-PLUS", b"p=tls-exporter,,n=user,r=abc"),
    ],
)
def test_channel_bindings_that_are_not_ours(name: str, first: bytes) -> None:
    assert isinstance(scram(name, bound=True).step(first), Failed)


def test_a_man_in_the_middle_with_another_certificate_fails() -> None:
    client = scramp.ScramClient(
        ["SCRAM-SHA-256-PLUS"], "user", "pencil", channel_binding=("tls-server-end-point", b"hash of his certificate")
    )
    server = scram("SCRAM-SHA-256-PLUS", bound=True)
    final = _final(client, asked(server, client.get_client_first().encode()))
    assert server.step(final) == Failed("the channel binding is of another connection")


@pytest.mark.parametrize("channel", [b"", b"y,,", b"n,,x", b"n,a=user,"])
def test_the_channel_field_is_checked_without_a_binding_too(channel: bytes) -> None:
    server = scram()
    asked(server)
    message = b"c=%b,r=clientnonceservernonce,p=%b" % (b64encode(channel), b64encode(bytes(32)))
    assert server.step(message) == Failed("the channel binding is of another connection")


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_truncated_exchange_fails(cut: int) -> None:
    client = scramp.ScramClient(["SCRAM-SHA-256"], "user", "pencil")
    first = client.get_client_first().encode()
    server = scram()
    final = _final(client, asked(server, first))
    assert isinstance(scram().step(first[:cut] if cut < 8 else b""), Failed)
    assert isinstance(server.step(final[:-cut]), Failed)


def test_an_oversized_exchange_fails() -> None:
    assert isinstance(scram().step(FIRST + b",x=" + b"y" * MAX_MESSAGE_OCTETS), Failed)
    server = scram()
    asked(server)
    assert isinstance(server.step(b"c=biws,r=clientnonceservernonce,p=" + b"A" * MAX_MESSAGE_OCTETS), Failed)


@pytest.mark.parametrize("length", [0, 31, 33, 20])
def test_a_proof_of_another_length_fails(length: int) -> None:
    server = scram()
    asked(server)
    message = b"c=biws,r=clientnonceservernonce,p=" + b64encode(bytes(length))
    assert server.step(message) == Failed("the proof is wrong")


def test_the_client_is_asked_for_what_it_has_not_sent() -> None:
    server = scram()
    assert server.step(None) == Challenge(b"")
    asked(server)
    assert isinstance(server.step(None), Failed)


def test_the_authorization_identity_comes_along() -> None:
    header = b"n,a=Boss=2C,"
    server = scram(nonce="s")
    first = asked(server, header + b"n=user,r=c")
    unproven = b"c=" + b64encode(header) + b",r=cs"
    key = keys_of("pencil").keys[0]
    signed = b"n=user,r=c," + first + b"," + unproven
    client_key = keyed("sha-256", salted_password("pencil", b"salt of 16 octet", 4096, "sha-256"), b"Client Key")
    proof = bytes(a ^ b for a, b in zip(client_key, keyed("sha-256", key.stored_key, signed), strict=True))
    proven = server.step(unproven + b",p=" + b64encode(proof))
    assert isinstance(proven, ScramProven)
    assert proven.authzid == "Boss,"


def test_the_order_is_kept() -> None:
    with pytest.raises(ValueError):
        scram(nonce="")
    server = scram()
    with pytest.raises(ValueError):
        server.keys(keys_of("x"))
    server.step(FIRST)
    with pytest.raises(ValueError):
        server.step(b"too early")


@given(st.lists(st.none() | st.binary(max_size=60) | st.just(FIRST), min_size=1, max_size=4))
def test_random_responses_end_or_ask(responses: list[bytes | None]) -> None:
    server = scram()
    for response in responses:
        outcome = server.step(response)
        if isinstance(outcome, ScramNeeded):
            server.keys(keys_of("x", iterations=1))
        elif not isinstance(outcome, Challenge):
            return
