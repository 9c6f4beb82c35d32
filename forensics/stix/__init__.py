"""Indicators from STIX 2 bundles, to be added to an incident's own."""

from forensics.stix.bundles import Bundle, load_indicators, read_bundle, with_bundles

__all__ = ["Bundle", "load_indicators", "read_bundle", "with_bundles"]
