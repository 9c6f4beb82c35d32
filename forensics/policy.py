"""What the organisation expects: own domains, known blind recipients, servers and windows, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from forensics.addresses import ascii_domain, canonical, domain_of, is_within
from forensics.dates import zulu
from forensics.incident import Incident, IncidentError, read_window
from forensics.model import ANY_TIME, Window
from forensics.severity import NO_OVERRIDE, Override, SeverityError

__all__ = ["NO_POLICY", "CaseFacts", "Expected", "HostWindow", "Policy", "Server"]


@dataclass(frozen=True, slots=True)
class Expected:
    """A recipient that the organisation knows: an address, or a domain with its sub-domains.

    `role` "blind" excuses blind copies only, "any" every role (a partner). `since`, `until` bound it in time.
    """

    address: str = ""
    domain: str = ""
    reason: str = ""
    role: str = "blind"
    valid: Window = ANY_TIME

    @property
    def entry(self) -> str:
        """The address or domain, as the policy names it."""
        return self.address or self.domain

    def excuses(self, address: str, at: datetime | None, *, blind: bool) -> bool:
        """Whether a copy to a canonical address is expected. A copy of unknown time is excused only by an unbounded entry."""
        if self.role == "blind" and not blind:
            return False
        if not (address == self.address or is_within(domain_of(address), self.domain)):
            return False
        return self.valid == ANY_TIME or (at is not None and self.valid.may_contain(at))


@dataclass(frozen=True, slots=True)
class HostWindow:
    """When one machine ran the bad version. It narrows the window only for messages tied to that host.

    `folders` are the names, in lower case, of folders of evidence that are its disk or a copy of it.
    """

    host: str
    window: Window
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """A provider's server, or a mail host, whose log coverage must account for. No streams: all of them."""

    provider: str
    server: str
    streams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """`[case]`: number, custodian, role (controller, processor), when discovered and aware, contact.

    `phase` of the notification is "initial", "supplement" or "final"; `version` and `supersedes` name it and the one before.
    """

    number: str = ""
    custodian: str = ""
    role: str = ""
    discovered_at: str = ""
    aware_at: str = ""
    contact: str = ""
    phase: str = ""
    version: str = ""
    supersedes: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The organisation's word on what is usual. Empty: own domains are inferred and nothing else is excused."""

    domains: tuple[str, ...] = ()
    expected: tuple[Expected, ...] = ()
    window: Window = ANY_TIME
    host_windows: tuple[HostWindow, ...] = ()
    servers: tuple[Server, ...] = ()
    case: CaseFacts = CaseFacts()
    source: str = ""
    customers: tuple[str, ...] = ()  # domains of customers
    staff: tuple[str, ...] = ()  # domains of staff who are not at own domains: contractors, a parent company
    severity: Override = NO_OVERRIDE  # inputs of the severity formula that the organisation sets itself

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """A policy file. Raises IncidentError with file, key and remedy."""
        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{path}: the policy cannot be read: {error}"
            raise IncidentError(msg) from error
        except tomllib.TOMLDecodeError as error:
            msg = f"{path}: not valid TOML: {error}"
            raise IncidentError(msg) from error
        return cls.from_data(data, Path(path).name)

    @classmethod
    def from_data(cls, data: Mapping[str, Any], source: str) -> Policy:
        """A policy from parsed TOML; `source` is named in errors."""
        _known(data, {"organisation", "expected", "window", "host_window", "servers", "case", "severity"}, source)
        organisation = data.get("organisation", {})
        _known(organisation, {"domains", "name", "customers", "staff"}, f"{source}: [organisation]")
        return cls(
            domains=_domains(organisation, "domains", source),
            expected=tuple(_expected(one, source) for one in _tables(data, "expected", source)),
            window=read_window(data.get("window", {}), source),
            host_windows=tuple(_host_window(one, source) for one in _tables(data, "host_window", source)),
            servers=tuple(
                Server(
                    str(one.get("provider", "")),
                    str(one.get("server", "")),
                    tuple(_texts(one, "streams", f"{source}: [[servers]]")),
                )
                for one in _tables(data, "servers", source)
            ),
            case=_case_facts(data.get("case", {}), source),
            source=source,
            customers=_domains(organisation, "customers", source),
            staff=_domains(organisation, "staff", source),
            severity=_severity(data.get("severity", {}), source),
        )

    def joined(self, other: Policy) -> Policy:
        """Both policies: all that either names. Where both name an edge of the window or a fact of the case, the other's stands."""
        facts = {one.name: getattr(other.case, one.name) or getattr(self.case, one.name) for one in fields(CaseFacts)}
        return Policy(
            domains=tuple(sorted({*self.domains, *other.domains})),
            expected=tuple(dict.fromkeys((*self.expected, *other.expected))),
            window=Window(other.window.start or self.window.start, other.window.end or self.window.end),
            host_windows=tuple(dict.fromkeys((*self.host_windows, *other.host_windows))),
            servers=tuple(dict.fromkeys((*self.servers, *other.servers))),
            case=CaseFacts(**facts),
            source=", ".join(one for one in (self.source, other.source) if one),
            customers=tuple(sorted({*self.customers, *other.customers})),
            staff=tuple(sorted({*self.staff, *other.staff})),
            severity=other.severity if other.severity != NO_OVERRIDE else self.severity,
        )

    def with_own_domains(self, domains: tuple[str, ...]) -> Policy:
        """This policy with `domains` in place of its own ones."""
        return replace(self, domains=tuple(sorted(ascii_domain(one) for one in domains)))

    def is_own(self, address: str) -> bool:
        """Whether a canonical address lies at an own domain or sub-domain."""
        domain = domain_of(address)
        return any(is_within(domain, own) for own in self.domains)

    def host_of(self, path: str) -> str:
        """The host of a `[[host_window]]` on whose disk a piece of evidence lies: one folder of its path bears its name.

        "" where none does, or folders of two hosts do: nothing is narrowed on a doubt.
        """
        hosts = {(folder, one.host) for one in self.host_windows for folder in one.folders}
        folders = set(path.lower().split("/")[:-1])
        found = {host for folder, host in hosts if folder in folders}
        return found.pop() if len(found) == 1 else ""

    def window_for(self, incident: Incident) -> Window:
        """The window of the case: the policy's edges where it names them, else the incident's."""
        return Window(self.window.start or incident.window.start, self.window.end or incident.window.end)


NO_POLICY = Policy()


def _known(data: Any, keys: set[str], where: str) -> None:  # noqa: ANN401  whatever the TOML holds
    if not isinstance(data, Mapping):
        raise IncidentError(f"{where}: must be a table with the keys {', '.join(sorted(keys))}")
    unknown = sorted(set(data) - keys)
    if unknown:
        msg = f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(keys))}"
        raise IncidentError(msg)


def _texts(data: Mapping[str, Any], key: str, where: str) -> list[str]:
    """A list of texts; a lone text would otherwise be read letter by letter."""
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise IncidentError(f'{where} {key} = {value!r}: must be a list of texts, such as ["acme.example"]')
    return value


def _domains(organisation: Mapping[str, Any], key: str, source: str) -> tuple[str, ...]:
    return tuple(sorted(map(ascii_domain, _texts(organisation, key, f"{source}: [organisation]"))))


def _tables(data: Mapping[str, Any], key: str, source: str) -> list[Mapping[str, Any]]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise IncidentError(f"{source}: {key} must be written as [[{key}]] with its keys below")
    return value


def _expected(data: Mapping[str, Any], source: str) -> Expected:
    where = f"{source}: [[expected]]"
    _known(data, {"address", "domain", "reason", "since", "until", "role"}, where)
    for key in ("address", "domain"):
        if not isinstance(data.get(key, ""), str):
            raise IncidentError(f"{where} {key} = {data[key]!r}: must be a text")
    address, domain = canonical(data.get("address", "")), ascii_domain(data.get("domain", ""))
    if bool(address) == bool(domain):
        msg = f"{where} needs an address or a domain, and not both"
        raise IncidentError(msg)
    role = str(data.get("role", "blind"))
    if role not in {"blind", "any"}:
        msg = f"{where} role = {role!r}: must be 'blind' or 'any'"
        raise IncidentError(msg)
    valid = read_window({"start": _midnight(data.get("since")), "end": _midnight(data.get("until"))}, where)
    return Expected(address, domain, str(data.get("reason", "")), role, valid)


def _host_window(data: Mapping[str, Any], source: str) -> HostWindow:
    """A host's window; the folders of its disk are called as the host is, unless `folders` names them."""
    host = str(data.get("host", "")).lower()
    folders = _texts(data, "folders", f"{source}: [[host_window]]") if "folders" in data else [host]
    return HostWindow(host, read_window(data, source), tuple(sorted(one.lower() for one in folders if one)))


def _midnight(value: object) -> object:
    """A bare date as midnight UTC; everything else as it is."""
    return f"{value}T00:00:00Z" if value is not None and len(str(value)) == len("2025-09-17") else value


_PHASES = ("initial", "supplement", "final")


def _case_facts(data: Mapping[str, Any], source: str) -> CaseFacts:
    _known(data, {one.name for one in fields(CaseFacts)}, f"{source}: [case]")
    if data.get("phase", "initial") not in _PHASES:
        raise IncidentError(f"{source}: [case] phase = {data['phase']!r}: must be {', '.join(_PHASES)}")
    return CaseFacts(**{key: zulu(value) if isinstance(value, datetime) else str(value) for key, value in data.items()})


def _severity(data: Any, source: str) -> Override:  # noqa: ANN401  whatever the TOML holds
    if not isinstance(data, Mapping):
        raise IncidentError(f"{source}: severity must be written as [severity] with its keys below")
    try:
        return Override.from_data(data)
    except SeverityError as error:
        raise IncidentError(f"{source}: [severity] {error}") from error
