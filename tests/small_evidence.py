"""A small folder of evidence with one blind copy and one secret in it, made in the test, and what to compare of its case."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import forensics
from forensics.case import Case
from forensics.pipeline.executor import Executor

KEY = "5c" * 32 + "\n"
SECRET = "sk_" + "live_RHd9MRHONf216qhYmDQIOFsY"
SECOND = "sk_" + "live_VMgtin76l1SkpUXj7oIHBj3f"
POLICY = '[organisation]\ndomains = ["acme.example"]\n'

_LINE = (
    "Sep 18 10:{m:02}:01 mx1 postfix/smtpd[201]: {q}: client=app.acme.example[192.0.2.10]\n"
    "Sep 18 10:{m:02}:01 mx1 postfix/cleanup[202]: {q}: message-id=<m{m}@acme.example>\n"
    "Sep 18 10:{m:02}:01 mx1 postfix/qmgr[203]: {q}: from=<shop@acme.example>, size=900, nrcpt=2 (queue active)\n"
    "Sep 18 10:{m:02}:02 mx1 postfix/smtp[204]: {q}: to=<customer{m}@customer.example>, relay=mx.customer.example[192.0.2.25]:25, "
    "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 8A64E12D6{m:02})\n"
    "Sep 18 10:{m:02}:02 mx1 postfix/smtp[204]: {q}: to=<{bcc}>, relay=mx.giftshop.club[192.0.2.99]:25, "
    "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok, thanks for {secret})\n"
    "Sep 18 10:{m:02}:02 mx1 postfix/qmgr[203]: {q}: removed\n"
)
_MAIL = (
    "From shop@acme.example Thu Sep 18 10:{m:02}:01 2025\n"
    "From: Shop <shop@acme.example>\nTo: customer{m}@customer.example\nSubject: Order {m}\n"
    "Date: Thu, 18 Sep 2025 10:{m:02}:01 +0000\nMessage-ID: <m{m}@acme.example>\n"
    "Content-Type: text/plain; charset=utf-8\n\nPlease use {secret} for the import, it is live since Monday.\n\n"
)


def log(mails: range = range(6)) -> str:
    return "".join(_LINE.format(m=m, q=f"7A64E12D6{m:02}", bcc="phan@giftshop.club", secret=SECOND) for m in mails)


def mailbox(mails: range = range(6)) -> str:
    return "".join(_MAIL.format(m=m, secret=SECRET) for m in mails)


def search_page(name: str = "row") -> str:
    rows = [
        {
            "MessageID": f"a100000{n}-5c1e-4a77-9d10-4b6f0c2e000{n}",
            "MessageStream": "outbound",
            "To": [{"Email": f"kunde{n}@customer.example", "Name": None}],
            "Cc": [],
            "Bcc": [{"Email": "phan@giftshop.club", "Name": None}] if n % 2 else [],
            "Recipients": [f"kunde{n}@customer.example", *(["phan@giftshop.club"] if n % 2 else [])],
            "ReceivedAt": f"2025-09-18T09:1{n}:44.0664242-04:00",
            "From": "billing@acme.example",
            "Subject": f"{name} {n}",
            "Attachments": [],
            "Status": "Sent",
        }
        for n in range(5)
    ]
    return json.dumps({"TotalCount": 5, "Messages": rows}, indent=1)


def plant(folder: Path) -> Path:
    """The folder, with a relay's log, a mailbox and a provider's page in it."""
    (folder / "relay").mkdir(parents=True)
    (folder / "relay" / "mail.log").write_text(log(), encoding="utf-8")
    (folder / "box.mbox").write_text(mailbox(), encoding="utf-8")
    (folder / "page.json").write_text(search_page(), encoding="utf-8")
    return folder


def audited(
    *roots: Path, out: Path, executor: Executor | None = None, key: str = KEY, options: forensics.Options | None = None
) -> Case:
    """A case of this evidence with a fixed key, made in this process unless told otherwise."""
    place = out.with_name(out.name + ".key")
    place.write_text(key, encoding="ascii")
    chosen = dataclasses.replace(options or forensics.Options(workers=1), key_file=place, year=2025)
    policy = forensics.Policy(domains=("acme.example",))
    return forensics.audit(*roots, out=out, incident="postmark-mcp", policy=policy, options=chosen, executor=executor)


# below tables/: cut as the run likes, or telling who took what in and when
_OF_THE_RUN = frozenset({"fragments", "raw_defects", "raw_statements", "raw_members", "receipts", "custody"})


def comparable(case: Case) -> dict[str, bytes]:
    """Every report and table of a case by path; parts, which are cut as the run likes, and the run's own times and custody are left out."""
    found = {}
    head = case.summary["run"]["custody_head"].encode()  # of this run's log: reports print it
    for place in [*case.report.rglob("*"), *case.tables.rglob("*")]:
        name = place.relative_to(case.path).as_posix()
        if place.is_dir() or name.split("/")[1] in _OF_THE_RUN:
            continue
        content = place.read_bytes()
        if name.endswith("summary.json"):
            summary = json.loads(content)
            del summary["run"]
            content = json.dumps(summary, sort_keys=True).encode()
        found[name] = content.replace(head, b"0" * 64)
    return found


@contextmanager
def as_nobody() -> Iterator[None]:
    """The kernel's permission checks for an unprivileged user, also where tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user may enter: pytest's own is for one user only."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)
