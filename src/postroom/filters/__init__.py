"""Other programs that look at mail: rspamd, SpamAssassin, ClamAV, milters."""

from .service import Filtering, Filters
from .settings import FilterSettings, check_filters
from .types import Client, ContentSource, Filtered, NewRecipient
from .visit import FilterVisit

__all__ = [
    "Client",
    "ContentSource",
    "FilterSettings",
    "FilterVisit",
    "Filtered",
    "Filtering",
    "Filters",
    "NewRecipient",
    "check_filters",
]
