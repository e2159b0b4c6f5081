"""Whose mail a submitted message is, and our signature on it.

Owns: the decision to sign what people send. Never: signs what others have sent, whatever it says it is; makes the
signature (signing). Raises: KeyTrouble.
"""

from postroom.accounts import Directory, Person
from postroom.mailauth.dmarc import author_domain
from postroom.signing import Signing
from postroom.store import Draft


async def own_signature(person: Person | None, draft: Draft, directory: Directory, signing: Signing) -> bytes:
    """DKIM-Signature fields for a message that somebody has submitted; b"" for one that is not to be signed.

    It has to come from a person who has signed in, and to bear the name of one domain, which is ours: what strangers
    send through us, to be forwarded, keeps to the signatures it has.
    """
    if person is None:
        return b""
    header = draft.facts.header
    domain = author_domain(header).domain
    if not domain or not await directory.is_local_domain(domain):
        return b""
    return await signing.fields(domain, draft.spool, header=header)
