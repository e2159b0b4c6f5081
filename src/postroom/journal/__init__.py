"""What happened to each message, step by step: written as it happens, read by `postroom trace`."""

from .reader import Step, Story, base_id, doubts, stories
from .settings import JournalSettings
from .writer import NO_JOURNAL, FileJournal, Journal

__all__ = ["NO_JOURNAL", "FileJournal", "Journal", "JournalSettings", "Step", "Story", "base_id", "doubts", "stories"]
