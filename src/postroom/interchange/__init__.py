"""Mail as other programs keep it, on its way into the store and out of it: mbox files, Maildir, folders of .eml."""

from .discovery import FORMATS, NotMail, Source, find_source
from .exporting import Exporter, ExportReport
from .importing import Importer, ImportReport, Stopped, survey
from .settings import InterchangeSettings

__all__ = [
    "FORMATS",
    "ExportReport",
    "Exporter",
    "ImportReport",
    "Importer",
    "InterchangeSettings",
    "NotMail",
    "Source",
    "Stopped",
    "find_source",
    "survey",
]
