"""An analyst's remarks: put on record in the custody log, shown in the reports, and sealed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from forensics.case import Case, CaseError
from forensics.custody import LOG, CustodyLog, Signer
from forensics.dates import iso_time, zulu
from forensics.decisions import ABOUT, ACTION, LONGEST_REMARK, MARKS, REASONED, Decision, Subject, decisions, subject_of
from forensics.leaks import load_rules, redact
from forensics.pipeline.reporting import report
from forensics.pipeline.sealing import refuse_changed, signer_of

__all__ = ["Noted", "note", "withdraw"]

_NAME = 200  # characters of who it was
_REDACTED = re.compile(r"\[redacted[^\]]{0,60}\]")


@dataclass(frozen=True, slots=True)
class Noted:
    """What was put on record: the entries as the case now reads them, and how many secrets were taken out of their words."""

    decisions: tuple[Decision, ...]
    redacted: int
    reports: tuple[Path, ...]


def note(
    case: Case,
    text: str = "",
    *,
    about: Sequence[tuple[str, str]] = (),
    mark: str = "",
    since: str = "",
    by: str = "",
    signing_key: Signer | Path | None = None,
) -> Noted:
    """Put a remark on record for each subject of `about`, pairs of a word of ABOUT and a name; for the whole case without any.

    `since` says when a credential was rotated, ISO 8601, or a day. `by` is who decided, if that is not the account that runs this.
    What a leak rule would call a secret is redacted. Reports are written anew and the case is sealed. Raises CaseError where the
    mark or the subject does not fit, where the case was changed since it was sealed or is in use, and CustodyError on a key that
    cannot be used; then nothing is written.
    """
    signer = signer_of(signing_key)
    with case.locked():
        refuse_changed(case, but_reports=True)
        subjects = [subject_of(case, *one) for one in dict.fromkeys(about)] or [Subject("case")]
        _check_mark(mark, subjects, since, text)
        when = _when(since)
        reason, name, redacted = _said(text, by)
        if not mark and not reason:
            msg = "a remark without a mark says nothing: add its text"
            raise CaseError(msg)
        return _put(
            case,
            [
                {
                    "about": one.about,
                    "subject": one.name,
                    "facts": dict(one.facts),
                    "mark": mark,
                    "since": when,
                    "reason": reason,
                    "by": name,
                }
                for one in subjects
            ],
            redacted,
            signer,
        )


def withdraw(case: Case, number: int, text: str = "", *, by: str = "", signing_key: Signer | Path | None = None) -> Noted:
    """Withdraw the remark with this number by a later entry: both stay on record. Raises CaseError as `note` does."""
    signer = signer_of(signing_key)
    with case.locked():
        refuse_changed(case, but_reports=True)
        known = {one.seq: one for one in decisions(case)}
        one = known.get(number)
        if one is None or one.status in {"withdrawal", "withdrawn", "unreadable"}:
            listed = [str(seq) for seq, other in known.items() if other.status not in {"withdrawal", "withdrawn", "unreadable"}]
            why = {"withdrawal": "is itself a withdrawal", "withdrawn": "is withdrawn already"}.get(
                one.status if one else "", "is no remark"
            )
            msg = f"entry {number} {why}; remarks that can be withdrawn: {', '.join(listed[-20:]) or 'none'}"
            raise CaseError(msg)
        reason, name, redacted = _said(text, by)
        entry = {"about": one.about, "subject": one.subject, "withdraws": number, "reason": reason, "by": name}
        return _put(case, [entry], redacted, signer)


def _put(case: Case, entries: Sequence[dict[str, object]], redacted: int, signer: Signer) -> Noted:
    """Append the entries, write reports, seal."""
    log = CustodyLog(case.path / LOG)
    first = log.seq + 1
    for entry in entries:
        log.append(ACTION, **entry)
    written = report(case, signing_key=signer)
    return Noted(tuple(one for one in decisions(case) if one.seq >= first), redacted, tuple(written))


def _check_mark(mark: str, subjects: Sequence[Subject], since: str, text: str) -> None:
    if not mark and not since:
        return
    if mark not in MARKS:
        msg = f"there is no mark {mark!r}; there are {', '.join(MARKS)}" if mark else "a time goes with the mark `rotated` only"
        raise CaseError(msg)
    if since and mark != "rotated":
        msg = "a time goes with the mark `rotated` only"
        raise CaseError(msg)
    for one in subjects:
        if one.about not in MARKS[mark][1]:
            allowed = ", ".join(word for word in ABOUT if word in MARKS[mark][1])
            msg = f"the mark `{mark}` cannot be put on a {one.about}; it goes with: {allowed}"
            raise CaseError(msg)
    if mark in REASONED and not text.strip():
        msg = f"the mark `{mark}` needs a reason: who reads the record later must see why"
        raise CaseError(msg)


def _when(since: str) -> str:
    """A stated time as the record holds it; a day stays a day. Raises CaseError."""
    since, now = since.strip(), datetime.now(UTC)
    if not since:
        return ""
    reading = iso_time(since)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", since, re.ASCII) and iso_time(f"{since}T00:00Z") is not None:
        text, future = since, since > now.date().isoformat()
    elif reading is not None and not reading.slack:  # without a zone it could be fourteen hours off: the analyst knows better
        text, future = zulu(reading.at), reading.at > now
    else:
        msg = "a time is written 2026-09-20, 2026-09-20T10:00Z or 2026-09-20T10:00+02:00"
        raise CaseError(msg)
    if future:
        msg = "what was done lies in the past: the time is later than now"
        raise CaseError(msg)
    return text


def _said(text: str, by: str) -> tuple[str, str, int]:
    """The words and the name as they may be kept, and how many secrets were taken out of them. Raises CaseError."""
    if len(text) > LONGEST_REMARK:
        msg = f"a remark has at most {LONGEST_REMARK:,} characters; this one has {len(text):,}"
        raise CaseError(msg)
    if len(by) > _NAME:
        msg = f"a name has at most {_NAME} characters"
        raise CaseError(msg)
    rules = load_rules()
    kept = [redact(one.strip(), rules) for one in (text, by)]
    redacted = sum(len(_REDACTED.findall(new)) - len(_REDACTED.findall(old)) for new, old in zip(kept, (text, by), strict=True))
    return kept[0], kept[1], redacted
