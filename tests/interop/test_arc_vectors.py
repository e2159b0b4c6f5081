"""The public test suite of RFC 8617: 171 chains to validate, 17 messages to seal. The files are not in this tree."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from postroom.mailauth.arc import ArcResult, ArcVerdict, combined, find_sets, seal, validate
from postroom.mailauth.arc.chain import ArcField, ArcSet, Chain, read_seal, read_signature
from postroom.mailauth.arc.validate import seal_digests, signature_digest
from postroom.mailauth.dkim import BodyHasher, Canonicalization, HeaderFields, read_tags
from postroom.mailauth.dkim.key import read_key
from postroom.mailauth.dkim.sign import SigningKey
from postroom.mailauth.dkim.verify import BodyHashes
from postroom.mailauth.questions import Question, Reply, conclude

_SHARED = Path(os.environ.get("POSTROOM_SHARED", Path(__file__).resolve().parents[3] / "shared"))
_ARC = _SHARED / "vectors" / "arc"
_NOW = 12_345.0 + 3600


class _Loader(yaml.SafeLoader):
    """Lets a case that has the name of another one stand beside it, as the suite has four of them."""


def _pairs(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        name = key = str(loader.construct_object(key_node))
        while key in found:
            key += f" ({name})"
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _pairs)


def _cases(name: str) -> list[Any]:
    path = _ARC / name
    if not path.exists():
        return []
    suites = yaml.load_all(path.read_text("utf-8"), _Loader)
    return [
        pytest.param(suite, case, id=f"{suite['description'].strip()}: {name}")
        for suite in suites
        for name, case in suite["tests"].items()
    ]


_VALIDATED = _cases("arc-draft-validation-tests.yml")
_SEALED = _cases("arc-draft-sign-tests.yml")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not _VALIDATED, reason=f"no ARC test suite in {_ARC}: set POSTROOM_SHARED to where it is"),
]


def _message(case: dict[str, Any]) -> tuple[bytes, bytes]:
    header, _, body = ("\n" + case["message"]).encode("utf-8").replace(b"\n", b"\r\n").partition(b"\r\n\r\n")
    return header.removeprefix(b"\r\n").removesuffix(b"\r\n") + b"\r\n", body


def _answers(suite: dict[str, Any]) -> Callable[[Question], Reply]:
    records = suite.get("txt-records") or {}

    def answer(question: Question) -> Reply:
        assert question.kind == "TXT"
        text = records.get(question.name)
        return Reply(exists=False) if text is None else Reply((text.encode("utf-8"),))

    return answer


def _validate(header: bytes, body: bytes, answer: Callable[[Question], Reply]) -> tuple[Chain, ArcVerdict]:
    fields = HeaderFields(header)
    chain = find_sets(fields)
    hashes = BodyHashes.for_signatures(chain.signatures)
    hashes.update(body)
    return chain, conclude(validate(fields, chain, hashes, now=_NOW), answer)


def test_all_cases_are_here() -> None:
    """171 names: four cases have that of another one beside them, and count here."""
    assert (len(_VALIDATED), len(_SEALED)) == (171 + 4, 17)


@pytest.mark.parametrize(("suite", "case"), _VALIDATED)
def test_validation(suite: dict[str, Any], case: dict[str, Any]) -> None:
    _, verdict = _validate(*_message(case), _answers(suite))
    # The suite leaves three words empty, where the newest seal has cv=fail itself: RFC 8617 §5.2, step 2.
    expected = str(case["cv"]).strip().lower() or "fail"
    assert verdict.result.value == expected, verdict.words


def _plain(text: str | bytes) -> str:
    return " ".join((text if isinstance(text, str) else text.decode("utf-8")).split())


def _line(text: bytes) -> bytes:
    """A value on one line. The suite's seals are over signatures with no white space in b=; its text is folded."""
    line = re.sub(rb"\s+", b" ", text.strip())
    return re.sub(rb"\bb=[^;]*", lambda found: found[0].replace(b" ", b""), line)


def _tags(text: bytes) -> dict[str, bytes]:
    return {name: re.sub(rb"\s", b"", value) for name, value in read_tags(_line(text)).items() if name != "b"}


@pytest.mark.parametrize(("suite", "case"), _SEALED)
def test_sealing(suite: dict[str, Any], case: dict[str, Any]) -> None:
    """Tags other than b= and the results are those of the suite, and both signatures, ours and its, are true.

    With the same text b= would be the same; the suite has its tags in alphabetical order, RFC 8617 §4.1 has i= first.
    """
    header, body = _message(case)
    fields = HeaderFields(header)
    private = load_pem_private_key(suite["privatekey"].encode("ascii"), None)
    assert isinstance(private, RSAPrivateKey)
    key = SigningKey(suite["domain"], suite["sel"], private)
    values = [field.partition(b":")[2] for field in fields.named(b"authentication-results")]
    hasher = BodyHasher(Canonicalization.RELAXED)
    hasher.update(body)
    body_hash = hasher.digest()
    assert body_hash is not None
    chain, verdict = _validate(header, body, _answers({"txt-records": {key.record_name: key.record}}))
    sealed = seal(
        fields,
        chain,
        verdict.result,
        combined(case["srv-id"], values),
        body_hash,
        key,
        now=float(case["t"]),
        names=case["sig-headers"].encode("ascii").split(b":"),
    )
    assert (sealed == b"") == (not case["AS"].strip())
    if not sealed:
        assert chain.closed
        return
    ours = HeaderFields(sealed)
    names = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
    results, signature, own_seal = (ours.named(name)[0].partition(b":")[2] for name in names)
    assert _plain(results) == _plain(case["AAR"])
    assert _tags(signature) == _tags(case["AMS"].encode("ascii"))
    assert _tags(own_seal) == _tags(case["AS"].encode("ascii"))
    if verdict.result is not ArcResult.FAIL:
        assert verdict.result.value == case["AS"].partition("cv=")[2].partition(";")[0]
        assert _validate(sealed + header, body, _answers({"txt-records": {key.record_name: key.record}}))[1].sealers
    its = [
        name.title() + b": " + _line(case[tag].encode("ascii"))
        for name, tag in zip(names, ("AAR", "AMS", "AS"), strict=True)
    ]
    for three in ([ours.named(name)[0] for name in names], its):
        _check(fields, chain, verdict, three, key)


def _check(header: HeaderFields, chain: Chain, verdict: ArcVerdict, three: list[bytes], key: SigningKey) -> None:
    """That both signatures of a set are true, whatever the chain below it is."""
    public = read_key(key.record.encode("ascii"))
    instance = chain.highest + 1
    added = ArcSet(
        ArcField(three[0], -1, instance, {}),
        *(ArcField(field, -1, instance, read_tags(field.partition(b":")[2])) for field in three[1:]),
    )
    signature = read_signature(added.signature)
    assert public.verifies(signature.value, signature_digest(header, added.signature, signature))
    below = chain.sets if verdict.result is ArcResult.PASS else ()
    assert public.verifies(read_seal(added.seal).value, seal_digests([*below, added])[-1])
