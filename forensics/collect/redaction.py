"""What an answer must lose before it touches the disk: the tokens that an account hands out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from forensics.collect.secret import Secret, ServerToken

__all__ = ["REMOVED", "servers_in", "without_secrets", "without_tokens"]

REMOVED = "removed by forensics collect"
_DEPTH = 32


def _changed(value: Any, change: Callable[[str, Any], Any], key: str = "", depth: int = 0) -> Any:  # noqa: ANN401  JSON
    """The same JSON with `change(key, scalar)` in the place of each scalar; what is nested absurdly deep goes."""
    if depth > _DEPTH:
        return REMOVED
    if isinstance(value, dict):
        return {name: _changed(inner, change, name, depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, change, key, depth + 1) for inner in value]
    return change(key, value)


def _without_login(key: str, value: Any) -> Any:  # noqa: ANN401  JSON
    """A scalar of a server's settings: its tokens go, and what stands for a login in the address of a hook."""
    name = key.lower()
    if "token" in name or "password" in name or "hash" in name:
        return REMOVED if value else value
    if not (isinstance(value, str) and "://" in value):
        return value
    try:
        parts = urlsplit(value)
        place = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, place, parts.path, REMOVED if parts.query else "", ""))
    except ValueError:
        return REMOVED


def without_tokens(settings: Mapping[str, Any]) -> bytes:
    """An answer of /server or /servers written anew, without tokens and without logins in the addresses of hooks."""
    return json.dumps(_changed(dict(settings), _without_login), indent=1).encode("ascii") + b"\n"


def servers_in(page: Mapping[str, Any]) -> list[tuple[str, list[ServerToken]]]:
    """Each server in an answer of /servers: its id, and its tokens as secrets; what is no token is left out."""
    listed = page.get("Servers")
    return (
        [(str(one.get("ID", ""))[:20], _tokens(one)) for one in listed if isinstance(one, dict)]
        if isinstance(listed, list)
        else []
    )


def _tokens(settings: Mapping[str, Any]) -> list[ServerToken]:
    found = []
    listed = settings.get("ApiTokens")
    for one in listed if isinstance(listed, list) else ():
        with suppress(ValueError):
            found.append(ServerToken(one if isinstance(one, str) else ""))
    return found


def without_secrets(body: bytes, secrets: Iterable[Secret]) -> bytes:
    """The same bytes with each token that they happen to hold overwritten; unchanged, as a rule."""
    for secret in secrets:
        body = body.replace(secret.reveal().encode("ascii"), REMOVED.encode("ascii"))
    return body
