"""Indicators from STIX 2 bundles: whom a bundle accuses, and everything in it that was not used."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from forensics.addresses import ascii_domain, canonical, domain_of, is_within, registrable
from forensics.dates import iso_time
from forensics.incident import NO_INCIDENT, Incident, IncidentError, Indicators
from forensics.known_services import known_service, providers
from forensics.model import ANY_TIME, Window
from forensics.stix.patterns import Accusation, accusations, is_single

__all__ = ["Bundle", "load_indicators", "read_bundle", "with_bundles"]

_FILE = 32 << 20  # bytes
_OBJECTS = 200_000
_PATTERNS = 1 << 19  # characters of patterns in one bundle that need the grammar: 20 s at worst
_ADDRESS, _DOMAIN = 320, 255  # octets, RFC 5321 section 4.5.3.1
_SHA256 = 64  # hex digits
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_KINDS_SHOWN = 12
# What frames the accusations and names no recipient: not worth a word
_FRAME = frozenset({
    "attack-pattern", "bundle", "campaign", "course-of-action", "extension-definition", "grouping", "identity", "incident",
    "infrastructure", "intrusion-set", "language-content", "location", "malware", "malware-analysis", "marking-definition", "note",
    "observed-data", "opinion", "relationship", "report", "sighting", "threat-actor", "tool", "vulnerability",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one bundle says: accused addresses and domains, SHA-256 of files with their names, what it calls benign, and remarks."""

    indicators: Indicators
    hashes: Mapping[str, str]
    harmless: frozenset[str]
    remarks: tuple[str, ...]


def load_indicators(path: str | Path, window: Window = ANY_TIME, own: Sequence[str] = ()) -> tuple[Indicators, tuple[str, ...]]:
    """The indicators of a bundle, and a remark with its count for everything that was not used. Raises IncidentError."""
    bundle = read_bundle(_read(path), Path(path).name, window, own)
    return bundle.indicators, bundle.remarks


def with_bundles(incident: Incident, paths: Iterable[str | Path], own: Sequence[str] = ()) -> tuple[Incident, tuple[str, ...]]:
    """An incident with the indicators of STIX bundles added, and the remarks of all of them.

    The incident's word wins: what its `[not_indicators]` names is not taken, what it accuses no bundle clears. `own` are the
    policy's domains. Raises IncidentError where a file cannot be read or is no STIX.
    """
    addresses, domains = set(incident.indicators.addresses), set(incident.indicators.domains)
    harmless, remarks = dict(incident.not_indicators), list[str]()
    packages, sources = incident.packages, [incident.source]
    for path in paths:
        name = Path(path).name
        bundle = read_bundle(_read(path), name, incident.window, own)
        remarks += bundle.remarks
        cleared = {one for one in bundle.indicators.addresses | bundle.indicators.domains if one in incident.not_indicators}
        if cleared:
            remarks.append(f"{name}: the incident's [not_indicators] clears what the bundle accuses ({len(cleared)})")
        addresses |= bundle.indicators.addresses - cleared
        domains |= bundle.indicators.domains - cleared
        harmless |= dict.fromkeys(bundle.harmless, f"benign by {name}")
        if bundle.hashes and packages:  # files are looked for where a package is
            packages = (replace(packages[0], hashes={**bundle.hashes, **packages[0].hashes}), *packages[1:])
        elif bundle.hashes:
            remarks.append(
                f"{name}: files are named by hash, but the incident names no package to look for ({len(bundle.hashes)})"
            )
        sources.append(name)
    accused = addresses | domains
    merged = replace(
        incident,
        title="Indicators of STIX bundles" if accused and incident.title == NO_INCIDENT.title else incident.title,
        source="; ".join(filter(None, sources)),
        indicators=Indicators(frozenset(addresses), frozenset(domains)),
        packages=packages,
        not_indicators={one: reason for one, reason in harmless.items() if one not in accused},
    )
    return merged, tuple(remarks)


def read_bundle(raw: bytes, source: str, window: Window = ANY_TIME, own: Sequence[str] = ()) -> Bundle:
    """What a STIX 2.0 or 2.1 bundle, TAXII envelope, list of objects or lone object says. `source` stands before each remark.

    An indicator is not used if it is revoked, if it ended (`valid_until`) before the window starts, or if its type is `benign`.
    `valid_from` bounds nothing: it is mostly the day on which somebody wrote the indicator down. Observed addresses and domains
    are taken too, except those of mail's visible correspondents. A domain is refused if it would accuse strangers: a public
    suffix, a public mail provider, a service of many customers, an own domain. Raises IncidentError on what is no STIX.
    """
    reading = _Reading(window, frozenset(own))
    for one in _latest(_objects(raw, source), reading.remarks):
        reading.take(one)
    return reading.bundle(source)


def _read(path: str | Path) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            return stream.read(_FILE + 1)
    except OSError as error:
        raise IncidentError(f"{path}: the indicators cannot be read: {error}") from error


def _objects(raw: bytes, source: str) -> list[Any]:
    if len(raw) > _FILE:
        raise IncidentError(
            f"{source}: larger than {_FILE >> 20} MiB; cut the bundle into smaller ones and name each with --indicators"
        )
    try:
        parsed = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise IncidentError(f"{source}: no JSON that can be read ({type(error).__name__}); a STIX 2 bundle is wanted") from error
    if isinstance(parsed, Mapping):
        parsed = parsed.get("objects", [parsed] if "type" in parsed and parsed["type"] != "bundle" else None)
    if not isinstance(parsed, list):
        raise IncidentError(f"{source}: no STIX: a bundle has a list of objects")
    return parsed


def _latest(objects: list[Any], remarks: Counter[str]) -> Iterator[Mapping[str, Any]]:
    """Each object once, in its last version (STIX 2.1 section 3.6)."""
    found: dict[str, Mapping[str, Any]] = {}
    if len(objects) > _OBJECTS:
        remarks[f"objects beyond the first {_OBJECTS} were not read"] += len(objects) - _OBJECTS
    for at, one in enumerate(objects[:_OBJECTS]):
        if not isinstance(one, Mapping) or not isinstance(one.get("type"), str):
            remarks["entries are no STIX objects"] += 1
            continue
        identity = one["id"] if isinstance(one.get("id"), str) else f"#{at}"
        if identity not in found or _moment(found[identity]) <= _moment(one):
            found[identity] = one
    yield from found.values()


def _moment(one: Mapping[str, Any]) -> float:
    written = one.get("modified", one.get("created"))
    reading = iso_time(written) if isinstance(written, str) else None
    return reading.at.timestamp() if reading else 0.0


@dataclass(slots=True)
class _Reading:
    """One bundle under way."""

    window: Window
    own: frozenset[str]
    remarks: Counter[str] = field(default_factory=Counter)
    accused: list[Accusation] = field(default_factory=list)
    benign: list[Accusation] = field(default_factory=list)
    observed: list[tuple[str, Accusation]] = field(default_factory=list)  # with the id under which others point at it
    shown: set[str] = field(default_factory=set)  # ids of visible correspondents
    hidden: set[str] = field(default_factory=set)  # ids of blind recipients
    others: Counter[str] = field(default_factory=Counter)
    patterns: int = 0

    def take(self, one: Mapping[str, Any]) -> None:
        """File one object."""
        kind = one["type"]
        if kind == "indicator":
            self._indicator(one)
            return
        if kind == "observed-data" and isinstance(one.get("objects"), Mapping):  # STIX 2.0: numbered objects inside
            for key, inner in one["objects"].items():
                if isinstance(inner, Mapping) and isinstance(inner.get("type"), str):
                    self._observable(inner, f"{one.get('id')}/", str(key))
                else:
                    self.remarks["entries are no STIX objects"] += 1
            return
        self._observable(one, "", str(one.get("id")))

    def _indicator(self, one: Mapping[str, Any]) -> None:
        pattern, language = one.get("pattern"), one.get("pattern_type", "stix")
        reading = iso_time(one["valid_until"]) if isinstance(one.get("valid_until"), str) else None
        start = self.window.start
        if one.get("revoked") is True:
            self.remarks["indicators are revoked by their author"] += 1
        elif reading and start and reading.at < start:
            self.remarks["indicators ended before the window starts"] += 1
        elif language != "stix":
            self.remarks["indicators are written in another pattern language than STIX"] += 1
        elif not isinstance(pattern, str):
            self.remarks["indicators have no pattern"] += 1
        elif not is_single(pattern) and self.patterns + len(pattern) > _PATTERNS:
            self.remarks["indicators were not read, because the bundle's patterns are too long altogether"] += 1
        else:
            self.patterns += 0 if is_single(pattern) else len(pattern)
            (self.benign if _is_benign(one) else self.accused).extend(accusations(pattern, self.remarks))

    def _observable(self, one: Mapping[str, Any], prefix: str, identity: str) -> None:
        kind, value = one["type"], one.get("value")
        if kind in {"email-addr", "domain-name"} and isinstance(value, str):
            self.observed.append((prefix + identity, Accusation("address" if kind == "email-addr" else "domain", value)))
        elif kind == "email-message":
            self.hidden.update(prefix + ref for ref in _refs(one, "bcc_refs"))
            self.shown.update(prefix + ref for ref in _refs(one, "from_ref", "sender_ref", "to_refs", "cc_refs"))
        elif kind == "file":
            hashes = one.get("hashes")
            digest = hashes.get("SHA-256") if isinstance(hashes, Mapping) else None
            if isinstance(digest, str):
                self.observed.append((prefix + identity, Accusation("hash", digest)))
            else:
                self.remarks["files have no SHA-256"] += 1
        elif kind not in _FRAME:
            self.others[kind if len(kind) <= 40 and _LETTERS.issuperset(kind) else "odd names"] += 1  # noqa: PLR2004  as long as names of kinds are

    def bundle(self, source: str) -> Bundle:
        """What was filed, sorted out."""
        taken = {value for one in self.accused if (value := self._value(one))}
        harmless = {value for one in self.benign if (value := self._value(one))}
        for identity, one in self.observed:
            value = self._value(one)
            if value is None or value in taken:
                continue
            if identity in self.shown - self.hidden:
                self.remarks["observed addresses are those of mail's visible correspondents, and were not taken"] += 1
            elif one.kind != "hash" and self._is_own(value[1]):
                self.remarks["observed addresses and domains are the organisation's own, and were not taken"] += 1
            else:
                self.remarks[
                    "addresses, domains and files were taken from observations that no indicator accuses: check them"
                ] += 1
                taken.add(value)
        if taken & harmless:
            self.remarks["values are accused by one indicator and called benign by another, and were not taken"] += len(
                taken & harmless
            )
            taken -= harmless
        if self.others:
            listed = ", ".join(f"{kind} {count}" for kind, count in sorted(self.others.items())[:_KINDS_SHOWN])
            self.remarks[f"objects name no recipient: {listed}"] += self.others.total()
        return Bundle(
            Indicators(frozenset(v for k, v in taken if k == "address"), frozenset(v for k, v in taken if k == "domain")),
            {value: "named by a STIX bundle" for kind, value in sorted(taken) if kind == "hash"},
            frozenset(value for kind, value in harmless if kind != "hash"),
            tuple(f"{source}: {reason} ({count})" for reason, count in sorted(self.remarks.items())),
        )

    def _is_own(self, value: str) -> bool:
        domain = domain_of(value) or value
        return any(is_within(domain, one) for one in self.own)

    def _value(self, one: Accusation) -> tuple[str, str] | None:
        """Kind and canonical value of an accusation; None, with a remark, for what names nobody, or too many."""
        if len(one.value) > _ADDRESS:
            self.remarks["values are too long to name anybody"] += 1
            return None
        written = one.value.strip().replace("[.]", ".").replace("[@]", "@")  # as reports write what nobody shall click
        if one.kind == "hash":
            digest = written.lower()
            if len(digest) == _SHA256 and set(digest) <= set("0123456789abcdef"):
                return "hash", digest
            self.remarks["hashes are no SHA-256"] += 1
            return None
        if one.kind == "address":
            address = canonical(written)
            if _is_domain(domain_of(address)) and not address.startswith("@"):
                return "address", address
            self.remarks["values are no mail addresses"] += 1
            return None
        return self._domain(ascii_domain(written))

    def _domain(self, domain: str) -> tuple[str, str] | None:
        if not _is_domain(domain):
            self.remarks["values are no domains"] += 1
        elif registrable(f"x.{domain}") == f"x.{domain}":
            self.remarks["domains are public suffixes, below which strangers register their names, and were not taken"] += 1
        elif domain in providers() or known_service(domain):
            self.remarks[
                "domains belong to mail providers or services with many customers, and were not taken: name addresses"
            ] += 1
        elif any(is_within(one, domain) or is_within(domain, one) for one in self.own):
            self.remarks["domains are the organisation's own, and were not taken"] += 1
        else:
            return "domain", domain
        return None


def _is_benign(one: Mapping[str, Any]) -> bool:
    """Whether an indicator says what is good: `indicator_types` in STIX 2.1, `labels` in 2.0 (section 6.13, "benign")."""
    named = [one.get("indicator_types"), one.get("labels")]
    return any(isinstance(listed, list) and "benign" in listed for listed in named)


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    return len(domain) <= _DOMAIN and len(labels) > 1 and all(label and _LETTERS.issuperset(label) for label in labels)


def _refs(one: Mapping[str, Any], *names: str) -> Iterator[str]:
    for name in names:
        value = one.get(name)
        yield from (ref for ref in (value if isinstance(value, list) else [value]) if isinstance(ref, str))
