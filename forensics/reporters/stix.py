"""The case as a STIX 2.1 bundle: whom copies went to, when and how often, and the patterns by which others find the same.

Personal data stay out: an `email-message` names its blind recipients, its Message-ID and its date, and neither sender nor addressees
(STIX 2.1 section 6.6 requires none of them). What is only `possible` accuses nobody and is left out; a note says how much that is.
Our own `--indicators` reads the bundle back.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from forensics.case import NO_TIME, Case, CaseError, stamp_of, write_file
from forensics.csvform import csv_sha256
from forensics.legible import shown
from forensics.plugins import Reporter

__all__ = ["MOST_MESSAGES", "REPORTER", "bundle", "write"]

MOST_MESSAGES = 20_000  # as objects of their own: the bundle stays below 32 MiB, which is what `--indicators` takes
_OURS = uuid.UUID(
    "6a2f9c1e-0d57-5b7e-9a44-5d1f3f0c7b21"
)  # names of this case's objects: UUIDv5, so that the same case has the same ids
_TIME = re.compile(r"(?:19[89]\d|20\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")
_NO_DATE = "1980-01-01T00:00:00Z"  # of a case without a single date
_CONFIDENCE = {"confirmed": 85, "probable": 50}  # High and Med of the scale in STIX 2.1 appendix A; a verdict is no probability
_ADDRESS = re.compile(r"[^\s@<>,;:()\"]{1,200}@[A-Za-z0-9.-]{1,250}[A-Za-z0-9]")
_VISIBLE = frozenset({"to", "cc"})
_TEXT = 2_000  # characters of a sentence from the case


@dataclass
class _Naming:
    """What the objects of one case have in common: their ids, their time, their author and their marking."""

    summary: Mapping[str, Any]
    moment: str
    v21: Any  # the module of the library, imported where it is needed
    objects: list[Any] = field(default_factory=list)

    @cached_property
    def seed(self) -> str:
        """What tells this case's objects from those of another case about the same recipients."""
        summary = self.summary
        parts = (summary.get("incident", {}).get("name"), summary.get("case", {}).get("number"), summary.get("own_domains"))
        return json.dumps([*parts, summary.get("window")], sort_keys=True, default=str)

    def id(self, kind: str, *names: str) -> str:
        """The id of an object, the same for the same case."""
        return f"{kind}--{uuid.uuid5(_OURS, json.dumps([self.seed, kind, *names]))}"

    def add(self, kind: str, maker: Any, *names: str, **properties: Any) -> str:  # noqa: ANN401  a class of the library, which has no types
        """Make an object that has an author, a time and a marking; its id."""
        identity = self.id(kind, *names)
        author = {} if kind == "identity" else {"created_by_ref": self.author}
        told = {name: value for name, value in properties.items() if value not in ("", [], None)}
        self.objects.append(
            maker(
                id=identity, created=self.moment, modified=self.moment, object_marking_refs=[self.v21.TLP_AMBER], **author, **told
            )
        )
        return identity

    def observe(self, thing: Any) -> str:  # noqa: ANN401  an object of the library
        """Take an observable up, which has neither author nor time."""
        self.objects.append(thing)
        return str(thing.id)

    @property
    def author(self) -> str:
        """The id of whose case this is."""
        return self.id("identity")


def bundle(case: Case) -> str:
    """The bundle as JSON text, marked TLP:AMBER; the same tables give the same text. Raises CaseError without the extra `reports`."""
    try:
        from stix2 import v21  # noqa: PLC0415  needs the extra `reports`
    except ImportError as error:
        msg = 'STIX bundles need the extra `reports`: pip install "forensics[reports]"'
        raise CaseError(msg) from error
    summary = case.summary
    frame = case.read("unexpected_recipients")
    listed = frame[frame["verdict"].astype(str) != "possible"].to_dict("records")
    accused = [row for row in listed if _is_plain(row["address"])]
    naming = _Naming(summary, _moment(case, summary), v21)
    _add_frame(naming, summary)
    messages = _messages(case, {str(row["address"]) for row in accused})
    refs = {str(row["address"]): naming.observe(v21.EmailAddress(value=str(row["address"]))) for row in accused}
    seen = _add_messages(naming, messages[:MOST_MESSAGES], refs)
    for row in accused:
        _add_recipient(naming, row, refs, seen.get(str(row["address"]), []))
    indicators = summary.get("incident", {}).get("indicators", {})
    for address in sorted(set(map(str, indicators.get("addresses", []))) - set(refs)):
        _add_address_indicators(
            naming, address, _since(naming, {}), "confirmed", "Named by the incident; no copy to it was seen."
        )
    for domain in sorted(set(map(str, indicators.get("domains", [])))):
        _add_domain_indicator(naming, domain)
    _add_notes(naming, case, len(messages), len(listed) - len(accused))
    _add_report(naming, summary)
    return _written(naming)


def _is_plain(address: object) -> bool:
    """Whether an address can stand in a pattern as it is; anything else would steer whoever reads it."""
    text = str(address)
    return bool(text) and shown(text) == text and text.strip() == text and len(text) < 320  # noqa: PLR2004  RFC 5321 section 4.5.3.1


def _time(value: object) -> str:
    return str(value) if _TIME.fullmatch(str(value)) else ""


def _moment(case: Case, summary: Mapping[str, Any]) -> str:
    """When the case's last copy went, else when its window ends or starts: never the time at which this is written."""
    timeline = case.read("timeline")
    found = [time for time in map(_time, timeline["datetime"][timeline["timestamp_desc"] != NO_TIME]) if time]
    window = summary.get("window", {})
    last = max(found, default="") or _time(window.get("end")) or _time(window.get("start")) or _NO_DATE
    return f"{last[:19]}.{last[20:-1][:3]:0<3}Z"  # `created` has milliseconds, neither more nor fewer (section 3.2)


def _add_frame(naming: _Naming, summary: Mapping[str, Any]) -> None:
    own = [str(one) for one in summary.get("own_domains", {}).get("domains", [])]
    name = ", ".join(own[:3]) + (f" and {len(own) - 3} more" if len(own) > 3 else "")  # noqa: PLR2004  as many as are named
    naming.add(
        "identity",
        naming.v21.Identity,
        name=shown(name or "Organisation not named", _TEXT),
        identity_class="organization",
    )
    incident = summary.get("incident", {})
    references = [
        {"source_name": "reference", "description": shown(str(one), _TEXT)}
        for one in incident.get("references", [])
        if str(one).strip()
    ]
    naming.add(
        "incident",
        naming.v21.Incident,
        name=shown(incident.get("title") or "Hidden blind copies, no named incident", _TEXT),
        description=shown(summary.get("conclusion_text", ""), _TEXT),
        external_references=references,
    )


def _messages(case: Case, accused: set[str]) -> list[tuple[Mapping[Any, Any], dict[str, list[str]]]]:
    """Exposed messages in order of their table, each with its accused recipients by the field that holds them."""
    copies = case.read("copies")
    roles: dict[tuple[str, str], set[str]] = {}
    for key, recipient, role in zip(copies["message_key"], copies["recipient"], copies["role"], strict=True):
        roles.setdefault((str(key), str(recipient)), set()).add(str(role))
    by_message: dict[str, dict[str, list[str]]] = {}
    for (key, recipient), known in sorted(roles.items()):
        if recipient in accused:
            name = f"{min(known & _VISIBLE, default='bcc')}_refs"
            by_message.setdefault(key, {}).setdefault(name, []).append(recipient)
    columns = case.read("exposed_messages")[["message_key", "sent_at"]]
    return [(row, by_message.get(str(row["message_key"]), {})) for row in columns.to_dict("records")]


def _add_messages(
    naming: _Naming, messages: Sequence[tuple[Mapping[Any, Any], dict[str, list[str]]]], refs: Mapping[str, str]
) -> dict[str, list[str]]:
    """One `email-message` each; their ids by the recipient that they went to."""
    found: dict[str, list[str]] = {}
    for row, fields in messages:
        key, date = str(row["message_key"]), _time(row["sent_at"])
        is_id = "@" in key and _is_plain(key) and not re.search(r"/[^@]{5,40}@\d+$|~\d{1,9}$", key)
        thing = naming.v21.EmailMessage(
            id=naming.id("email-message", key),
            is_multipart=False,  # required; what its parts are is not told, nor is its body
            **({"date": date} if date else {}),
            **({"message_id": f"<{key}>"} if is_id else {}),
            **{name: [refs[one] for one in recipients] for name, recipients in fields.items()},
        )
        identity = naming.observe(thing)
        for recipient in (one for recipients in fields.values() for one in recipients):
            found.setdefault(recipient, []).append(identity)
    return found


def _add_recipient(naming: _Naming, row: Mapping[Any, Any], refs: Mapping[str, str], messages: Sequence[str]) -> None:
    """An accused recipient: its indicators, and what was observed of it."""
    v21, address, count = naming.v21, str(row["address"]), int(row["messages"])
    reasons = _ADDRESS.sub(lambda found: found[0] if found[0] in refs else "[address left out]", str(row["reasons"]))
    blamed = _add_address_indicators(naming, address, _since(naming, row), str(row["verdict"]), shown(reasons, _TEXT))
    if count < 1:
        return
    first, last = _time(row["first_seen"]) or naming.moment, _time(row["last_seen"]) or naming.moment
    first, last = min(first, last), max(first, last)
    observed = naming.add(
        "observed-data", v21.ObservedData, address, first_observed=first, last_observed=last, number_observed=min(count, 999_999_999),
        object_refs=[refs[address], *messages],
    )  # fmt: skip
    for indicator in blamed:
        naming.add(
            "relationship", v21.Relationship, "based-on", indicator, relationship_type="based-on", source_ref=indicator,
            target_ref=observed,
        )  # fmt: skip
    naming.add(
        "sighting", v21.Sighting, address, sighting_of_ref=blamed[0], observed_data_refs=[observed], where_sighted_refs=[naming.author],
        first_seen=first, last_seen=last, count=min(count, 999_999_999),
    )  # fmt: skip


def _since(naming: _Naming, row: Mapping[Any, Any]) -> str:
    return _time(row.get("first_seen")) or _time(naming.summary.get("window", {}).get("start")) or naming.moment


def _add_address_indicators(naming: _Naming, address: str, since: str, verdict: str, reasons: str) -> list[str]:
    """Two indicators of one comparison each, the blind copy first: most readers of STIX take no pattern that joins comparisons."""
    names = (
        ("email-message:bcc_refs[*].value", f"Blind copy to {address}"),
        ("email-addr:value", f"Mail address {address}"),
    )
    return [_add_indicator(naming, path, address, name, (since, verdict, reasons)) for path, name in names]


def _add_domain_indicator(naming: _Naming, domain: str) -> None:
    told = (_since(naming, {}), "confirmed", "Named by the incident, with its sub-domains.")
    _add_indicator(naming, "domain-name:value", domain, f"Domain {domain}", told)


def _add_indicator(naming: _Naming, path: str, value: str, name: str, told: tuple[str, str, str]) -> str:
    since, verdict, reasons = told
    literal = value.replace("\\", "\\\\").replace("'", "\\'")  # section 9.4
    indicator = naming.add(
        "indicator", naming.v21.Indicator, path, value, name=name, description=f"{verdict}: {reasons}", pattern=f"[{path} = '{literal}']",
        pattern_type="stix", pattern_version="2.1", valid_from=since, indicator_types=["malicious-activity"],
        confidence=_CONFIDENCE.get(verdict, 50), labels=[verdict],
    )  # fmt: skip
    naming.add(
        "relationship", naming.v21.Relationship, "related-to", indicator, relationship_type="related-to", source_ref=indicator,
        target_ref=naming.id("incident"),
    )  # fmt: skip
    return indicator


def _add_notes(naming: _Naming, case: Case, messages: int, unwritable: int) -> None:
    """What the bundle does not hold, and where it stands."""
    recipients = case.read("unexpected_recipients")
    possible = int((recipients["verdict"].astype(str) == "possible").sum())
    sentences = [
        str(naming.summary.get("coverage_text", "")),
        "Senders and addressees of the messages are personal data of people affected, and are left out.",
        f"Only possible, and left out: {len(case.read('possible_messages')):,} messages and {possible:,} recipients.",
        f"Messages as objects of their own: {min(messages, MOST_MESSAGES):,} of {messages:,}.",
        "All of them stand in exposed_messages.csv, SHA-256 "
        + csv_sha256(case.read("exposed_messages"), stamp_of(case, "exposed_messages"))
        + ".",
    ]
    if unwritable:
        sentences.append(f"{unwritable:,} recipients have addresses with invisible or steering characters, and are left out.")
    naming.add(
        "note",
        naming.v21.Note,
        abstract="What this bundle leaves out",
        content=" ".join(shown(one, _TEXT) for one in sentences if one),
        object_refs=[naming.id("incident")],
    )


def _add_report(naming: _Naming, summary: Mapping[str, Any]) -> None:
    """The report that holds all of it together; messages hang on their observations."""
    naming.add(
        "report", naming.v21.Report, name=shown(f"Hidden blind copies: {summary.get('conclusion', '').replace('_', ' ')}", _TEXT),
        description=shown(summary.get("conclusion_text", ""), _TEXT), report_types=["indicator", "observed-data"], published=naming.moment,
        object_refs=[one.id for one in naming.objects if one.type != "email-message"],
    )  # fmt: skip


def _written(naming: _Naming) -> str:
    """All objects in one order, as ASCII JSON with one object a line."""
    order = (
        "marking-definition",
        "identity",
        "incident",
        "report",
        "note",
        "indicator",
        "sighting",
        "observed-data",
        "relationship",
    )
    rank = {kind: at for at, kind in enumerate(order)}
    unique = {str(one.id): one for one in [naming.v21.TLP_AMBER, *naming.objects]}
    listed = sorted(unique.values(), key=lambda one: (rank.get(one.type, len(order)), str(one.id)))
    return "".join(_lines(listed, naming.id("bundle")))


def _lines(listed: Iterable[Any], identity: str) -> Iterator[str]:
    from stix2.serialization import STIXJSONEncoder  # noqa: PLC0415  needs the extra `reports`

    yield f'{{"type": "bundle", "id": "{identity}", "objects": [\n'
    yield ",\n".join(json.dumps(one, cls=STIXJSONEncoder) for one in listed)
    yield "\n]}\n"


def write(case: Case, folder: Path) -> list[Path]:
    """`case.stix.json`, mode 0600, whole or not at all."""
    target = folder / "case.stix.json"
    write_file(target, bundle(case))
    return [target]


REPORTER = Reporter("stix", "Recipients and patterns as a STIX 2.1 bundle, without personal data", write, default=False)
