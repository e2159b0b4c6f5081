"""An ACME authority in memory, as strict as RFC 8555 about signatures, nonces and states; a Web for AcmeClient."""

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from tests.mailauth.authority import Issued, issue

from postroom.acme.client import AcmeTrouble
from postroom.acme.jws import base64url, from_base64url
from postroom.net import HttpMessage

BASE = "https://ca.test"
DIRECTORY = f"{BASE}/dir"
PROBLEM = "urn:ietf:params:acme:error:"


@dataclass
class FakeAuthority:
    """`looks(kind, name, token, authorization)` says whether a proof is there."""

    now: Callable[[], float]
    looks: Callable[[str, str, str, str], bool] = lambda *_: True
    kinds: tuple[str, ...] = ("http-01", "tls-alpn-01", "dns-01")
    days: int = 90
    eab: bool = False
    bad_nonces: int = 0  # how many good nonces are refused next
    refuse_orders: tuple[int, str, dict[str, str]] | None = None  # status, kind, fields
    down: bool = False
    processing: int = 0  # times that an order is still being made
    accounts: dict[str, str] = field(default_factory=dict)  # URL by thumbprint
    bindings: list[dict[str, Any]] = field(default_factory=list)
    contacts: list[list[str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    authorizations: dict[str, dict[str, Any]] = field(default_factory=dict)
    issued: list[x509.Certificate] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root: Issued = issue("Test authority", ca=True, now=self.now())
        self._nonces: set[str] = set()
        self._keys: dict[str, ec.EllipticCurvePublicKey] = {}
        self._count = 0

    # ---- Web

    async def ask(self, method: str, url: str, body: bytes = b"") -> HttpMessage:
        self.requests.append(f"{method} {url.removeprefix(BASE)}")
        if self.down:
            raise AcmeTrouble("ca.test: connection refused")
        path = url.removeprefix(BASE)
        if method == "GET":
            if path == "/dir":
                return self._json(200, self._directory())
            assert path == "/nonce", path
            return self._json(204, None)
        return self._post(url, path, json.loads(body))

    def _directory(self) -> dict[str, Any]:
        places = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
        meta = {"externalAccountRequired": self.eab, "termsOfService": f"{BASE}/terms"}
        return {key: f"{BASE}/{value}" for key, value in places.items()} | {"meta": meta, "renewalInfo": "unknown"}

    def _json(self, status: int, value: Any, fields: dict[str, str] | None = None) -> HttpMessage:
        self._count += 1
        nonce = base64url(f"nonce{self._count}".encode())
        self._nonces.add(nonce)
        body = b"" if value is None else json.dumps(value).encode()
        return HttpMessage(status, fields={"replay-nonce": nonce, **(fields or {})}, body=body)

    def _problem(self, status: int, kind: str, detail: str = "", fields: dict[str, str] | None = None) -> HttpMessage:
        return self._json(status, {"type": PROBLEM + kind, "detail": detail}, fields)

    def _post(self, url: str, path: str, jws: dict[str, str]) -> HttpMessage:
        header = json.loads(from_base64url(jws["protected"]))
        assert header["alg"] == "ES256"
        assert header["url"] == url
        assert ("jwk" in header) != ("kid" in header)
        assert ("jwk" in header) == (path == "/account")
        if header["nonce"] not in self._nonces:
            return self._problem(400, "badNonce", "never given")
        self._nonces.remove(header["nonce"])
        if self.bad_nonces:
            self.bad_nonces -= 1
            return self._problem(400, "badNonce", "not today")
        if "jwk" in header:
            jwk = header["jwk"]
            x, y = (int.from_bytes(from_base64url(jwk[name]), "big") for name in "xy")
            key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        elif header["kid"] not in self._keys:
            return self._problem(400, "accountDoesNotExist", "who is that")
        else:
            key = self._keys[header["kid"]]
        signature = from_base64url(jws["signature"])
        assert len(signature) == 64
        numbers = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
        signed = f"{jws['protected']}.{jws['payload']}".encode()
        key.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))
        payload: Any = json.loads(from_base64url(jws["payload"])) if jws["payload"] else None
        if path == "/account":
            return self._account(key, jwk, payload)
        return self._answer(path, header["kid"], payload)

    def _account(self, key: Any, jwk: dict[str, str], payload: dict[str, Any]) -> HttpMessage:
        assert payload["termsOfServiceAgreed"] is True
        if self.eab:
            if "externalAccountBinding" not in payload:
                return self._problem(403, "externalAccountRequired")
            self.bindings.append(payload["externalAccountBinding"])
        url = self.accounts.setdefault(jwk["x"], f"{BASE}/account/{len(self.accounts) + 1}")
        self._keys[url] = key
        self.contacts.append(payload.get("contact", []))
        return self._json(201, {"status": "valid"}, {"location": url})

    # ---- orders

    def _answer(self, path: str, account: str, payload: Any) -> HttpMessage:
        kind, _, rest = path.strip("/").partition("/")
        if kind == "order" and not rest:
            return self._new_order(payload)
        if kind == "order":
            assert payload is None
            order = self.orders[path]
            if order["status"] == "processing":
                self.processing -= 1
                if self.processing <= 0:
                    order["status"] = "valid"
                return self._json(200, order, {"retry-after": "7"})
            return self._json(200, order)
        if kind == "authz":
            assert payload is None
            return self._json(200, self.authorizations[path])
        if kind == "chall":
            return self._look(rest, payload)
        if kind == "finalize":
            return self._finalize(rest, payload)
        assert kind == "cert"
        chain = [self.issued[int(rest)], self.root.certificate]
        body = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
        return HttpMessage(200, fields=dict(self._json(200, None).fields), body=body)

    def _new_order(self, payload: dict[str, Any]) -> HttpMessage:
        if self.refuse_orders is not None:
            status, kind, fields = self.refuse_orders
            return self._problem(status, kind, "too many", fields)
        number = len(self.orders)
        urls = []
        for one in payload["identifiers"]:
            assert one["type"] == "dns"
            wild = one["value"].startswith("*.")
            path = f"/authz/{len(self.authorizations)}"
            kinds = ("dns-01",) if wild else self.kinds
            self.authorizations[path] = {
                "identifier": {"type": "dns", "value": one["value"].removeprefix("*.")},
                "status": "pending",
                "wildcard": wild,
                "challenges": [
                    {"type": kind, "url": f"{BASE}/chall{path[6:]}/{kind}", "token": f"token-{path[7:]}-{kind}"}
                    | {"status": "pending"}
                    for kind in kinds
                ],
            }
            urls.append(BASE + path)
        order = {"status": "pending", "authorizations": urls, "finalize": f"{BASE}/finalize/{number}"}
        order["names"] = [one["value"] for one in payload["identifiers"]]
        self.orders[f"/order/{number}"] = order
        return self._json(201, order, {"location": f"{BASE}/order/{number}"})

    def _look(self, rest: str, payload: Any) -> HttpMessage:
        assert payload == {}
        number, kind = rest.split("/")
        authorization = self.authorizations[f"/authz/{number}"]
        [challenge] = [one for one in authorization["challenges"] if one["type"] == kind]
        name = authorization["identifier"]["value"]
        if self.looks(kind, name, challenge["token"], ""):
            authorization["status"] = challenge["status"] = "valid"
        else:
            authorization["status"] = challenge["status"] = "invalid"
            challenge["error"] = {"type": PROBLEM + "unauthorized", "detail": f"nothing there for {name}"}
        for order in self.orders.values():
            states = {self.authorizations[url.removeprefix(BASE)]["status"] for url in order["authorizations"]}
            if order["status"] == "pending" and states == {"valid"}:
                order["status"] = "ready"
            elif order["status"] == "pending" and "invalid" in states:
                order["status"] = "invalid"
        return self._json(200, challenge)

    def _finalize(self, number: str, payload: dict[str, str]) -> HttpMessage:
        order = self.orders[f"/order/{number}"]
        assert order["status"] == "ready"
        request = x509.load_der_x509_csr(from_base64url(payload["csr"]))
        assert request.is_signature_valid
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert sorted(names.get_values_for_type(x509.DNSName)) == sorted(order["names"])
        moment = datetime.datetime.fromtimestamp(self.now(), datetime.UTC)
        self.issued.append(
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.root.certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment)
            .not_valid_after(moment + datetime.timedelta(days=self.days))
            .add_extension(names, critical=True)
            .sign(self.root.key, hashes.SHA256())
        )
        order["certificate"] = f"{BASE}/cert/{len(self.issued) - 1}"
        order["status"] = "processing" if self.processing else "valid"
        return self._json(200, order)
