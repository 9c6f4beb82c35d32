"""A mapping: what the columns of a foreign table, or the fields of foreign JSON, say of mail, read from TOML.

The format is explained in `forensics/mappings/README.md`, next to the mappings that come with the package.
"""

from forensics.mapping.nouns import FORM_TIMES, RECIPIENTS, Form, Layout, Mapping, MappingError, Place, zone_of
from forensics.mapping.reading import load_mapping, read_mapping, shipped_mappings

__all__ = [
    "FORM_TIMES", "RECIPIENTS", "Form", "Layout", "Mapping", "MappingError", "Place", "load_mapping", "read_mapping",
    "shipped_mappings", "zone_of",
]  # fmt: skip
