"""Keys of a domain in a folder, and what a verifier says of the messages that they signed."""

from pathlib import Path

from tests.mailauth.dkim.verifying import verdicts

from postroom.base import FakeClock, Spool
from postroom.mailauth.dkim import DkimVerdict
from postroom.signing import KeyFolder, KeyKeeper, Signing, SigningSettings, key_records


class Signer:
    """Keys of a.test, and what signs with them."""

    def __init__(self, data: Path, settings: SigningSettings | None = None) -> None:
        self.clock = FakeClock()
        self.settings = settings or SigningSettings()
        self.folder = KeyFolder(data)
        self.keeper = KeyKeeper(self.folder, self.settings, self.clock)
        self.keeper.ensure("a.test")
        self.signing = Signing(self.folder, self.settings, self.clock)

    def records(self) -> dict[str, bytes]:
        """What is to be published, by name."""
        return {
            one.name: one.text.encode()
            for domain, sets in self.keeper.all().items()
            for one in key_records(domain, sets, self.clock.now())
        }

    def verdicts(self, message: bytes) -> list[DkimVerdict]:
        return verdicts(message, self.records(), now=self.clock.now())

    def results(self, message: bytes) -> list[tuple[str, str, str]]:
        """Result, domain and algorithm of each signature."""
        return [(one.result.value, one.domain, one.algorithm) for one in self.verdicts(message)]

    async def signed(self, message: bytes, domain: str = "a.test") -> bytes:
        with Spool(Path("unused"), 1 << 30) as spool:
            spool.write(message)
            return await self.signing.fields(domain, spool) + message


BOTH = [("pass", "a.test", "rsa-sha256"), ("pass", "a.test", "ed25519-sha256")]
