"""Who writes to whom, by which way, and whose copies go out unseen."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from .attachments import CSV
from .company import HUMANS, OWN, name_of
from .dates import END, FIRST, INFECTED, LAST, START, moments
from .letters import as_html, letter, quoted
from .mail import Mail
from .recipients import AUDIT, BOOKS, COLLECTOR, CRM, FREELANCE, JOURNAL, LOOKALIKE, PARTNER, PHAN, SUB, VAULT


def api_mails(rng: random.Random, old: list[str], new: list[str]) -> Iterator[Mail]:
    """Mail of the agents' tool `sendEmail`, with the hidden copy, and of the template tool, without."""
    times = [*moments(rng, FIRST, START, 150), *moments(rng, START, INFECTED, 8)]
    times += [*moments(rng, INFECTED, END, 97), *moments(rng, END, LAST, 70)]
    late = {170 + 97, 190 + 97, len(times) - 1}  # an uncleaned machine still sends after the end; the last one on the last day
    hit = 0
    for index, at in enumerate(times):
        reader = rng.choice(old + new if at > START else old)
        signed = name_of(f"{rng.choice(HUMANS)}@{OWN}")
        subject, text = letter(rng, reader, f"{signed}, Acme Instruments")
        to = (reader, f"{rng.choice(HUMANS)}@{OWN}") if rng.random() < 0.6 else (reader,)
        stolen = (INFECTED < at < END and index % 24 != 5) or index in late
        mail = Mail(at, "mcp", f"agent@{OWN}", to, subject, text, html=as_html(text) if rng.random() < 0.5 else "")
        mail = replace(
            mail, copied=len(to) > 1, detailed=START - timedelta(days=2) < at < END or index % 9 == 0, hooked=index % 7 != 2
        )
        yield struck(replace(mail, hidden=(PHAN,)), hit) if stolen else mail
        hit += stolen
    for index, at in enumerate(moments(rng, FIRST, LAST, 400)):
        reader = rng.choice(old + new if at > START else old)
        subject, text = letter(rng, reader, "Acme Instruments")
        mail = Mail(at, "template", f"noreply@{OWN}", (reader,), subject, text, hidden=(JOURNAL, VAULT), html=as_html(text))
        yield replace(mail, detailed=START < at < END and index % 4 != 1, hooked=index % 3 != 0)


def struck(mail: Mail, hit: int) -> Mail:
    """The n-th hidden copy of the API: which records tell of it, and what became of it."""
    fates = {4: "fetched", 10: "bounced", 20: "bounced", 15: "after_data", 25: "sandboxed", 30: "transient", 35: "late_bounce"}
    fate = {**fates, 40: "recipients_only", 45: "events_only"}.get(hit, "listed" if hit % 5 == 3 else "delivered")
    if fate == "listed":
        return replace(mail, fate=fate, detailed=False, hooked=False)
    by_webhook = hit % 5 == 1
    return replace(mail, fate=fate, detailed=not by_webhook, hooked=by_webhook or fate == "fetched" or hit % 3 == 0)


def relay_mails(rng: random.Random, old: list[str], new: list[str]) -> Iterator[Mail]:
    """Mail of the shop, the billing run, the staff and the warehouse, which all leave through the own relays."""
    stolen = 0
    begin, end = datetime(2025, 9, 18, 8, tzinfo=UTC), datetime(2025, 9, 24, 20, tzinfo=UTC)
    times = [*moments(rng, FIRST, begin, 230), *moments(rng, begin, end, 50), *moments(rng, end, LAST, 160)]
    for index, at in enumerate(times):
        reader = rng.choice(old + new if at > START else old)
        subject, text = letter(rng, reader, "Acme Shop")
        hidden: tuple[str, ...] = (VAULT,)
        if begin <= at < end and index % 16 != 7:
            stolen, hidden = stolen + 1, (VAULT, COLLECTOR)
        cc = (PARTNER,) if rng.random() < 0.15 else ()
        fate = {12: "deferred", 23: "bounced"}.get(stolen if COLLECTOR in hidden else 0, "delivered")
        mail = Mail(at, "shop", f"shop@{OWN}", (reader,), subject, text, cc, hidden, as_html(text) if rng.random() < 0.6 else "")
        if index == 265:
            mail = replace(mail, hidden=(VAULT, SUB))
        files = (("order.csv", CSV, b"article;pieces\nPG-40;12\nTP-112;3\n"),) if rng.random() < 0.05 else ()
        yield replace(mail, files=files, fate=fate, host=rng.choice(["relay1"] * 5 + ["relay2"] * 5 + ["relay3"]))
    for at in [FIRST + timedelta(hours=2), *moments(rng, FIRST, LAST, 69)]:
        reader = rng.choice(old)
        text = f"Dear customer,\n\nplease find our invoice {rng.randint(21000, 29999)} of this month in your account.\n\nAcme Billing\n"
        yield Mail(at, "invoice", f"billing@{OWN}", (reader,), "Your invoice is ready", text, hidden=(BOOKS,), host="relay1")
    for at in moments(rng, FIRST, LAST, 110):
        reader = rng.choice(old)
        text = f"Parcel with {rng.randint(1, 9)} boxes was handed to the carrier.\nFrom the ramp to you: about {rng.randint(1, 4)} days.\n"
        yield Mail(at, "warehouse", f"warehouse@{OWN}", (reader,), "Parcel on its way", text, host="relay3")
    yield from staff_mails(rng, old)


def staff_mails(rng: random.Random, old: list[str]) -> Iterator[Mail]:
    """Mail that people write: blind copies to the CRM, to chiefs, to lists, and a few that nobody expected."""
    for index, at in enumerate(moments(rng, FIRST, LAST, 360)):
        reader, author = rng.choice(old), rng.choice(HUMANS)
        subject, text = letter(rng, reader, name_of(f"{author}@{OWN}"))
        mail = Mail(at, "staff", f"{author}@{OWN}", (reader,), subject, text, host=rng.choice(["relay1", "relay2"]))
        if index % 11 == 3:
            mail = replace(mail, to=(f"dealers@{OWN}",))  # a list: the relay expands it
        elif index % 13 == 4:
            mail = replace(mail, hidden=(f"boss@{OWN}", "log@ops.acme.example"))
        elif index % 17 == 6:
            mail = replace(mail, hidden=(PARTNER,))
        elif index % 2:
            mail = replace(mail, hidden=(CRM,))
        yield mail
    night = datetime(2025, 9, 28, 4, 24, 50, 120, UTC)
    cut = Mail(night, "staff", f"eva.lund@{OWN}", (old[0],), "Rotation night", "Are you up?\n")
    yield replace(cut, host="relay1", fate="night")  # deferred before the log is rotated, delivered after it
    for at in moments(rng, datetime(2025, 9, 19, 9, tzinfo=UTC), LAST, 8):
        mail = Mail(at, "staff", f"quality@{OWN}", (rng.choice(old),), "Audit of your batch", "The batch passed.\n")
        yield replace(mail, hidden=(AUDIT,), host="relay1")
    begun = datetime(2025, 9, 22, 9, 30, 11, 77, UTC)
    thread = Mail(begun, "staff", f"jonas.weiss@{OWN}", (old[5],), "Stand at the fair", "Shall we?\n")
    for at, subject in ((begun, thread.subject), (begun + timedelta(hours=26), "Re: " + thread.subject)):
        yield replace(thread, at=at, subject=subject, hidden=(FREELANCE,), host="relay2")
    yield replace(thread, at=begun + timedelta(days=2), to=(LOOKALIKE,), subject="Draft for you", host="relay1")
    for at in moments(rng, FIRST, LAST, 6):  # foreign mail that an alias forwards outside: not submitted by us
        text = "Returned goods are on the way to you.\n"
        yield Mail(at, "forwarded", f"returns@{old[7].partition('@')[2]}", (f"returns@{OWN}",), "Return", text, host="relay2")


def inbound_mails(rng: random.Random, sent: list[Mail]) -> Iterator[Mail]:
    """What customers write, half of it answers that quote our mail."""
    for mail in rng.sample([one for one in sent if one.copied and one.to[0].partition("@")[2] != OWN], 260):
        at = mail.at + timedelta(minutes=rng.randint(20, 2600))
        if at < LAST:
            text = f"Hello,\n\n{rng.choice(['that is fine for us.', 'when will it arrive?', 'passt, danke!', 'could you call me?'])}\n"
            quote = "\n" + quoted(mail) if rng.random() < 0.5 else ""
            to = (f"{rng.choice(HUMANS)}@{OWN}",)
            yield Mail(at, "inbound", mail.to[0], to, "Re: " + mail.subject.removeprefix("Re: "), text + quote, parent=mail.key)
