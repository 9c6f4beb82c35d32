"""Postmark: everything that its API still knows of the mail of an interval, server by server and stream by stream.

Shapes and limits: postmarkapp.com/developer/api/messages-api, .../bounce-api, .../suppressions-api, .../stats-api,
.../message-streams-api, .../servers-api.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from forensics.collect.acceptance import ANSWERS, FINISHED, RESULT
from forensics.collect.asking import Asked, Collected, Meter, Progress, StreamRead, now
from forensics.collect.correspondence import Correspondence
from forensics.collect.eastern import day_of, moment, wall_clock_from, wall_clock_to
from forensics.collect.ledger import JOURNAL, Ledger
from forensics.collect.listing import CAP, PAGE, Listing, Reading, count_in, identity, read_listing
from forensics.collect.redaction import servers_in, without_tokens
from forensics.collect.retention import daily_counts, expired_days, expired_until, notice
from forensics.collect.secret import AccountToken, ServerToken
from forensics.collect.wire import GOOD, CollectError, Pace, Patience, RefusalError, Request, UnansweredError, Wire
from forensics.custody import file_sha256

__all__ = ["postmark"]

_MESSAGE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,63}")  # a uuid; it becomes a part of a path and of a file's name
_STREAM = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,63}")
_SERVER = re.compile(r"[0-9]{1,18}")
_SERVERS_PAGE = 100
_STATS = {"": "overview", "/sends": "sends", "/bounces": "bounces", "/spam": "spam", "/opens": "opens", "/clicks": "clicks"}
_GONE = frozenset({404, 422})  # HTTP: the answer for a message that is no longer there
_FAILURES_IN_A_ROW = 3  # messages without an answer until the API counts as down
_REDACTED = "written anew without tokens and without logins in the addresses of hooks"

SEARCH = Listing("/messages/outbound", "Messages", identity, "ReceivedAt")
_BOUNCES = Listing("/bounces", "Bounces", lambda row: str(row.get("ID", "")), "BouncedAt")


def _event_key(row: Mapping[str, Any]) -> str:
    return "|".join(str(row.get(name, "")) for name in ("MessageID", "Recipient", "ReceivedAt", "OriginalLink"))


_EVENTS = {
    "opens": (Listing("/messages/outbound/opens", "Opens", _event_key, "ReceivedAt", dated=False), "Opened"),
    "clicks": (Listing("/messages/outbound/clicks", "Clicks", _event_key, "ReceivedAt", dated=False), "LinkClicked"),
}


@dataclass(frozen=True, slots=True)
class _Server:
    """One server: its id, and the way to ask it."""

    id: str
    desk: Correspondence

    def place(self, *parts: str) -> str:
        """A place in the folder."""
        return "/".join((ANSWERS, f"server-{self.id}", *parts))


def postmark(
    out: Path | str,
    asked: Asked,
    token: ServerToken | AccountToken,
    *,
    progress: Progress | None = None,
    pace: Pace | None = None,
    patience: Patience | None = None,
) -> Collected:
    """Collect into the folder `out` what Postmark still has; run again with the same arguments to go on after a break.

    A server token collects one server, an account token all of them. The end of the interval is the start of the
    collection at the latest. The folder is evidence for `audit`. Raises CollectError, CustodyError and ValueError, with
    messages that hold no token; what could not be had although everything was asked is in the result.
    """
    if asked.start >= now():
        raise ValueError("the interval lies in the future")
    folder = Path(out)
    meter = Meter(progress)
    with ExitStack() as stack:
        wire = Wire(asked.base_url, pace or Pace(asked.rate), patience)
        stack.callback(wire.close)
        ledger = stack.enter_context(Ledger(folder))
        is_new = ledger.begin(asked.plan(now()))
        started_at = moment(ledger.plan["started_at"]) or now()
        ledger.custody.append(
            "collection started" if is_new else "collection resumed", **ledger.plan | {"rate": asked.rate},
            token=token.variable, proxy=wire.proxy, library=f"urllib3 {version('urllib3')}", tls="verified",
        )  # fmt: skip
        notices = [one for one in (notice(asked.start, asked.end, started_at, asked.retention_days),) if one]
        if wire.proxy:
            notices.append(f"The environment names a proxy, and all requests go through it: {wire.proxy}")
        for one in notices:
            meter.say(one)
        try:
            desk = Correspondence(wire, ledger, meter, token)
            run = _Run(replace(asked, end=min(asked.end, started_at)), started_at, meter)
            run.collect(desk)
        except (CollectError, KeyboardInterrupt) as error:
            ledger.custody.append("collection interrupted", reason=str(error) or type(error).__name__, answers=len(ledger))
            raise
        found = Collected(str(folder), tuple(run.streams), tuple(run.troubles), tuple(notices), len(ledger))
        _finish(ledger, found)
        return found


def _finish(ledger: Ledger, found: Collected) -> None:
    shown = {
        "schema_version": 1, "plan": ledger.plan, "complete": found.is_whole, "streams": [one.shown() for one in found.streams],
        "troubles": list(found.troubles), "notices": list(found.notices), "answers": found.requests,
    }  # fmt: skip
    target = ledger.folder / RESULT
    aside = target.with_name(RESULT + ".new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as stream:
        stream.write(json.dumps(shown, indent=1) + "\n")
    aside.replace(target)
    ledger.custody.append(
        FINISHED, complete=found.is_whole, answers=found.requests, result_sha256=file_sha256(target),
        journal_sha256=file_sha256(ledger.folder / JOURNAL),
    )  # fmt: skip


class _Run:
    """One run over all servers; what it found is in `streams` and `troubles`."""

    def __init__(self, asked: Asked, started_at: datetime, meter: Meter) -> None:
        self.asked, self.started_at, self.meter = asked, started_at, meter
        self.streams: list[StreamRead] = []
        self.troubles: list[str] = []
        self.failures = Counter[str]()

    def collect(self, desk: Correspondence) -> None:
        """Lists first, of all servers: what expires next is secured first, and the estimate is there early. Then messages."""
        servers = list(self._servers(desk))
        read = [(server, stream, found) for server in servers for stream, found in self._lists(server)]
        kinds: list[str] = [kind for kind in ("details", "dumps") if kind in self.asked.kinds]
        self.meter.remaining = len(kinds) * sum(len(found.rows) for _, _, found in read)
        for server, stream, found in read:
            self._messages(server, stream, found, kinds)

    # servers and streams

    def _servers(self, desk: Correspondence) -> Iterable[_Server]:
        if isinstance(desk.token, ServerToken):
            yield self._server(desk)
            return
        ids: set[str] = set()
        offset = 0
        while True:
            request = Request("/servers", (("count", str(_SERVERS_PAGE)), ("offset", str(offset))))
            answer = desk.fresh(request)
            desk.store(f"{ANSWERS}/account/servers-{offset:05}.json", request, answer, without_tokens(answer.value), _REDACTED)
            listed = servers_in(answer.value)
            for name, tokens in listed:
                ids.add(name)
                yield from self._server_of_account(desk, name, tokens)
            offset += len(listed)
            if not listed or offset >= (count_in(answer.value) or 0):
                break
        if len(ids) < (count_in(answer.value) or 0):
            self.troubles.append("the account counts more servers than it lists")

    def _server_of_account(self, desk: Correspondence, name: str, tokens: Iterable[ServerToken]) -> Iterable[_Server]:
        for token in tokens:
            try:
                yield self._server(desk.using(token))
            except RefusalError:
                continue  # a token that was taken back; another may open it, and if none does, that is told below
            return
        self.troubles.append(f"server {name}: the account holds no token that opens it: nothing of it was collected")

    def _server(self, desk: Correspondence) -> _Server:
        request = Request("/server")
        answer = desk.fresh(request)
        known = _SERVER.fullmatch(str(answer.value.get("ID", "")))
        if not known:
            raise CollectError("the API does not say which server this token belongs to: nothing was collected")
        server = _Server(known.group(), desk)
        others = {one.name for one in (desk.ledger.folder / ANSWERS).glob("server-*")} - {f"server-{server.id}"}
        if others and isinstance(desk.secrets[0], ServerToken):
            raise CollectError("this folder holds the answers of another server: name another folder with --out")
        desk.store(server.place("server.json"), request, answer, without_tokens(answer.value), _REDACTED)
        return server

    def _streams(self, server: _Server) -> list[str]:
        query = (("MessageStreamType", "All"), ("IncludeArchivedStreams", "true"))
        kept = server.desk.ask(server.place("message-streams.json"), Request("/message-streams", query))
        listed = kept.value.get("MessageStreams")
        rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        names = [str(one.get("ID", "")) for one in rows if one.get("MessageStreamType") != "Inbound"]
        good = [one for one in names if _STREAM.fullmatch(one)]
        if not good or len(good) < len(names):
            self.troubles.append(f"server {server.id}: its message streams could not all be listed; the default one was asked")
        return good or ["outbound"]

    # lists

    def _lists(self, server: _Server) -> Iterable[tuple[StreamRead, Reading]]:
        for stream in self._streams(server):
            self.meter.doing = f"server {server.id}, stream {stream}"
            read = StreamRead(server.id, stream)
            self.streams.append(read)
            counts = self._stats(server, read) if "stats" in self.asked.kinds else None
            found = self._search(server, read, counts)
            if "suppressions" in self.asked.kinds:
                path = f"/message-streams/{stream}/suppressions/dump"
                self._single(server, read, "suppressions", path, "Suppressions")
            if "bounces" in self.asked.kinds:
                place = server.place("bounces", stream)
                self._listing(server, read, _BOUNCES, place, {"messagestream": stream})
            yield read, found

    def _stats(self, server: _Server, read: StreamRead) -> dict[Any, int] | None:
        days = (day_of(self.asked.start).isoformat(), day_of(self.asked.end).isoformat())
        query = (("fromdate", days[0]), ("todate", days[1]), ("messagestream", read.stream))
        counts = None
        for path, name in _STATS.items():
            kept = server.desk.ask(server.place("stats", read.stream, f"{name}.json"), Request(f"/stats/outbound{path}", query))
            if name == "sends":
                counts = daily_counts(kept.value)
                if counts is None:
                    read.troubles.append("the daily counts of sent mail could not be read")
        return counts

    def _search(self, server: _Server, read: StreamRead, counts: Mapping[Any, int] | None) -> Reading:
        asked, edge = self.asked, self.started_at - timedelta(days=self.asked.retention_days)
        # a stream that sent nothing, by the count that is kept for ever: its empty answer is no sign of retention
        is_silent = counts is not None and not any(counts.values()) and asked.start >= edge
        place = server.place("search", read.stream)
        rows_before, total_before = self.meter.rows, self.meter.rows_total

        def page(at: str, request: Request) -> Mapping[str, Any]:
            return server.desk.page(at, request, lambda value: is_silent and value.get("Messages") == [])

        def watch(sofar: Reading) -> None:
            self.meter.rows = rows_before + len(sofar.rows)
            self.meter.rows_total = total_before + max(sofar.total, len(sofar.rows))
            self.meter.remaining = max(sofar.total - len(sofar.rows), 0) // PAGE

        found = read_listing(page, SEARCH, place, {"messagestream": read.stream}, (asked.start, asked.end), watch)
        times = [at for at in found.rows.values() if at is not None]
        read.total, read.rows = found.total, len(found.rows)
        read.outside = sum(not asked.start <= at < asked.end for at in times)
        read.oldest, read.newest = min(times, default=None), max(times, default=None)
        read.troubles += [found.trouble] if found.trouble else []
        gone = expired_days(counts, found.rows.values(), asked.start) if counts is not None else None
        read.expired_days = tuple((day.isoformat(), sent) for day, sent in gone or ())
        read.expired_until = expired_until((asked.start, asked.end), edge, read.oldest, gone)
        if read.expired_until is not None and found.rows:
            self._show_expired(server, read, read.expired_until)
        return found

    def _show_expired(self, server: _Server, read: StreamRead, until: datetime) -> None:
        """Ask for the deleted part alone: its empty answer is what tells the audit that retention has passed."""
        dates = (("fromdate", wall_clock_from(self.asked.start)), ("todate", wall_clock_to(until - timedelta(seconds=1))))
        request = Request(SEARCH.path, (("count", "1"), ("offset", "0"), *dates, ("messagestream", read.stream)))
        server.desk.ask(server.place("search", read.stream, "expired.json"), request)

    def _single(self, server: _Server, read: StreamRead, kind: str, path: str, name: str) -> None:
        kept = server.desk.ask(server.place(kind, f"{read.stream}.json"), Request(path), lambda value: value.get(name) == [])
        if not isinstance(kept.value.get(name), list):
            read.troubles.append(f"{kind}: the API gave no list (HTTP {kept.status})")

    def _listing(self, server: _Server, read: StreamRead, listing: Listing, place: str, query: Mapping[str, str]) -> None:
        """Read a list that accompanies the search; what is missing of it is a trouble of the stream."""

        def page(at: str, request: Request) -> Mapping[str, Any]:
            return server.desk.page(at, request, lambda value: value.get(listing.name) == [])

        try:
            trouble = read_listing(page, listing, place, query, (self.asked.start, self.started_at)).trouble
        except (RefusalError, UnansweredError):
            raise
        except CollectError as error:
            trouble = str(error)
        if trouble:
            read.troubles.append(f"{listing.name.lower()}: {trouble}")

    # messages

    def _messages(self, server: _Server, read: StreamRead, found: Reading, kinds: list[str]) -> None:
        short = self._events(server, read)
        nameless = 0
        for key in found.rows:
            message = key.partition("|")[0]
            if not _MESSAGE_ID.fullmatch(message):
                nameless += 1
                continue
            self.meter.doing = f"server {server.id}, stream {read.stream}: messages"
            for kind in kinds:
                value = self._message(server, read, kind, message)
                for name in [one for one in short if kind == "details" and _had(value, _EVENTS[one][1])]:
                    listing = replace(_EVENTS[name][0], path=f"{_EVENTS[name][0].path}/{message}")
                    self._listing(server, read, listing, server.place(name, read.stream, "messages", message), {})
        if nameless:
            read.troubles.append(f"{nameless} rows carry no MessageID that could be asked for")

    def _events(self, server: _Server, read: StreamRead) -> list[str]:
        """Read the lists of opens and clicks; those longer than the API shows are asked for message by message."""
        short = []
        for name in [one for one in _EVENTS if one in self.asked.kinds]:
            listing, place = _EVENTS[name][0], server.place(name, read.stream)
            first = Request(listing.path, (("count", "1"), ("offset", "0"), ("messagestream", read.stream)))
            count = count_in(server.desk.ask(f"{place}/count.json", first, lambda _: True).value)
            if count is None or count < CAP:  # without a count the list itself tells what is wrong
                self._listing(server, read, listing, place, {"messagestream": read.stream})
            elif "details" in self.asked.kinds:
                short.append(name)
            else:
                read.troubles.append(
                    f"{name}: {count} are more than the API shows, and without details nothing tells whose they are"
                )
        return short

    def _message(self, server: _Server, read: StreamRead, kind: str, message: str) -> Mapping[str, Any]:
        place = server.place(kind, message[:2].lower(), f"{message}.json")
        path = f"/messages/outbound/{message}/{'dump' if kind == 'dumps' else kind}"
        if server.desk.ledger.status(place) in _GONE:  # for good
            read.gone += 1
            self.meter.answered(anew=False)
            return {}
        try:
            kept = server.desk.ask(place, Request(path), lambda value: kind == "dumps" and not value.get("Body"))
        except UnansweredError as error:
            self.failures[kind] += 1
            if self.failures[kind] >= _FAILURES_IN_A_ROW:
                raise
            read.troubles.append(f"{kind} of message {message}: {error}")
            return {}
        self.failures[kind] = 0
        if kept.status != GOOD:
            read.gone += 1
            return {}
        if kind == "details":
            read.details += 1
        else:
            read.dumps += 1
        return kept.value


def _had(details: Mapping[str, Any], kind: str) -> bool:
    events = details.get("MessageEvents")
    return isinstance(events, list) and any(isinstance(one, dict) and one.get("Type") == kind for one in events)
