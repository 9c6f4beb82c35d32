"""Records of large JSON: framed one by one with their places, and their fields read without trust in any type."""

from forensics.jsonstream.decoding import plain_object
from forensics.jsonstream.fields import Fields, first_level
from forensics.jsonstream.frame import Broken, Frame, Page, Record
from forensics.jsonstream.framing import frames, load, shaped
from forensics.jsonstream.shapes import ANY_TEXT, PLAIN_TEXT, Plan, unescaped

__all__ = [
    "ANY_TEXT", "PLAIN_TEXT", "Broken", "Fields", "Frame", "Page", "Plan", "Record", "first_level", "frames", "load", "plain_object", "shaped", "unescaped",
]  # fmt: skip
