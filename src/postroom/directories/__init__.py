"""People who are known elsewhere: in LDAP, or by a Python file of the administrator's."""

from .building import SourceUnusable, source
from .outside import OutsideDirectory
from .remembering import RememberingSource
from .seen import Seen
from .settings import DirectorySettings, LdapSettings
from .types import Known, Source, SourceDown

__all__ = [
    "DirectorySettings",
    "Known",
    "LdapSettings",
    "OutsideDirectory",
    "RememberingSource",
    "Seen",
    "Source",
    "SourceDown",
    "SourceUnusable",
    "source",
]
