"""SMTP, submission and LMTP sessions: one class, several policies."""

from .policy import LMTP, RELAY, SUBMISSION, Policy
from .session import SmtpService

__all__ = ["LMTP", "RELAY", "SUBMISSION", "Policy", "SmtpService"]
