"""Known indicators, through the whole tool: mails and log lines as text, an audit of a folder, and the messages it calls confirmed."""

from __future__ import annotations

import csv
import json
import random
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import forensics as fx
from benchmarks.detection.figures import Share
from benchmarks.detection.records import START
from benchmarks.detection.tricks import ENVELOPE_HITS, ENVELOPE_MISSES, HEADER_HITS, HEADER_MISSES, INCIDENT
from forensics.pipeline.executor import Serial
from forensics.policy import Policy

__all__ = ["Audited", "audited", "plain_indicators", "told_of_indicators"]

_OWN = "acme.example"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the exam: how its recipient is written, and whether that is an indicator."""

    source: str
    written: str
    is_hit: bool
    key: str


@dataclass(frozen=True, slots=True)
class Audited:
    """Which letters an audit called confirmed, and which it should have."""

    found: Share
    wrong: Share
    missed: tuple[Letter, ...]
    blamed: tuple[Letter, ...]
    by_source: dict[str, Share]


def audited(seed: int, ordinary: int) -> Audited:
    """One folder with every way of writing and every near-miss in each kind of evidence, among so much `ordinary` mail of each kind."""
    rng = random.Random(seed)
    with TemporaryDirectory() as folder:
        evidence = Path(folder) / "evidence"
        evidence.mkdir()
        letters = [
            letter
            for write in (_mails, _server_log, _exim_log, _searches, _webhooks)
            for letter in write(evidence, rng, ordinary)
        ]
        policy = Policy(domains=(_OWN,))
        fx.audit(
            evidence,
            out=Path(folder) / "case",
            incident=INCIDENT,
            policy=policy,
            executor=Serial(),
            options=fx.Options(content="exposed"),
        )
        confirmed = set()
        for table in ("exposed_messages", "not_delivered"):
            with (Path(folder) / "case" / "report" / f"{table}.csv").open(encoding="utf-8", newline="") as rows:
                confirmed |= {row["message_key"] for row in csv.DictReader(rows) if row["verdict"] == "confirmed"}
    hits, others = [one for one in letters if one.is_hit], [one for one in letters if not one.is_hit]
    strangers = confirmed - {one.key for one in letters}
    assert not strangers, f"the audit names messages that nobody wrote: {sorted(strangers)[:3]}"
    missed = tuple(one for one in hits if one.key not in confirmed)
    blamed = tuple(one for one in others if one.key in confirmed)
    sources = sorted({one.source for one in letters})
    by_source = {
        source: Share(
            sum(one.key in confirmed for one in hits if one.source == source), sum(one.source == source for one in hits)
        )
        for source in sources
    }
    return Audited(Share(len(hits) - len(missed), len(hits)), Share(len(blamed), len(others)), missed, blamed, by_source)


def _drawn(rng: random.Random, hits: tuple[str, ...], misses: tuple[str, ...], ordinary: list[str]) -> list[tuple[str, bool]]:
    drawn = [*((one, True) for one in hits), *((one, False) for one in (*misses, *ordinary))]
    rng.shuffle(drawn)
    return drawn


def _moment(rng: random.Random) -> datetime:
    """A time on either side of the window's start: an indicator convicts at any date."""
    return START + timedelta(seconds=rng.randrange(-20 * 86_400, 40 * 86_400))


def _mails(folder: Path, rng: random.Random, ordinary: int) -> list[Letter]:
    """An mbox of sent mail."""
    plain = [f"Cc: reader{rng.randrange(10**6)}@customer.example" for _ in range(ordinary)]
    letters, texts = [], []
    for number, (field, is_hit) in enumerate(_drawn(rng, HEADER_HITS, HEADER_MISSES, plain)):
        at = _moment(rng)
        key = f"mail{number}.{rng.getrandbits(32):x}@{_OWN}"
        subject = "" if field.startswith("Subject:") else f"Subject: letter {number}\r\n"
        texts.append(
            f"From app@{_OWN} {at:%a %b %e %H:%M:%S %Y}\r\nFrom: App <app@{_OWN}>\r\nTo: Ann <ann@customer.example>\r\n{field}\r\n{subject}"
            f"Date: {format_datetime(at)}\r\nMessage-ID: <{key}>\r\n\r\nWrite to phan@giftshop.club, said nobody.\r\n\r\n"
        )
        letters.append(Letter("mbox", field, is_hit, key))
    (folder / "sent.mbox").write_bytes("".join(texts).encode())
    return letters


def _server_log(folder: Path, rng: random.Random, ordinary: int) -> list[Letter]:
    """A Postfix log: the envelope alone, no header."""
    plain = [f"reader{rng.randrange(10**6)}@customer.example" for _ in range(ordinary)]
    drawn = _drawn(rng, ENVELOPE_HITS, ENVELOPE_MISSES, plain)
    letters, lines = [], []
    for number, (at, (address, is_hit)) in enumerate(zip(sorted(_moment(rng) for _ in drawn), drawn, strict=True)):
        key, queue = f"log{number}.{rng.getrandbits(32):x}@{_OWN}", f"{0xA00000 + number * 17:X}{number:04X}"
        line = f"{at:%Y-%m-%dT%H:%M:%S.000000+00:00} mx1 postfix/{{}}[{rng.randrange(100, 9_999)}]: {queue}: {{}}"
        sent = "relay=mx.customer.example[192.0.2.25]:25, delay=0.9, delays=0.1/0/0/0.8, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
        lines += [
            line.format("smtpd", "client=app1.acme.example[192.0.2.10]"),
            line.format("cleanup", f"message-id=<{key}>"),
            line.format("qmgr", f"from=<app@{_OWN}>, size=900, nrcpt=2 (queue active)"),
            line.format("smtp", f"to=<ann@customer.example>, {sent}"),
            line.format("smtp", f"to=<{address}>, {sent}"),
            line.format("qmgr", "removed"),
        ]
        letters.append(Letter("postfix", address, is_hit, key))
    (folder / "mail.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return letters


def _base62(number: int) -> str:
    """Seconds as Exim begins its ids with: six digits of base 62."""
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    return "".join(digits[number // 62**place % 62] for place in range(5, -1, -1))


def _exim_log(folder: Path, rng: random.Random, ordinary: int) -> list[Letter]:
    """An Exim main log."""
    plain = [f"reader{rng.randrange(10**6)}@customer.example" for _ in range(ordinary)]
    drawn = _drawn(rng, ENVELOPE_HITS, ENVELOPE_MISSES, plain)
    letters, lines = [], []
    for number, (at, (address, is_hit)) in enumerate(zip(sorted(_moment(rng) for _ in drawn), drawn, strict=True)):
        key = f"exim{number}.{rng.getrandbits(32):x}@{_OWN}"
        line = f"{at:%Y-%m-%d %H:%M:%S} +0000 {_base62(int(at.timestamp()))}-{number:011d}-2C3D "
        way = 'R=dnslookup T=remote_smtp H=mx.customer.example [192.0.2.25] C="250 ok"'
        lines += [
            f"{line}<= app@{_OWN} H=app1.acme.example [192.0.2.10] P=esmtp S=900 id={key}",
            f"{line}=> ann@customer.example {way}",
            f"{line}=> {address} {way}",
            f"{line}Completed",
        ]
        letters.append(Letter("exim", address, is_hit, key))
    (folder / "mainlog").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return letters


def _searches(folder: Path, rng: random.Random, ordinary: int) -> list[Letter]:
    """A page of the provider's search, with names that lie."""
    plain = [f"reader{rng.randrange(10**6)}@customer.example" for _ in range(ordinary)]
    letters: list[Letter] = []
    rows: list[dict[str, object]] = []
    for number, (address, is_hit) in enumerate(_drawn(rng, ENVELOPE_HITS, ENVELOPE_MISSES, plain)):
        identity = f"{rng.getrandbits(32):08x}-0000-4000-8000-{number:012x}"
        lie = "bob@customer.example" if is_hit else "phan@giftshop.club"
        role = rng.choice(("Bcc", "Bcc", "Cc", "To"))
        row: dict[str, list[dict[str, str | None]]] = {
            "To": [{"Email": "ann@customer.example", "Name": None}],
            "Cc": [],
            "Bcc": [],
        }
        row[role].append({"Email": address, "Name": lie})
        rows.append({
            "Tag": None, "MessageID": identity, "MessageStream": "outbound", **row, "Recipients": ["ann@customer.example", address],
            "ReceivedAt": _moment(rng).isoformat(), "From": f"App <app@{_OWN}>", "Subject": f"to {lie}", "Attachments": [], "Status": "Sent",
            "TrackOpens": False, "TrackLinks": "None", "Metadata": {}, "Sandboxed": False,
        })  # fmt: skip
        letters.append(Letter("search", address, is_hit, f"{identity}@mtasv.net"))
    text = json.dumps({"TotalCount": len(rows), "Messages": rows}, ensure_ascii=rng.random() < 0.5)
    (folder / "search.json").write_text(text, encoding="utf-8")
    return letters


def _webhooks(folder: Path, rng: random.Random, ordinary: int) -> list[Letter]:
    """Delivery events, one a recipient."""
    plain = [f"reader{rng.randrange(10**6)}@customer.example" for _ in range(ordinary)]
    letters, lines = [], []
    for number, (address, is_hit) in enumerate(_drawn(rng, ENVELOPE_HITS, ENVELOPE_MISSES, plain)):
        identity = f"{rng.getrandbits(32):08x}-0000-4000-9000-{number:012x}"
        event: dict[str, object] = {
            "RecordType": "Delivery", "ServerID": 23, "MessageStream": "outbound", "MessageID": identity, "Recipient": "ann@customer.example", "Tag": "",
            "DeliveredAt": f"{_moment(rng):%Y-%m-%dT%H:%M:%SZ}", "Details": "250 2.0.0 OK", "Metadata": {},
        }  # fmt: skip
        lines += [json.dumps(event), json.dumps({**event, "Recipient": address}, ensure_ascii=rng.random() < 0.5)]
        letters.append(Letter("webhook", address, is_hit, f"{identity}@mtasv.net"))
    (folder / "webhooks.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return letters


def plain_indicators(done: list[Audited]) -> dict[str, Any]:
    """The figures of known indicators, as JSON holds them."""
    return {
        "audits": len(done),
        "found": _sum([one.found for one in done]).plain(),
        "wrongly_confirmed": _sum([one.wrong for one in done]).plain(),
        "found_by_source": {source: _sum([one.by_source[source] for one in done]).plain() for source in done[0].by_source},
        "missed": sorted({f"{one.source}: {one.written}" for each in done for one in each.missed}),
        "blamed": sorted({f"{one.source}: {one.written}" for each in done for one in each.blamed}),
    }


def told_of_indicators(done: list[Audited]) -> str:
    """The figures of known indicators, as people read them."""
    found, wrong = _sum([one.found for one in done]), _sum([one.wrong for one in done])
    lines = [
        f"Known indicators: {len(done)} audits of folders with mbox, Postfix and Exim logs, Postmark search and webhooks",
        f"  found             {found.told()}   target all",
        f"  wrongly confirmed {wrong.told()}   target none",
        *(f"    {source:<15} {_sum([one.by_source[source] for one in done]).told()}" for source in sorted(done[0].by_source)),
    ]
    for title, letters in (("missed", [one.missed for one in done]), ("wrongly confirmed", [one.blamed for one in done])):
        for source, written in sorted({(one.source, one.written) for group in letters for one in group}):
            lines.append(f"  {title}: {source}: {written!r}")
    return "\n".join(lines)


def _sum(shares: list[Share]) -> Share:
    return Share(sum(one.hits for one in shares), sum(one.total for one in shares))
