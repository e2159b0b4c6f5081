"""Whether the header of a submitted message names only addresses that its sender may put there.

Owns: the refusals of RFC 6409 §4.2, §5.1 and §6.3 that need the directory. Never: reads the header itself, changes it.
Raises: ImproperAddress, NotTheAuthor.
"""

from postroom.accounts import Directory, Person, domain_key
from postroom.base import MailError
from postroom.message import HeaderAddresses

from .settings import IntakeSettings

_SHOWN = 100  # characters of an address in a reply


class ImproperAddress(MailError):
    """The message goes out as if we had written it, so its addresses have to be whole."""

    code, enhanced, text = 554, "5.6.0", "Incomplete address in the message's header"


class NotTheAuthor(MailError):
    """A person writes in somebody else's name."""

    code, enhanced, text = 550, "5.7.1", "From or Sender address not owned by the signed-in user"


async def check_addresses(
    addresses: HeaderAddresses, person: Person, directory: Directory, settings: IntakeSettings
) -> None:
    """Refuse what the person may not send."""
    if settings.check_submitted_addresses:
        for local, domain in sorted(addresses.authors | addresses.others):
            if not local or not await _is_complete(domain, directory):
                shown = (f"{local}@{domain}" if domain else local)[:_SHOWN]
                raise ImproperAddress(
                    f"{person.address} writes <{shown}>", text=f"Incomplete address in the message's header: <{shown}>"
                )
    if settings.check_submitted_from:
        if not addresses.authors:
            raise NotTheAuthor(f"{person.address} names no author", text="No address in the message's From field")
        for local, domain in sorted(addresses.authors):
            if not await directory.may_send_as(person, f"{local}@{domain}"):
                raise NotTheAuthor(f"{person.address} writes as <{local[:_SHOWN]}@{domain[:_SHOWN]}>")


async def _is_complete(domain: str, directory: Directory) -> bool:
    """RFC 6409 §4.2: fully qualified. A domain of ours is complete however short it is."""
    if domain[:1] == "[":
        return True
    return domain_key(domain) is not None and ("." in domain or await directory.is_local_domain(domain))
