"""What Postmark shows of the mail that went through its API."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from .company import SERVER, ip_of, name_of
from .dates import zulu
from .encoding import as_json
from .mail import Mail
from .recipients import PHAN


def eastern(at: datetime, last: int) -> str:
    """A time as Postmark writes it: US Eastern summer time with seven digits."""
    return f"{at - timedelta(hours=4):%Y-%m-%dT%H:%M:%S.%f}{last}-04:00"


def person(address: str) -> dict[str, Any]:
    """An entry of To or Cc, as the search shows it."""
    return {"Email": address, "Name": name_of(address) or None}


def search_row(mail: Mail) -> dict[str, Any]:
    """One message in an answer of the search; two of them are shaped like older exports."""
    row: dict[str, Any] = {
        "Tag": "order-confirmation", "MessageID": mail.key.partition("@")[0], "MessageStream": "outbound",
        "To": [person(one) for one in mail.to], "Cc": [], "Bcc": [{"Email": one, "Name": ""} for one in mail.hidden],
        "Recipients": [*mail.to, *mail.hidden], "ReceivedAt": eastern(mail.at, len(mail.subject) % 10),
        "From": f'"{name_of(mail.sender) or "Acme"}" <{mail.sender}>', "Subject": mail.subject,
        "Attachments": [name for name, _, _ in mail.files], "Status": "Sent", "TrackOpens": mail.way == "mcp",
        "TrackLinks": "HtmlAndText" if mail.way == "mcp" else "None", "Sandboxed": mail.fate == "sandboxed",
        "Metadata": {} if mail.way == "mcp" else {"customer": f"C{zlib.crc32(mail.to[0].encode()) % 90000 + 10000}"},
    }  # fmt: skip
    missing = {"recipients_only": ("Bcc",), "events_only": ("Bcc", "Recipients")}.get(mail.fate, ())
    return {key: value for key, value in row.items() if key not in missing and not (key == "Tag" and mail.way == "mcp")}


def events(mail: Mail) -> Iterator[tuple[datetime, str, str, str]]:
    """What happened to each copy: time, recipient, type, the remote server's words."""
    for order, one in enumerate((*mail.to, *mail.hidden)):
        at, fate = mail.at + timedelta(seconds=2 + order), mail.fate if one == PHAN else "delivered"
        good = f"smtp;250 2.0.0 OK: queued as {zlib.crc32(f'{mail.key}{one}'.encode()):08X}"
        if fate == "transient":
            yield at, one, "Transient", "smtp;451 4.7.1 try again later (in reply to RCPT TO command)"
        elif fate == "bounced":
            yield at, one, "Bounced", "smtp;550 5.1.1 mailbox unavailable (in reply to RCPT TO command)"
        elif fate == "after_data":
            yield at, one, "Bounced", "smtp;554 5.7.1 message refused (in reply to end of DATA command)"
        elif mail.fate != "sandboxed":
            yield at, one, "Delivered", good
        if fate == "fetched":
            yield at + timedelta(minutes=41), one, "Opened", "Mozilla/5.0 (X11; Linux x86_64)"
        if fate == "late_bounce":
            yield at + timedelta(hours=3), one, "Bounced", "smtp;552 5.2.2 mailbox over quota"


def details(mail: Mail) -> dict[str, Any]:
    """One message as its details page tells it: bodies, and what happened to each copy."""
    shown = []
    for at, one, kind, words in events(mail):
        name = {"Opened": "Summary", "Bounced": "Summary"}.get(kind, "DeliveryMessage")
        facts = {name: words}
        if kind == "Bounced":
            facts["BounceID"] = str(zlib.crc32(f"{mail.key}{one}".encode()))
        elif kind != "Opened":
            facts |= {"DestinationServer": f"mx.{one.partition('@')[2]}", "DestinationIP": ip_of(one)}
        shown.append({"Recipient": one, "Type": kind, "ReceivedAt": eastern(at, 0), "Details": facts})
    bodies = {"TextBody": mail.text, "HtmlBody": mail.html} if mail.html else {"TextBody": mail.text}
    return {**search_row(mail), **bodies, "Body": None, "MessageEvents": shown}


def webhooks(mail: Mail) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """The calls that Postmark makes for a mail: time in UTC, and the JSON of a delivery, bounce or open."""
    for at, one, kind, words in events(mail):
        base = {
            "MessageID": mail.key.partition("@")[0],
            "ServerID": SERVER,
            "MessageStream": "outbound",
            "Metadata": search_row(mail)["Metadata"],
        }
        base |= {"Tag": "" if mail.way == "mcp" else "order-confirmation"}
        if kind == "Delivered":
            yield at, {"RecordType": "Delivery", **base, "Recipient": one, "DeliveredAt": zulu(at), "Details": words}
        elif kind == "Bounced":
            number = zlib.crc32(f"{mail.key}{one}".encode())
            bounce = {"RecordType": "Bounce", "ID": number, "Type": "Blocked", "TypeCode": 100006, "Name": "ISP block"}
            refusal = {"BouncedAt": zulu(at), "Description": "Blocked", "Details": words}
            yield at, {**bounce, **base, "Email": one, "From": mail.sender, **refusal}
        elif kind == "Opened":
            opened = {"RecordType": "Open", **base, "Recipient": one, "ReceivedAt": zulu(at), "FirstOpen": True}
            yield at, {**opened, "UserAgent": words, "Platform": "Desktop", "Geo": {}}


def postmark_files(mails: list[Mail], rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """The exports of the provider: pages of the search, details, webhooks of September, suppressions; path and bytes."""
    newest = sorted((mail for mail in mails if mail.by_api), key=lambda one: one.at, reverse=True)
    for page, at in enumerate(range(0, len(newest), 250), 1):
        answer = {"TotalCount": len(newest), "Messages": [search_row(mail) for mail in newest[at : at + 250]]}
        yield f"postmark/search/page-{page:04d}.json", as_json(answer)
    for mail in newest:
        if mail.detailed:
            yield f"postmark/details/{mail.key.partition('@')[0]}.json", as_json(details(mail))
    told = sorted((one for mail in newest if mail.hooked for one in webhooks(mail)), key=lambda one: (one[0], json.dumps(one[1])))
    lines = []
    for _, record in (one for one in told if one[0].month == 9):
        line = json.dumps(record, separators=(",", ":"))
        lines += [line, line] if rng.random() < 0.03 else [line]  # a retry makes an exact duplicate
    yield "postmark/webhooks/2025-09.ndjson", ("\n".join(lines) + "\n").encode()
    entries = [("former.client@kestrel-air.example", "HardBounce", "Recipient", "2025-08-21T09:14:02")]
    entries.append((PHAN, "ManualSuppression", "Customer", "2025-10-05T20:40:00"))  # the responder's own act: proves nothing
    keys = ("EmailAddress", "SuppressionReason", "Origin", "CreatedAt")
    shown = [dict(zip(keys, (*entry[:3], f"{entry[3]}-04:00"), strict=True)) for entry in entries]
    yield "postmark/suppressions.json", as_json({"Suppressions": shown})
