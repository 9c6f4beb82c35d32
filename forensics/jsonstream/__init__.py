"""Records of large JSON: framed one by one with their places, and their fields read without trust in any type."""

from forensics.jsonstream.decoding import plain_object
from forensics.jsonstream.fields import Fields, first_level
from forensics.jsonstream.framing import Broken, Frame, Page, Record, frames, load

__all__ = ["Broken", "Fields", "Frame", "Page", "Record", "first_level", "frames", "load", "plain_object"]
