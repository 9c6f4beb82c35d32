"""From evidence to a finished case: the one road that `audit` takes, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import tomli_w

from forensics import __version__
from forensics.case import CONTRACT, REVEALED, Case, CaseError, full_disk_told
from forensics.coverage import Seen, Stretch, conclude, held_against, last_record, survey
from forensics.custody import LOG, CustodyLog, Signer, key_check, seal
from forensics.dates import zulu
from forensics.engine import engine
from forensics.envelopes import infer_own_domains, lay_out
from forensics.evidence import SPAN, Item, Problem, find, hashed
from forensics.incident import NO_INCIDENT, Incident
from forensics.leaks import RuleFile, load_rules, prepare, rule_files
from forensics.mapping import load_mapping
from forensics.model import Defect, Finding, Limits
from forensics.people import PERSON_GROUPS
from forensics.pipeline.answers import BESIDE, Answers, Asked, answer
from forensics.pipeline.assembly import assemble, file_clocks, register_parts, settle_stamps
from forensics.pipeline.cluster import Cluster
from forensics.pipeline.collected import NONE_FOUND, Found, collected
from forensics.pipeline.custody_record import Taken, hashes_of_tables, store_custody, store_members
from forensics.pipeline.defects import defect_rows, unread_items
from forensics.pipeline.executor import Executor, Lost, Processes, default_executor, rare_collections
from forensics.pipeline.first_pass import Batch, Mappings, Receipt, mapped, parse_batch, parsers, plan, remove_strays
from forensics.pipeline.metadata import metadata
from forensics.pipeline.reporting import write_reports
from forensics.pipeline.sealing import refuse_foreign_log, signer_of
from forensics.pipeline.second_pass import Content, Wanted, batches, lost, read_batch, wanted
from forensics.pipeline.storing import store
from forensics.pipeline.summary import Told, summarise
from forensics.pipeline.unflagged import Unflagged, store_unflagged
from forensics.pipeline.watcher import Silence, Watcher
from forensics.plugins import ROOMS, Detector, Parser, Scope, discover
from forensics.policy import NO_POLICY, Policy
from forensics.stitch import stitch
from forensics.stix import with_bundles
from forensics.verdicts import judge

__all__ = ["NoEvidenceError", "Options", "Watcher", "audit"]

CONTENT = {
    "exposed": ("exposed",),
    "possible": ("exposed", "possible"),
    "all": ("exposed", "possible", "not_delivered", "unflagged"),
}
_PLUGIN_ROOMS = tuple(ROOMS)


class NoEvidenceError(Exception):
    """Nothing that was handed in could be read as evidence; the message lists why, file by file."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose. Nothing here changes how evidence is read, only how much and where."""

    content: str = "exposed"
    workers: int | None = None
    scheduler: str = ""  # of a Dask cluster that does the work instead: tcp://host:port, or tls://
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
    signing_key: Signer | Path | None = None  # of the case; without one FORENSICS_SIGNING_KEY, else the user's own


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
    A run that was interrupted resumes: parts that exist are not made again. Raises NoEvidenceError, CaseError (also where another
    run has the folder, or the disk is full), IncidentError, MappingError, RuleError, CustodyError, ClusterError.
    """
    signer = signer_of(options.signing_key)
    rules = policy if isinstance(policy, Policy) else Policy.load(policy) if policy else NO_POLICY
    known = incident if isinstance(incident, Incident) else Incident.load(incident) if incident else NO_INCIDENT
    known, remarks = with_bundles(known, options.indicators, own=rules.domains)
    mappings = tuple((one.text, one.source) for one in map(load_mapping, options.mappings))
    mapped(mappings)  # a mistake is said before hours of reading
    more_rules = rule_files(options.rules)
    load_rules(*more_rules)
    case = Case.create(Path(out), key_file=options.key_file)
    chosen = executor or (Cluster(options.scheduler, case.path) if options.scheduler else default_executor(options.workers))
    run = _Run(
        case=case,
        incident=known,
        policy=rules,
        mappings=mappings,
        more_rules=more_rules,
        remarks=remarks,
        options=options,
        executor=chosen,
        watcher=watcher or Silence(),
        started=datetime.now(UTC),
        signer=signer,
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
    workers = chosen if isinstance(chosen, Processes) else nullcontext()  # the same ones in both passes
    with case.locked(), full_disk_told(case.path), workers:
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
    signer: Signer
    mappings: Mappings = ()
    more_rules: tuple[RuleFile, ...] = ()
    remarks: tuple[str, ...] = ()  # on indicators that were handed in
    found: Found = NONE_FOUND  # collected folders among the evidence
    taken: list[Taken] = field(default_factory=list)

    @rare_collections()  # rows by the hundred thousand hold no cycles either
    def go(self, roots: Sequence[Path], skip: frozenset[Path]) -> Case:
        chosen_detectors(self.options.detectors)  # a misspelt name is said before hours of reading
        refuse_foreign_log(self.case)
        log = CustodyLog(self.case.path / LOG)
        with suppress(FileNotFoundError):
            (self.case.path / "case.toml").unlink()  # unfinished from here on
        known = self.policy.case
        log.append(
            "audit begun", evidence=[str(root.absolute()) for root in roots], case=str(self.case.path.resolve()),
            number=known.number, custodian=known.custodian, role=known.role, key_check=key_check(self.case.key),
        )  # fmt: skip
        if (self.case.path / REVEALED).exists():
            self.watcher.warn(
                f"{self.case.path / REVEALED}: credentials in full, of the state before this audit, whose ids may mean others now: "
                "reveal them anew, or delete the folder once nobody needs it."
            )
        items, problems, duplicates = self._take_in(roots, skip, log)
        if not items:
            raise NoEvidenceError(_nothing(roots, problems))
        self.found = collected([*items.values(), *duplicates])
        problems += self.found.problems
        for one in self.found.collections:
            log.append(
                "collection taken in", provider=one.provider, folder=one.folder, finished=one.is_finished, files=len(one.files)
            )
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
        size = sum(place.stat().st_size for _, place in found if place.exists())
        if short := self.case.short_of(size):
            self.watcher.warn(
                f"{inside}: this disk may be too small; by estimate it lacks {short / 1e6:,.0f} MB. What is read is kept when it fills up."
            )
        self.watcher.step("Hashing evidence", size)
        items: dict[str, Item] = {}
        duplicates: list[Item] = []
        if isinstance(self.executor, Cluster):
            joined = self.executor.check(place for _, place in found)
            log.append("cluster joined", scheduler=joined.scheduler, workers=list(joined.workers))
            hashes = self.executor.hashed(found, self.watcher.advance)
        else:
            hashes = (hashed(shown, place, self.watcher.advance) for shown, place in found)
        for item in hashes:
            if isinstance(item, Problem):
                problems.append(item)
                log.append("evidence refused", path=item.path, reason=item.reason)
                continue
            self.taken.append(Taken(item, zulu(datetime.now(UTC))))
            log.append(
                "evidence hashed", evidence=item.id, path=item.path, location=str(item.location), size=item.size, sha256=item.sha256,
                acquired="handed in",
            )  # fmt: skip
            first, *again = sorted([item, *([items[item.id]] if item.id in items else [])], key=lambda known: known.path)
            items[item.id] = first
            duplicates += again
        return items, problems, duplicates

    def _parse(self, items: dict[str, Item]) -> tuple[list[Receipt], list[Defect]]:
        defects: list[Defect] = []
        planned: list[Batch] = []
        tables = self.case.tables.resolve()  # as workers see it, wherever they were started
        for one in plan(tables, self.case.key, list(items.values()), self.options.span_size, self.mappings, self.more_rules):
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
        others = [one for one in read if not one.flagged]
        asked = Asked(self.incident, self.policy, items, contents, CONTENT[self.options.content][:2], others)
        unflagged = store_unflagged(self.case, connection, others)
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
        prepare(load_rules(*self.more_rules), _size_to_read(found, items))  # once, for all workers
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
        for name in CONTRACT:
            self.case.write_contract(name, answered.tables[name])
        self.case.write_rows("person_groups", answered.tables["person_groups"], PERSON_GROUPS)
        for name, columns in BESIDE.items():
            self.case.write_rows(name, answered.tables[name], columns)
        store(connection, self.case)
        store_custody(connection, self.case, self.taken, self.policy, self.found.collections, answered.clocks)
        store_members(self.case, answered.receipts)
        tables, digest = hashes_of_tables(self.case)
        head = log.append("tables written", tables=tables, sha256=digest)
        told = Told(
            answered.asked, answered.tables, answered.stretches, conclusion, window, self._window_basis(), answered.own_basis,
            answered.clocks, sum(item.size for item in items.values()), len(items) - unread_items(answered.tables["defects"], items),
            {"version": __version__, "started": zulu(self.started), "finished": zulu(finished), "custody_head": head}, answered.unflagged, self.remarks, answered.limits,
            answered.compared,
        )  # fmt: skip
        self.case.write_summary(summarise(connection, told))
        connection.close()
        write_reports(self.case)
        used = [*answered.asked.items.values(), *answered.duplicates]
        self.case.write_metadata(
            tomli_w.dumps(metadata(self.incident, self.policy, self.options, self.mappings, used, self.more_rules))
        )
        evidence = {item.location: item.sha256 for item in [*items.values(), *answered.duplicates]}
        seal(log, evidence, self.case.files, self.signer, "audit finished", conclusion=conclusion.word)

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


def _size_to_read(found: Sequence[Wanted], items: dict[str, Item]) -> int:
    """Bytes of evidence in these records, about: where one has no known end, its whole item counts, once."""
    open_ended = {one.span.evidence for one in found if one.span.end < 0}
    return sum(max(0, one.span.end - one.span.start) for one in found) + sum(items[name].size for name in open_ended)
