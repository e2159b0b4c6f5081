"""The signed messages of RFC 6376 (appendix A) and RFC 8463 (appendix A)."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.mailauth.dkim.verifying import verdicts, words

from postroom.mailauth.dkim import HeaderFields, SigningKey, find_signatures
from postroom.mailauth.dkim.signature import Signature
from postroom.mailauth.dkim.verify import header_digest

# RFC 8463 §A.1 to §A.3
_RECORDS_8463 = {
    "brisbane._domainkey.football.example.com": (b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
    "test._domainkey.football.example.com": (
        b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
        b"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
        b"DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
        b"Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
    ),
}
_SECRET_8463 = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
_MESSAGE_8463 = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.

""".replace(b"\n", b"\r\n")

# RFC 6376 §A.2, with the key of appendix C. It is signed simple/simple, and two things were lost when it was set as
# text: continuation lines began with six spaces (the page shows five behind its margin), and there was one space after
# "game." (the hash of the body is that of RFC 8463's relaxed one).
_RECORDS_6376 = {
    "brisbane._domainkey.example.com": (
        b"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ"
        b"KBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
        b"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v"
        b"/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
        b"tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
    )
}
_MESSAGE_6376 = b"""\
DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")


def test_rfc_8463() -> None:
    first, second = verdicts(_MESSAGE_8463, _RECORDS_8463)
    assert (first.result.value, first.algorithm, first.selector) == ("pass", "ed25519-sha256", "brisbane")
    assert (second.result.value, second.algorithm, second.selector) == ("pass", "rsa-sha256", "test")
    assert first.domain == second.domain == "football.example.com"
    assert (first.key_bits, second.key_bits) == (256, 1024)
    assert first.header_b == "/gCrinpc"


def test_ed25519_signs_the_same_to_the_last_octet() -> None:
    """RFC 8463 §A.3: Ed25519 has one signature for a text, so what we make of theirs has to be theirs."""
    key = SigningKey(
        "football.example.com", "brisbane", Ed25519PrivateKey.from_private_bytes(base64.b64decode(_SECRET_8463))
    )
    assert key.record.encode() == _RECORDS_8463["brisbane._domainkey.football.example.com"]
    header = HeaderFields(_MESSAGE_8463.partition(b"\r\n\r\n")[0])
    signature = find_signatures(header)[0]
    assert isinstance(signature, Signature)
    assert key.signature(header_digest(header, signature)) == signature.value


def test_rfc_6376() -> None:
    (verdict,) = verdicts(_MESSAGE_6376, _RECORDS_6376)
    assert verdict.result.value == "pass"
    assert verdict.identity == "joe@football.example.com"
    assert verdict.signed_names == ("received", "from", "to", "subject", "date", "message-id")


def test_rfc_6376_on_its_way() -> None:
    """§A.3: with the trace of another server above it; anything else breaks simple/simple."""
    trace = b"Received: from mout23.football.example.com (192.168.1.1)\r\n by shopping.example.net with SMTP;\r\n"
    assert words(trace + _MESSAGE_6376, _RECORDS_6376) == ["pass"]
    assert words(_MESSAGE_6376 + b"\r\n\r\n", _RECORDS_6376) == ["pass"]  # empty lines at the end
    assert words(_MESSAGE_6376.replace(b"Is dinner", b"Is  dinner"), _RECORDS_6376) == ["fail"]
    assert words(_MESSAGE_6376.replace(b"game. Are", b"game.  Are"), _RECORDS_6376) == ["fail"]


@pytest.mark.parametrize("name", [b"From", b"To", b"Subject", b"Date", b"Message-ID"])
def test_every_signed_field_counts(name: bytes) -> None:
    changed = _MESSAGE_8463.replace(b"\r\n" + name + b": ", b"\r\n" + name + b": x")
    assert words(changed, _RECORDS_8463) == ["fail", "fail"]


def test_the_field_of_many_lines() -> None:
    """RFC 6376 §3.5, the example at the end."""
    field = b"""\
DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=brisbane;
   c=simple; q=dns/txt; i=@eng.example.net;
   t=1117574938; x=1118006938;
   h=from:to:subject:date;
   z=From:foo@eng.example.net|To:joe@example.com|
    Subject:demo=20run|Date:July=205,=202005=203:44:08=20PM=20-0700;
   bh=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=;
   b=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR
""".replace(b"\n", b"\r\n")
    (signature,) = find_signatures(HeaderFields(field))
    assert isinstance(signature, Signature)
    assert signature.key_name == "brisbane._domainkey.example.net"
    assert (signature.header_canonicalization.value, signature.body_canonicalization.value) == ("simple", "simple")
    assert (signature.identity, signature.signed_at, signature.expires) == ("@eng.example.net", 1117574938, 1118006938)
    assert signature.names == (b"from", b"to", b"subject", b"date")
