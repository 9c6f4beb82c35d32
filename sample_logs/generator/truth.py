"""What a run over the sample must find."""

from __future__ import annotations

import re
from typing import Any

from .attachments import PNG
from .company import OWN
from .dates import END, START, zulu
from .mail import PROOFS, Mail
from .plants import Plant
from .postmark import webhooks
from .recipients import BOOKS, VERDICTS

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def content_of(mail: Mail) -> str:
    """How much of a mail's content the evidence holds: `full`, `partial` or `none`."""
    if not (mail.copied or mail.detailed):
        return "none"
    opaque = any(media == PNG or name == "drawings.zip" for name, media, _ in mail.files)
    return "partial" if opaque or (mail.files and not mail.copied) else "full"


def judged(mail: Mail) -> dict[str, Any]:
    """The row of the truth for a mail that had an unexpected recipient."""
    sources = ["postmark/search"] if mail.by_api else [f"relay/{mail.host}"]
    sources += ["postmark/details"] * mail.detailed
    sources += ["postmark/webhooks"] * (mail.hooked and any(at.month == 9 for at, _ in webhooks(mail)))
    verdicts = {VERDICTS[one] for one in mail.unexpected}
    return {
        "message_key": mail.key,
        "sent_at": zulu(mail.at),
        "verdict": min(verdicts),  # confirmed < possible < probable: no message has two
        "proof": PROOFS[mail.fate],
        "in_window": "yes" if START <= mail.at < END else "no",
        "unexpected": sorted(mail.unexpected),
        "content": content_of(mail),
        "sources": sorted(sources + ["journal"] * mail.copied),
    }


def people_of(exposed: list[Mail]) -> list[dict[str, Any]]:
    """Everybody affected: sender, To and Cc of exposed mail, and addresses in what can be read of it."""
    roles: dict[str, set[str]] = {}
    for mail in exposed:
        known = "@" in mail.key  # without a Message-ID no copy can be joined: To is unknown
        seen = [(mail.sender, "sender"), *((one, "to") for one in mail.to if known), *((one, "cc") for one in mail.cc if known)]
        if content_of(mail) != "none":
            seen += [(one.lower().rstrip("."), "mentioned") for one in ADDRESS.findall(f"{mail.text}\n{mail.html}")]
        for one, role in seen:
            roles.setdefault(one, set()).add(role)
    order = ["sender", "to", "cc", "mentioned"]
    return [
        {
            "person": one,
            "relation": "own_staff" if one.endswith(OWN) else "mentioned" if found == {"mentioned"} else "correspondent",
            "roles": sorted(found, key=order.index),
        }
        for one, found in sorted(roles.items())
    ]


def truth(mails: list[Mail], places: list[tuple[Plant, list[tuple[str, str]]]]) -> dict[str, Any]:
    """`truth.json`: what was exposed, possible or stopped, with all credentials, personal data and people."""
    suspected = [mail for mail in mails if mail.unexpected]
    told = [(mail, judged(mail)) for mail in suspected]
    failed = [row for _, row in told if row["proof"] == "attempted"]
    exposed = [(mail, row) for mail, row in told if row["proof"] != "attempted" and row["verdict"] != "possible"]
    # a recipient in use since before the window is "possible" at most: a tool may also be silent about it
    possible = [{**row, "required": BOOKS not in mail.unexpected} for mail, row in told if row["verdict"] == "possible"]
    secrets = [
        {
            "kind": plant.kind, "service": plant.service, "secret": plant.value, "also": list(plant.also),
            "message_keys": [key for key, _ in where], "parts": [part for _, part in where], "exposed": not plant.pool.startswith("clean"),
        }
        for plant, where in places if plant.service
    ]  # fmt: skip
    data = [{"kind": p.kind, "value": p.value, "message_key": w[0][0], "part": w[0][1]} for p, w in places if not p.service]
    return {
        "schema_version": 1,
        "window": {"start": zulu(START), "end": zulu(END)},
        "own_domains": [OWN],
        "conclusion": "exposure_shown",
        "ongoing": True,
        "messages": len(mails),
        "exposed": sorted((row for _, row in exposed), key=lambda row: str(row["message_key"])),
        "possible": sorted(possible, key=lambda row: str(row["message_key"])),
        "not_delivered": sorted(failed, key=lambda row: str(row["message_key"])),
        "credentials": secrets,
        "personal_data": data,
        "people": people_of([mail for mail, _ in exposed]),
    }
