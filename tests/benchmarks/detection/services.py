"""Domains of services and of mailbox providers that the detectors know by name, from their own table if there is one."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["mailbox_providers", "services"]


def services() -> tuple[tuple[str, str], ...]:
    """(kind, domain) of every service that gets blind copies on purpose; none without the table."""
    return tuple(
        (str(one.get("kind", "")), str(domain)) for one in _table().get("services", []) for domain in one.get("domains", [])
    )


def mailbox_providers() -> tuple[str, ...]:
    """Domains that host mailboxes for the public; none without the table."""
    return tuple(map(str, _table().get("providers", {}).get("mailboxes", [])))


@cache
def _table() -> dict[str, Any]:
    path = resources.files("forensics").joinpath("known_services.toml")
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
