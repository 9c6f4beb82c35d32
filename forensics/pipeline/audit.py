"""From evidence to a finished case: the one road that `audit` takes, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timezone
from pathlib import Path
from typing import Any, Protocol

import duckdb
import tomli_w

from forensics import __version__
from forensics.case import CONTRACT, Case, CaseError, engine
from forensics.coverage import Seen, Stretch, conclude, held_against, last_record, survey
from forensics.custody import LOG, CustodyLog, file_sha256, manifest_entries, write_manifest
from forensics.dates import zulu
from forensics.envelopes import infer_own_domains, lay_out
from forensics.evidence import SPAN, Item, Problem, find, hashed
from forensics.incident import NO_INCIDENT, Incident
from forensics.leaks import RuleFile, load_rules, rule_files
from forensics.mapping import load_mapping
from forensics.model import Defect, Finding, Limits
from forensics.pipeline.answers import Answers, Asked, answer
from forensics.pipeline.assembly import assemble, file_clocks, register_parts, settle_stamps
from forensics.pipeline.collected import NONE_FOUND, Found, collected
from forensics.pipeline.defects import defect_rows, unread_items
from forensics.pipeline.executor import Executor, Lost, default_executor, rare_collections
from forensics.pipeline.first_pass import Batch, Mappings, Receipt, mapped, parse_batch, parsers, plan, remove_strays
from forensics.pipeline.metadata import metadata
from forensics.pipeline.second_pass import Content, batches, lost, read_batch, wanted
from forensics.pipeline.summary import Told, summarise
from forensics.pipeline.unflagged import Unflagged, store_unflagged
from forensics.plugins import ROOMS, Detector, Parser, Reporter, Scope, discover
from forensics.policy import NO_POLICY, Policy
from forensics.stitch import stitch
from forensics.stix import with_bundles
from forensics.verdicts import judge

__all__ = ["NoEvidenceError", "Options", "Watcher", "audit", "report"]

CONTENT = {
    "exposed": ("exposed",),
    "possible": ("exposed", "possible"),
    "all": ("exposed", "possible", "not_delivered", "unflagged"),
}
_PLUGIN_ROOMS = tuple(ROOMS)


class NoEvidenceError(Exception):
    """Nothing that was handed in could be read as evidence; the message lists why, file by file."""


class Watcher(Protocol):
    """Is told how far the run has come; units are bytes for hashing and parsing, messages for content."""

    def step(self, title: str, total: int | None = None) -> None:
        """A new step begins, with its size if that is known."""

    def advance(self, amount: int) -> None:
        """So much of the current step is done."""


class Silence:
    """A watcher that shows nothing."""

    def step(self, title: str, total: int | None = None) -> None:
        """See `Watcher.step`."""

    def advance(self, amount: int) -> None:
        """See `Watcher.advance`."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose. Nothing here changes how evidence is read, only how much and where."""

    content: str = "exposed"
    workers: int | None = None
    year: int | None = None
    zone: timezone | None = None
    key_file: Path | None = None
    not_evidence: tuple[Path, ...] = ()  # files that steer the audit: never read as evidence, even if they lie among it
    detectors: tuple[str | Detector, ...] = ()  # names, `+added` or `-left out`; or detectors of one's own
    indicators: tuple[Path, ...] = ()  # STIX bundles
    mappings: tuple[str, ...] = ()  # names of shipped ones, or files
    rules: tuple[Path, ...] = ()  # more rules on credentials and personal data, in our form or another scanner's
    span_size: int = SPAN
    limits: Limits = field(default_factory=Limits)


def audit(
    *evidence: Path | str,
    out: Path | str,
    incident: Incident | str | Path | None = None,
    policy: Policy | str | Path | None = None,
    options: Options = Options(),
    executor: Executor | None = None,
    watcher: Watcher | None = None,
) -> Case:
    """Read evidence, find unexpected copies and what was in them, and write a case folder at `out`.

    `incident` is a value, the name of a shipped incident, a file, or None (behaviour only). Evidence is opened read-only.
    A run that was interrupted resumes: parts that exist are not made again. Raises NoEvidenceError, CaseError, IncidentError,
    MappingError, RuleError.
    """
    rules = policy if isinstance(policy, Policy) else Policy.load(policy) if policy else NO_POLICY
    known = incident if isinstance(incident, Incident) else Incident.load(incident) if incident else NO_INCIDENT
    known, remarks = with_bundles(known, options.indicators, own=rules.domains)
    mappings = tuple((one.text, one.source) for one in map(load_mapping, options.mappings))
    mapped(mappings)  # a mistake is said before hours of reading
    more_rules = rule_files(options.rules)
    load_rules(*more_rules)
    run = _Run(
        case=Case.create(Path(out), key_file=options.key_file),
        incident=known,
        policy=rules,
        mappings=mappings,
        more_rules=more_rules,
        remarks=remarks,
        options=options,
        executor=executor or default_executor(options.workers),
        watcher=watcher or Silence(),
        started=datetime.now(UTC),
    )
    named = (
        policy,
        *options.not_evidence,
        *options.indicators,
        *options.mappings,
        *options.rules,
        options.key_file,
        *(() if incident in Incident.shipped() else (incident,)),
    )
    files = [one for one in named if isinstance(one, str | Path)]
    skip = frozenset(Path(one).resolve() for one in files)  # what steers the audit is no evidence, even if it lies among it
    return run.go([Path(one) for one in evidence], skip)


@dataclass(slots=True)
class _Run:
    """One audit under way; each step takes what the ones before it left."""

    case: Case
    incident: Incident
    policy: Policy
    options: Options
    executor: Executor
    watcher: Watcher
    started: datetime
    mappings: Mappings = ()
    more_rules: tuple[RuleFile, ...] = ()
    remarks: tuple[str, ...] = ()  # on indicators that were handed in
    found: Found = NONE_FOUND  # collected folders among the evidence

    def go(self, roots: Sequence[Path], skip: frozenset[Path]) -> Case:
        chosen_detectors(self.options.detectors)  # a misspelt name is said before hours of reading
        log = CustodyLog(self.case.path / LOG)
        with suppress(FileNotFoundError):
            (self.case.path / "case.toml").unlink()  # unfinished from here on
        log.append("audit begun", evidence=[str(root.absolute()) for root in roots], case=str(self.case.path.resolve()))
        items, problems, duplicates = self._take_in(roots, skip, log)
        if not items:
            raise NoEvidenceError(_nothing(roots, problems))
        self.found = collected([*items.values(), *duplicates])
        problems += self.found.problems
        receipts, planned = self._parse({key: item for key, item in items.items() if key not in self.found.papers})
        if not any(receipt.parsers for receipt in receipts):
            raise NoEvidenceError(_nothing(roots, [*problems, *(Problem(_path(items, d), d.reason) for d in planned)]))
        remove_strays(receipts, self.case.tables, lambda name: log.append("stale part removed", part=name))
        connection = engine(self.case.path, rows=sum(receipt.fragments for receipt in receipts))
        answers = self._answer(connection, items, receipts, [*planned], problems, duplicates)
        self._write(connection, answers, items, log)
        return self.case

    def _take_in(
        self, roots: Sequence[Path], skip: frozenset[Path], log: CustodyLog
    ) -> tuple[dict[str, Item], list[Problem], list[Item]]:
        """Find and hash; every input's hash is in the custody log before a parser sees it."""
        found: list[tuple[str, Path]] = []
        problems: list[Problem] = []
        inside = self.case.path.resolve()
        for one in find(roots, skip=skip):
            if isinstance(one, Problem):
                problems.append(one)
            elif not one[1].is_relative_to(inside):  # a case folder below its own evidence is not evidence
                found.append(one)
        self.watcher.step("Hashing evidence", sum(place.stat().st_size for _, place in found if place.exists()))
        items: dict[str, Item] = {}
        duplicates: list[Item] = []
        for shown, place in found:
            item = hashed(shown, place, self.watcher.advance)
            if isinstance(item, Problem):
                problems.append(item)
                log.append("evidence refused", path=item.path, reason=item.reason)
                continue
            log.append("evidence hashed", path=item.path, location=str(item.location), size=item.size, sha256=item.sha256)
            first, *again = sorted([item, *([items[item.id]] if item.id in items else [])], key=lambda known: known.path)
            items[item.id] = first
            duplicates += again
        return items, problems, duplicates

    def _parse(self, items: dict[str, Item]) -> tuple[list[Receipt], list[Defect]]:
        defects: list[Defect] = []
        planned: list[Batch] = []
        for one in plan(
            self.case.tables, self.case.key, list(items.values()), self.options.span_size, self.mappings, self.more_rules
        ):
            if isinstance(one, Defect):
                defects.append(one)
            else:
                planned.append(one)
        self.watcher.step("Reading headers and envelopes", sum(item.size for item in items.values()))
        receipts = []
        for batch, result in zip(planned, self.executor.run(parse_batch, planned), strict=True):
            if isinstance(result, Lost):
                defects += [Defect(work.span, work.parser, result.reason) for work in batch.works]
            else:
                receipts.append(result)
                self.watcher.advance(result.size)
        return receipts, defects

    @rare_collections()
    def _answer(
        self,
        connection: duckdb.DuckDBPyConnection,
        items: dict[str, Item],
        receipts: Sequence[Receipt],
        planned: list[Defect],
        problems: list[Problem],
        duplicates: list[Item],
    ) -> _Answered:
        self.watcher.step("Joining what the sources say of each message")
        paths = {identity: item.path for identity, item in items.items()}
        whole = register_parts(connection, receipts, self.case.tables)
        clocks = file_clocks(connection, paths, year=self.options.year, zone=self.options.zone)
        assemble(connection, self.case, clocks, paths, whole)
        settle_stamps(connection, clocks)
        stitch(connection)
        own_basis = "policy"
        if not self.policy.domains:
            self.policy = self.policy.with_own_domains(infer_own_domains(connection, self.incident))
            own_basis = "inferred from who submitted mail; name them in a policy or with --own-domain"
        places: dict[str, set[str]] = {}
        for item in (*items.values(), *duplicates):
            places.setdefault(item.id, set()).add(item.path)
        lay_out(connection, self.incident, self.policy, places)
        self.watcher.step("Looking for recipients that nobody expects")
        failed: list[str] = []
        limits: list[str] = []
        findings = list(self._detect(connection, failed, limits))
        judge(connection, findings, self.incident.cohort)
        read = self._read_content(connection, items)
        contents = [one for one in read if one.flagged]
        asked = Asked(self.incident, self.policy, items, contents, CONTENT[self.options.content][:2])
        unflagged = store_unflagged(self.case, connection, [one for one in read if not one.flagged])
        answers = answer(connection, asked)
        shows = {name: parser.shows for name, parser in self._parsers().items()}
        beside = held_against(connection, shows, self.incident, self.policy, self.found.collections)
        stretches = survey(connection, shows, self.incident, self.policy, clocks, paths, beside=beside)
        compared = (*(one.sentence() for one in beside.lacks), *self.found.remarks)
        tables = dict(answers.tables)
        tables["coverage"] = [one.row() for one in stretches]
        tables["defects"] = defect_rows(connection, asked, planned, problems, [*failed, *_broken_plugins()])
        return _Answered(asked, answers, tables, stretches, clocks, own_basis, duplicates, receipts, unflagged, limits, compared)

    def _detect(self, connection: duckdb.DuckDBPyConnection, failed: list[str], limits: list[str]) -> Iterator[Finding]:
        scope = Scope(self.incident, self.policy)
        for detector in chosen_detectors(self.options.detectors):
            try:
                yield from list(detector.detect(connection, scope))
                limits += detector.limits(connection, scope) if detector.limits else []
            except Exception as error:  # noqa: BLE001  a foreign detector may fail in any way; its silence must be shown
                failed.append(f"the detector {detector.name} failed ({type(error).__name__}): its question stays unanswered")

    def _read_content(self, connection: duckdb.DuckDBPyConnection, items: dict[str, Item]) -> list[Content]:
        found = wanted(connection, CONTENT[self.options.content])
        whose = "exposed and possible" if self.options.content == "possible" else self.options.content
        self.watcher.step(f"Reading the content of {whose} messages", len(found))
        contents: list[Content] = []
        work = list(batches(found, items, self.case.key, self.options.limits, self.more_rules))
        for batch, result in zip(work, self.executor.run(read_batch, work), strict=True):
            self.watcher.advance(len(batch.wanted))
            contents += [lost(one, result.reason) for one in batch.wanted] if isinstance(result, Lost) else result
        return contents

    def _write(self, connection: duckdb.DuckDBPyConnection, answered: _Answered, items: dict[str, Item], log: CustodyLog) -> None:
        self.watcher.step("Writing the case")
        window = self.policy.window_for(self.incident)
        ((elsewhere,),) = connection.execute(
            "SELECT count(*) FROM message_verdicts JOIN messages USING (message_key) WHERE NOT judged"
        ).fetchall()
        seen = Seen(
            _exposed_times(connection, "confirmed"), _exposed_times(connection, "probable"),
            len(answered.tables["possible_messages"]) - elsewhere, answered.answers.suppressed_indicators,
            last_record(connection, [name for name, one in self._parsers().items() if "recipients" not in one.shows]),
            len(self.policy.expected), elsewhere,
        )  # fmt: skip
        conclusion = conclude(answered.stretches, seen)
        finished = datetime.now(UTC)
        told = Told(
            answered.asked, answered.tables, answered.stretches, conclusion, window, self._window_basis(), answered.own_basis,
            answered.clocks, sum(item.size for item in items.values()), len(items) - unread_items(answered.tables["defects"], items),
            {"version": __version__, "started": zulu(self.started), "finished": zulu(finished)}, answered.unflagged, self.remarks, answered.limits,
            answered.compared,
        )  # fmt: skip
        for name in CONTRACT:
            self.case.write_contract(name, answered.tables[name])
        _store(connection, self.case, items)
        self.case.write_summary(summarise(connection, told))
        connection.close()
        write_reports(self.case)
        used = [*answered.asked.items.values(), *answered.duplicates]
        self.case.write_metadata(
            tomli_w.dumps(metadata(self.incident, self.policy, self.options, self.mappings, used, self.more_rules))
        )
        evidence = {item.location: item.sha256 for item in [*items.values(), *answered.duplicates]}
        manifest = write_manifest(self.case.path, evidence, self.case.files())
        log.append("audit finished", conclusion=conclusion.word, manifest=file_sha256(manifest))

    def _parsers(self) -> dict[str, Parser]:
        return {**parsers(), **mapped(self.mappings)}

    def _window_basis(self) -> str:
        named = [
            text
            for text, window in (("policy", self.policy.window), ("incident", self.incident.window))
            if window.start is not None or window.end is not None
        ]
        return " and ".join(named) if named else "all evidence: neither incident nor policy names a window"


@dataclass(frozen=True, slots=True)
class _Answered:
    asked: Asked
    answers: Answers
    tables: dict[str, list[dict[str, Any]]]
    stretches: list[Stretch]
    clocks: dict[tuple[str, str], Any]
    own_basis: str
    duplicates: list[Item]
    receipts: Sequence[Receipt]
    unflagged: Unflagged
    limits: Sequence[str]
    compared: Sequence[str]


def chosen_detectors(asked: Iterable[str | Detector]) -> list[Detector]:
    """The default detectors, with `+name` added, `-name` left out, and the caller's own. Raises CaseError on an unknown or a taken name."""
    found = {one.name: one.plugin for one in discover("detectors") if one.plugin is not None}
    wanted_names = {name for name, plugin in found.items() if plugin.default}
    for one in asked:
        if isinstance(one, Detector):
            if one.name in found:
                msg = f"there is a detector named {one.name!r} already: give yours another name"
                raise CaseError(msg)
            found[one.name] = one
            wanted_names.add(one.name)
            continue
        bare = one.lstrip("+-")
        if bare not in found:
            msg = f"no detector is named {bare!r}; there are {', '.join(sorted(found))}"
            raise CaseError(msg)
        wanted_names = wanted_names - {bare} if one.startswith("-") else wanted_names | {bare}
    return [found[name] for name in sorted(wanted_names)]


def write_reports(case: Case, names: Iterable[str] | None = None) -> list[Path]:
    """Write all default reports, or those named. Raises CaseError on an unknown name."""
    found: dict[str, Reporter] = {one.name: one.plugin for one in discover("reporters") if one.plugin is not None}
    chosen = list(names) if names is not None else [name for name, plugin in found.items() if plugin.default]
    unknown = [name for name in chosen if name not in found]
    if unknown:
        msg = f"no reporter is named {unknown[0]!r}; there are {', '.join(sorted(found))}"
        raise CaseError(msg)
    return [path for name in sorted(chosen) for path in found[name].write(case, case.report)]


def report(case: Case, formats: Iterable[str] | None = None) -> list[Path]:
    """Write a finished case's reports again and seal the case anew; returns the paths written. Raises CaseError."""
    written = write_reports(case, formats)
    own = {path.relative_to(case.path).as_posix() for path in case.files()}
    evidence = {case.path / name: digest for name, digest in manifest_entries(case.path).items() if name not in own}
    manifest = write_manifest(case.path, evidence, case.files())
    log = CustodyLog(case.path / LOG)
    log.append("reports written", reports=[path.name for path in written], manifest=file_sha256(manifest))
    return written


def _broken_plugins() -> list[str]:
    return [
        f"the plugin {one.name} ({one.origin}) of {room} could not be loaded: {one.error.split(':')[0]}"
        for room in _PLUGIN_ROOMS
        for one in discover(room)
        if one.plugin is None
    ]


def _exposed_times(connection: duckdb.DuckDBPyConnection, verdict: str) -> list[datetime | None]:
    rows = connection.execute(
        "SELECT sent_at FROM message_verdicts JOIN messages USING (message_key) WHERE place = 'exposed' AND verdict = $verdict ORDER BY ALL",
        {"verdict": verdict},
    ).fetchall()
    return [at.astimezone(UTC) if at else None for (at,) in rows]


def _store(connection: duckdb.DuckDBPyConnection, case: Case, items: dict[str, Item]) -> None:
    """Keep the tables that the answers came from, for notebooks and later questions."""
    for name, query in (
        ("links", 'SELECT evidence, member, start, "end", source, kind, message_key, basis FROM links ORDER BY ALL'),
        ("messages", "SELECT * EXCLUDE (msg, sid) FROM messages ORDER BY message_key"),
        ("envelopes", "SELECT * EXCLUDE (msg, aid) FROM copies ORDER BY message_key, address"),
        ("findings", "SELECT * FROM findings ORDER BY detector, address, message_key"),
        ("message_verdicts", "SELECT * FROM message_verdicts ORDER BY message_key"),
        ("statements", "SELECT * FROM statements ORDER BY ALL"),
    ):
        case.write_table(name, connection.sql(query).to_arrow_table())
    frame = [{"evidence": one.id, "path": one.path, "size": one.size, "sha256": one.sha256} for one in items.values()]
    case.write_rows("evidence", sorted(frame, key=lambda row: str(row["path"])), ("evidence", "path", "size", "sha256"))


def _path(items: dict[str, Item], defect: Defect) -> str:
    item = items.get(defect.span.evidence)
    return item.path if item else defect.span.evidence


def _nothing(roots: Sequence[Path], problems: Sequence[Problem]) -> str:
    head = f"nothing in {', '.join(map(str, roots))} could be read as evidence"
    listed = [f"  {one.path}: {one.reason}" for one in problems[:20]]
    if len(problems) > 20:  # noqa: PLR2004  a screenful
        listed.append(f"  ... and {len(problems) - 20} more")
    advice = "Hand in provider exports, mail archives or SMTP logs; `forensics show parsers` lists the formats."
    return "\n".join([head, *listed, advice] if listed else [f"{head}: there is no file in it", advice])
