"""One exchange of a SASL mechanism, from the client's first words to a person or a refusal.

Owns: what the outcomes of a mechanism ask for: passwords, keys, tokens, certificates. Never: encodes base64, knows
which protocol carries it, decides what a failure costs (service.py does). Raises: nothing.
"""

from typing import TYPE_CHECKING

from postroom.accounts import Person
from postroom.sasl import (
    Bearer,
    CertificateOffered,
    Challenge,
    Credentials,
    Failed,
    Outcome,
    Scram,
    ScramNeeded,
    ScramProven,
    ServerMechanism,
    TokenOffered,
    same_name,
)

from .types import Client, Refused, SignedIn, Step

if TYPE_CHECKING:
    from .service import SignIn


class Exchange:
    """`step` with each decoded response until it is no Challenge; None first when the command brought none."""

    def __init__(self, service: "SignIn", mechanism: ServerMechanism, client: Client) -> None:
        self._service = service
        self._mechanism = mechanism
        self._client = client
        self._username = ""  # as far as it is known, for the guard and the log
        self._last: ScramProven | None = None  # what the client has shown, and has not taken the server's word for
        self._why = ""  # a token was refused

    async def step(self, response: bytes | None) -> Step:
        """The next challenge, or the end. A refusal comes when it may be told: the caller sends it at once."""
        return await self._service.in_even_time(self._client, lambda: self._step(response))

    async def _step(self, response: bytes | None) -> Step:
        if self._last is not None:
            proven, self._last = self._last, None
            # RFC 5802 §5, RFC 4954 §4: the server's last word needs an answer, which is empty
            if response:
                return self._refused("more than SCRAM has to say")
            person = await self._service.proven(proven, self._client)  # the answer may have taken minutes
            return SignedIn(person, self._username) if person is not None else self._no_longer()
        return await self._follow(self._mechanism.step(response))

    async def _follow(self, outcome: Outcome) -> Step:
        match outcome:
            case Challenge():
                return outcome
            case Credentials(username):
                self._username = username
                return await self._service.check(outcome, self._client)
            case ScramNeeded():
                return await self._keys(outcome)
            case ScramProven():
                return await self._proven(outcome)
            case TokenOffered():
                return await self._token(outcome)
            case CertificateOffered(authzid):
                return await self._certificate(authzid)
            case Failed(reason, credentials):
                return await self._failed(reason, credentials)
        raise AssertionError(outcome)

    async def _failed(self, reason: str, credentials: Credentials | None) -> Step:
        """Somebody whose password is right and who wants to be somebody else is told so (RFC 5530 §3)."""
        if credentials is None:
            if self._why:
                return Refused("credentials", self._why, self._username, counted=True)
            return self._refused(reason)
        self._username = credentials.username
        checked = await self._service.check(credentials, self._client)
        return Refused("authorization", reason, self._username) if isinstance(checked, SignedIn) else checked

    async def _keys(self, needed: ScramNeeded) -> Step:
        self._username = needed.username
        if (banned := await self._service.kept_out(self._client, self._username)) is not None:
            return banned
        assert isinstance(self._mechanism, Scram)
        return self._mechanism.keys(await self._service.scram_keys(needed, self._client))

    async def _proven(self, proven: ScramProven) -> Step:
        person = await self._service.proven(proven, self._client)
        if person is None:
            return self._no_longer()
        if proven.authzid and not same_name(proven.authzid, proven.username):
            return Refused("authorization", "authorization identity differs from the user name", self._username)
        self._last = proven
        return Challenge(proven.final)

    async def _token(self, offered: TokenOffered) -> Step:
        self._username = offered.username
        if (banned := await self._service.kept_out(self._client, self._username)) is not None:
            return banned
        if not offered.token:  # RFC 7628 §4.3: the client asks what kind of token is wanted
            return self._no_token("no token")
        verdict = await self._service.verdict(offered.token)
        if verdict.kind == "unavailable":
            return Refused("unavailable", verdict.words, self._username)
        if verdict.kind == "invalid" or not verdict.username:
            return await self._bad_token(verdict.words or "the token is nobody's")
        self._username = verdict.username
        person = await self._service.find(verdict.username)
        if person is None:
            return await self._bad_token("the token's owner has no account here")
        if offered.username and not await self._is(person, offered.username):
            return Refused("authorization", f"the token is not that of {offered.username}", self._username)
        return SignedIn(person, offered.username)

    async def _bad_token(self, words: str) -> Challenge:
        """Counted now: the client may cancel the exchange instead of ending it."""
        await self._service.count_failure(self._client, self._username)
        return self._no_token(words)

    def _no_token(self, words: str) -> Challenge:
        """RFC 7628 §3.2.2: what is wrong comes as a challenge; the client's answer ends the exchange."""
        assert isinstance(self._mechanism, Bearer)
        self._why = words
        scope, configuration = self._service.token_help
        return self._mechanism.refuse(scope=scope, configuration=configuration)

    async def _certificate(self, authzid: str) -> Step:
        certificate = self._client.certificate
        names = certificate.names if certificate is not None else ()
        self._username = authzid or ", ".join(names)
        if (banned := await self._service.kept_out(self._client, self._username)) is not None:
            return banned
        people = [person for name in names if (person := await self._service.find(name)) is not None]
        if authzid:
            for person in people:
                if await self._is(person, authzid):
                    return SignedIn(person, authzid)
            if people:
                return Refused("authorization", "the certificate is that of another", self._username)
        elif len({person.account_id for person in people}) == 1:
            return SignedIn(people[0], self._username)
        return self._refused("the certificate names nobody here" if not people else "the certificate names several")

    async def _is(self, person: Person, name: str) -> bool:
        named = await self._service.find(name)
        return named is not None and named.account_id == person.account_id

    def _no_longer(self) -> Refused:
        return self._refused("the credential is no longer good")

    def _refused(self, words: str) -> Refused:
        return Refused("credentials", words, self._username)
