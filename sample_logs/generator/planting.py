"""Where each plant goes: a mail of the right kind, and a part of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from .attachments import CSV, PNG, ZIP, attached, png, zipped
from .letters import as_html, quoted
from .mail import PROOFS, Mail
from .plants import Plant


def pool_of(mail: Mail) -> str:
    """Which plants may go into a mail; "" for none. Mail without a readable body gets nothing."""
    if mail.unexpected:
        if PROOFS.get(mail.fate) == "attempted" or not (mail.copied or mail.detailed) or mail.files:
            return ""
        return {"mcp": "api_copied" if mail.copied else "api", "shop": "shop"}.get(
            mail.way, "clean_invoice" if mail.way == "invoice" else ""
        )
    return {"mcp": "clean_mcp", "template": "clean_template", "staff": "clean_staff", "inbound": "clean_inbound"}.get(
        mail.way, ""
    )


def planted(mails: list[Mail], plants: list[Plant]) -> tuple[list[Mail], list[tuple[Plant, list[tuple[str, str]]]]]:
    """The mails with everything in its place, and for each plant where it lies: (message key, part)."""
    free: dict[str, list[int]] = {}
    for index, mail in enumerate(mails):
        free.setdefault(pool_of(mail), []).append(index)
    done, places = list(mails), []
    for plant in plants:
        pool = free[plant.pool] if free[plant.pool] or plant.pool != "api" else free["api_copied"]
        index = pool.pop(len(pool) * 2 // 5)
        done[index] = with_plant(mails[index], plant)
        places.append((plant, [(mails[index].key, plant.part)]))
        if plant.value == "Kranich!4711-Ost":  # one password, quoted again a day later in mail that is copied as well
            first = done[index]
            second = next(i for i in free["api_copied"] if mails[i].at > first.at + timedelta(hours=20))
            free["api_copied"].remove(second)
            text = "As I wrote, the portal is open for you now.\n\nAcme Instruments\n\n" + quoted(first)
            to = (first.to[0], *mails[second].to[1:])
            done[second] = replace(mails[second], to=to, text=text, html="", subject="Re: " + first.subject, parent=first.key)
            places[-1][1].append((mails[second].key, "text/plain"))
    picture, locked = free["api_copied"].pop(), free["shop"].pop()
    done[picture] = replace(mails[picture], files=(("whiteboard.png", PNG, png()),))
    done[locked] = replace(mails[locked], files=(("drawings.zip", ZIP, zipped({"drawing.txt": b"locked"}, locked=True)),))
    bare = free["api"].pop()  # known from the provider alone: the attachment's name, never its bytes
    done[bare] = replace(mails[bare], files=(("offer.csv", CSV, b"article;price\nPG-40;120\n"),))
    return done, places


def with_plant(mail: Mail, plant: Plant) -> Mail:
    """The mail with the plant in its part: a new subject, page, attachment, or a paragraph before the closing."""
    if plant.part == "header:subject":
        return replace(mail, subject=plant.words)
    if plant.part == "text/html":
        return replace(mail, html=as_html(mail.text, plant.words))
    if plant.part.startswith("attachment:"):
        return replace(mail, files=(attached(plant.part.removeprefix("attachment:"), plant.words),))
    head, _, close = mail.text.rpartition("\n\n")
    broken = plant.value if plant.transfer == "quoted-printable" else ""
    return replace(mail, text=f"{head}\n\n{plant.words}\n\n{close}".lstrip(), html="", transfer=plant.transfer, broken=broken)
