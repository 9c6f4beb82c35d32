"""MAPI: what Outlook's files say of messages - properties, recipient tables, rich text, and compound files."""

from forensics.mapi.compound import MAGIC, Storage, Stream, attachments_of, is_message, message, properties_of, recipients_of
from forensics.mapi.messages import (
    ATTACHMENT,
    MESSAGE,
    RECIPIENT,
    RecipientTable,
    bodies,
    clocks,
    codec_in,
    completed,
    doubts,
    facts,
    header_text,
    name_of,
    read_table,
    spoken,
    subject_of,
)  # fmt: skip
from forensics.mapi.properties import EXTRA_NEEDED, MULTIPLE, Properties, Tag, Unreadable, Value, codec_of, file_time, value_of
from forensics.mapi.richtext import decompressed

__all__ = [
    "ATTACHMENT", "EXTRA_NEEDED", "MAGIC", "MESSAGE", "MULTIPLE", "RECIPIENT", "Properties", "RecipientTable", "Storage", "Stream",
    "Tag", "Unreadable", "Value", "attachments_of", "bodies", "clocks", "codec_in", "codec_of", "completed", "decompressed", "doubts",
    "facts", "file_time", "header_text", "is_message", "message", "name_of", "properties_of", "read_table", "recipients_of",
    "spoken", "subject_of", "value_of",
]  # fmt: skip
