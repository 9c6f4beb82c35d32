"""From lines to messages: calls, their answers, and what servers print, of all servers of one log in the order of its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from forensics.addresses import mailboxes
from forensics.dates import iso_time
from forensics.model import Body, Defect, Fragment, Observation, Reading, Recipient, Role, Route, Span, Statement, Unread
from forensics.parsers.mcp_log.answers import Answer, answer_in, ends_inspection, printed_id, printed_in, starts_inspection
from forensics.parsers.mcp_log.calls import Asked, asked, body_of, call_in, is_mail_tool, mails_in, names_only_to
from forensics.parsers.mcp_log.ledger import (
    IDENT,
    NAME,
    REFUSED,
    STARTED,
    Call,
    Server,
    apart,
    label,
    observation,
    opened,
)  # fmt: skip
from forensics.parsers.mcp_log.lines import Line, Message, line_of
from forensics.plugins import Record, Source
from forensics.records import replaced
from forensics.syslog import Cut, as_plain, log_lines

__all__ = ["body", "read"]

_LONGEST_LINE = 32 << 20  # a message of 10 MB, which is Postmark's most, with its attachments in base64
_SERVERS = 200  # held at once
_MOST_HELD = 100_000  # calls, recipients and attachments of all servers
_TOOLS = 500
_PRINTED_LINES, _PRINTED_SIZE = 200, 65_536
_TIME = 40  # characters
_BETWEEN = 60  # seconds by which a line without a time may be later than the one before it
_CLONE = frozenset({"inReplyTo", "attachmentUrls"})  # arguments that only the package on npm ever had
_ID_LENGTH = 128
_ARGUMENTS = ("params", "arguments")


def read(source: Source) -> Iterator[Record]:
    """A fragment for each call of a mail tool, once its answer is met or can come no more in this file; statements of what servers
    say they are; defects; a tally of all lines, and of those that tell nothing of mail.
    """
    book = _Book(source.span)
    for start, end, line in log_lines(source, _LONGEST_LINE):
        place = Span(source.span.evidence, source.span.member, start, end)
        if isinstance(line, Cut):
            book.out.append(Defect(place, NAME, line.reason))
        else:
            book.take(place, line_of(line))
        if book.out:
            yield from book.out
            book.out.clear()
    yield from book.end()


@dataclass(slots=True, eq=False)
class _Print:
    """A printed object that is being read, and where it began."""

    place: Span
    reading: Reading | None
    server: Server
    rows: list[str]
    end: int


@dataclass(slots=True, eq=False)
class _Book:
    """One log while it is being read."""

    span: Span
    out: list[Record] = field(default_factory=list)
    servers: dict[str, Server] = field(default_factory=dict)
    current: str = ""  # the server that the last line named
    time: str = ""
    printing: _Print | None = None
    count: int = 0
    others: int = 0
    held: int = 0  # at most
    started: set[str] = field(default_factory=set)
    is_crowded: bool = False  # a server was let go, and may come again
    edge: list[Fragment] = field(default_factory=list)  # first starts and early answers: what files beside this one may need

    # --- lines -----------------------------------------------------------------------------------------------------------

    def take(self, place: Span, said: Line) -> None:
        """One line."""
        self.count += 1
        before = len(self.out)
        if self.printing is not None and (said.messages or said.is_broken or (said.is_log and said.side != "stderr")):
            self._printed(whole=False)
        self.current, self.time = said.server or self.current, said.time[:_TIME] or self.time
        is_of_mail = False
        for number, message in enumerate(said.messages):
            is_of_mail |= self._message(place, said, message, number)
        told = any(isinstance(one, Defect) for one in self.out[before:])
        if said.is_broken or (said.cut is not None and not told):
            self._defect(place, "a JSON-RPC message is cut or broken: what is behind the cut is unknown")
        for row in said.text.split("\n", _PRINTED_LINES)[:_PRINTED_LINES]:
            is_of_mail |= self._words(place, said, row)
        self.others += not is_of_mail and len(self.out) == before

    def end(self) -> Iterator[Record]:
        """What still waits, and the tally."""
        if self.printing is not None:
            self._printed(whole=False)
        for server in self.servers.values():
            self.out += server.leave_open()
        yield from self.out
        yield from self.edge
        yield Statement(self.span, NAME, "tally", route=Route.API, value=self.count, rows=self.others)

    def _defect(self, place: Span, reason: str) -> None:
        self.out.append(Defect(place, NAME, reason))

    def _server(self, name: str) -> Server:
        found = self.servers.get(name)
        if found is None:
            if len(self.servers) >= _SERVERS:
                oldest = next(iter(self.servers))
                self.out += self.servers.pop(oldest).restart()
                self.is_crowded = True
            found = self.servers[name] = Server(name, has_begun=self.is_crowded)
        return found

    def _near(self, said: Line) -> Reading | None:
        """The time of what a server printed: the line's own, else that of the line before it."""
        own = _reading(said)
        near = None if own else iso_time(self.time, "called_at")
        return near._replace(slack=max(near.slack, _BETWEEN)) if near else own

    # --- messages --------------------------------------------------------------------------------------------------------

    def _message(self, place: Span, said: Line, message: Message, number: int) -> bool:
        """Whether a message tells something of mail. Servers ask too (`ping`, `sampling`), with ids of their own."""
        value = message.value
        ident = _ident(value.get("id"))
        server = self._server(message.server or said.server)
        if type(value.get("method")) is str:
            return said.side != "server" and self._request(place, said, server, value, ident, number)
        if said.side == "client" or not ("result" in value or "error" in value):
            return False
        if message.is_transcribed:  # its answers name no server
            found = next((one for one in self.servers.values() if ident in one.pending), None)
            return found is not None and self._response(place, said, found, value, ident)
        return self._response(place, said, server, value, ident)

    def _request(self, place: Span, said: Line, server: Server, value: Mapping[str, Any], ident: str, number: int) -> bool:
        if value["method"] == "initialize":
            self._started(place, said, server)
        is_guess = not ident and said.cut is not None and server.last >= 0
        if is_guess:
            ident = f"{server.last + 1}"
        if type(value.get("id")) is int:
            server.last = value["id"]
            server.first = server.last if server.first < 0 else server.first
        if ident and ident in server.pending:
            ident = self._without_clash(place, server, ident)
        call = call_in(value)
        if call is None or not is_mail_tool(*call):
            if ident:
                server.pass_over(ident)
            return False
        tool, arguments = call
        cut = _cut_argument(said.cut)
        mails = mails_in(arguments)
        what = asked(arguments, cut, names_only_to=tool in server.only_to) if mails == [arguments] else _together(mails)
        for remark in what.remarks:
            self._defect(place, remark)
        kind = "call" if not number else f"call:{number}"
        one = observation(place, kind, tool, what, _reading(said))
        one = opened(server, one, "" if is_guess else ident, what.size)
        server.pending[ident or f"#{place.start}/{number}"] = Call(one, "template" in tool.lower(), is_guess)
        self.out += server.make_room()
        self._make_room(one)
        return True

    def _started(self, place: Span, said: Line, server: Server) -> None:
        """Ids begin anew; the first time in a file, no call of an earlier file can be answered any more."""
        if server.name not in self.started and len(self.started) < _SERVERS:
            self.started.add(server.name)
            self.edge.append(apart(server.name, observation(place, STARTED, "", Asked(), _reading(said)), {}))
        self.out += server.restart()

    def _make_room(self, one: Observation) -> None:
        """Let everything go where calls of many recipients wait in great number."""
        self.held += 1 + len(one.recipients) + len(one.attachments)
        if self.held <= _MOST_HELD:
            return
        self.held = sum(server.weight for server in self.servers.values())
        if self.held > _MOST_HELD // 2:
            for server in self.servers.values():
                self.out += server.let_go()
            self.held = 0

    def _without_clash(self, place: Span, server: Server, ident: str) -> str:
        """The id of a new request where a call waits under the same: "" if neither may have the other's answer."""
        call = server.pending.pop(ident)
        server.pending[f"#{call.observation.span.start}"] = call
        if call.is_guess:  # and a wrong guess
            call.is_guess = False
            return ident
        self._defect(place, "a request repeats the id of a call that is not answered yet: both are left without an answer")
        return ""

    def _response(self, place: Span, said: Line, server: Server, value: Mapping[str, Any], ident: str) -> bool:
        self._introduced(place, said, server, value.get("result"))
        if ident and ident in server.others:
            del server.others[ident]
            return False
        call = server.pending.get(ident)
        answer = answer_in(value)
        if call is not None and (call.is_guess or answer.echo) and not _is_echo_of(answer.echo, call):
            if not call.is_guess:
                self._defect(
                    place, "an answer speaks of other recipients than the call of its id: it is not taken for its answer"
                )
            call = None
        if call is None and not ident and said.cut is not None and answer.echo:  # the id of a cut answer is cut off with it
            waiting = [one for one in server.pending.items() if not one[1].printed_id]
            ident, call = waiting[0] if len(waiting) == 1 and _is_echo_of(answer.echo, waiting[0][1]) else ("", None)
        if call is not None:
            del server.pending[ident]
            if answer.remark:
                self._defect(place, answer.remark)
            self.out.append(server.settle(call, answer, place.start))
            return True
        boxes = mailboxes(answer.echo)
        what = Asked(tuple(Recipient(box.address, Role.TO) for box in boxes), whole=False)
        one = observation(place, "answer", answer.tool, what, _reading(said))
        settled = server.settle(Call(one, is_template=False), answer) if answer.echo else None
        if server.may_answer_earlier(ident):
            server.early += 1
            early = settled.observation if settled else replaced(one, message_id=answer.message_id)
            self.edge.append(apart(server.name, early, {IDENT: ident, REFUSED: str(answer.refused).lower()}))
        elif settled:  # of a call that is not in this log; those that name nobody may be of any tool
            self.out.append(settled)
        return settled is not None

    def _introduced(self, place: Span, said: Line, server: Server, result: object) -> None:
        """Take note of what a server says it is, and which arguments its tools take."""
        if type(result) is not dict:
            return
        reading = _reading(said)
        at = reading.at if reading and not reading.slack else None
        named = result.get("serverInfo")
        if type(named) is dict:
            title = "/".join(one for key in ("name", "version") if (one := label(str(named.get(key, "")))))
            server.title, server.build = title, ""
            self.out.append(Statement(place, NAME, "server", label(server.name), Route.API, at=at, note=title))
        if type(result.get("tools")) is list:
            taken = dict(_tools(result["tools"]))
            server.only_to = frozenset(name for name, arguments in taken.items() if names_only_to(arguments))
            if taken.get("sendEmail", {}).keys() >= _CLONE:
                server.build = "npm-clone"
                note = "sendEmail takes inReplyTo and attachmentUrls: the package on npm, of whatever version"
                self.out.append(Statement(place, NAME, "server", label(server.name), Route.API, at=at, note=note))

    # --- what servers print ------------------------------------------------------------------------------------------------

    def _words(self, place: Span, said: Line, row: str) -> bool:
        """Whether a row of a server's own words tells something of mail."""
        if self.printing is None:
            if starts_inspection(row):
                self.printing = _Print(place, self._near(said), self._server(said.server or self.current), [row], place.end)
                if ends_inspection(row):
                    self._printed(whole=True)
                return True
            found = printed_id(row)
            if found.message_id:
                self._sent(place, self._server(said.server or self.current), found, self._near(said))
            return bool(found.message_id)
        self.printing.rows.append(row)
        self.printing.end = place.end
        is_long = len(self.printing.rows) > _PRINTED_LINES or sum(map(len, self.printing.rows)) > _PRINTED_SIZE
        if is_long or ends_inspection(row):
            self._printed(whole=not is_long)
        return True

    def _printed(self, *, whole: bool) -> None:
        """A printed object is at its end: it belongs to the call that waits for the same recipients, or stands for one."""
        assert self.printing is not None
        one, self.printing = self.printing, None
        said = printed_in("\n".join(one.rows))
        if said is None or not whole or not said.whole:
            self._defect(one.place, "what the server printed of a sending is cut")
        if said is None:
            return
        if "template" in said.fields and said.is_template:
            one.server.build = "npm-clone"  # the official one prints `templateId`
        what = asked({name: said.fields[name] for name in ("to", "subject") if name in said.fields})
        what.whole = False  # a Cc would not be printed
        addresses = {r.address for r in what.recipients}
        waiting = [call for call in one.server.pending.values() if not call.is_printed and call.is_template == said.is_template]
        known = [call for call in waiting if {r.address for r in call.observation.recipients if r.role is Role.TO} == addresses]
        silent = [call for call in waiting if not any(r.role is Role.TO for r in call.observation.recipients)]
        if known or len(silent) == 1:
            call = (known or silent)[0]
            call.is_printed = True
            if not known:
                call.observation = replaced(call.observation, recipients=(*what.recipients, *call.observation.recipients))
            return
        span = one.place._replace(end=one.end)
        tool = "sendEmailWithTemplate" if said.is_template else "sendEmail"
        printed = Call(observation(span, "stderr", tool, what, one.reading), said.is_template, is_printed=True)
        one.server.printed.append(printed)
        self.out += one.server.make_room()
        self._make_room(printed.observation)

    def _sent(self, place: Span, server: Server, said: Answer, reading: Reading | None) -> None:
        """A printed Message-ID: it is that of the one sending that waits; of several, nobody can say which."""
        found, is_template = said.message_id, said.tool != "sendEmail"
        if found in server.settled:
            return
        waiting = [one for one in server.waiting() if one.is_template == is_template]
        if len(waiting) != 1:
            one = observation(place, "stderr", said.tool, Asked(whole=False), reading)
            self.out.append(server.settle(Call(one, is_template=is_template, printed_id=found)))
            return
        waiting[0].printed_id = found
        if waiting[0] in server.printed:
            server.printed.remove(waiting[0])
            self.out.append(server.settle(waiting[0]))


def _reading(said: Line) -> Reading | None:
    """A line's own time; without a zone (VS Code) it is the host's, which nothing tells."""
    return iso_time(said.time[:_TIME], "called_at")


def _ident(value: object) -> str:
    """A JSON-RPC id as text, a number and the same number as text apart; "" for none."""
    if type(value) is int:
        return str(value)[:_ID_LENGTH]
    return f"'{value[:_ID_LENGTH]}'" if type(value) is str and value else ""


def _cut_argument(path: tuple[str, ...] | None) -> str | None:
    """The argument in which a call breaks off, "" between two, None if all of them are there."""
    if path is None or path[: len(_ARGUMENTS)] != _ARGUMENTS[: len(path)]:
        return None
    return path[len(_ARGUMENTS)] if len(path) > len(_ARGUMENTS) else ""


def _together(mails: list[Mapping[str, Any]]) -> Asked:
    """A batch as one record: who is named is kept, but which message goes to whom is not taken apart."""
    each = [asked(one) for one in mails]
    recipients = tuple(dict.fromkeys(r for one in each for r in one.recipients))
    remark = "a call that sends several messages is kept as one record: whom each went to is not taken apart"
    return Asked(recipients, whole=False, has_body=any(one.has_body for one in each), remarks=(remark,))


def _is_echo_of(echo: str, call: Call) -> bool:
    """Whether an answer says that it wrote to those whom the call named, as far as both are known."""
    asked_for = {r.address for r in call.observation.recipients if r.role is Role.TO}
    return bool(echo) and {box.address for box in mailboxes(echo)} >= asked_for


def _tools(listed: list[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tools of an answer to `tools/list`, each with the arguments it takes."""
    for one in listed[:_TOOLS]:
        name = one.get("name") if type(one) is dict else None
        schema = one.get("inputSchema") if type(one) is dict else None
        arguments = schema.get("properties") if type(schema) is dict else None
        if type(name) is str and len(name) <= _ID_LENGTH and type(arguments) is dict:
            yield name, arguments


def body(raw: bytes, kind: str) -> Body:
    """The content of the call in these bytes, which are those of its line; `kind` tells which call of the line it is."""
    said = line_of(as_plain(raw))
    number = int(kind.partition(":")[2][:4]) if kind.partition(":")[2].isdecimal() else 0
    call = call_in(said.messages[number].value) if number < len(said.messages) else None
    if call is None:
        return Body(unread=(Unread("", "the record cannot be read again"),))
    found = [body_of(one, _cut_argument(said.cut)) for one in mails_in(call[1])]
    return Body(
        "\n".join(one.subject for one in found if one.subject),
        tuple(part for one in found for part in one.parts),
        tuple(dict.fromkeys(one for each in found for one in each.unread)),
    )
