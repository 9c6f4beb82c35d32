"""What mail providers' event records share: posted requests unwrapped, fields read without trust, one record after the other.

A provider tells of its mail in JSON: the body of a webhook, an answer of its API, a line for each event. Webhooks are often kept as
whole requests, with the body as a text inside; some are posted as forms. Here these are opened, and each provider's parser says what
one record means. None of what is stored shows who posted it: a signature travels in a header, and its key is not in the evidence.
"""

from forensics.provider_events.content import GONE, kept_texts
from forensics.provider_events.fields import (
    BOUNCE_LATENESS,
    UNSIGNED,
    after_data,
    author,
    facts,
    label,
    message_id,
    moment,
    named,
    posted_form,
    reading,
    texts,
    word,
)  # fmt: skip
from forensics.provider_events.files import OTHER, PART, reader, sniffer
from forensics.provider_events.posts import Provider

__all__ = [
    "BOUNCE_LATENESS", "GONE", "OTHER", "PART", "UNSIGNED", "Provider", "after_data", "author", "facts", "kept_texts", "label",
    "message_id", "moment", "named", "posted_form", "reader", "reading", "sniffer", "texts", "word",
]  # fmt: skip
