"""Message-IDs and queue ids, as Postmark and Postfix hand them out."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from .company import OWN
from .mail import Mail

BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def named(rng: random.Random, mails: Iterable[Mail]) -> list[Mail]:
    """Every mail with its Message-ID and queue id, in order of time."""
    found = []
    for mail in sorted(mails, key=lambda one: (one.at, one.sender, one.to)):
        inode = rng.randint(200_000, 9_000_000)
        identity = f"{uuid.UUID(int=rng.getrandbits(128), version=4)}@mtasv.net"
        if not mail.by_api:
            domain = f"shop.{OWN}" if mail.way == "shop" else mail.sender.partition("@")[2]
            identity = f"{rng.getrandbits(64):016X}.{inode % 97}@{domain}"
        long_id = mail.host == "relay1" or (mail.host == "relay2" and mail.at.day >= 4) or mail.at.month == 10
        queue = queue_id(mail.at, inode, long_id=long_id and mail.host != "relay3") if mail.host else ""
        found.append(replace(mail, key=identity, queue=queue))
    return found


def queue_id(at: datetime, inode: int, *, long_id: bool) -> str:
    """A Postfix queue id: the long form holds the time in UTC, the short one only its microseconds."""
    if not long_id:
        return f"{at.microsecond:05X}{inode:X}"
    return f"{in_base(int(at.timestamp()), 52):0>6}{in_base(at.microsecond, 52):0>4}z{in_base(inode, 51)}"


def in_base(number: int, base: int, alphabet: str = BASE52) -> str:
    """A number in positional notation, most significant digit first."""
    digits = ""
    while number or not digits:
        number, digit = divmod(number, base)
        digits = alphabet[digit] + digits
    return digits
