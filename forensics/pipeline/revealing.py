"""Credentials in full, for whoever must rotate them: asked for with a reason, on record first, and in one file that leaves no worker."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import resource
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from forensics import legible
from forensics.case import REVEALED, Case, CaseError
from forensics.content import texts
from forensics.custody import LOG, CustodyLog, Signer, file_sha256
from forensics.evidence import Item, Member, MemberSource, members, read_ranges
from forensics.leaks import RuleFile, Ruleset, fingerprint, load_rules, preview, redact, rule_files, scan
from forensics.leaks.ruleset import fold
from forensics.leaks.search import hits_of
from forensics.model import Body, Limits, Span, Text
from forensics.pipeline.executor import Lost, Processes
from forensics.pipeline.first_pass import parsers
from forensics.pipeline.reporting import chosen_reporters, report
from forensics.pipeline.sealing import evidence_of, refuse_changed, signer_of
from forensics.pipeline.second_pass import BODY_BYTES, readers

__all__ = ["COLUMNS", "Revealed", "reveal"]

COLUMNS = (
    "credential_id", "kind", "service", "rule", "severity", "state", "value", "note", "message_key", "sent_at", "part", "location",
)  # fmt: skip
FILE = "credentials.csv"
_COPIES = 50  # records of one message and source that are searched; the second pass stored what it found in five
_LONGEST = 2_000  # characters of a reason
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")  # what makes a spreadsheet take a cell for a formula

Place = tuple[str, str, str, str]  # message key, part, location, preview: as credential_occurrences has it


@dataclass(frozen=True, slots=True)
class Revealed:
    """Where the values are, how many, and for which credentials none was found again, with the reason. No value is in here."""

    path: Path
    credentials: int
    missing: Mapping[str, str]
    reports: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of evidence in which a message with credentials stands."""

    message_key: str
    span: Span
    source: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Sought:
    """A credential of the case: its row as text, and every place where it stands, the first one first."""

    row: Mapping[str, str]
    places: tuple[Place, ...]

    @property
    def id(self) -> str:
        """The case's id of it."""
        return self.row["credential_id"]


@dataclass(frozen=True, slots=True)
class _Task:
    """What the one worker does: read these records, find these credentials, and write `target`."""

    target: Path
    key: bytes = field(repr=False)
    records: tuple[tuple[Item, tuple[_Record, ...]], ...]
    sought: tuple[_Sought, ...]
    rules: tuple[RuleFile, ...] = ()  # besides those that come with the tool


@dataclass(slots=True)
class _Value:
    """A value as it was found; lives in the worker only, and shows nothing of itself."""

    text: str = field(repr=False)
    places: dict[Place, int] = field(default_factory=dict)  # with its offset there
    beside: set[str] = field(default_factory=set, repr=False)  # what makes one credential with it: the id of an access key


def reveal(
    case: Case,
    *,
    reason: str,
    by: str = "",
    formats: Iterable[str] | None = None,
    rules: Iterable[Path] = (),
    signing_key: Signer | Path | None = None,
) -> Revealed:
    """Write every credential of a case in full to `revealed/credentials.csv`, mode 0600, then the reports, and seal the case.

    That somebody asked, and why, is in the custody log before evidence is read again. The file is in no manifest and in no export,
    so it can be deleted at any time. `by` is who asked, if that is not the account that runs this; `rules` are the files of rules
    that the audit had. Raises CaseError without a reason, without credentials, without the audit's rules, and where the case or
    its evidence changed; which file it was is said and logged. Raises CustodyError on a key that cannot be used, RuleError on rules.
    """
    chosen = None if formats is None else list(formats)
    chosen_reporters(chosen)  # a misspelt name is said before anything is on record
    signer = signer_of(signing_key)
    more = rule_files(rules)
    words = [redact(one.strip(), load_rules(*more)) for one in (reason, by)]
    if not words[0] or len(reason) > _LONGEST:
        msg = f"say why the values are needed, in at most {_LONGEST:,} characters: the reason is put on record"
        raise CaseError(msg)
    with case.locked():
        return _revealed(case, words, chosen, more, signer)


def _revealed(
    case: Case, words: Sequence[str], formats: list[str] | None, rules: tuple[RuleFile, ...], signer: Signer
) -> Revealed:
    """The steps in their order: the record, the evidence as it was, the values, the reports, the seal."""
    refuse_changed(case, but_reports=True)
    _same_rules(case, rules)
    sought = _sought(case)
    if not sought:
        msg = f"{case.path}: the case has no credentials to reveal"
        raise CaseError(msg)
    log = CustodyLog(case.path / LOG)
    log.append("reveal asked", reason=words[0], by=words[1], credentials=len(sought))
    try:
        target = _target(case)
        task = _Task(target, case.key, tuple(_records(case, {place[0] for one in sought for place in one.places})), sought, rules)
        missing = _done(task)
    except CaseError as error:
        log.append("reveal refused", why=str(error))
        report(case, formats, signing_key=signer)
        raise
    log.append(
        "credentials revealed", file=f"{REVEALED}/{FILE}", credentials=len(sought) - len(missing), not_found=sorted(missing)
    )
    return Revealed(target, len(sought) - len(missing), missing, tuple(report(case, formats, signing_key=signer)))


def _same_rules(case: Case, given: Sequence[RuleFile]) -> None:
    """Raises CaseError unless these are the files of rules that the audit had: other ones find other credentials."""
    made = tomllib.loads((case.path / "case.toml").read_text(encoding="utf-8"))["options"].get("rules", [])
    had = {str(one["sha256"]): str(one["source"]) for one in made}
    have = {hashlib.sha256(one.content).hexdigest(): one.name for one in given}
    problems = [f"{legible.shown(name)} is not among the rules given" for digest, name in had.items() if digest not in have]
    problems += [f"the audit did not have {legible.shown(name)}" for digest, name in have.items() if digest not in had]
    if problems:
        msg = f"{case.path}: {'; '.join(sorted(problems))}; name the files of rules that the audit had, each with --rules"
        raise CaseError(msg)


def _target(case: Case) -> Path:
    folder = case.path / REVEALED
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        msg = f"{folder} is no folder of the case: remove it"
        raise CaseError(msg)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder / FILE


def _done(task: _Task) -> dict[str, str]:
    """What the worker says of its work: for which credentials it found no value, and why. Raises CaseError where it failed."""
    for result in Processes(1).run(_reveal, [task]):
        if isinstance(result, dict):
            return result
        why = result.reason if isinstance(result, Lost) else result
        msg = f"the credentials could not be read again ({why}); nothing was written"
        raise CaseError(msg)
    raise AssertionError


def _sought(case: Case) -> tuple[_Sought, ...]:
    """The case's credentials, most urgent first, with their places."""
    places: dict[str, list[tuple[str, Place]]] = {}
    for row in case.read("credential_occurrences").astype(str).to_dict("records"):
        place = (row["message_key"], row["part"], row["location"], row["preview"])
        places.setdefault(row["credential_id"], []).append((row["sent_at"] or "~", place))
    found = []
    for row in case.read("credentials").astype(str).to_dict("records"):
        ordered = sorted(places.get(row["credential_id"], []))
        first = {"sent_at": ordered[0][0].strip("~")} if ordered else {}
        found.append(_Sought({str(name): cell for name, cell in row.items()} | first, tuple(place for _, place in ordered)))
    return tuple(found)


def _records(case: Case, keys: set[str]) -> Iterator[tuple[Item, tuple[_Record, ...]]]:
    """Where these messages stand, by file, each file hashed again. Raises CaseError, which names a file that is not what it was."""
    able = {name for name, one in parsers().items() if one.body or one.bodies}
    wanted: dict[str, list[_Record]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for part in sorted((case.tables / "links").glob("*.parquet")):
        table = pq.read_table(part)
        kept = table.filter(pc.is_in(table["message_key"], value_set=pa.array(sorted(keys), pa.string())))
        for row in kept.to_pylist():
            one = _Record(
                row["message_key"], Span(row["evidence"], row["member"], row["start"], row["end"]), row["source"], row["kind"]
            )
            counts[one.message_key, one.source] += 1
            if one.source in able and not one.kind.startswith("webhook:") and counts[one.message_key, one.source] <= _COPIES:
                wanted.setdefault(row["evidence"], []).append(one)
    places: dict[str, list[Path]] = {}
    for name, digest in sorted(evidence_of(case).items()):
        places.setdefault(digest, []).append(case.path / name)
    for row in case.read("evidence").to_dict("records"):
        if (listed := wanted.get(str(row["evidence"]))) is not None:
            location = _unchanged(str(row["path"]), str(row["sha256"]), places.get(str(row["sha256"]), []))
            ordered = sorted(listed, key=lambda one: (one.span.member, one.span.start, one.message_key))
            yield Item(str(row["path"]), location, int(row["size"]), str(row["sha256"])), tuple(ordered)


def _unchanged(path: str, sha256: str, places: Sequence[Path]) -> Path:
    """Where that evidence lies with the bytes that were audited. Raises CaseError."""
    why = "the case does not say where it lies"
    for place in places:
        try:
            if file_sha256(place) == sha256:
                return place
            why = "it changed since the audit"
        except OSError as error:
            why = f"it cannot be read: {error.strerror or type(error).__name__}"
    msg = f"{path}: {why}; no credential was revealed"
    raise CaseError(msg)


# ---- from here on in the worker: what is found goes into one file and nowhere else


def _reveal(task: _Task) -> dict[str, str] | str:
    """Find and write the values. Returns ids without a value, and why; or only the class name of an error, whose words may hold mail."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the image of a crash would hold what was found
        found: dict[str, _Value] = {}
        rules = load_rules(*task.rules)
        for item, records in task.records:
            for record, body in _bodies(item, records):
                _search(record, body, rules, task.key, found)
        values, missing = _matched(task.sought, found)
        _write(task.target, task.sought, values, missing)
    except Exception as error:  # noqa: BLE001  hostile content may cost the work, but its words must not leave the worker
        return type(error).__name__
    return missing


def _bodies(item: Item, records: Sequence[_Record]) -> Iterator[tuple[_Record, Body]]:
    """Each record with its content, as its parser finds it; what cannot be read is left out, and found missing later."""
    waiting: dict[str, list[_Record]] = {}
    for one in records:
        waiting.setdefault(one.span.member, []).append(one)
    for member in members(item):  # one walk: an archive is unpacked once
        if isinstance(member, Member) and (here := waiting.pop(member.name, None)):
            yield from _from_bytes(member, [one for one in here if parsers()[one.source].bodies is None])
            for name in dict.fromkeys(one.source for one in here if parsers()[one.source].bodies is not None):
                yield from _by_id(name, member, [one for one in here if one.source == name])
        if not waiting:
            return


def _from_bytes(member: Member, records: Sequence[_Record]) -> Iterator[tuple[_Record, Body]]:
    ranges = read_ranges(member, [(one.span.start, one.span.end) for one in records], limit=BODY_BYTES)
    for one, (_, content) in zip(records, ranges, strict=False):
        read = parsers()[one.source].body
        with suppress(Exception):  # a foreign parser may fail in any way
            if read is not None:
                yield one, read(content, one.kind)


def _by_id(name: str, member: Member, records: Sequence[_Record]) -> Iterator[tuple[_Record, Body]]:
    find = parsers()[name].bodies
    by_span = {one.span: one for one in records}
    with suppress(Exception):  # a foreign parser may fail in any way
        if find is not None:
            for span, body in find(MemberSource(Span(member.item.id, member.name, 0, -1), member), list(by_span)):
                if span in by_span:
                    yield by_span[span], body


def _search(record: _Record, body: Body, rules: Ruleset, key: bytes, found: dict[str, _Value]) -> None:
    """Add the credentials of one record to what was found, by fingerprint: the second pass's findings, with their values."""
    with suppress(Exception):  # hostile content must cost its own message at most
        views = [one for one in texts(body, readers(), Limits()) if isinstance(one, Text)]
        leaks = [one for one in scan(views, rules, key, None).leaks if one.family == "credential"]
        wanted = {one.fingerprint for one in leaks}
        about = fold(
            "\n".join([*sorted({one.part for one in views}), *(one.text[:998] for one in views if one.part == "header:subject")])
        )
        parts: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for hits, _ in hits_of([one.text for one in views], rules, about=about) if wanted else ():
            for hit in hits:
                if (mark := fingerprint(hit.value, hit.rule.kind, key)) in wanted:
                    found.setdefault(mark, _Value(hit.value))
                elif hit.rule.part_of:
                    parts[hit.rule.id, preview(hit.value)].add(hit.value)
        for leak in leaks:
            if leak.fingerprint in found:
                found[leak.fingerprint].beside |= parts.get((leak.rule, leak.preview), set())
                place = (record.message_key, leak.part, leak.location, leak.preview)
                found[leak.fingerprint].places.setdefault(place, leak.offset)


def _matched(sought: Sequence[_Sought], found: Mapping[str, _Value]) -> tuple[dict[str, _Value], dict[str, str]]:
    """Values by credential id, and why there is none for others. Those that look alike at equal places are told apart by their order."""
    groups: dict[tuple[str, ...], list[_Sought]] = {}
    for one in sought:
        here = set(one.places)
        fits = [mark for mark, value in found.items() if here and here <= value.places.keys()]
        exact = [mark for mark in fits if here == found[mark].places.keys()]
        groups.setdefault(tuple(exact or fits), []).append(one)
    values: dict[str, _Value] = {}
    missing: dict[str, str] = {}
    for marks, ones in groups.items():
        if not marks:
            missing |= dict.fromkeys(
                (one.id for one in ones), "not found again with this version's rules, or its content cannot be read"
            )
        elif len(marks) != len(ones):
            missing |= dict.fromkeys(
                (one.id for one in ones), "cannot be told apart from another that looks the same at the same place"
            )
        else:
            first = ones[0].places[0]
            ordered = sorted(marks, key=lambda mark: found[mark].places[first])  # ids count by offset, too
            for one, mark in zip(sorted(ones, key=lambda one: (len(one.id), one.id)), ordered, strict=True):
                values[one.id] = found[mark]
    return values, missing


def _write(target: Path, sought: Sequence[_Sought], values: Mapping[str, _Value], missing: Mapping[str, str]) -> None:
    """The file, mode 0600, whole or not at all."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in sought:
        known = values.get(one.id, _Value(""))
        value, note = _cell(known.text)
        ids = [f"its id is {_cell(part)[0]}" for part in sorted(known.beside)]
        note = "; ".join([*([note] if note else []), *ids])
        place = dict(zip(("message_key", "part", "location"), one.places[0] if one.places else ("", "", ""), strict=False))
        row = {**one.row, **place, "value": value, "note": missing.get(one.id, note)}
        writer.writerow([row.get(column, "") if column == "value" else _cell(row.get(column, ""))[0] for column in COLUMNS])
    aside = target.with_name(f"{target.name}.new")
    aside.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(stream.getvalue().encode("utf-8", "replace"))
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _cell(text: str) -> tuple[str, str]:
    r"""A value as no spreadsheet executes and no terminal obeys it, and what was done to it: mail may hold anything.

    Line ends stay: a private key has several. Other control characters become `\xNN`.
    """
    plain = "".join(
        char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text.replace("\r\n", "\n")
    )
    notes = ["control characters are written as \\xNN"] if plain != text.replace("\r\n", "\n") else []
    if plain.startswith(_FORMULA):
        plain, notes = f"'{plain}", [*notes, "an apostrophe was put before it, so that no spreadsheet runs it"]
    return plain, "; ".join(notes)
