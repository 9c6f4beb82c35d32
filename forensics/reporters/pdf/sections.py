"""What the printed report says, section by section: conclusion first, then how far the evidence reaches, then what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from forensics.case import CONTRACT, Case, beside, stamp_of
from forensics.csvform import csv_sha256
from forensics.legible import legible
from forensics.reporters.pdf.paper import Block, banner, facts, heading, items, note, para, sheet, wide
from forensics.reporters.pdf.wording import LABELS, LIMITS, METHOD, ONGOING, TERMS
from forensics.tallies import Headcount, tally

__all__ = ["APPENDIX", "Told", "blocks"]

APPENDIX = 500  # exposed messages in print
_CREDENTIALS, _RECIPIENTS, _COVERAGE, _ROWS = 30, 30, 40, 25

Row = Mapping[Any, Any]


@dataclass
class Told:
    """A case as the report asks for it: each table once, the summary, and rows that are only `possible` apart."""

    case: Case

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """The case as `summary.json` tells it."""
        return self.case.summary

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table of the contract."""
        return {name: self.case.read(name) for name in CONTRACT}

    @cached_property
    def beside(self) -> dict[str, pd.DataFrame]:
        """The tables that follow from the contract's, of those that the case has."""
        return beside(self.case)

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each table's CSV file, the tables beside the contract's included."""
        frames = self.tables | {name: legible(frame) for name, frame in self.beside.items()}
        return {name: csv_sha256(frame, stamp_of(self.case, name)) for name, frame in frames.items()}

    def of(self, part: str) -> Mapping[str, Any]:
        """A part of the summary; empty where an older version did not write it."""
        return self.summary.get(part) or {}

    def strong(self, table: str) -> pd.DataFrame:
        """Rows of a table that stand on exposed mail."""
        frame = self.tables[table]
        return frame[frame["verdict"].astype(str) != "possible"]

    def count(self, name: str) -> str:
        """A count of the summary with separators; "not known" where it is missing."""
        value = self.of("counts").get(name)
        return f"{value:,}" if isinstance(value, int) else "not known"


def blocks(told: Told) -> list[Block]:
    """The whole report."""
    parts = (
        _conclusion, _figures, _steps, _recipients, _credentials, _people, _possible, _unknown, _excused, _method, _proof, _appendix,
    )  # fmt: skip
    return [block for part in parts for block in part(told)]


def _conclusion(told: Told) -> Iterator[Block]:
    summary, window, case, run = told.summary, told.of("window"), told.of("case"), told.of("run")
    word = str(summary.get("conclusion", "cannot_tell"))
    tone, title, meaning = LABELS.get(
        word, ("unclear", word.replace("_", " "), "This version of the report does not know this conclusion.")
    )
    ongoing = f"{ONGOING.get(str(summary.get('ongoing')), 'Still going on: unknown.')} {summary.get('ongoing_text', '')}"
    yield banner(tone, title, [summary.get("conclusion_text", ""), meaning, ongoing])
    yield facts({
        "Case": case.get("number") or "(the policy gives no number)",
        "Custodian": case.get("custodian") or "(not stated)",
        "Window (UTC)": f"{_time(window.get('start')) or 'no start'} to {_time(window.get('end')) or 'no end'}",
        "Basis of the window": window.get("basis") or "(not stated)",
        "Head of custody log": run.get("custody_head") or "(none)",
        "Made by": f"forensics {run.get('version', '')}",
    })  # fmt: skip
    yield heading("Coverage: what the records can say at all")
    yield para(summary.get("coverage_text") or "No statement on coverage was made: treat every silence as unknown.")
    rows = told.tables["coverage"]
    if len(rows):
        columns = (
            ("Source, scope", "3cm", ""), ("Route", "1.5cm", ""), ("From, to (UTC)", "2.7cm", ""), ("Records", "1.5cm", "num"),
            ("Status", "1.7cm", "strong"), ("Note", "1fr", ""),
        )  # fmt: skip
        yield sheet(columns, map(_coverage_row, _records(rows.head(_COVERAGE))), limit=400)
        yield from _more(len(rows), _COVERAGE, "coverage.csv")
    remarks = list(summary.get("coverage_remarks") or [])
    if remarks:
        yield from items(remarks, most=_ROWS)


def _coverage_row(row: Row) -> list[object]:
    named = ", ".join(filter(None, (str(row["source"]), str(row["scope"]))))
    stretch = f"{_time(row['from']) or 'not known'} to {_time(row['to']) or 'not known'}"
    return [named, row["route"], stretch, row["records"], row["status"], row["note"]]


def _figures(told: Told) -> Iterator[Block]:
    exposed, unread = told.tables["exposed_messages"], told.of("unread")
    yield heading("Key figures")
    counted = Counter(zip(exposed["verdict"].astype(str), exposed["proof"].astype(str), strict=True))
    proofs = ("fetched", "delivered", "accepted", "inferred")
    columns = [("Exposed messages, by strongest proof", "1fr", "strong"), *((one, "2.2cm", "num") for one in (*proofs, "all"))]
    verdicts = ("confirmed", "probable")
    rows = [
        [one, *(counted[one, proof] for proof in proofs), sum(n for (v, _), n in counted.items() if v == one)] for one in verdicts
    ]
    yield sheet(columns, [*rows, ["together", *(sum(counted[v, proof] for v in verdicts) for proof in proofs), len(exposed)]])
    some_unread = int(unread.get("messages_without_content", 0)) + int(unread.get("messages_partial", 0))
    least = "at least " if some_unread else ""
    told_figures = {
        "Unexpected recipients": f"{len(told.strong('unexpected_recipients')):,} confirmed or probable",
        "Credentials": f"{least}{len(told.strong('credentials')):,} distinct ones in exposed mail",
        "People": f"{least}{len(told.strong('people')):,} in exposed mail, one address each",
        "Exposed at most": told.count("exposed_at_most") if told.of("counts").get("cohort_messages") else "",
        "Not delivered": f"{len(told.tables['not_delivered']):,} messages of which every unexpected copy failed",
        "Content not examined": f"{unread.get('messages_without_content', 0):,} exposed messages without content in the evidence, {unread.get('messages_partial', 0):,} read in part",
        "Judged": f"{told.count('judged_messages')} messages that our side submitted, of {told.count('messages')} in the evidence",
        "Evidence": f"{told.count('evidence_files')} files; {_many(len(told.tables['defects']), 'record')} not readable",
        "Possible, kept apart": f"{len(told.tables['possible_messages']):,} messages, in no figure above",
    }
    yield facts({name: value for name, value in told_figures.items() if value})


def _steps(told: Told) -> Iterator[Block]:
    yield heading("What to do now, in this order")
    steps = list(told.summary.get("next_steps") or told.of("incident").get("precautions") or [])
    if steps:
        yield from items(steps, most=40, numbered=True)
    else:
        yield para(
            "No step was derived from the evidence. In general: contain and preserve, then rotate, then review sign-ins, then notify."
        )
    yield note("The order matters: a key that is mailed through a host still compromised leaks again.")


def _recipients(told: Told) -> Iterator[Block]:
    yield heading("Who received the copies")
    frame = told.strong("unexpected_recipients")
    if not len(frame):
        yield para("No confirmed or probable recipient. What that is worth depends on the coverage.")
    for row in _records(frame.head(_RECIPIENTS)):
        yield heading(f"{row['address']}: {row['verdict']}", 2)
        seen = (
            f"seen {_time(row['first_seen'])} to {_time(row['last_seen'])} UTC"
            if str(row["first_seen"])
            else "in no dated message"
        )
        yield para(
            f"{_many(row['messages'], 'message')}, {row['blind']} as a blind copy, {row['delivered']} shown as delivered, {row['bounced']} bounced; {seen}."
        )
        yield from items(str(row["reasons"]).split("; ")[:12], most=12)
    yield from _more(
        len(frame),
        _RECIPIENTS,
        "unexpected_recipients.csv",
        told.hashes["unexpected_recipients"] if len(frame) > _RECIPIENTS else "",
    )


def _credentials(told: Told) -> Iterator[Block]:
    yield heading("Credentials to rotate")
    frame = told.strong("credentials")
    if not len(frame):
        yield para("None was found in exposed mail that could be read. Rules know many kinds of credential, not all.")
        return
    live = int((frame["state"].astype(str) == "live_until_rotated").sum())
    yield para(
        f"{len(frame):,} distinct credentials, {live:,} of which work until somebody changes them. Most urgent first; values are never shown."
    )
    columns = (
        ("Id", "1.4cm", "strong"), ("Kind, service", "2.5cm", ""), ("Preview", "2.2cm", "mono"), ("Mails", "1.2cm", "num"),
        ("First exposed (UTC)", "1.9cm", ""), ("State", "1.7cm", ""), ("What to do", "1fr", ""),
    )  # fmt: skip
    rows = (
        [f"{row['credential_id']} {row['severity']}", f"{_words(row['kind'])}, {row['service']}", row["preview"], row["messages"],
         _time(row["first_exposed"]), _words(row["state"]), row["rotate"]]
        for row in _records(frame.head(_CREDENTIALS))
    )  # fmt: skip
    yield sheet(columns, rows, limit=330)
    yield from _more(len(frame), _CREDENTIALS, "credentials.csv", told.hashes["credentials"] if len(frame) > _CREDENTIALS else "")


def _people(told: Told) -> Iterator[Block]:
    yield heading("People affected")
    frame, personal = told.strong("people"), told.strong("personal_data")
    counts = tally(told.case)
    found = Headcount.of(counts.persons)
    relations = Counter(map(str, frame["relation"]))
    named = {"own_staff": "own staff", "correspondent": "correspondents", "mentioned": "only mentioned in content"}
    listed = ", ".join(f"{relations[word]:,} {title}" for word, title in named.items() if relations[word]) or "nobody"
    span = f"{found.low:,}" if found.low == found.high else f"{found.low:,} to {found.high:,}"
    yield para(
        f"{len(frame):,} addresses in exposed mail: {listed}. They stand for {span} persons and {found.mailboxes:,} mailboxes of offices or programs."
    )
    rows = _by_kind(frame, personal)
    if rows:
        yield sheet(
            (
                ("Kind of personal data", "1fr", "strong"),
                ("People", "2.4cm", "num"),
                ("Messages", "2.4cm", "num"),
                ("Places", "2.4cm", "num"),
            ),
            rows,
        )
    residence = counts.by_residency()
    if residence:
        listed = ", ".join(f"{word} {one.high:,}" for word, one in list(residence.items())[:30])
        yield note(f"Residence by hints, which are no proof of it: {listed}.")
    yield note(
        "Names and addresses stand in people.csv; laws, thresholds and clocks in obligations.csv. Facts, not legal advice."
    )


def _by_kind(people: pd.DataFrame, personal: pd.DataFrame) -> list[list[object]]:
    persons = Counter(kind for cell in people["data_kinds"] for kind in set(filter(None, str(cell).split("; "))))
    places = Counter(map(str, personal["kind"]))
    messages = Counter(kind for kind, _ in set(zip(map(str, personal["kind"]), map(str, personal["message_key"]), strict=True)))
    kinds = sorted({*persons, *places}, key=lambda kind: (-persons[kind], -messages[kind], kind))
    return [[_words(kind), persons[kind], messages[kind], places[kind]] for kind in kinds[:40]]


def _possible(told: Told) -> Iterator[Block]:
    yield heading("Possible, kept apart")
    recipients = told.tables["unexpected_recipients"]
    weak = recipients[recipients["verdict"].astype(str) == "possible"]
    messages = len(told.tables["possible_messages"])
    yield para(
        f"{_many(messages, 'message')} and {_many(len(weak), 'recipient')} are only possible: unexpected, without the pattern of an exfiltration address, or mail without a record of its recipients. They are counted nowhere above, because over-notification is a harm too. Somebody who knows the correspondents should look through possible_messages.csv."
    )
    if len(weak):
        columns = (
            ("Recipient", "1fr", "strong"),
            ("Messages", "1.8cm", "num"),
            ("First seen (UTC)", "3cm", ""),
            ("Last seen (UTC)", "3cm", ""),
        )
        rows = (
            [row["address"], row["messages"], _time(row["first_seen"]), _time(row["last_seen"])]
            for row in _records(weak.head(_ROWS))
        )
        yield sheet(columns, rows)
        yield from _more(len(weak), _ROWS, "unexpected_recipients.csv")


def _unknown(told: Told) -> Iterator[Block]:
    yield heading("What cannot be known from this evidence")
    limits = list(told.summary.get("detection_limits") or [])
    if limits:
        yield heading("Hidden recipients that would not stand out", 2)
        yield from items(limits, most=_ROWS)
    unread = list(told.of("unread").get("parts") or [])
    if unread:
        yield heading("Content of exposed mail that nobody examined", 2)
        yield sheet((("Reason", "1fr", ""), ("Parts", "2.4cm", "num")), ([one["reason"], one["parts"]] for one in unread[:_ROWS]))
        yield from _more(len(unread), _ROWS, "summary.json")
    undated = _undated(told)
    if undated:
        yield para(
            f"Without any time of their own or of their message: {_many(undated, 'record')} of unexpected copies. They stand in copies.csv, and at the end of timeline.csv as “Not a time”."
        )
    yield heading("Records that could not be read", 2)
    reasons = list(told.of("defects").get("by_reason") or [])
    if not len(told.tables["defects"]):
        yield para("Every record could be read.")
        return
    yield sheet((("Reason", "1fr", ""), ("Records", "2.4cm", "num")), ([one["reason"], one["count"]] for one in reasons[:_ROWS]))
    yield from _more(len(reasons), _ROWS, "summary.json")
    yield note("defects.csv names the place of each.")


def _undated(told: Told) -> int:
    frames = (told.tables[name] for name in ("exposed_messages", "possible_messages", "not_delivered"))
    undated = {str(key) for frame in frames for key in frame["message_key"][frame["sent_at"].astype(str) == ""]}
    copies = told.tables["copies"]
    return int((copies["message_key"].astype(str).isin(undated) & (copies["outcome_at"].astype(str) == "")).sum())


def _excused(told: Told) -> Iterator[Block]:
    excused = list(told.summary.get("excused") or [])
    if not excused:
        return
    yield heading("Expected by the policy, and therefore not blamed")
    columns = (
        ("Entry", "1fr", "strong"),
        ("Reason given", "1fr", ""),
        ("Messages", "1.6cm", "num"),
        ("First use (UTC)", "2.6cm", ""),
        ("Review", "2.4cm", ""),
    )
    rows = (
        [
            one["entry"],
            one["reason"] or "(none)",
            one["messages"],
            _time(one["first_use"]),
            "first used in the window: look at it" if one["review"] else "no",
        ]
        for one in excused[:_ROWS]
    )
    yield sheet(columns, rows)
    yield from _more(len(excused), _ROWS, "summary.json")


def _method(told: Told) -> Iterator[Block]:
    indicators = told.of("incident").get("indicators") or {}
    yield heading("Method and limits")
    yield para(METHOD)
    yield facts(TERMS)
    yield from items(LIMITS, most=len(LIMITS))
    accused = [str(one) for kind in ("addresses", "domains") for one in indicators.get(kind, [])]
    yield para(f"Indicators of the incident, in number {len(accused):,}:" if accused else "The incident names no indicator.")
    if accused:
        yield from items(accused, most=_ROWS)


def _proof(told: Told) -> Iterator[Block]:
    yield heading("Proof: the tables of this case and their hashes")
    yield para(
        "SHA-256 of each table's CSV file as this version writes it from the case: sha256sum in the folder report/ gives the same, or the file is another one. "
        "One folder up, manifest-sha256.txt lists these and all other files of the case, and custody.jsonl tells what was done, each entry sealing the one before; "
        "forensics verify checks both. The head of the log is the one on the first page, unless somebody worked on the case since."
    )
    columns = (("File", "4.6cm", "strong"), ("Rows", "1.6cm", "num"), ("SHA-256", "1fr", "mono"))
    yield sheet(columns, ([f"{name}.csv", len(frame), told.hashes[name]] for name, frame in (told.tables | told.beside).items()))


def _appendix(told: Told) -> Iterator[Block]:
    frame = told.tables["exposed_messages"]
    if not len(frame):
        return
    columns = (
        ("No", "0.9cm", "num"), ("Sent (UTC)", "2.4cm", ""), ("Verdict, proof", "1.9cm", ""), ("Message", "5cm", "mono"), ("From", "3.6cm", ""),
        ("Copy to", "3.6cm", ""), ("Subject, redacted", "1fr", ""), ("Content", "1.3cm", ""), ("Cred.", "1cm", "num"), ("Pers.", "1cm", "num"),
    )  # fmt: skip
    rows = (
        [number, _time(row["sent_at"]) or "no date", f"{row['verdict']}, {row['proof']}", row["message_key"], row["sender"], row["unexpected_recipients"],
         row["subject"], row["content"], row["credentials"], row["personal_data"]]
        for number, row in enumerate(_records(frame.head(APPENDIX)), 1)
    )  # fmt: skip
    lead = f"The first {APPENDIX:,} of {len(frame):,}" if len(frame) > APPENDIX else f"All {len(frame):,}"
    yield wide([
        heading("Appendix: exposed messages"),
        para(f"{lead}, in the order of exposed_messages.csv, which has further columns. An empty count means not known, not 0."),
        sheet(columns, rows, limit=90),
        *_more(len(frame), APPENDIX, "exposed_messages.csv", told.hashes["exposed_messages"] if len(frame) > APPENDIX else ""),
    ])  # fmt: skip


def _more(total: int, shown_rows: int, file: str, digest: str = "") -> Iterator[Block]:
    if total > shown_rows:
        yield note(f"And {total - shown_rows:,} more, see {file}{f', SHA-256 {digest}' if digest else ''}.")


def _records(frame: pd.DataFrame) -> Iterable[Row]:
    return frame.to_dict("records")


def _time(value: object) -> str:
    """A time of the contract to the minute, without its letters; anything else is empty."""
    text = str(value or "")
    return text[:16].replace("T", " ") if len(text) > 16 and text[10] == "T" else ""  # noqa: PLR2004  2025-09-17T08:03


def _words(value: object) -> str:
    return str(value).replace("_", " ")


def _many(count: object, one: str) -> str:
    return f"{count:,} {one}{'' if count == 1 else 's'}" if isinstance(count, int) else f"{count} {one}s"
