"""What a message is: header, MIME structure, addresses, dates, encoded words, the facts Postroom keeps of it. Pure."""

from .facts import Facts, SearchText
from .scanner import Scanner
from .settings import MessageSettings

__all__ = ["Facts", "MessageSettings", "Scanner", "SearchText"]
