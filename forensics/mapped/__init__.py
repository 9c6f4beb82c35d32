"""Tables and JSON of any source, read as a mapping says."""

from forensics.mapped.reading import parser_of, parsers_from
from forensics.mapped.redaction import redacted

__all__ = ["parser_of", "parsers_from", "redacted"]
