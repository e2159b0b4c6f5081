"""The grammar of RFC 5802 §7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sasl.scram_messages import (
    MAX_ITERATIONS,
    MAX_MESSAGE_OCTETS,
    MAX_NONCE_OCTETS,
    BadMessage,
    ServerFirst,
    client_final,
    client_first,
    escaped,
    server_final,
    server_first,
    unescaped,
)


def test_the_clients_first_message() -> None:
    first = client_first(b"p=tls-server-end-point,a=bob=2Cjr,n=a=3Db,r=abc,x=any=thing,y=z")
    assert (first.header, first.bare) == (b"p=tls-server-end-point,a=bob=2Cjr,", b"n=a=3Db,r=abc,x=any=thing,y=z")
    assert (first.flag, first.binding, first.authzid, first.name) == ("p", "tls-server-end-point", "bob,jr", "a=b")
    assert first.nonce == "abc"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n",
        b"n,,",
        b"n,,n=user",
        b"n,,n=user,r=",
        b"n,,n=,r=abc",
        b"n,,r=abc,n=user",
        b"x,,n=user,r=abc",
        b"F,n,,n=user,r=abc",
        b"p=,,n=user,r=abc",
        b"p=tls_unique,,n=user,r=abc",
        b"n,b=x,n=user,r=abc",
        b"n,a=,n=user,r=abc",
        b"n,,m=ext,n=user,r=abc",  # §5.1: m anywhere is an extension that we don't know
        b"n,,n=user,r=abc,m=ext",
        b"n,,n=us=er,r=abc",  # §5.1: "=" not followed by 2C or 3D
        b"n,,n=us=2cer,r=abc",
        b"n,,n=user,r=a\x7fc",
        b"n,,n=user,r=a c",
        b"n,,n=user,r=abc,",
        b"n,,n=user,r=abc,x",
        b"n,,n=us\0er,r=abc",
        b"n,,n=\xff,r=abc",
        b"n,,n=user,r=abc\n",
        b"n,,n=user,r=" + b"x" * (MAX_NONCE_OCTETS + 1),
        b"n,,n=" + b"u" * MAX_MESSAGE_OCTETS + b",r=abc",
    ],
)
def test_no_first_message(message: bytes) -> None:
    with pytest.raises(BadMessage):
        client_first(message)


def test_the_clients_final_message() -> None:
    final = client_final(b"c=biws,r=abcdef,z=1,p=cHJvb2Y=")
    assert final.unproven == b"c=biws,r=abcdef,z=1"
    assert (final.channel, final.nonce, final.proof) == (b"n,,", "abcdef", b"proof")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"c=biws,r=abc",
        b"c=biws,r=abc,p=cHJvb2Y=,x=behind",
        b"c=biws,p=cHJvb2Y=,r=abc",
        b"c=!!!!,r=abc,p=cHJvb2Y=",
        b"c=biws,r=abc,p=cHJvb2Y",  # no padding
        b"c=biws,r=abc,m=1,p=cHJvb2Y=",
        b"c=biws,r=abc,p=" + b"A" * MAX_MESSAGE_OCTETS,
    ],
)
def test_no_final_message(message: bytes) -> None:
    with pytest.raises(BadMessage):
        client_final(message)


def test_the_servers_messages() -> None:
    assert server_first(b"r=abcdef,s=c2FsdA==,i=4096,x=y") == ServerFirst("abcdef", b"salt", 4096)
    assert server_final(b"v=c2ln,x=y") == b"sig"


@pytest.mark.parametrize(
    "message",
    [
        b"r=abc,s=c2FsdA==",
        b"m=x,r=abc,s=c2FsdA==,i=1",
        b"r=abc,s=c2FsdA==,i=0",
        b"r=abc,s=c2FsdA==,i=-1",
        b"r=abc,s=c2FsdA==,i=%d" % (MAX_ITERATIONS + 1),
        b"e=other-error",
    ],
)
def test_no_messages_of_a_server(message: bytes) -> None:
    with pytest.raises(BadMessage):
        server_first(message)
    with pytest.raises(BadMessage):
        server_final(message)


@given(st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20))
def test_any_name_comes_through(name: str) -> None:
    assert unescaped(escaped(name)) == name
    try:
        message = f"n,,n={escaped(name)},r=x".encode()
    except UnicodeEncodeError:
        return
    assert client_first(message).name == name


@given(st.binary(max_size=60))
def test_random_octets_are_refused_or_read(data: bytes) -> None:
    for read in (client_first, client_final, server_first, server_final):
        try:
            read(data)
        except BadMessage:
            pass
