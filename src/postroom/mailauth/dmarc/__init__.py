"""DMARC (RFC 9989, written from its known rules; old records as RFC 7489 has them): who really wrote this? Pure.

Owns: the author's domain, records, the tree walk, alignment, the verdict, reports. Never: asks the DNS itself, decides
what is done with a message. Raises: BadReport, where a report of others is read, ValueError for what is
no public suffix list; else nothing.
"""

from .alignment import Identifier
from .author import GRAVE, Author, Problem, author_domain, domain_name
from .evaluation import DmarcResult, DmarcVerdict, evaluate
from .record import Policy, Psd, Record, choose_record, mail_address, read_record
from .suffixes import MAX_LIST_OCTETS, PublicSuffixes
from .tree import Found, SuffixList, Walk, Walks

__all__ = [
    "GRAVE",
    "MAX_LIST_OCTETS",
    "Author",
    "DmarcResult",
    "DmarcVerdict",
    "Found",
    "Identifier",
    "Policy",
    "Problem",
    "Psd",
    "PublicSuffixes",
    "Record",
    "SuffixList",
    "Walk",
    "Walks",
    "author_domain",
    "choose_record",
    "domain_name",
    "evaluate",
    "mail_address",
    "read_record",
]
