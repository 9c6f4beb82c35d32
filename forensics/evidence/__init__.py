"""The reading edge: find evidence, hash it, open it read-only whatever its compression, and cut it into spans."""

from forensics.evidence.finding import find
from forensics.evidence.items import HEAD, Item, Member, Problem, hashed, open_read_only
from forensics.evidence.reading import SPAN, MemberSource, first_bytes, head_of, read_ranges, spans
from forensics.evidence.unpacking import members

__all__ = [
    "HEAD", "SPAN", "Item", "Member", "MemberSource", "Problem", "find", "first_bytes", "hashed", "head_of", "members", "open_read_only",
    "read_ranges", "spans",
]  # fmt: skip
