"""The first answer, in seconds: which files name an indicator, and which recipient domains are new."""

from forensics.sweep.answer import CANNOT_SEE, Examined, Search, Triage, answer, examine
from forensics.sweep.needles import FORMS, Needles
from forensics.sweep.recipients import CONTEXTS
from forensics.sweep.scanning import Stream, scan

__all__ = [
    "CANNOT_SEE", "CONTEXTS", "FORMS", "Examined", "Needles", "Search", "Stream", "Triage", "answer", "examine", "scan",
]  # fmt: skip
