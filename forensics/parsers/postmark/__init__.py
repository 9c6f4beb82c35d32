"""Postmark: API exports, stored webhooks, raw copies, suppressions, and request logs that hold webhooks.

Shapes: postmarkapp.com/developer/api/messages-api, .../bounce-api, .../suppressions-api, .../stats-api, .../servers-api and
postmarkapp.com/developer/webhooks. The published Swagger is older than the API's answers: here every field is optional, and
any type is met with a defect.
"""

from __future__ import annotations

from forensics.parsers.postmark.content import body
from forensics.parsers.postmark.reading import read
from forensics.parsers.postmark.sniffing import sniff
from forensics.parsers.postmark.values import NAME
from forensics.plugins import Parser

__all__ = ["PARSER", "body", "read", "sniff"]

PARSER = Parser(
    name=NAME,
    title="Postmark: API exports, stored webhooks and request logs that hold them, raw copies, suppressions",
    sniff=sniff,
    read=read,
    shows=frozenset({"recipients", "header", "outcome", "content", "blind"}),
    body=body,
    version=3,
)
