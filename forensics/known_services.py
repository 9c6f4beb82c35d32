"""Services that get blind copies on purpose, and who carries mail for everybody: known by domain, from `known_services.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from forensics.addresses import ascii_domain

__all__ = ["Service", "known_service", "known_services", "providers"]


@dataclass(frozen=True, slots=True)
class Service:
    """One service as its vendor documents it. `kind` is a key of `[kinds]`, `told` that kind as words; domains are A-labels."""

    kind: str
    told: str
    name: str
    domains: tuple[str, ...]
    source: str

    @property
    def words(self) -> str:
        """What it is and what to check, as the end of a sentence: an attacker may have an account there as well."""
        return f"{self.told} of {self.name}: check that the account is yours"


@cache
def known_services() -> tuple[Service, ...]:
    """Every service of the list, in its order."""
    table = _table()
    return tuple(
        Service(one["kind"], table["kinds"][one["kind"]], one["name"], tuple(map(ascii_domain, one["domains"])), one["source"])
        for one in table["services"]
    )


def known_service(domain: str) -> Service | None:
    """The service that a domain in A-label form belongs to, by its most exact entry; sub-domains count. None if there is none."""
    if len(domain) > _NAME_LIMIT:
        return None
    index, labels = _index(), domain.split(".")
    return next((found for at in range(len(labels)) if (found := index.get(".".join(labels[at:])))), None)


_NAME_LIMIT = 255  # octets of a domain name, RFC 1035 section 2.3.4: keeps the walk over labels short


@cache
def providers() -> frozenset[str]:
    """Domains that host mailboxes for the public or carry other people's mail, in A-label form."""
    table = _table()["providers"]
    return frozenset(ascii_domain(one) for part in ("mailboxes", "carriers") for one in table[part])


@cache
def _index() -> dict[str, Service]:
    return {domain: one for one in known_services() for domain in one.domains}


@cache
def _table() -> dict[str, Any]:
    """The list as shipped: a broken one is a broken installation, so errors are not softened."""
    return tomllib.loads(resources.files("forensics").joinpath("known_services.toml").read_text(encoding="utf-8"))
