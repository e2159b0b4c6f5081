"""What a message is: header, MIME structure, addresses, dates, encoded words, and the facts Postroom keeps of it. Pure."""

from .facts import Facts, SearchText
from .scanner import Scanner

__all__ = ["Facts", "Scanner", "SearchText"]
