"""The first answer, in seconds: which files name an indicator, and which recipient domains are new."""

from forensics.sweep.answer import CANNOT_SEE, Examined, Search, Triage, answer, cut, examine
from forensics.sweep.blocks import Part
from forensics.sweep.needles import Needles
from forensics.sweep.recipients import CONTEXTS
from forensics.sweep.scanning import Stream, Wish, scan
from forensics.sweep.spellings import FORMS

__all__ = [
    "CANNOT_SEE", "CONTEXTS", "FORMS", "Examined", "Needles", "Part", "Search", "Stream", "Triage", "Wish", "answer", "cut",
    "examine", "scan",
]  # fmt: skip
