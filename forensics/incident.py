"""An incident as data: indicators, packages, window and the fingerprint of the compromised way, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from forensics.addresses import ascii_domain, canonical, domain_of, is_within, without_tag
from forensics.dates import iso_time
from forensics.model import ANY_TIME, Window

__all__ = ["NO_INCIDENT", "InReach", "Incident", "IncidentError", "Indicators", "Package", "read_window"]


class IncidentError(ValueError):
    """An incident or policy file that cannot be used; the message names file, key and remedy."""


@dataclass(frozen=True, slots=True)
class Indicators:
    """Addresses and domains of the attacker, in canonical form."""

    addresses: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    def match(self, address: str) -> str:
        """The indicator that a canonical address meets, "" if none: address, address with a plus-tag, domain, sub-domain."""
        if address in self.addresses:
            return address
        untagged = without_tag(address)
        if untagged in self.addresses:
            return untagged
        domain = domain_of(address)
        return max((one for one in self.domains if is_within(domain, one)), key=len, default="")


@dataclass(frozen=True, slots=True)
class Package:
    """A package that carried the attack. `bad_versions` are version specifiers, `hashes` SHA-256 to file descriptions."""

    ecosystem: str
    name: str
    bad_versions: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InReach:
    """A secret that the attack could read where it ran, which no mail shows; never the value. All but `provider` are texts for people."""

    name: str
    why: str
    revoke: str  # where, and in which order
    check: str  # what to look at afterwards
    service: str = ""  # a slug, as in the credentials' tables
    provider: str = ""  # a parser's name: each server that its records name has a secret of its own; "" for one of no provider
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known of an incident from outside the evidence. The default is "nothing": detection by behaviour only."""

    name: str = ""
    title: str = "No incident named: every blind copy is judged by behaviour alone"
    references: tuple[str, ...] = ()
    window: Window = ANY_TIME
    indicators: Indicators = Indicators()
    packages: tuple[Package, ...] = ()
    cohort: Mapping[str, str] = field(default_factory=dict)  # fact of an observation -> value, all must hold
    not_indicators: Mapping[str, str] = field(default_factory=dict)  # what must never be blamed -> reason
    precautions: tuple[str, ...] = ()  # what to do whatever the evidence says, in order
    secrets_in_reach: tuple[InReach, ...] = ()  # what to rotate whatever the mail says, in order
    source: str = ""  # where it was read from, for the case file

    @classmethod
    def load(cls, name_or_path: str | Path) -> Incident:
        """A shipped incident by name, or a TOML file by path. Raises IncidentError."""
        text, source = _text_of(str(name_or_path))
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            msg = f"{source}: not valid TOML: {error}"
            raise IncidentError(msg) from error
        return cls.from_data(data, source)

    @classmethod
    def from_data(cls, data: Mapping[str, Any], source: str) -> Incident:
        """An incident from parsed TOML; `source` is named in errors."""
        unknown = set(data) - {"name", "title", "references", "window", "indicators", "packages", "cohort", "not_indicators", "precautions", "secrets_in_reach"}  # fmt: skip
        if unknown:
            msg = f"{source}: unknown key {min(unknown)!r}; see `forensics show incidents` for a complete example"
            raise IncidentError(msg)
        indicators = data.get("indicators", {})
        for key in ("addresses", "domains"):
            if not isinstance(indicators.get(key, []), list):
                raise IncidentError(f"{source}: [indicators] {key} must be a list of texts")
        skip = tuple(data.get("not_indicators", {}))
        addresses = frozenset(canonical(str(one)) for one in indicators.get("addresses", ()))
        domains = frozenset(ascii_domain(str(one)) for one in indicators.get("domains", ()))
        for blamed in sorted(addresses | domains):
            if blamed in skip:
                msg = f"{source}: {blamed} stands under both [indicators] and [not_indicators]; remove one"
                raise IncidentError(msg)
        return cls(
            name=str(data.get("name", "")),
            title=str(data.get("title", "")),
            references=tuple(map(str, data.get("references", ()))),
            window=read_window(data.get("window", {}), source),
            indicators=Indicators(addresses, domains),
            packages=tuple(_package(one, source) for one in data.get("packages", ())),
            cohort={str(key): str(value) for key, value in data.get("cohort", {}).items()},
            not_indicators={str(key): str(value) for key, value in data.get("not_indicators", {}).items()},
            precautions=tuple(map(str, data.get("precautions", ()))),
            secrets_in_reach=_in_reach(data.get("secrets_in_reach", []), source),
            source=source,
        )

    @staticmethod
    def shipped() -> list[str]:
        """Names of the incidents that come with the package."""
        folder = resources.files("forensics").joinpath("incidents")
        return sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml"))


NO_INCIDENT = Incident()


def _text_of(name_or_path: str) -> tuple[str, str]:
    if name_or_path in Incident.shipped():
        shipped = resources.files("forensics").joinpath("incidents", f"{name_or_path}.toml")
        return shipped.read_text(encoding="utf-8"), f"incidents/{name_or_path}.toml"
    try:
        return Path(name_or_path).read_text(encoding="utf-8"), Path(name_or_path).name
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(Incident.shipped())
        msg = f"{name_or_path}: no shipped incident ({names}) and no readable file: {error}"
        raise IncidentError(msg) from error


def _package(data: Mapping[str, Any], source: str) -> Package:
    if not data.get("name"):
        msg = f"{source}: an entry of [[packages]] has no name"
        raise IncidentError(msg)
    versions = data.get("bad_versions", ())
    return Package(
        ecosystem=str(data.get("ecosystem", "")),
        name=str(data["name"]),
        bad_versions=(versions,) if isinstance(versions, str) else tuple(map(str, versions)),
        hashes={str(key).lower(): str(value) for key, value in data.get("hashes", {}).items()},
    )


_IN_REACH = ("name", "why", "revoke", "check", "service", "provider", "reference")
_NEEDED = _IN_REACH[:4]


def _in_reach(listed: Any, source: str) -> tuple[InReach, ...]:  # noqa: ANN401  whatever the TOML holds
    """The entries of [[secrets_in_reach]]; one that does not say where to revoke and what to check is of no use to anybody."""
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise IncidentError(f"{source}: secrets_in_reach must be tables, each headed [[secrets_in_reach]]")
    for number, one in enumerate(listed, 1):
        if unknown := set(one) - set(_IN_REACH):
            raise IncidentError(f"{source}: entry {number} of [[secrets_in_reach]] has the unknown key {min(unknown)!r}")
        if lacking := [name for name in _NEEDED if not str(one.get(name, "")).strip()]:
            raise IncidentError(f"{source}: entry {number} of [[secrets_in_reach]] lacks {', '.join(lacking)}")
    return tuple(InReach(**{name: str(value) for name, value in one.items()}) for one in listed)


def read_window(data: Any, source: str) -> Window:  # noqa: ANN401  whatever the TOML holds
    """A `[window]` table: `start` and `end` as TOML times or ISO text with a zone; either may be absent. Raises IncidentError."""
    if not isinstance(data, Mapping):
        raise IncidentError(f"{source}: [window] must be a table with start and end")
    edges: list[datetime | None] = []
    for key in ("start", "end"):
        value = data.get(key)
        if value is None:
            edges.append(None)
            continue
        reading = iso_time(value.isoformat() if isinstance(value, datetime) else str(value))
        if reading is None or reading.slack:
            msg = f"{source}: [window] {key} = {value!r} must be a time with a zone, such as 2025-09-17T00:00:00Z"
            raise IncidentError(msg)
        edges.append(reading.at.astimezone(UTC))
    try:
        return Window(*edges)
    except ValueError as error:
        msg = f"{source}: [window]: {error}"
        raise IncidentError(msg) from error
