"""The milter protocol, version 6, on the side of the mail server."""

from .session import MilterSession, Said

__all__ = ["MilterSession", "Said"]
