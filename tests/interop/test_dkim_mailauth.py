"""DKIM with npm's mailauth, over generated mail: each verifies what the other signs, and nobody what was changed."""

import base64
import json
import random
import time
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.interop.clients import need, run
from tests.interop.packages import NPM_FOLDER
from tests.mailauth.dkim.test_against_dkimpy import generated, mutated
from tests.mailauth.dkim.verifying import ED25519, MESSAGE, RECORDS, RSA, signed, words

from postroom.mailauth.dkim import SigningKey

pytestmark = pytest.mark.interop

_FOLDER = NPM_FOLDER / "node_modules" / "mailauth"
_FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]


def asked(verify: list[bytes], sign: list[dict[str, str]]) -> tuple[list[list[str]], list[bytes]]:
    if not _FOLDER.exists():
        pytest.skip("npm's mailauth is not here; `make interop` installs it")
    records = {name: record.decode() for name, record in RECORDS.items()}
    question = {"records": records, "verify": [base64.b64encode(one).decode() for one in verify], "sign": sign}
    script = str(Path(__file__).with_name("mailauth_dkim.mjs"))
    answer = json.loads(run([need("node"), script, str(_FOLDER)], stdin=json.dumps(question)))
    return answer["verified"], [base64.b64decode(one) for one in answer["signed"]]


@lru_cache
def pem(key: SigningKey) -> str:
    return key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def wish(message: bytes, key: SigningKey, form: str) -> dict[str, str]:
    names = {"domain": key.domain, "selector": key.selector, "algorithm": key.algorithm, "form": form}
    return names | {"message": base64.b64encode(message).decode(), "key": pem(key)}


def test_it_verifies_what_we_sign() -> None:
    chances = [random.Random(seed) for seed in range(100)]
    good = [signed(generated(chance), now=time.time()) for chance in chances]
    changed = [mutated(message, chance) for message, chance in zip(good, chances, strict=True)]
    verified, _ = asked(good + changed, [])
    assert verified[:100] == [["pass", "pass"]] * 100
    assert [results.count("pass") for results in verified[100:]] == [0] * 100
    assert [words(message, now=time.time()) for message in changed] == [["fail", "fail"]] * 100


def test_we_verify_what_it_signs() -> None:
    chances = [random.Random(seed) for seed in range(100)]
    wishes = [wish(generated(chance), chance.choice([RSA, ED25519]), chance.choice(_FORMS)) for chance in chances]
    _, theirs = asked([], wishes)
    assert [words(message, now=time.time()) for message in theirs] == [["pass"]] * 100
    changed = [mutated(message, chance) for message, chance in zip(theirs, chances, strict=True)]
    assert [words(message, now=time.time()) for message in changed] == [["fail"]] * 100


def test_what_is_changed_in_other_ways() -> None:
    _, theirs = asked([], [wish(MESSAGE, key, form) for key in (RSA, ED25519) for form in _FORMS])
    messages = []
    for message in theirs:
        messages += [
            message,
            message + b"\r\n",
            message.replace(b"A line.", b"A line. "),
            message.replace(b"another \t one", b"another one"),
            message.replace(b"To be signed", b"To  be signed"),
            message.replace(b"\r\nTo:", b"\r\nTO:"),
            message.replace(b"v=1", b"v=2"),
        ]
    verified, _ = asked(messages, [])
    ours = [words(message, now=time.time()) for message in messages]
    assert [one == ["pass"] for one in verified] == [one == ["pass"] for one in ours]
