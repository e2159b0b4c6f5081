"""Questions to the DNS: the resolver, one with fixed answers, and a server for the demo and tests."""

from .api import Answer, DnsTemporary, Mx, Resolver
from .names import BadDomainName, to_question
from .resolver import DnsResolver
from .server import TestDnsServer
from .settings import DnsSettings
from .static import StaticResolver

__all__ = [
    "Answer",
    "BadDomainName",
    "DnsResolver",
    "DnsSettings",
    "DnsTemporary",
    "Mx",
    "Resolver",
    "StaticResolver",
    "TestDnsServer",
    "to_question",
]
