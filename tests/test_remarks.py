"""What is said of a flagged message beside its recipients."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import forensics
from forensics.incident import Incident, Indicators
from forensics.model import Window
from forensics.policy import Policy

THIEF = "phan@giftshop.club"
INCIDENT = Incident(name="t", window=Window(), indicators=Indicators(frozenset({THIEF}), frozenset()))


def log(accepted: int, copies: list[str], mails: int = 1) -> str:
    lines = ["smtpd[7]: connect from app.acme.example[192.0.2.10]"]
    for number in range(mails):
        queue_id, to = f"4cRgTX2Rqfz9Hd{'BCD'[number]}", copies if not number else ["bob@customer.example"]
        lines += [
            f"smtpd[7]: {queue_id}: client=app.acme.example[192.0.2.10], sasl_method=PLAIN, sasl_username=svc",
            f"cleanup[8]: {queue_id}: message-id=<m{number}@acme.example>",
            f"qmgr[9]: {queue_id}: from=<app@acme.example>, size=900, nrcpt={len(to)} (queue active)",
            *(
                f"smtp[10]: {queue_id}: to=<{one}>, relay=mx.example[192.0.2.25]:25, delay=1, dsn=2.0.0, status=sent (250 ok)"
                for one in to
            ),
            f"qmgr[9]: {queue_id}: removed",
        ]
    lines.append(
        f"smtpd[7]: disconnect from app.acme.example[192.0.2.10] ehlo=1 auth=1 mail={mails} rcpt={accepted} data={mails} quit=1 commands={accepted + 3 + 2 * mails}"
    )
    return "".join(f"2025-09-17T14:03:{second:02}+00:00 mx1 postfix/{line}\n" for second, line in enumerate(lines))


def reasons(place: Path, name: str, text: str) -> str:
    evidence = place / "evidence"
    evidence.mkdir()
    (evidence / name).write_text(text)
    case = forensics.audit(evidence, out=place / "case", incident=INCIDENT, policy=Policy(domains=("acme.example",)))
    (row,) = case.read("exposed_messages").to_dict("records")
    return str(row["reasons"])


@pytest.mark.parametrize(
    ("accepted", "mails", "words"),
    [
        (2, 1, "accepted 2 recipients from the client, as many as it queued: the client named them all"),
        (1, 1, "accepted 1 recipient from the client and queued 1 more: the server added them"),
        (3, 2, ""),  # two messages with as many as were accepted together: of this one alone nothing is told
    ],
)
def test_who_named_the_recipients(tmp_path: Path, accepted: int, mails: int, words: str) -> None:
    told = reasons(tmp_path, "mail.log", log(accepted, ["bob@customer.example", THIEF], mails))
    assert words in told
    assert bool(words) == ("The SMTP server accepted" in told)


def test_a_copy_of_which_only_webhooks_tell_is_no_surer_than_their_storage(tmp_path: Path) -> None:
    event = {
        "RecordType": "Delivery", "ServerID": 1, "MessageStream": "outbound", "MessageID": "7e570033-5c1e-4a77-9d10-4b6f0c2e0033",
        "Recipient": THIEF, "DeliveredAt": "2025-09-18T10:00:00-04:00", "Details": "250 ok", "Tag": "",
    }  # fmt: skip
    assert "stored webhooks, which nobody signs" in reasons(tmp_path, "hooks.ndjson", json.dumps(event) + "\n")


def test_a_signed_export_is_not_called_unsigned(tmp_path: Path) -> None:
    row = {
        "MessageID": "7e570033-5c1e-4a77-9d10-4b6f0c2e0033", "To": [{"Email": "bob@customer.example", "Name": None}], "Cc": [],
        "Bcc": [{"Email": THIEF, "Name": None}], "Recipients": ["bob@customer.example", "eve@customer.example"],
        "ReceivedAt": "2025-09-18T10:00:00-04:00", "From": "app@acme.example", "Status": "Sent", "MessageStream": "outbound",
    }  # fmt: skip
    told = reasons(tmp_path, "search.json", json.dumps({"TotalCount": 1, "Messages": [row]}))
    assert "unsigned" not in told
    assert "stored webhooks" not in told
    assert "A record contradicts itself" in told
