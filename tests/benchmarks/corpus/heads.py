"""Header blocks of invented mail as a mailing list and as mail servers of today leave them."""

from __future__ import annotations

import base64
import random
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.header import Header

from benchmarks.corpus.writing import INDICATOR, START, WORDS, person

__all__ = ["Heads"]

_FIRST = [
    "Anna", "Ben", "Carla", "Deniz", "Erik", "Fatima", "Georg", "Hana", "Iris", "Jonas", "Katya", "Lin", "Marta", "Nils",
    "Olga", "Pavel", "Quinn", "Rosa", "Søren", "Tomás", "Ute", "Věra", "Yusuf", "Zoë",
]  # fmt: skip
_LAST = [
    "Albrecht", "Brandt", "Carver", "Dvořák", "Eklund", "Fischer", "Grant", "Hoffmann", "Ito", "Jansen", "Kowalski", "Larsen",
    "Müller", "Novak", "O'Hara", "Petrov", "Quist", "Rossi",
]  # fmt: skip
_AGENTS = (
    "git-send-email 2.43.0",
    "Mozilla Thunderbird",
    "Mutt/2.2.12",
    "Evolution 3.48.4",
    "Apple Mail (2.3774)",
    "mu4e 1.10.8",
)
_ZONES = ("+0000", "+0200", "-0700", "+0530", "-0400 (EDT)", "+0000 (UTC)")
_PEOPLE = 4000
_WIDTH = 70


@dataclass(frozen=True, slots=True)
class _Person:
    address: str
    mailbox: str  # as a header shows it, names beyond ASCII as encoded words


def _people(rng: random.Random) -> list[_Person]:
    people = []
    for number in range(_PEOPLE):
        address = f"{rng.choice(WORDS)}.{number}@{rng.choice(WORDS)}{rng.randrange(40)}.example"
        name = f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"
        shown = Header(name, "utf-8").encode() if not name.isascii() else name
        people.append(_Person(address, rng.choice((f"{shown} <{address}>", f"{shown} <{address}>", f"<{address}>", address))))
    return people


class Heads:
    """Header blocks, one after the other: times rise, ids and signatures are unique, people come from a pool of thousands."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"heads {seed}")
        self._people = _people(self._rng)
        self._at = START
        self._ids = deque([f"first.{seed}@list.example"], maxlen=100)

    def next(self, *, hit: bool, is_list: bool, size: int) -> str:
        """The From_ line and all headers but those of MIME; `hit`: with a copy to the indicator in Bcc. `size`: octets of the body."""
        rng = self._rng
        self._at += timedelta(seconds=rng.randrange(1, 600))
        sender, reader, *others = rng.choices(self._people, k=rng.choice((3, 3, 4, 6, 9)))
        own = f"{self._at:%Y%m%d%H%M%S}.{rng.getrandbits(48):x}@{sender.address.rpartition('@')[2]}"
        parent = rng.choice(self._ids)
        self._ids.append(own)
        kind = f"{rng.choice(WORDS)}s"
        posted = f"{kind}@list.example" if is_list else reader.address
        returned = f"{kind}-bounces+{reader.address.replace('@', '=')}@list.example" if is_list else sender.address
        visible = ",\n\t".join([posted if is_list else reader.mailbox, *(one.mailbox for one in others[:1])])
        parts = [
            f"From {sender.address} {self._at:%a %b %d %H:%M:%S %Y}\n",
            f"Return-Path: <{returned}>\n",
            f"X-Original-To: {reader.address}\nDelivered-To: {reader.address}\n",
            _received(rng, self._at, sender.address, posted if is_list else reader.address, 5 if is_list else 4),
            _authentication(rng, sender.address, posted),
            _list_headers(kind) if is_list else _campaign(rng, size),
            f"From: {sender.mailbox}\nTo: {visible}\n",
            f"Cc: {f',{chr(10)} '.join(one.mailbox for one in others[1:])}\n" if len(others) > 1 else "",
            f"Bcc: {INDICATOR}\n" if hit else "",
            f"Subject: {_subject(rng, is_list=is_list)}\nDate: {self._at:%a, %d %b %Y %H:%M:%S} {rng.choice(_ZONES)}\nMessage-ID: <{own}>\n",
            f"In-Reply-To: <{parent}>\nReferences: <{rng.choice(self._ids)}>\n <{parent}>\n" if rng.random() < 0.7 else "",
            f"X-Mailer: {rng.choice(_AGENTS)}\nX-Spam-Status: No, score=-{rng.random():.1f} required=5.0 tests=DKIM_SIGNED,DKIM_VALID,\n\tSPF_PASS autolearn=ham version=4.0.0\n",
        ]
        return "".join(parts)


def _subject(rng: random.Random, *, is_list: bool) -> str:
    words = " ".join(rng.choices(WORDS, k=rng.randrange(3, 9)))
    if rng.random() < 0.1:
        return Header(f"{words} für Größe {rng.randrange(100)}", "utf-8").encode()
    if not is_list:
        return f"{words.capitalize()} {rng.randrange(10**6)}"
    return rng.choice(
        (f"Re: {words}", f"[PATCH v{rng.randrange(2, 9)} {rng.randrange(1, 9)}/9] {words}", f"Re: [PATCH] {words}", words)
    )


def _received(rng: random.Random, at: datetime, sender: str, to: str, hops: int) -> str:
    """Hops, newest first; the stamps fall from top to bottom."""
    domain = sender.rpartition("@")[2]
    day = f"{at:%a, %d %b %Y %H:%M}"
    text = ""
    for hop in range(rng.choice((hops - 1, hops, hops + 1)), 0, -1):
        queue, host = f"{rng.getrandbits(44):011X}", f"192.0.2.{rng.randrange(1, 255)}"
        text += (
            f"Received: from mx{hop}.{domain} (mx{hop}.{domain} [{host}])\n"
            f"\tby mail{hop}.acme.example (Postfix) with ESMTPS id {queue}\n\tfor <{to}>; {day}:{hop * 9:02d} +0000 (UTC)\n"
        )
    return text


def _folded(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return "\n\t ".join(text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH))


def _authentication(rng: random.Random, sender: str, to: str) -> str:
    domain, noise = sender.rpartition("@")[2], rng.randbytes(416)
    fields = "from:to:cc:subject:date:message-id:mime-version:\n\t content-type:in-reply-to:references:list-id"
    arc = (
        f"ARC-Seal: i=1; a=rsa-sha256; d=acme.example; s=arc; cv=none;\n\t b={_folded(noise[224:320])}\n"
        f"ARC-Message-Signature: i=1; a=rsa-sha256; d=acme.example; s=arc; c=relaxed/simple;\n\t h={fields};\n\t b={_folded(noise[320:])}\n"
    )
    return (
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s{rng.randrange(2019, 2026)};\n"
        f"\t h={fields}; t={rng.randrange(17 * 10**8, 18 * 10**8)};\n\t bh={_folded(noise[:32])};\n\t b={_folded(noise[32:224])}\n"
        f"{rng.choice(('', arc))}Authentication-Results: mail.acme.example;\n\tdkim=pass (2048-bit key) header.d={domain} header.i=@{domain};\n"
        f"\tspf=pass smtp.mailfrom={sender} smtp.rcpttodomain={to.rpartition('@')[2]};\n\tdmarc=pass (p=reject) header.from={domain}\n"
    )


def _list_headers(kind: str) -> str:
    at = "https://lists.example/mailman/options"
    return (
        f"X-BeenThere: {kind}@list.example\nX-Mailman-Version: 2.1.39\nPrecedence: list\nList-Id: About {kind} <{kind}.list.example>\n"
        f"List-Unsubscribe: <{at}/{kind}>,\n\t<mailto:{kind}-request@list.example?subject=unsubscribe>\nList-Archive: <https://lists.example/{kind}/>\n"
        f"List-Post: <mailto:{kind}@list.example>\nList-Help: <mailto:{kind}-request@list.example?subject=help>\n"
        f"List-Subscribe: <{at}/{kind}>,\n\t<mailto:{kind}-request@list.example?subject=subscribe>\nErrors-To: {kind}-bounces@list.example\n"
    )


def _campaign(rng: random.Random, size: int) -> str:
    return (
        f"X-Campaign-Id: {rng.getrandbits(64):016x}\nX-Report-Abuse: Please report abuse at\n https://news.example/abuse?id={rng.getrandbits(40):x}\n"
        f"List-Unsubscribe: <https://news.example/u/{rng.getrandbits(80):020x}>\nX-Message-Size: {size}\nX-Feedback-Id: {person(rng)}:{rng.getrandbits(32)}\n"
    )
