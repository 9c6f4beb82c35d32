"""Which mails were copied out, to whom, with what in them, and what cannot be known."""

__version__ = "0.1.0"
