"""A server on loopback that behaves like Postmark's API, its caps, clocks and moods included; and what it knows is the truth."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
PHAN = "phan@giftshop.club"
TOKEN = "invented-server-token-0f3a"
ACCOUNT = "invented-account-token-77c1"


@dataclass(frozen=True)
class Sent:
    """One message as the API knows it. `at` is aware."""

    id: str
    at: datetime
    to: tuple[str, ...]
    bcc: tuple[str, ...] = ()
    stream: str = "outbound"
    body: str = "Good day"

    @property
    def row(self) -> dict[str, Any]:
        return {
            "MessageID": self.id, "MessageStream": self.stream, "To": [{"Email": one, "Name": None} for one in self.to], "Cc": [],
            "Bcc": [{"Email": one, "Name": ""} for one in self.bcc], "Recipients": [*self.to, *self.bcc],
            "ReceivedAt": eastern(self.at), "From": '"Acme" <orders@acme.example>', "Subject": "Your order", "Attachments": [],
            "Status": "Sent", "TrackOpens": True, "TrackLinks": "HtmlAndText", "Metadata": {}, "Sandboxed": False, "Tag": "",
        }  # fmt: skip

    @property
    def events(self) -> list[dict[str, Any]]:
        said = {"DeliveryMessage": "smtp;250 2.0.0 OK", "DestinationServer": "mx.customer.example", "DestinationIP": "192.0.2.9"}
        at = eastern(self.at + timedelta(seconds=2))
        return [{"Recipient": one, "Type": "Delivered", "ReceivedAt": at, "Details": said} for one in (*self.to, *self.bcc)]


def eastern(at: datetime) -> str:
    """A time as Postmark writes it: seven digits and the Eastern offset."""
    text = at.astimezone(EASTERN).isoformat(timespec="microseconds")
    return f"{text[:-6]}4{text[-6:]}"


def message(number: int, at: datetime, *, bcc: bool = False, stream: str = "outbound") -> Sent:
    identity = str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128)))
    return Sent(identity, at, (f"customer{number % 97}@customer.example",), (PHAN,) if bcc else (), stream)


def mails(
    count: int, first: datetime, step: timedelta, *, every: int = 7, stream: str = "outbound", number: int = 1
) -> list[Sent]:
    """So many messages, evenly; each `every`-th of them with the blind copy."""
    return [message(number + n, first + n * step, bcc=n % every == 0, stream=stream) for n in range(count)]


@dataclass
class Fault:
    """What happens to the next `times` requests whose target matches `pattern`, instead of an answer."""

    pattern: str
    status: int = 0
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    cut: bool = False
    seconds: float = 0.0  # between single bytes


@dataclass
class Server:
    """One Postmark server."""

    id: int = 101
    token: str = TOKEN
    mails: list[Sent] = field(default_factory=list)
    streams: tuple[str, ...] = ("outbound", "broadcast")
    kept_since: datetime = datetime(2000, 1, 1, tzinfo=UTC)  # retention: earlier messages are gone, their counts are not
    opens: list[dict[str, Any]] = field(default_factory=list)
    clicks: list[dict[str, Any]] = field(default_factory=list)
    bounces: list[dict[str, Any]] = field(default_factory=list)
    suppressed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def sent(self, stream: str) -> list[Sent]:
        """Messages that are still there, oldest first."""
        return sorted((one for one in self.mails if one.at >= self.kept_since and one.stream == stream), key=lambda one: one.at)


@dataclass
class Account:
    """What the double knows, how it behaves, and what it was asked."""

    servers: list[Server] = field(default_factory=lambda: [Server()])
    faults: list[Fault] = field(default_factory=list)
    total_as_text: bool = False
    fold: int = 0  # how an hour that the clock shows twice is understood
    largest_total: int = 1 << 60
    arriving: dict[int, list[Sent]] = field(default_factory=dict)  # before the n-th page of the search
    asked: list[str] = field(default_factory=list)
    pages: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    known: dict[tuple[int, str], tuple[list[Sent], list[datetime]]] = field(default_factory=dict)

    def in_order(self, server: Server, stream: str) -> tuple[list[Sent], list[datetime]]:
        key = (server.id, stream)
        if key not in self.known:
            sent = server.sent(stream)
            self.known[key] = sent, [one.at.replace(microsecond=0) for one in sent]
        return self.known[key]

    def instant(self, text: str, *, end: bool) -> datetime:
        if len(text) == 10:
            text += "T23:59:59" if end else "T00:00:00"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text), "the API takes no offset"
        return datetime.fromisoformat(text).replace(tzinfo=EASTERN, fold=self.fold).astimezone(UTC)

    def search(self, server: Server, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.pages += 1
            for one in self.arriving.pop(self.pages, []):
                server.mails.append(one)
                self.known.clear()
            sent, times = self.in_order(server, query.get("messagestream", "outbound"))
        low = bisect_left(times, self.instant(query["fromdate"], end=False)) if "fromdate" in query else 0
        high = bisect_right(times, self.instant(query["todate"], end=True)) if "todate" in query else len(times)
        found = (sent[n] for n in range(high - 1, low - 1, -1))
        return self.page("Messages", max(high - low, 0), found, query, lambda one: one.row)

    def page(self, name: str, total: int, rows: Any, query: dict[str, str], shown: Any) -> tuple[int, dict[str, Any]]:
        count, offset = int(query.get("count", "100")), int(query.get("offset", "0"))
        if count > 500 or count + offset > 10_000:
            return 422, {"ErrorCode": 606, "Message": "count plus offset are too much"}
        total = min(total, self.largest_total)
        wanted = [shown(one) for n, one in enumerate(rows) if offset <= n < offset + count] if total else []
        return 200, {"TotalCount": str(total) if self.total_as_text else total, name: wanted}

    def dated(self, name: str, field_: str, listed: list[dict[str, Any]], query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        rows = [one for one in listed if one.get("MessageStream") == query.get("messagestream", one.get("MessageStream"))]
        if "fromdate" in query:
            since, until = self.instant(query["fromdate"], end=False), self.instant(query["todate"], end=True)
            rows = [one for one in rows if since <= datetime.fromisoformat(one[field_]).replace(microsecond=0) <= until]
        rows.sort(key=lambda one: datetime.fromisoformat(one[field_]), reverse=True)
        return self.page(name, len(rows), rows, query, lambda one: one)

    def answer(self, path: str, query: dict[str, str], headers: Any) -> tuple[int, dict[str, Any]]:
        if path == "/servers":
            if headers.get("X-Postmark-Account-Token") != ACCOUNT:
                return 401, {"ErrorCode": 10, "Message": f"token {headers.get('X-Postmark-Account-Token')} is bad"}
            offset, count = int(query["offset"]), int(query["count"])
            shown = [described(one) for one in self.servers[offset : offset + count]]
            return 200, {"TotalCount": len(self.servers), "Servers": shown}
        server = next((one for one in self.servers if one.token == headers.get("X-Postmark-Server-Token")), None)
        if server is None:
            return 401, {"ErrorCode": 10, "Message": f"token {headers.get('X-Postmark-Server-Token')} is bad"}
        return self.of_server(server, path, query)

    def of_server(self, server: Server, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if path == "/server":
            return 200, described(server)
        if path == "/message-streams":
            kinds = {"outbound": "Transactional", "broadcast": "Broadcasts", "inbound": "Inbound"}
            listed = [
                {"ID": one, "ServerID": server.id, "Name": one, "MessageStreamType": kinds.get(one, "Transactional")}
                for one in (*server.streams, "inbound")
            ]
            return 200, {"MessageStreams": listed, "TotalCount": len(listed)}
        if path == "/messages/outbound":
            return self.search(server, query)
        if match := re.fullmatch(r"/messages/outbound/(opens|clicks)(?:/([\w-]+))?", path):
            listed = server.opens if match[1] == "opens" else server.clicks
            rows = [one for one in listed if match[2] in (None, one["MessageID"])]
            return self.dated(match[1].capitalize(), "ReceivedAt", rows, query)
        if path == "/bounces":
            return self.dated("Bounces", "BouncedAt", server.bounces, query)
        if match := re.fullmatch(r"/messages/outbound/([\w-]+)/(details|dump)", path):
            return self.message(server, match[1], match[2])
        if match := re.fullmatch(r"/message-streams/(\w+)/suppressions/dump", path):
            return 200, {"Suppressions": server.suppressed.get(match[1], [])}
        if match := re.fullmatch(r"/stats/outbound(/\w+)?", path):
            return 200, self.stats(server, query)
        return 404, {}

    def message(self, server: Server, identity: str, kind: str) -> tuple[int, dict[str, Any]]:
        with self.lock:
            by_id = self.__dict__.setdefault("by_id", {})
            if len(by_id) != sum(len(one.mails) for one in self.servers):
                by_id.update({(owner.id, one.id): one for owner in self.servers for one in owner.mails})
        one = by_id.get((server.id, identity))
        if one is None or one.at < server.kept_since:
            return 422, {"ErrorCode": 701, "Message": "This message was not found."}
        if kind == "dump":
            return 200, {"Body": f"Message-Id: <{one.id}@mtasv.net>\r\nTo: {one.to[0]}\r\n\r\n{one.body}\r\n"}
        opened = [{"Recipient": o["Recipient"], "Type": "Opened", "ReceivedAt": o["ReceivedAt"], "Details": {"Summary": "seen"}}
                  for o in server.opens[:50] if o["MessageID"] == one.id]  # fmt: skip
        return 200, {**one.row, "TextBody": one.body, "Body": None, "MessageEvents": [*one.events, *opened]}

    def stats(self, server: Server, query: dict[str, str]) -> dict[str, Any]:
        since, until = date.fromisoformat(query["fromdate"]), date.fromisoformat(query["todate"])
        days = Counter(one.at.astimezone(EASTERN).date() for one in server.mails if one.stream == query["messagestream"])
        shown = [{"Date": str(day), "Sent": sent} for day, sent in sorted(days.items()) if since <= day <= until]
        return {"Days": shown, "Sent": sum(one["Sent"] for one in shown)}


def described(server: Server) -> dict[str, Any]:
    return {
        "ID": server.id, "Name": f"Server {server.id}", "ApiTokens": [server.token], "Color": "blue", "InboundHash": "abcdef0123456789",
        "BounceHookUrl": "https://hook:hook-password@hooks.acme.example/bounce?key=hook-key",
    }  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    account: Account

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(6, 1, 1)  # TCP_NODELAY: headers and body are two packets

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        with self.account.lock:
            self.account.asked.append(self.path)
            fault = next((one for one in self.account.faults if one.times and re.search(one.pattern, self.path)), None)
            if fault:
                fault.times -= 1
        if fault and fault.status:
            self.reply(fault.status, fault.body, fault.headers)
            return
        status, value = self.account.answer(parts.path, dict(parse_qsl(parts.query)), self.headers)
        self.reply(status, json.dumps(value).encode(), {}, fault)

    def reply(self, status: int, body: bytes, headers: dict[str, str], fault: Fault | None = None) -> None:
        head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *(f"{name}: {text}" for name, text in headers.items())]
        raw = "\r\n".join([*head, "", ""]).encode() + (body[: len(body) // 2] if fault and fault.cut else body)
        try:
            if fault and fault.seconds:
                for n in range(len(raw)):
                    self.wfile.write(raw[n : n + 1])
                    time.sleep(fault.seconds)
            else:
                self.wfile.write(raw)
        except OSError:
            self.close_connection = True
        if fault and fault.cut:
            self.close_connection = True


@contextmanager
def served(account: Account) -> Iterator[str]:
    """The account's API on loopback; gives the base URL."""
    handler = type("Handler", (_Handler,), {"account": account})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
