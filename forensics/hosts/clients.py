"""MCP clients' configuration: which servers they start, from which package, and whether a secret lies in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

from forensics.hosts.commands import asked, secret_names
from forensics.hosts.jsonc import Unreadable, loads, tables
from forensics.hosts.sightings import Event, Kind, Trace, Wanted, short_spec

__all__ = ["CLIENTS", "client_of", "read_client"]

_KEY = 40  # characters of a key that are shown; a longer one may be anything
_OPAQUE = re.compile(
    r"[0-9A-Za-z+/_=-]*[0-9][0-9A-Za-z+/_=-]*"
)  # one word with digits in it, from 20 characters on taken for a secret
_SECRET_FROM = 20

# base name -> client; where another folder above makes it another client's: (folder, client)
CLIENTS: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "claude_desktop_config.json": ("Claude Desktop", ()),
    ".claude.json": ("Claude Code", ()),
    ".mcp.json": ("Claude Code, project", ()),
    "managed-mcp.json": ("Claude Code, managed", ()),
    "mcp.json": ("MCP client", ((".cursor", "Cursor"), (".vscode", "VS Code, workspace"), ("User", "VS Code"), (".amazonq", "Amazon Q"))),
    "settings.json": (
        "settings",
        (("User", "VS Code"), (".vscode", "VS Code, workspace"), ("zed", "Zed"), (".zed", "Zed, project"), (".claude", "Claude Code"), (".gemini", "Gemini CLI")),
    ),
    "settings.local.json": ("Claude Code", ()),
    "mcp_config.json": ("Windsurf", ()),
    "cline_mcp_settings.json": ("Cline", ()),
    "mcp_settings.json": ("Roo Code", ()),
    "mcp-config.json": ("Copilot CLI", ()),
    "mcp-servers.json": ("MCP client", ()),
    "opencode.json": ("opencode", ()),
    "devcontainer.json": ("dev container", ()),
    "config.toml": ("TOML configuration", ((".codex", "Codex CLI"),)),
}  # fmt: skip


def client_of(name: str, folder: str) -> str:
    """The client that a file belongs to, by its own and its folder's base name; "" if it is no client's."""
    if name.endswith(".code-workspace"):
        return "VS Code, workspace"
    usual, special = CLIENTS.get(name, ("", ()))
    return dict(special).get(folder, "" if name == "config.toml" else usual)


def read_client(name: str, folder: str, content: bytes, wanted: Wanted) -> Iterator[Trace | str]:
    """Every server of a configuration that starts a wanted package; a text is the reason why it could not be read.

    Servers are found by what they are, an object with a command, wherever they stand: the clients' schemas differ and
    change. Never raises. Nothing of a value is kept: of variables only names that say "token" or the like.
    """
    if not wanted.is_named(content):
        return
    try:
        document = _toml(content) if name.endswith(".toml") else loads(content)
    except Unreadable as error:
        yield f"{error}; it may name the package"
        return
    for path, table in tables(document):
        yield from _server(path, table, client_of(name, folder), wanted)


def _toml(content: bytes) -> object:
    try:
        return tomllib.loads(content.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        msg = "not valid TOML"
        raise Unreadable(msg) from None


def _server(path: tuple[str, ...], table: Mapping[str, object], client: str, wanted: Wanted) -> Iterator[Trace]:
    command, settings = table.get("command"), dict(table)
    if isinstance(command, dict):  # an older form of Zed: {"command": {"path": ..., "args": ..., "env": ...}}
        settings, command = {**command, **table}, command.get("path")
    words = [one for one in _listed(command) + _listed(settings.get("args")) if isinstance(one, str)]
    if not words or command is None:
        return
    held, referred = secret_names(settings.get("env", settings.get("environment")), words)
    off = table.get("disabled") is True or table.get("enabled") is False
    place = ".".join(map(_key, path[-3:])) or "(top)"
    for one in dict.fromkeys(asked(words, wanted.packages)):
        notes = [f"{client}: {_SAYS[one.how]}"]
        if not one.spec:
            notes.append("names no version")
        if off:
            notes.append("switched off when the disk was taken")
        if held:
            notes.append(f"holds a secret in {', '.join(held)}: rotate it")
        if referred:
            notes.append(f"refers to a secret by {', '.join(referred)}")
        event = Event.NAMED if off or one.how == "remove" else Event.STANDS
        yield Trace(one.name, short_spec(one.spec), Kind.CONFIG, event, place, exact=False, note="; ".join(notes), secrets=held)


_SAYS = {"run": "starts it", "path": "starts an installed copy of it", "install": "installs it", "remove": "removes it"}


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _key(key: str) -> str:
    opaque = len(key) >= _SECRET_FROM and _OPAQUE.fullmatch(key)
    return "..." if opaque or len(key) > _KEY else key
