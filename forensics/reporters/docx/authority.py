"""The draft for the supervisory authority, in the order of Article 33(3) GDPR: figures only, nothing personal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from forensics.legible import cut
from forensics.reporters.docx.annexes import evidence, limits
from forensics.reporters.docx.draft import Blank, Block, Break, Bullet, Draft, Grid, Heading, Line, Notice, Para, Source, mapped
from forensics.reporters.docx.figures import Figures, span
from forensics.reporters.docx.kinds import risks_for, words_for

__all__ = ["authority", "impersonal"]

_HOURS = 72  # Article 33(1): from becoming aware
_ADDRESS = re.compile(r"""(?:"[^"\n]{1,64}"|[^\s@<>()\[\];:,"|]{1,254})@(?:\[[^\]\s]{1,60}\]|[^\s@<>()\[\];:,"'|]{1,254})""")
_MESSAGES, _SUMMARY = Source("exposed_messages.csv"), Source("summary.json")


_COVER = (Notice((
    ("For whoever completes this draft. It is made from the figures of the case and decides nothing. Check every statement, fill in the blanks, and decide "
    "whether, to whom and when to notify. It is not legal advice. Grey words in brackets name the table of the case that a figure comes from. Remove this "
    "page before you send the rest."),
)),)  # fmt: skip


def authority(found: Figures) -> Draft:
    """The draft as far as the evidence carries it. Addresses are left out of every text, but for public indicators and the contact."""
    body = _shown(found) if found.exposed else _nothing(found)
    draft = Draft(
        "Notification of a personal data breach",
        "To the supervisory authority, in the order of Article 33(3) of the General Data Protection Regulation (GDPR)",
        found.said("case", "number"),
        _COVER,
        tuple(body),
    )
    public = found.summary.get("incident", {}).get("indicators", {}).get("addresses", ())
    kept = {str(one).lower() for one in (*public, found.said("case", "contact"))}
    return mapped(draft, partial(impersonal, kept=kept))


def impersonal(text: str, kept: set[str]) -> str:
    """The text without mail addresses, but for those that are `kept` (lower case)."""
    return _ADDRESS.sub(lambda one: one[0] if one[0].lower().strip(".") in kept else "[address left out]", text)


def _short(text: str) -> str:
    return cut(text, 1_000)


def _moment(text: str) -> str:
    """A time of the contract, to the minute."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d{1,9})?)?Z", text)
    return f"{found[1]} {found[2]} UTC" if found else cut(text, 60)


def _due(aware: str) -> str:
    """When the hours of Article 33(1) end, "" where it is not known since when they run."""
    try:
        at = datetime.fromisoformat(aware)
        return "" if at.tzinfo is None else f"{at + timedelta(hours=_HOURS):%Y-%m-%d %H:%M %Z}"
    except (ValueError, OverflowError):
        return ""


def _or_blank(text: str, asks: str) -> Line:
    return (text, _SUMMARY) if text else (Blank(asks),)


def _about(found: Figures) -> Iterator[Block]:
    case = partial(found.said, "case")
    aware, due = case("aware_at"), _due(case("aware_at"))
    phase = case("phase") or "initial"
    rows: list[tuple[Line, ...]] = [
        (("Authority",), (Blank("name of the competent supervisory authority"),)),
        (("Organisation",), (Blank("name and address of the organisation that notifies"),)),
        (("Role",), _or_blank(cut(case("role"), 60), "controller or processor")),
        (("Case number",), _or_blank(cut(case("number"), 80), "case number")),
        (("Phase",), (f"{cut(phase, 40)}{_version(found)}", _SUMMARY)),
        (("Discovered",), _or_blank(_moment(case("discovered_at")), "when the breach was discovered, and by whom")),
        (("Aware since",), _or_blank(_moment(aware), "since when the organisation is aware of the breach")),
        ((f"{_HOURS} hours end",), (due, " (counted from \N{LEFT SINGLE QUOTATION MARK}aware since\N{RIGHT SINGLE QUOTATION MARK}; Article 33(1))") if due else (Blank("when the 72 hours end"),)),
        (("If later",), (Blank("reasons for the delay, or \N{LEFT SINGLE QUOTATION MARK}in time\N{RIGHT SINGLE QUOTATION MARK}"),)),
    ]  # fmt: skip
    yield Heading("1. This notification")
    yield Grid(("Item", "Entry"), tuple(rows), (4.0, 12.4))


def _version(found: Figures) -> str:
    version, before = found.said("case", "version"), found.said("case", "supersedes")
    return (f", version {cut(version, 40)}" if version else "") + (f", supersedes {cut(before, 40)}" if before else "")


def _shown(found: Figures) -> Iterator[Block]:
    yield from _about(found)
    yield from _nature(found)
    yield from _persons(found)
    yield from _records(found)
    yield from _contact(found)
    yield from _consequences(found)
    yield from _measures(found)
    yield from _phases(found)
    yield Break()
    yield from limits(found, "Annex A. What the evidence cannot say")
    yield from evidence(found, "Annex B. Evidence and custody")


def _nature(found: Figures) -> Iterator[Block]:
    yield Heading("2. Nature of the breach (Article 33(3)(a))")
    yield Heading("2.1 What happened", 2)
    yield Para((
        ("Confidentiality was breached: copies of outgoing mail went to addresses outside the organisation to which they should not have gone. Of "
        f"{found.copies:,} such copies that were addressed, {found.blind_copies:,} were blind copies: their recipient stands in no field of the mail that its readers see"),
        Source("unexpected_recipients.csv"), ". Evidence of mail does not show whether data were changed or lost elsewhere.",
    ))  # fmt: skip
    title = found.said("incident", "title")
    if title:
        yield Bullet(("Incident: ", cut(title, 300), _SUMMARY))
    if found.domains:
        named = "; ".join(cut(one, 100) for one in found.domains[:20])
        yield Bullet(
            ("Domains that received the copies: ", named, _more(len(found.domains), 20), Source("unexpected_recipients.csv"))
        )
    if found.indicators:
        met = "; ".join(cut(one, 100) for one in found.indicators[:20])
        yield Bullet(("Published indicators of the incident that were met: ", met, Source("unexpected_recipients.csv")))
    if found.first:
        yield Bullet(("First exposed message: ", _moment(found.first), "; last: ", _moment(found.last), _MESSAGES))
    yield Bullet(("Does it go on? ", _short(found.said("ongoing_text")), _SUMMARY))
    yield Bullet(
        (
            "Cause and way in: ",
            Blank("how the copying came about, as far as it is known"),
        )
    )
    yield Bullet(("Intent: ", Blank("malicious, negligent or not known, with the reason")))


def _more(total: int, shown: int) -> str:
    return f" and {total - shown:,} more" if total > shown else ""


def _persons(found: Figures) -> Iterator[Block]:
    yield Heading("2.2 Categories and approximate number of persons", 2)
    counts = (*found.categories, ("All", found.persons))
    rows: list[tuple[Line, ...]] = [((title,), (span(one.low, one.high),)) for title, one in counts]
    yield Grid(("Category", "Persons, approximately"), tuple(rows), (11.0, 5.4))
    yield Para((
        ("The higher number takes each mail address for a person; the lower one counts addresses once that may belong to the same "
        "person"), Source("people.csv"), Source("notification.json"), ".",
    ))  # fmt: skip
    if found.persons.mailboxes:
        yield Para(
            (f"Mailboxes of offices and programs, in neither number: {found.persons.mailboxes:,}", Source("people.csv"), ".")
        )
    if not found.summary.get("case", {}).get("customers_named"):
        yield Para(
            (
                "Customers are not told apart from other correspondents: ",
                Blank("categories of persons, for example customers, employees, applicants"),
            )
        )
    told = "; ".join(f"{cut(place, 40)}: {span(one.low, one.high)}" for place, one in found.residency[:40])
    yield Para(
        (
            f"Residence, by hints only (domains, telephone numbers, postcodes, countries beside the address): {told}",
            Source("people.csv"),
            ".",
        )
    )


def _records(found: Figures) -> Iterator[Block]:
    confirmed = found.count("verdicts", "confirmed")
    yield Heading("2.3 Categories and approximate number of records", 2)
    low = confirmed or found.exposed
    yield Bullet(("Messages exposed: ", span(low, found.at_most), _MESSAGES, (f". {confirmed:,} are confirmed by a published indicator, "
                  f"{found.exposed - confirmed:,} are probable.")))  # fmt: skip
    if found.at_most > found.exposed:
        yield Bullet(
            (
                f"The higher number adds {found.at_most - found.exposed:,} messages that went the same way and of which no record names the recipients",
                _SUMMARY,
                ".",
            )
        )
    yield Bullet((f"With attachments: {found.with_attachments:,}", _MESSAGES, "."))
    yield Bullet((
        (f"Content not examined: {found.without_content:,} messages of which the evidence holds no content, and {found.partly_examined:,} of which "
        "only a part could be read"), _MESSAGES, ". Kinds and numbers below are what was found in the rest.",
    ))  # fmt: skip
    if found.data:
        rows: list[tuple[Line, ...]] = [
            ((words_for(kind),), (f"{messages:,}",), (f"{places:,}",)) for kind, places, messages in found.data
        ]
        yield Para(("Personal data found in exposed mail", Source("personal_data.csv"), ":"))
        yield Grid(("Kind", "Messages", "Places"), tuple(rows), (10.4, 3.0, 3.0))
    if found.credentials:
        kinds: list[tuple[Line, ...]] = [
            ((words_for(kind, credential=True),), (f"{count:,}",), (f"{live:,}",)) for kind, count, live in found.credentials
        ]
        yield Para(("Access data found in exposed mail", Source("credentials.csv"), ":"))
        yield Grid(("Kind", "Number", "Usable until changed"), tuple(kinds), (10.4, 2.4, 3.6))
    if not found.data and not found.credentials:
        yield Para(
            (
                "Neither personal data beyond addresses nor access data were found in the content that could be read",
                Source("personal_data.csv"),
                Source("credentials.csv"),
                ".",
            )
        )


def _contact(found: Figures) -> Iterator[Block]:
    yield Heading("3. Contact (Article 33(3)(b))")
    yield Bullet(
        (
            "Data protection officer: ",
            Blank("name of the data protection officer"),
            ", ",
            Blank("telephone and e-mail address of the data protection officer"),
        )
    )
    yield Bullet(("Contact of the case: ", *_or_blank(cut(found.said("case", "contact"), 200), "where more can be asked")))


def _consequences(found: Figures) -> Iterator[Block]:
    yield Heading("4. Likely consequences (Article 33(3)(c))")
    yield Para(
        ("What can follow from the kinds of data that were found", Source("personal_data.csv"), Source("credentials.csv"), ":")
    )
    for risk in risks_for([kind for kind, *_ in found.data], [kind for kind, *_ in found.credentials]):
        yield Bullet((f"{risk.formal}.",))
    if found.severity.score is not None:
        yield Para(
            (
                f"Severity by the method of ENISA (2013): {found.severity.score:g}, {found.severity.level}. An aid to a decision; its inputs stand in",
                Source("notification.json"),
                ".",
            )
        )
    yield Para(("How likely and how severe this is: ", Blank("assessment of the risk to the persons concerned, with reasons")))


def _measures(found: Figures) -> Iterator[Block]:
    live = sum(one for _, _, one in found.credentials)
    yield Heading("5. Measures (Article 33(3)(d))")
    yield Heading("5.1 Taken", 2)
    yield Bullet(("The copying was stopped: ", Blank("when and how the copying was stopped, or why not yet")))
    yield Bullet(
        (
            "Evidence was preserved: ",
            f"{found.count('counts', 'evidence_files'):,} files, with hashes and custody log (Annex B)",
            _SUMMARY,
            ".",
        )
    )
    if found.credentials:
        yield Bullet((f"Access data recorded as changed: {found.rotated:,} of {sum(one for _, one, _ in found.credentials):,}", Source("decisions.csv"), ". ",
                      Blank("further changes of access data, with dates")))  # fmt: skip
    yield Bullet((Blank("further measures taken, with dates"),))
    yield Heading("5.2 Proposed", 2)
    if live:
        yield Bullet(
            (
                f"Change {live:,} of the access data that work until somebody changes them, and review sign-ins since they were exposed",
                Source("credentials.csv"),
                ".",
            )
        )
    yield Bullet((Blank("further measures planned, with dates and who is responsible"),))
    yield Heading("5.3 Persons concerned (Article 34)", 2)
    yield Para((Blank("whether and when the persons concerned are told, or why not; the draft letter is persons.docx"),))
    yield Heading("5.4 Other authorities", 2)
    yield Para((Blank("other authorities and contract partners that are told, and whether the breach crosses borders"),))


def _phases(found: Figures) -> Iterator[Block]:
    yield Heading("6. What will follow (Article 33(4))")
    yield Para(("Facts may be given in phases. Open at this time:",))
    if found.without_content or found.partly_examined:
        yield Bullet(
            (
                f"The content of {found.without_content + found.partly_examined:,} messages that was not examined, or in part only",
                _MESSAGES,
                ".",
            )
        )
    yield Bullet((_short(found.said("coverage_text")), _SUMMARY))
    if found.possible:
        yield Bullet(
            (
                f"{found.possible:,} further messages that are only possible wait for review. They are in no number above",
                Source("possible_messages.csv"),
                ".",
            )
        )
    yield Para(("Next report: ", Blank("when the next facts will be given")))


_UNSHOWN = {
    "none_seen_covered": "The records account for the window and name no recipient that was not expected.",
    "compromised_extent_unknown": "The evidence shows a compromise, but no record tells to whom mail was copied. Whether a compromise of unknown extent is "
    "to be notified is a decision that people take; this draft cannot take it.",
}  # fmt: skip


def _nothing(found: Figures) -> Iterator[Block]:
    yield from _about(found)
    yield Heading("2. What the evidence shows")
    yield Para((_short(found.said("conclusion_text")), _SUMMARY))
    if (word := found.said("conclusion")) == "compromised_extent_unknown":
        yield Para(("No message is shown to have been exposed", _MESSAGES, ". ", _UNSHOWN[word]))
    else:
        yield Para(("On this evidence there is nothing to notify: no message is shown to have been exposed", _MESSAGES, ". ",
                    _UNSHOWN.get(word, "That does not answer whether messages were exposed: the evidence does not account for everything.")))  # fmt: skip
    yield Para(("That nothing was found is no proof that nothing happened. What could not be known stands in Annex A.",))
    if found.possible:
        yield Para((f"{found.possible:,} messages are only possible and wait for review", Source("possible_messages.csv"), "."))
    yield Heading("3. Decision (Article 33(5))")
    yield Para(("Every breach is documented, also one that is not notified.",))
    yield Bullet(("Decision: ", Blank("to notify or not to notify, by whom and when")))
    yield Bullet(("Reasons: ", Blank("reasons for the decision, with the risk to persons as it was judged")))
    yield from limits(found, "Annex A. What could not be known")
    yield from evidence(found, "Annex B. Evidence and custody")
