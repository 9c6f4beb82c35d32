"""The lines of an MCP host's log: who speaks, when, and the JSON-RPC messages or the server's own words in it.

Met in logs: Claude Desktop's `mcp-server-NAME.log` (`TIME [server] [level] Message from client: {...}`) and `mcp.log` (level
and server swapped). By document only: VS Code and Cursor (`TIME [level] [editor -> server] {...}`, `[server stderr] ...`), JSON
lines that are or hold a JSON-RPC message, Claude Code's transcripts (`tool_use`, `tool_result`) and its server logs.

Sources: modelcontextprotocol.io/docs/develop/debugging; JSON-RPC 2.0; code.visualstudio.com/docs/copilot/chat/mcp-servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from forensics.jsonstream import Record, frames, load
from forensics.parsers.mcp_log.cut import completed
from forensics.syslog import decoded

__all__ = ["Line", "Message", "line_of"]

_BATCH = 1_000  # messages of one line
_PREFIX = re.compile(
    rb"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?+(?:Z|[+-]\d\d:?\d\d)?+) ((?:\[[^\[\]]{1,120}\] ?){1,4}+)"
)
_TAG = re.compile(rb"\[([^\[\]]{1,120})\]")
_LEVELS = frozenset((b"info", b"error", b"warn", b"warning", b"debug", b"trace", b"verbose", b"critical"))
_SIDES = {b"editor -> server": "client", b"server -> editor": "server", b"server stderr": "stderr"}
_SAID = re.compile(rb"Message from (client|server): ")
_STDERR = "Server stderr: "
_TOOL = re.compile(r"mcp__(.{1,100}?)__(.{1,100})", re.DOTALL)
_TIMES = ("timestamp", "time", "ts", "date")
_SERVERS = ("server", "serverName", "server_name")


class Message(NamedTuple):
    """One JSON-RPC message; `server` where it names its own, else "" (that of its line).

    A transcript holds the answers of all tools, files that were read among them: there one counts with its call only.
    """

    value: dict[str, Any]
    server: str = ""
    is_transcribed: bool = False


class Line(NamedTuple):
    """One line of a log. `cut` is the path of keys at which its JSON breaks off, None for whole or no JSON."""

    time: str = ""
    server: str = ""
    side: str = ""  # "client" or "server" sent the message, "stderr": the server's own words; "" is not told
    messages: tuple[Message, ...] = ()
    text: str = ""  # what is no message
    cut: tuple[str, ...] | None = None
    is_broken: bool = False  # a message was announced, and nothing can be read of it
    is_log: bool = False  # has the form of a host's log, not of free text


def line_of(line: bytes) -> Line:
    """What a line says, for any bytes; never raises. The same bytes give the same messages in the same order."""
    line = line.removeprefix(b"\xef\xbb\xbf")
    prefix = _PREFIX.match(line)
    if prefix:
        return _prefixed(prefix, line[prefix.end() :])
    if line[:1] == b"{":
        return _json_line(line)
    return Line(text=decoded(line))


def _prefixed(prefix: re.Match[bytes], rest: bytes) -> Line:
    time, tags = prefix[1].decode("ascii"), _TAG.findall(prefix[2])
    side = next((_SIDES[tag] for tag in tags if tag in _SIDES), "")
    names = [tag for tag in tags if tag not in _SIDES and tag.lower() not in _LEVELS]
    server = decoded(names[0]) if names else ""
    said = _SAID.match(rest)
    if said:
        side, rest = said[1].decode("ascii"), rest[said.end() :]
    elif rest[:1] not in {b"{", b"["} or (side not in {"client", "server"} and b'"jsonrpc"' not in rest):
        return Line(time, server, side, text=decoded(rest), is_log=True)
    found, cut = _values(rest)
    messages = tuple(Message(one) for one in found)
    return Line(time, server, side, messages, cut=cut, is_broken=not messages, is_log=True)


def _values(raw: bytes) -> tuple[list[dict[str, Any]], tuple[str, ...] | None]:
    """The objects at the beginning of `raw` (one, or those of an array), and where they break off."""
    found: list[dict[str, Any]] = []
    for frame in islice(frames([raw], ()), _BATCH if raw[:1] == b"[" else 1):
        if not isinstance(frame, Record) or (not found and frame.start > 1):
            break
        found.append(frame.value)
    if found or raw[:1] != b"{":
        return found, None
    rest = completed(decoded(raw))
    value = load(rest.text.encode("utf-8", "replace")) if rest else None
    return ([value], rest.path) if rest and value is not None else ([], None)


def _json_line(line: bytes) -> Line:
    found, cut = _values(line)
    if not found:
        return Line(is_broken=b'"jsonrpc"' in line or b'"mcp__' in line)
    (value,) = found
    time = _text_of(value, _TIMES)
    server = _text_of(value, _SERVERS)
    if "jsonrpc" in value:
        return Line(time, server, "", (Message(value),), cut=cut, is_log=True)
    for name, one in value.items():  # a record around the message
        if type(one) is dict and "jsonrpc" in one:
            inner = cut[1:] if cut and cut[:1] == (name,) else None if cut is None else ()
            return Line(time, server, "", (Message(one),), cut=inner, is_log=True)
    if cut is None and type(value.get("message")) is dict:
        messages = tuple(islice(_transcribed(value["message"]), _BATCH))
        if messages:
            return Line(time, server, "", messages, is_log=True)
    said = value.get("error")
    if cut is None and "sessionId" in value and type(said) is str and said.startswith(_STDERR):
        return Line(time, server, "stderr", text=said.removeprefix(_STDERR), is_log=True)
    if cut is not None and b'"mcp__' in line:
        return Line(time, server, is_broken=True, is_log=True)
    return Line(time, server)


def _text_of(value: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((value[name] for name in names if type(value.get(name)) is str), "")


def _transcribed(message: dict[str, Any]) -> Iterator[Message]:
    """The tool calls and answers of a transcript's turn, as the JSON-RPC messages that they stand for."""
    blocks = message.get("content")
    for block in blocks if type(blocks) is list else ():
        if type(block) is not dict:
            continue
        named = _TOOL.fullmatch(block["name"]) if type(block.get("name")) is str else None
        if block.get("type") == "tool_use" and named:
            params = {"name": named[2], "arguments": block.get("input")}
            yield Message({"method": "tools/call", "id": block.get("id"), "params": params}, named[1], is_transcribed=True)
        elif block.get("type") == "tool_result":
            content = block.get("content")
            listed = [{"type": "text", "text": content}] if type(content) is str else content
            result = {"content": listed, "isError": block.get("is_error") is True}
            yield Message({"id": block.get("tool_use_id"), "result": result}, is_transcribed=True)
