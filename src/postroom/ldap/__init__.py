"""LDAP (RFC 4511) as a client speaks it: what is sent to bind, search and start TLS, and what comes back."""

from .ber import BadBer
from .filters import BadFilter, Filter, read_filter
from .messages import (
    Entry,
    ExtendedDone,
    MessageReader,
    Other,
    Result,
    bind_request,
    search_request,
    start_tls_request,
    unbind_request,
)

__all__ = [
    "BadBer",
    "BadFilter",
    "Entry",
    "ExtendedDone",
    "Filter",
    "MessageReader",
    "Other",
    "Result",
    "bind_request",
    "read_filter",
    "search_request",
    "start_tls_request",
    "unbind_request",
]
