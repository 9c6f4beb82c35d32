"""The sample incident against its truth, by a slow reading that shares no code with the generator."""

from __future__ import annotations

import gzip
import html
import io
import json
import os
import re
import subprocess
import sys
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from forensics.dates import postfix_long_id_time
from forensics.policy import Policy

SAMPLE = ROOT / "sample_logs" / "incident"
GENERATE = ROOT / "sample_logs" / "generate.py"
LINE = re.compile(r"^(.{15}|\S{32}) (relay\d) postfix/(\w+)\[\d+\]: ([0-9A-Za-z]{6,}): (.*)$")
ADDRESS = re.compile(r"[A-Za-z0-9.+_-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
GRADES = ["fetched", "delivered", "accepted", "attempted"]


@dataclass
class Seen:
    """What all files together say of one message."""

    sender: str = ""
    at: datetime | None = None
    visible: dict[str, str] = field(default_factory=dict)  # address -> "to" or "cc"
    header_known: bool = False
    copies: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # recipient -> outcomes
    expanded: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # part -> decoded text
    opaque: bool = False
    sources: set[str] = field(default_factory=set)


def read(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@cache
def truth() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))
    return loaded


@cache
def messages() -> dict[str, Seen]:
    found: dict[str, Seen] = defaultdict(Seen)
    for path in sorted((SAMPLE / "postmark").rglob("*.json")):
        loaded = json.loads(path.read_bytes())
        for row in loaded.get("Messages", [loaded] if "MessageID" in loaded else []):
            take_row(found[f"{row['MessageID']}@mtasv.net"], row)
    for line in (SAMPLE / "postmark/webhooks/2025-09.ndjson").read_text(encoding="utf-8").splitlines():
        hook = json.loads(line)
        one = found[f"{hook['MessageID']}@mtasv.net"]
        one.copies[hook.get("Email") or hook["Recipient"]].append(graded(hook["RecordType"], hook.get("Details", "")))
        one.sources.add("postmark/webhooks")
    for path in sorted((SAMPLE / "relay").rglob("*log*")):
        if path.is_file():
            take_log(found, path)
    for mail in journal():
        take_mail(found[str(mail["message-id"]).strip("<>")], mail)
    return dict(found)


def journal() -> list[Message]:
    """The mailbox, as mboxrd."""
    pieces = re.split(rb"(?m)^From .*\n", (SAMPLE / "journal/company.mbox").read_bytes())[1:]
    return [message_from_bytes(re.sub(rb"(?m)^>(>*From )", rb"\1", piece)) for piece in pieces]


def take_row(one: Seen, row: dict[str, Any]) -> None:
    one.sender, one.at, one.header_known = getaddresses([row["From"]])[0][1], datetime.fromisoformat(row["ReceivedAt"]), True
    one.visible |= {entry["Email"]: role for role in ("to", "cc") for entry in row[role.title()]}
    for address in [*row.get("Recipients", []), *(entry["Email"] for entry in row.get("Bcc", []))]:
        one.copies[address].append("sandboxed" if row["Sandboxed"] else "accepted")
    detailed = "MessageEvents" in row
    one.sources.add("postmark/details" if detailed else "postmark/search")
    if detailed:
        one.texts |= {
            "header:subject": row["Subject"],
            "text/plain": row["TextBody"],
            "text/html": stripped(row.get("HtmlBody", "")),
        }
        one.opaque = one.opaque or bool(row["Attachments"])
    for event in row.get("MessageEvents", []):
        one.copies[event["Recipient"]].append(graded(event["Type"], " ".join(event["Details"].values())))


def graded(kind: str, words: str) -> str:
    after_data = "end of DATA" in words
    bounce = "accepted" if after_data else "attempted"
    return {
        "Delivered": "delivered",
        "Delivery": "delivered",
        "Opened": "fetched",
        "Open": "fetched",
        "Transient": "accepted",
    }.get(kind, bounce)


def take_log(found: dict[str, Seen], path: Path) -> None:
    """Lines of one file; the queue's Message-ID may stand in the rotated file before, so names are looked up in all."""
    for host, queue, payload in queue_lines(path):
        one = found[names()[host, queue]]
        one.sources.add(f"relay/{host}")
        if payload.startswith("from=<"):
            one.sender = one.sender or payload[6 : payload.index(">")]
        if payload.startswith("to=<"):
            address = payload[4 : payload.index(">")]
            status = payload.split(" status=", 1)[1].split(" ", 1)[0]
            one.copies[address].append({"sent": "delivered", "deferred": "accepted", "bounced": "attempted"}[status])
            if ", orig_to=<" in payload:
                one.expanded[address] = payload.split(", orig_to=<", 1)[1].split(">", 1)[0]


def queue_lines(path: Path) -> Iterator[tuple[str, str, str]]:
    for line in read(path).decode().splitlines():
        match = LINE.match(line)
        if match and match[4] not in {"NOQUEUE", "statistics"}:
            yield match[2], match[4], match[5]


@cache
def names() -> dict[tuple[str, str], str]:
    found = {}
    for path in sorted((SAMPLE / "relay").rglob("*log*")):
        for host, queue, payload in queue_lines(path) if path.is_file() else ():
            if payload.startswith("message-id="):
                found[host, queue] = payload[11:].strip("<>") or f"{host}/{queue}"
    return found


def take_mail(one: Seen, mail: Message) -> None:
    one.sender = getaddresses([str(mail["from"])])[0][1].lower()
    one.at = one.at or parsedate_to_datetime(str(mail["date"]))
    one.visible |= {a.lower(): role for role in ("to", "cc") for _, a in getaddresses([str(h) for h in mail.get_all(role, [])])}
    one.header_known, one.opaque = True, False  # the mailbox holds the bytes that the provider does not
    one.texts["header:subject"] = str(make_header(decode_header(str(mail["subject"]))))
    one.sources.add("journal")
    for part in mail.walk():
        if not part.is_multipart():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            name = part.get_filename()
            path = f"attachment:{name}" if name else part.get_content_type()
            for place, text in unpacked(path, content):
                one.texts[place] = text
                one.opaque = one.opaque or text == ""


def unpacked(path: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Texts of an attachment; an empty one stands for what cannot be read."""
    if content.startswith(b"\x89PNG"):
        yield path, ""
    elif content.startswith(b"%PDF"):
        inner = content.split(b"stream\n", 1)[1].split(b"\nendstream", 1)[0]
        yield path, zlib.decompress(inner).decode()
    elif content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            office = "[Content_Types].xml" in archive.namelist()
            texts = {m.filename: "" if m.flag_bits & 1 else archive.read(m).decode() for m in archive.infolist()}
        if office:
            yield path, stripped("".join(texts.values()))
        else:
            yield from ((f"{path}/{member}", text) for member, text in texts.items())
    else:
        yield path, stripped(content.decode()) if path == "text/html" else content.decode()


def stripped(markup: str) -> str:
    return html.unescape(re.sub(r"<[^<>]*>", "", markup))


def unexpected(one: Seen, policy: Policy) -> set[str]:
    """Envelope minus header minus what the policy knows; plus visible recipients at a domain that resembles ours."""
    headers = {address for other in messages().values() for address in other.visible}
    hidden = set()
    for address in one.copies:
        named_as = one.expanded.get(address, address)
        seen = named_as in one.visible if one.header_known else named_as in headers
        if not seen and not policy.is_own(address) and not any(e.excuses(address, one.at, blind=True) for e in policy.expected):
            hidden.add(address)
    return hidden | {address for address in one.visible if address.endswith("@acrne.example")}


def proof(one: Seen, addresses: set[str]) -> str:
    """The strongest outcome of a copy; a final refusal outweighs that it was accepted before, unless content had left."""
    best = []
    for address in addresses:
        outcomes = one.copies[address]
        final = "attempted" in outcomes or "sandboxed" in outcomes
        strong = [grade for grade in GRADES[:2] if grade in outcomes]
        best.append(strong[0] if strong else "attempted" if final else "accepted")
    return min(best, key=GRADES.index)


def suspected() -> dict[str, dict[str, Any]]:
    return {row["message_key"]: row for name in ("exposed", "possible", "not_delivered") for row in truth()[name]}


def exposed() -> dict[str, dict[str, Any]]:
    return {row["message_key"]: row for row in truth()["exposed"]}


@pytest.mark.parametrize(("hash_seed", "zone"), [("1", "UTC"), ("2", "America/New_York")])
def test_regenerating_gives_the_same_bytes(tmp_path: Path, hash_seed: str, zone: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
    subprocess.run([sys.executable, str(GENERATE), "--out", str(tmp_path)], check=True, env=environment, capture_output=True)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    committed = {path.relative_to(SAMPLE): path.read_bytes() for path in SAMPLE.rglob("*") if path.is_file()}
    assert sorted(made) == sorted(committed)
    assert [str(path) for path in made if made[path] != committed[path]] == []
    assert sum(map(len, made.values())) < 12_000_000


def test_another_seed_gives_another_incident(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(GENERATE), "--out", str(tmp_path), "--seed", "7"], check=True, capture_output=True)
    other = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert not {row["message_key"] for row in other["exposed"]} & set(exposed())
    assert len({row["secret"] for row in other["credentials"]} & {row["secret"] for row in truth()["credentials"]}) < 20


def test_every_unexpected_recipient_is_in_the_truth_and_no_other() -> None:
    policy = Policy.load(SAMPLE / "policy.toml")
    ours = {key: one for key, one in messages().items() if policy.is_own(one.sender)}
    found = {key: sorted(odd) for key, one in ours.items() if (odd := unexpected(one, policy))}
    assert found == {key: row["unexpected"] for key, row in suspected().items()}


def test_proof_window_sources_and_content_follow_from_the_data() -> None:
    start, end = (datetime.fromisoformat(truth()["window"][edge]) for edge in ("start", "end"))
    for key, row in suspected().items():
        one = messages()[key]
        at = one.at or postfix_long_id_time(key.partition("/")[2])
        assert at is not None
        assert abs(at - datetime.fromisoformat(row["sent_at"])) < timedelta(seconds=2), key
        assert row["in_window"] == ("yes" if start <= at < end else "no"), key
        assert row["proof"] == proof(one, set(row["unexpected"])), key
        assert row["sources"] == sorted(one.sources), key
        assert row["content"] == ("none" if not one.texts else "partial" if one.opaque else "full"), key


def test_verdicts_follow_the_recipient() -> None:
    verdicts = {key: {row["verdict"] for row in truth()[key]} for key in ("exposed", "possible", "not_delivered")}
    assert verdicts == {
        "exposed": {"confirmed", "probable"},
        "possible": {"possible"},
        "not_delivered": {"confirmed", "probable"},
    }
    for row in suspected().values():
        indicator = any(re.search(r"[@.]giftshop\.club$", address) for address in row["unexpected"])
        assert (row["verdict"] == "confirmed") == indicator
        assert (row["verdict"] == "probable") == ("mail-archive@collector.example" in row["unexpected"])
        assert row["proof"] != "attempted" or row["message_key"] not in exposed()


def test_the_traps_are_there() -> None:
    rows = list(exposed().values())
    count = {proof: sum(row["proof"] == proof for row in rows) for proof in GRADES}
    assert count["fetched"] == 1
    assert 15 < count["accepted"] < count["delivered"]
    assert sum(row["in_window"] == "no" for row in rows) == 3
    assert min(sum(row["content"] == content for row in rows) for content in ("none", "partial")) >= 3
    assert any(key.startswith("relay2/") for key in exposed())
    assert len(truth()["not_delivered"]) == 4
    assert sum(row["required"] for row in truth()["possible"]) == 3
    assert b"<mirror@decoy.example>, relay=none, status=sent" in (SAMPLE / "relay/relay2/maillog").read_bytes()


def test_every_secret_lies_where_the_truth_says_and_nowhere_else() -> None:
    for planted in truth()["credentials"]:
        for secret in [planted["secret"], *planted["also"]]:
            bare = "".join(secret.split())
            held = {key for key, one in messages().items() if any(bare in "".join(text.split()) for text in one.texts.values())}
            assert held == set(planted["message_keys"]), planted["kind"]
            for key, part in zip(planted["message_keys"], planted["parts"], strict=True):
                assert bare in "".join(messages()[key].texts[part].split())
        assert planted["exposed"] == all(key in exposed() for key in planted["message_keys"])
        assert planted["exposed"] or not any(key in suspected() and key in exposed() for key in planted["message_keys"])
    kinds = {planted["kind"] for planted in truth()["credentials"] if planted["exposed"]}
    assert len(kinds) >= 14
    assert sum(planted["exposed"] for planted in truth()["credentials"]) >= 25
    assert any(len(planted["message_keys"]) > 1 for planted in truth()["credentials"])


def test_secrets_hide_in_every_encoding() -> None:
    """Plain search over the raw bytes must miss several: else the sample tests no decoding at all."""
    raw = b"".join(path.read_bytes() for path in SAMPLE.rglob("*") if path.is_file() and path.name != "truth.json")
    missed = [one["parts"][0] for one in truth()["credentials"] if one["exposed"] and one["secret"].encode() not in raw]
    assert len(missed) >= 8
    assert {"text/html", "text/plain", "attachment:handover.docx", "attachment:runbook.pdf", "header:subject"} <= set(missed)


def test_personal_data_lie_where_the_truth_says_and_pass_their_checks() -> None:
    assert len(truth()["personal_data"]) == 10
    for row in truth()["personal_data"]:
        assert row["message_key"] in exposed()
        text = messages()[row["message_key"]].texts[row["part"]]
        assert re.sub(r"[\s-]", "", row["value"]) in re.sub(r"[\s-]", "", text), row["kind"]
        if row["kind"] == "payment_card":
            doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(row["value"]))]
            assert sum(value - 9 * (value > 9) for value in doubled) % 10 == 0
        if row["kind"] == "bank_account":
            turned = row["value"][4:] + row["value"][:4]
            assert int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def test_tokens_carry_true_checksums() -> None:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    tokens = [row["secret"] for row in truth()["credentials"] if row["secret"][:4] in {"gh" + "p_", "np" + "m_"}]
    assert len(tokens) == 3
    for token in tokens:
        value = 0
        for char in token[-6:]:
            value = value * 62 + digits.index(char)
        assert value == zlib.crc32(token[4:34].encode())


def test_people_are_all_and_only_those_of_exposed_mail() -> None:
    roles: dict[str, set[str]] = defaultdict(set)
    for key in exposed():
        one = messages()[key]
        roles[one.sender].add("sender")
        for address, role in one.visible.items():
            roles[address].add(role)
        for part, text in one.texts.items():
            for address in ADDRESS.findall(text if part != "header:subject" else ""):
                roles[address.rstrip(".").lower()].add("mentioned")
    assert {row["person"]: set(row["roles"]) for row in truth()["people"]} == roles
    for row in truth()["people"]:
        own = row["person"].endswith("@acme.example")
        outside = "mentioned" if row["roles"] == ["mentioned"] else "correspondent"
        assert row["relation"] == ("own_staff" if own else outside)
    assert not {row["person"] for row in truth()["people"]} & {a for row in suspected().values() for a in row["unexpected"]}


def test_delivered_copies_never_name_a_blind_recipient() -> None:
    copies = journal()
    assert not [
        mail for mail in copies if "bcc" in mail or b"giftshop" in mail.as_bytes() or b"collector.example" in mail.as_bytes()
    ]
    quoting = sum(b"\n> " in mail.as_bytes() for mail in copies)
    assert 0.05 < quoting / len(copies) < 0.12


def test_the_search_is_complete_and_newest_first() -> None:
    pages = [json.loads(path.read_bytes()) for path in sorted((SAMPLE / "postmark/search").glob("page-*.json"))]
    rows = [row for page in pages for row in page["Messages"]]
    assert {page["TotalCount"] for page in pages} == {len(rows)}
    assert all(len(page["Messages"]) <= 500 for page in pages)
    assert len({row["MessageID"] for row in rows}) == len(rows)
    stamps = [row["ReceivedAt"] for row in rows]
    assert stamps == sorted(stamps, reverse=True)
    assert all(re.fullmatch(r"2025-\d\d-\d\dT[\d:]{8}\.\d{7}-04:00", stamp) for stamp in stamps)


def test_webhooks_hold_exact_duplicates_and_one_delivery_per_recipient() -> None:
    lines = (SAMPLE / "postmark/webhooks/2025-09.ndjson").read_text(encoding="utf-8").splitlines()
    assert 5 < len(lines) - len(set(lines)) < len(lines) * 0.06
    deliveries = [json.loads(line)["MessageID"] for line in set(lines) if '"RecordType":"Delivery"' in line]
    assert len(set(deliveries)) < len(deliveries)
    assert {json.loads(line)["RecordType"] for line in lines} == {"Delivery", "Bounce", "Open"}


def test_each_way_is_blind_for_the_other() -> None:
    logs = b"".join(read(path) for path in (SAMPLE / "relay").rglob("*") if path.is_file())
    assert b"mtasv.net" not in logs
    posted = b"".join(path.read_bytes() for path in (SAMPLE / "postmark").rglob("*") if path.is_file())
    assert b"collector.example" not in posted
    assert b"shop@acme.example" not in posted


@pytest.mark.parametrize(("path", "hours"), [("relay1/mail.log.2.gz", 2), ("relay1/mail.log.1", 2), ("relay2/maillog", -4)])
def test_queue_ids_give_the_zone_of_a_yearless_log(path: str, hours: int) -> None:
    ids = 0
    for line in read(SAMPLE / "relay" / path).decode().splitlines():
        match = re.match(r"(\w{3} [ \d]\d [\d:]{8}) relay\d postfix/smtpd\[\d+\]: (\w+): client=", line)
        at = postfix_long_id_time(match[2]) if match else None
        if match and at:
            local = datetime.strptime(f"2025 {match[1]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
            assert timedelta(seconds=-1) < local - timedelta(hours=hours) - at < timedelta(seconds=1)
            ids += 1
    assert ids > 100


def test_the_third_host_is_dated_only_by_the_mailbox() -> None:
    shared = 0
    for line in read(SAMPLE / "relay/relay3/mail.log.gz").decode().splitlines():
        match = re.match(r"(\w{3} [ \d]\d [\d:]{8}) relay3 postfix/cleanup\[\d+\]: (\w+): message-id=<(.*)>", line)
        if match:
            assert postfix_long_id_time(match[2]) is None
            local = datetime.strptime(f"2025 {match[1]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
            at = messages()[match[3]].at
            assert at is not None
            assert abs(local - timedelta(hours=3) - at) < timedelta(seconds=2)
            shared += 1
    assert shared > 50
    assert any("relay/relay3" in row["sources"] for row in truth()["exposed"])


def test_a_message_crosses_the_rotation() -> None:
    folder = SAMPLE / "relay/relay1"
    before, after = ({queue for _, queue, _ in queue_lines(folder / name)} for name in ("mail.log.1", "mail.log"))
    assert before & after


def test_the_innocent_are_there_before_and_inside_the_window() -> None:
    policy = Policy.load(SAMPLE / "policy.toml")
    start = datetime.fromisoformat(truth()["window"]["start"])
    uses: dict[str, set[bool]] = defaultdict(set)
    for one in messages().values():
        for address in one.copies:
            if address not in one.visible and one.at is not None:
                uses[address].add(one.at >= start)
    by_entry = {entry.entry: uses[entry.entry] for entry in policy.expected}
    assert by_entry.pop("quality@audit-office.example") == {True}  # first used inside the window: to be shown for review
    assert all(seen == {True, False} for seen in by_entry.values())
    assert uses["bookkeeping@ledger-partner.example"] == {True, False}
    assert len(messages()) == truth()["messages"]


def test_only_reserved_names_and_public_indicators_occur() -> None:
    allowed = re.compile(r"\.example$|^(?:mx\.)?giftshop\.club$|^mtasv\.net$")
    for path in SAMPLE.rglob("*"):
        if path.is_file():
            text = read(path).decode("utf-8", "replace")
            assert not {address for address in ADDRESS.findall(text) if not allowed.search(address.rpartition("@")[2])}, path.name
            assert not re.search(r"\b(?!192\.0\.2\.)(?:\d{1,3}\.){3}\d{1,3}\b", text), path.name
            assert b"decoy.example" not in path.read_bytes() or path.parts[-3] == "relay"
