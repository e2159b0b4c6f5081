"""Questions to the DNS: the resolver, one with fixed answers, and a server for the demo and tests."""

from .api import Answer, DnsTemporary, Mx, Resolver, Srv
from .hosts import host_addresses
from .inspecting import InspectingResolver
from .names import BadDomainName, block_list_name, exact_name, is_plain, to_question
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
    "InspectingResolver",
    "Mx",
    "Resolver",
    "Srv",
    "StaticResolver",
    "TestDnsServer",
    "block_list_name",
    "exact_name",
    "host_addresses",
    "is_plain",
    "to_question",
]
