"""The draft letter to persons concerned, in plain words: one text for all, with blanks where persons differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from forensics.legible import cut
from forensics.reporters.docx.draft import Blank, Block, Bullet, Draft, Heading, Notice, Para, Source
from forensics.reporters.docx.figures import Figures, span
from forensics.reporters.docx.kinds import FOR_PERSONS, NO_DATUM, advice_for, risks_for, words_for

__all__ = ["persons"]

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def persons(found: Figures) -> Draft:
    """The letter as far as the evidence carries it. Nothing in it comes from `possible` messages, and it names no person."""
    return Draft(
        "Letter to persons concerned",
        "In plain language, after Article 34 of the General Data Protection Regulation (GDPR)",
        found.said("case", "number"),
        tuple(_cover(found) if found.exposed else _no_cover(found)),
        tuple(_letter(found) if found.exposed else _no_letter(found)),
    )


def _cover(found: Figures) -> Iterator[Block]:
    everybody = found.persons
    yield Notice((
        ("For whoever completes this letter. It is one text for all persons, made from what the case found in exposed mail. Whether persons must be told is for "
        "people to decide; this is not legal advice. Grey words in brackets name the table of the case: remove them, and this page, before you send the letter."),
    ))  # fmt: skip
    yield Bullet(
        (
            "To whom: ",
            span(everybody.low, everybody.high),
            " persons",
            Source("people.csv"),
            ". The sheet People of case.xlsx shows for each of them which kinds of data are concerned.",
        )
    )
    if found.possible:
        yield Bullet(
            (
                f"Not to whom only one of the {found.possible:,} possible messages went: these wait for review",
                Source("possible_messages.csv"),
                ".",
            )
        )
    yield Bullet(("Send it by a way that the incident does not touch, and not to mailboxes that may still be copied.",))


def _day(text: str) -> str:
    """A time of the contract as a day in words, "" where it is none."""
    found = re.match(r"\d{4}-\d\d-\d\d", text)
    try:
        day = date.fromisoformat(found[0]) if found else None
    except ValueError:
        return ""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}" if day else ""


def _letter(found: Figures) -> Iterator[Block]:
    yield Para((Blank("name and address of the organisation"),))
    yield Para((Blank("name and address of the person"),))
    yield Para((Blank("place and date"),))
    yield Heading("Copies of mail that concerns you reached somebody who should not have received them")
    yield Para(("Dear ", Blank("name of the person"), ","))
    yield Para(
        (
            "we must tell you about an incident with mail that we sent. You are sender or recipient of such mail, or are named in it.",
        )
    )
    yield from _what_happened(found)
    yield from _what_data(found)
    data, credentials = _concerned(found)
    yield Heading("What this can mean for you", 2)
    for risk in risks_for(data, credentials):
        yield Bullet((risk.plain,))
    yield Para((Blank("how likely this is, as you judge it"),))
    yield Heading("What you can do", 2)
    for advice in advice_for(data, credentials):
        yield Bullet((advice,))
    yield Heading("What we have done", 2)
    yield Bullet((Blank("when and how the copying was stopped"),))
    yield Bullet((Blank("what else has been done, and what will be done"),))
    yield from _whom_to_ask(found)


def _what_happened(found: Figures) -> Iterator[Block]:
    first, last = _day(found.first), _day(found.last)
    when: list[str | Source] = ["For a time that we do not know exactly"]
    if first and last:
        when = [f"On {first}" if first == last else f"Between {first} and {last}", Source("exposed_messages.csv")]
    yield Heading("What happened", 2)
    yield Para(
        (
            *when,
            ", copies of some of our outgoing mail went to somebody outside our organisation who should not have received them.",
            *_hidden(found),
        )
    )
    discovered = _day(found.said("case", "discovered_at"))
    learnt = (
        (f"We found this on {discovered}", Source("summary.json"), ".")
        if discovered
        else ("We found this on ", Blank("date of discovery"), ".")
    )
    yield Para((*learnt, " ", Blank("in one or two sentences: how it could happen, and whether it has ended")))


def _hidden(found: Figures) -> tuple[str | Source, ...]:
    """Said only as far as it is so: a copy may also have gone to somebody who stands in To or Cc."""
    if not found.blind_copies:
        return ()
    which = (
        "The copies"
        if found.blind_copies >= found.copies
        else "Most of the copies"
        if 2 * found.blind_copies > found.copies
        else "Some of the copies"
    )
    return (
        f" {which} were hidden: the readers of the mail could not see to whom they went",
        Source("unexpected_recipients.csv"),
        ".",
    )


def _concerned(found: Figures) -> tuple[list[str], list[str]]:
    """Kinds of data and of credentials that the case has."""
    return [kind for kind, *_ in found.data if kind not in NO_DATUM], [kind for kind, *_ in found.credentials]


def _what_data(found: Figures) -> Iterator[Block]:
    data, credentials = _concerned(found)
    own = [kind for kind in credentials if kind in FOR_PERSONS]
    yield Heading("What data could be involved", 2)
    yield Para((
        ("All that stood in the copied mail: the addresses of sender and recipients, the subject, the text and the attachments. In mail of this incident we "
        "found these kinds of data; not every mail held all of them. "), Blank("keep only the lines below, and the advice further down, that fit this person"),
    ))  # fmt: skip
    yield Bullet(("who wrote to whom, when and about what", Source("exposed_messages.csv")))
    for kind in data:
        yield Bullet((cut(words_for(kind), 100), Source("personal_data.csv")))
    for kind in own:
        yield Bullet((cut(words_for(kind, credential=True), 100), Source("credentials.csv")))
    if len(own) < len(credentials):
        yield Bullet(("keys and tokens of computer systems", Source("credentials.csv")))
    if found.without_content or found.partly_examined:
        yield Para((
            f"We could not examine {found.without_content + found.partly_examined:,} of the {found.exposed:,} copied mails in full", Source("exposed_messages.csv"),
            ". They may hold more kinds of data.",
        ))  # fmt: skip


def _whom_to_ask(found: Figures) -> Iterator[Block]:
    contact = cut(found.said("case", "contact"), 200)
    yield Heading("Whom you can ask", 2)
    yield Para((
        "Our data protection officer is ", Blank("name of the data protection officer"), ". You reach us at ",
        *((contact, Source("summary.json")) if contact else (Blank("telephone and e-mail address for questions"),)), ".",
    ))  # fmt: skip
    yield Para(("You may also turn to the supervisory authority: ", Blank("name and address of the supervisory authority"), "."))
    yield Para(("Yours sincerely",))
    yield Para((Blank("name and function of who signs"),))


def _no_cover(found: Figures) -> Iterator[Block]:
    yield Notice(
        ("There is no letter to send on this evidence. This page says why, for whoever expects one. It is not legal advice.",)
    )
    if found.possible:
        yield Para(
            (
                f"{found.possible:,} messages are only possible and wait for review",
                Source("possible_messages.csv"),
                ". If review shows that they were copied, make this draft again.",
            )
        )


def _no_letter(found: Figures) -> Iterator[Block]:
    yield Heading("No letter on this evidence")
    yield Para((cut(found.said("conclusion_text"), 1_000), Source("summary.json")))
    yield Para(("No message is shown to have been exposed", Source("exposed_messages.csv"), (", so that there is nothing on this evidence that persons could be told. "
                "That nothing was found is no proof that nothing happened.")))  # fmt: skip
    yield Heading("What could not be known", 2)
    yield Bullet((cut(found.said("coverage_text"), 1_000), Source("summary.json")))
    for sentence in found.summary.get("detection_limits", ())[:20]:
        yield Bullet((cut(sentence, 600), Source("summary.json")))
    if defects := found.count("counts", "defects"):
        yield Bullet((f"{defects:,} records or files could not be read", Source("defects.csv"), "."))
    yield Para(("If persons are to be told all the same, ", Blank("say who decided it, when and why"), "."))
