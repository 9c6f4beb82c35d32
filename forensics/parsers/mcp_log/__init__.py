"""MCP hosts' logs: what an agent asked a mail tool to send, to whom, and the id that the provider gave it.

What was asked for is what To and Cc show; whom the provider names beyond that, a server added in secret. The text is here
too, long after the provider has deleted it. Who really got a copy is not: `shows` has no "recipients".
"""

from __future__ import annotations

from itertools import islice

from forensics.parsers.mcp_log.answers import printed_id, starts_inspection
from forensics.parsers.mcp_log.assembly import assemble
from forensics.parsers.mcp_log.lines import Line, line_of
from forensics.parsers.mcp_log.reading import body, read
from forensics.plugins import Parser
from forensics.syslog import as_plain

__all__ = ["PARSER"]

_LINES = 2_000


def _sniff(head: bytes, name: str) -> bool:  # noqa: ARG001  a name proves nothing
    """Whether a line has the form of a host's log and holds a JSON-RPC message, a tool call, or a sending that was printed."""
    head = as_plain(head)
    if not any(mark in head for mark in (b'"jsonrpc"', b'"mcp__', b"stderr", b"Message from ")):
        return False
    return any(_is_host(line_of(line)) for line in islice(head.split(b"\n"), _LINES))


def _is_host(said: Line) -> bool:
    if not said.is_log:
        return False
    if said.side == "stderr":
        return any(starts_inspection(row) or printed_id(row).message_id for row in said.text.split("\n")[:200])
    return any(one.server or "method" in one.value or "result" in one.value or "error" in one.value for one in said.messages)


PARSER = Parser(
    name="mcp_log",
    title="MCP host logs: Claude Desktop; by document only: VS Code, Cursor, Claude Code, JSON lines",
    sniff=_sniff,
    read=read,
    assemble=assemble,
    shows=frozenset({"header", "content"}),
    body=body,
    version=2,
)
