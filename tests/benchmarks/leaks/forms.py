"""A token's form as text with gaps: `ab_{hex:12}` is "ab_" and twelve hexadecimal digits."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Mapping

__all__ = ["ALPHABETS", "filled", "uuid"]

_GAP = re.compile(r"\{([a-z0-9]+):(\d+)(?:-(\d+))?\}")
ALPHABETS: Mapping[str, str] = {
    "an": string.ascii_letters + string.digits,
    "u": string.ascii_letters + string.digits + "-_",
    "hex": "0123456789abcdef",
    "b64": string.ascii_letters + string.digits + "+/",
    "b32": string.ascii_uppercase + "234567",
    "d": string.digits,
    "low": string.ascii_lowercase + string.digits,
    "up": string.ascii_uppercase + string.digits,
    "let": string.ascii_letters,
    "bech": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}


def filled(rng: random.Random, form: str, drawn: Callable[[random.Random, str, int], str]) -> str:
    """The form with each gap filled by `drawn(rng, alphabet, length)`; `{an:4-9}` is a length from 4 to 9."""

    def gap(found: re.Match[str]) -> str:
        least = int(found[2])
        return drawn(rng, ALPHABETS[found[1]], rng.randint(least, int(found[3] or least)))

    return _GAP.sub(gap, form)


def uuid(rng: random.Random) -> str:
    """A UUID of version 4."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{rng.choice('89ab')}{digits[17:20]}-{digits[20:]}"
