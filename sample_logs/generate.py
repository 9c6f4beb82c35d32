"""A month of mail of an invented company, hidden copies in it, and the truth about them: all from one seed.

`python sample_logs/generate.py [--out DIR] [--seed N]` writes the folder `incident/`. The bytes depend on nothing but the
seed: no clock, no locale, and no compression library (streams are stored, so that every zlib gives the same file).
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import json
import quopri
import random
import re
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SEED = 20250917
FIRST, LAST = datetime(2025, 9, 1, 5, tzinfo=UTC), datetime(2025, 10, 5, 20, tzinfo=UTC)
START, END = datetime(2025, 9, 17, tzinfo=UTC), datetime(2025, 9, 26, 12, tzinfo=UTC)  # incident's start, policy's end
INFECTED = datetime(2025, 9, 17, 9, 12, tzinfo=UTC)  # the agent's machine updates postmark-mcp
OWN = "acme.example"
SERVER = 4711001
PHAN, SUB = "phan@giftshop.club", "x@mx.giftshop.club"
COLLECTOR = "mail-archive@collector.example"
BOOKS, FREELANCE, LOOKALIKE = (
    "bookkeeping@ledger-partner.example",
    "assistant@freelance-desk.example",
    "jonas.weiss@acrne.example",
)
VAULT, CRM, AUDIT = "acme@vault-archive.example", "8841@bcc.crm-dropbox.example", "quality@audit-office.example"
PARTNER, JOURNAL = "desk@partner-logistics.example", "journal@acme.example"
VERDICTS = {
    PHAN: "confirmed",
    SUB: "confirmed",
    COLLECTOR: "probable",
    BOOKS: "possible",
    FREELANCE: "possible",
    LOOKALIKE: "possible",
}
PROOFS = {  # what became of the unexpected copy -> how far it is known to have come
    "delivered": "delivered", "fetched": "fetched", "late_bounce": "delivered", "recipients_only": "delivered",
    "events_only": "delivered", "listed": "accepted", "transient": "accepted", "after_data": "accepted",
    "deferred": "accepted", "bounced": "attempted", "sandboxed": "attempted",
}  # fmt: skip
STAFF = {
    "agent": "Acme Instruments", "shop": "Acme Shop", "billing": "Acme Billing", "warehouse": "Acme Warehouse", "quality": "Quality",
    "jonas.weiss": "Jonas Weiss", "ann.becker": "Ann Becker", "li.chen": "Li Chen", "omar.haddad": "Omar Haddad", "eva.lund": "Eva Lund",
}  # fmt: skip
HUMANS = ["jonas.weiss", "ann.becker", "li.chen", "omar.haddad", "eva.lund"]
DEALERS = ["north@dealer-nord.example", "office@dealer-west.example", "sales@dealer-sued.example"]
AN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
PNG, ZIP, CSV = "image/png", "application/zip", "text/csv"
OFFICE = "application/vnd.openxmlformats-officedocument."


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as it really was: `hidden` are its blind recipients, `fate` what became of an unexpected copy."""

    at: datetime
    way: str  # mcp, template, shop, invoice, staff, warehouse, forwarded, inbound
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    cc: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    html: str = ""
    files: tuple[tuple[str, str, bytes], ...] = ()
    transfer: str = ""
    broken: str = ""  # a secret that a soft line break cuts in two
    parent: str = ""  # key of the message it answers
    key: str = ""
    host: str = ""  # relay; "" for API and inbound mail
    queue: str = ""
    fate: str = "delivered"
    copied: bool = True  # a delivered copy lies in the journal
    detailed: bool = False
    hooked: bool = False

    @property
    def by_api(self) -> bool:
        return self.way in {"mcp", "template"}

    @property
    def unexpected(self) -> tuple[str, ...]:
        return tuple(one for one in (*self.to, *self.hidden) if one in VERDICTS)


@dataclass(frozen=True, slots=True)
class Plant:
    """A credential or personal datum, the pool of mails it goes to, its part there, and the words around it."""

    pool: str
    part: str
    kind: str
    service: str
    value: str
    words: str  # text, HTML fragment, subject or content of the file
    transfer: str = ""
    also: tuple[str, ...] = ()  # other secret values that belong to the same credential


# ---- who writes to whom, and what

FIRSTS = ["Maria", "Peter", "Sofia", "Daniel", "Hannah", "Luca", "Nadia", "Tom", "Ines", "Viktor", "Grace", "Pavel"]
LASTS = ["Meyer", "Novak", "Rossi", "Dubois", "Larsen", "Kowalski", "Silva", "Brandt", "Moreau", "Keller", "Varga", "Okafor"]
COMPANIES = [
    "orchard-labs",
    "bluefin-optics",
    "nordwerk",
    "hillside-clinic",
    "pine-robotics",
    "quarry-tools",
    "lakeview-college",
    "delta-marine",
]
COMPANIES += [
    "kestrel-air",
    "oakline-foods",
    "tundra-energy",
    "mosaic-print",
    "saffron-hotels",
    "cobalt-works",
    "ember-ceramics",
    "willow-care",
]
PRODUCTS = [
    "pressure gauge PG-40",
    "flow meter FM-7",
    "thermal probe TP-112",
    "data logger DL-9",
    "torque sensor TS-3",
    "pH electrode E-21",
]
GREETINGS = ["Hello {n},", "Dear {n},", "Hi {n},", "Good morning {n},", "Guten Tag {n},", "Dear {n} and colleagues,"]
CLOSINGS = ["Kind regards", "Best wishes", "Many thanks", "Mit freundlichen Grüßen", "All the best", "Regards"]
TOPICS = {  # subject -> sentences, of which two or three are taken
    "Offer for {q} x {p}": [
        "Thank you for asking about the {p}.", "For {q} pieces we can offer {m} euros in all, carriage included.",
        "The offer is valid until the end of next month.", "We can deliver within {d} working days.",
    ],
    "Your order of {q} x {p}": [
        "We have received your order of {q} x {p}.", "It will leave our warehouse in {d} days.", "The total is {m} euros.",
        "If anything is missing, just answer this mail.",
    ],
    "Welcome to Acme Instruments": [
        "Your account manager will call you this week.", "The catalogue now shows your prices for the {p}.",
        "Your team can order up to {q} devices without approval.", "A short tour of the shop takes {d} minutes.",
    ],
    "Calibration of your {p}": [
        "Your {p} is due for calibration.", "The laboratory needs the device for {d} days.", "Calibration of {q} devices costs {m} euros.",
        "Please pack the sensors in their own box.",
    ],
    "Lieferung {p}": [
        "Ihre Lieferung mit {q} Stück {p} ist unterwegs.", "Die Ware trifft voraussichtlich in {d} Tagen bei Ihnen ein.",
        "Bitte prüfen Sie die Verpackung gleich bei der Annahme.", "Für Rückfragen stehen wir gern zur Verfügung.",
    ],
    "Meeting notes: {p}": [
        "Here is what we agreed about the {p}.", "You wanted to test {q} samples first.", "From now on Tom leads the trial on your side.",
        "Next call in {d} days, same time.", "The budget stays at {m} euros.",
    ],
}  # fmt: skip
MENTIONS = [
    "repairs@service-point.example", "import@customs-broker.example", "helga.stein@fair-office.example", "support@acme.example",
    "ann.becker@acme.example", "training@sensor-school.example", "kai.roth@orchard-labs.example", "press@trade-weekly.example",
]  # fmt: skip


def customers(rng: random.Random) -> tuple[list[str], list[str]]:
    """Addresses of old customers, and of those who first write inside the window."""
    every = [
        f"{first}.{last}@{company}.example".lower() for company in COMPANIES for first, last in zip(FIRSTS, LASTS, strict=True)
    ]
    chosen = rng.sample(every, 96)
    return chosen[:72], chosen[72:]


def moments(rng: random.Random, start: datetime, end: datetime, count: int) -> list[datetime]:
    """Sorted times between two dates, mostly in working hours."""
    found: list[datetime] = []
    while len(found) < count:
        at = start + timedelta(microseconds=int(rng.random() * ((end - start) // timedelta(microseconds=1))))
        if (at.weekday() < 5 and 6 <= at.hour < 17) or rng.random() < 0.06:
            found.append(at)
    return sorted(found)


def name_of(address: str) -> str:
    local, _, domain = address.partition("@")
    return STAFF.get(local, "") if domain == OWN else local.replace(".", " ").title()


def letter(rng: random.Random, reader: str, signed: str) -> tuple[str, str]:
    """A subject and a text to one reader."""
    subject, sentences = rng.choice(list(TOPICS.items()))
    kept = [line for line in sentences if rng.random() < 0.75] or sentences
    slots = {"p": rng.choice(PRODUCTS), "q": rng.randint(2, 60), "m": f"{rng.randint(2, 90) * 120:,}.00", "d": rng.randint(2, 20)}
    body = [rng.choice(GREETINGS).format(n=name_of(reader) or "colleague"), " ".join(kept).format(**slots)]
    if rng.random() < 0.12:
        body.append(f"You may also write to {rng.choice(MENTIONS)} about it.")
    return subject.format(**slots), "\n\n".join([*body, f"{rng.choice(CLOSINGS)}\n{signed}"]) + "\n"


def as_html(text: str, extra: str = "") -> str:
    paragraphs = "".join(f"<p>{html.escape(one.strip()).replace(chr(10), '<br>')}</p>\n" for one in text.split("\n\n"))
    return f"<html><body>\n{paragraphs}{extra}</body></html>\n"


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
    cut = Mail(
        datetime(2025, 9, 28, 4, 24, 50, 120, UTC), "staff", f"eva.lund@{OWN}", (old[0],), "Rotation night", "Are you up?\n"
    )
    yield replace(cut, host="relay1", fate="night")  # deferred before the log is rotated, delivered after it
    for at in moments(rng, datetime(2025, 9, 19, 9, tzinfo=UTC), LAST, 8):
        yield Mail(
            at,
            "staff",
            f"quality@{OWN}",
            (rng.choice(old),),
            "Audit of your batch",
            "The batch passed.\n",
            (),
            (AUDIT,),
            host="relay1",
        )
    thread = Mail(
        datetime(2025, 9, 22, 9, 30, 11, 77, UTC), "staff", f"jonas.weiss@{OWN}", (old[5],), "Stand at the fair", "Shall we?\n"
    )
    for at, subject in ((thread.at, thread.subject), (thread.at + timedelta(hours=26), "Re: " + thread.subject)):
        yield replace(thread, at=at, subject=subject, hidden=(FREELANCE,), host="relay2")
    yield replace(thread, at=thread.at + timedelta(days=2), to=(LOOKALIKE,), subject="Draft for you", host="relay1")
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


def quoted(mail: Mail) -> str:
    lines = "".join(f"> {line}".rstrip() + "\n" for line in mail.text.splitlines())
    return f"On {mail.at:%d %b %Y}, {name_of(mail.sender)} <{mail.sender}> wrote:\n{lines}"


def named(rng: random.Random, mails: Iterable[Mail]) -> list[Mail]:
    """Every mail with its Message-ID and queue id, in order of time."""
    found = []
    for mail in sorted(mails, key=lambda one: (one.at, one.sender, one.to)):
        inode = rng.randint(200_000, 9_000_000)
        identity = f"{uuid.UUID(int=rng.getrandbits(128), version=4)}@mtasv.net"
        if not mail.by_api:
            domain = f"shop.{OWN}" if mail.way == "shop" else mail.sender.partition("@")[2]
            identity = f"{rng.getrandbits(64):016X}.{inode % 97}@{domain}"
        long_id = mail.host == "relay1" or (mail.host == "relay2" and mail.at.day >= 4) or mail.at.month == 10
        queue = queue_id(mail.at, inode, long_id=long_id and mail.host != "relay3") if mail.host else ""
        found.append(replace(mail, key=identity, queue=queue))
    return found


def queue_id(at: datetime, inode: int, *, long_id: bool) -> str:
    """A Postfix queue id: the long form holds the time in UTC, the short one only its microseconds."""
    if not long_id:
        return f"{at.microsecond:05X}{inode:X}"
    return f"{in_base(int(at.timestamp()), 52):0>6}{in_base(at.microsecond, 52):0>4}z{in_base(inode, 51)}"


def in_base(number: int, base: int, alphabet: str = BASE52) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, base)
        digits = alphabet[digit] + digits
    return digits


# ---- secrets: a table, and where they go


def chars(rng: random.Random, count: int, alphabet: str = AN) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


def checked(prefix: str, rng: random.Random) -> str:
    """A token whose last six characters are the CRC32 of the thirty before, in base 62 (GitHub's and npm's form)."""
    body = chars(rng, 30)
    return f"{prefix}_{body}{in_base(zlib.crc32(body.encode()), 62, '0123456789' + AN[:52]):0>6}"


def iban(country: str, account: str) -> str:
    """An account number with right check digits (ISO 13616: mod 97)."""
    digits = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


def json_web_token(rng: random.Random) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "agent-7", "iss": "acme", "iat": 1758200000, "exp": 1789736000})
    head = ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts)
    return f"{head}.{chars(rng, 43)}"


def private_key(rng: random.Random) -> str:
    """An unencrypted OpenSSH key of the right shape; the numbers in it are noise."""
    seed, public = rng.randbytes(32), rng.randbytes(32)

    def wire(*fields: bytes) -> bytes:
        return b"".join(struct.pack(">I", len(one)) + one for one in fields)

    inner = b"\x01\x02\x03\x04" * 2 + wire(b"ssh-ed25519", public, seed + public, b"deploy") + b"\x01\x02\x03"
    outer = b"openssh-key-v1\0" + wire(b"none", b"none", b"") + b"\0\0\0\x01" + wire(wire(b"ssh-ed25519", public), inner)
    label = "OPENSSH PRIVATE" + " KEY-----"
    return f"-----BEGIN {label}\n{base64.encodebytes(outer).decode()}-----END {label}"


def credentials(rng: random.Random) -> list[Plant]:
    """What was mailed and left with a hidden copy. Prefixes are cut so that no scanner takes this file for a leak."""
    hexes = "0123456789abcdef"
    key_id, key = "AK" + "IA" + chars(rng, 16, AN[:26] + "234567"), chars(rng, 40)
    github, npm = checked("g" + "hp", rng), checked("n" + "pm", rng)
    hook = f"https://hooks.sl{'ack.com'}/services/T0{chars(rng, 9, AN[:26])}/B0{chars(rng, 9, AN[:26])}/{chars(rng, 24)}"
    bot = f"xo{'xb'}-{chars(rng, 12, AN[53:])}-{chars(rng, 13, AN[53:])}-{chars(rng, 24)}"
    token = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    grid = f"S{'G.'}{chars(rng, 22)}.{chars(rng, 43)}"
    model = f"s{'k-pr'}oj-{chars(rng, 58)}T3Blb{'kFJ'}{chars(rng, 58)}"
    sign = chars(rng, 64, hexes)
    signed = (
        f"https://reports-acme.s3.eu-central-1.amazonaws.example/q3.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20250918T080000Z"
        f"&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature={sign}"
    )
    stripe, lab, jwt, pem = f"s{'k_li'}ve_{chars(rng, 24)}", f"gl{'pat'}-{chars(rng, 20)}", json_web_token(rng), private_key(rng)
    reset, magic = chars(rng, 40), chars(rng, 32)
    seed, cookie = chars(rng, 32, AN[:26] + "234567"), chars(rng, 32, "0123456789ABCDEF")
    codes = [f"{chars(rng, 4, hexes)}-{chars(rng, 4, hexes)}" for _ in range(6)]
    cut, entity = len(github) // 2, f"{stripe[:9]}&#{ord(stripe[9])};{stripe[10:]}"
    text, page = "text/plain", "text/html"
    return [
        Plant("api", page, "access_token", "github", github, f"<p>Token for the build: <b>{github[:cut]}</b><i>{github[cut:]}</i></p>\n"),
        Plant("api", text, "api_key", "aws", key, f"AWS access for the export:\nAccess key ID: {key_id}\nSecret access key: {key}", also=(key_id,)),
        Plant("api", text, "webhook_url", "slack", hook, f"Post the alarms here: {hook}"),
        Plant("api", page, "api_key", "stripe", stripe, f"<p>Stripe key of the shop: <span>{entity}</span></p>\n"),
        Plant("api", text, "api_key", "postmark", token, f"Send with the header X-Postmark-Server-Token: {token}"),
        Plant("api", text, "password", "generic", "Kranich!4711-Ost", "The password for the dealer portal is Kranich!4711-Ost\nPlease keep it."),
        Plant("api", text, "password", "generic", "Nebel#Turm29", "Ihr Benutzername lautet nordwerk, das Passwort lautet Nebel#Turm29"),
        Plant("api", text, "jwt", "generic", jwt, f"Use this bearer token in the test system:\n{jwt}"),
        Plant("api", text, "private_key", "generic", pem, f"The key for the deploy account:\n\n{pem}"),
        Plant("api", text, "magic_link", "generic", magic, f"Sign in without a password:\nhttps://shop.acme.example/magic-login?login_token={magic}"),
        Plant("api", "header:subject", "one_time_code", "generic", "482913", "482913 is your Acme verification code"),
        Plant("api", text, "otp_seed", "generic", seed, f"Second factor: otpauth://totp/Acme:agent?secret={seed}&issuer=Acme"),
        Plant("api_copied", "attachment:.env", "password", "generic", "vq7Lw2-Tarn!", "APP_ENV=production\nDB_HOST=db1\nDB_PASSWORD=vq7Lw2-Tarn!\n"),
        Plant("api_copied", "attachment:handover.docx", "password", "generic", "Bern-Ufer&83", "Login: service|Password: Bern-Ufer&83"),
        Plant("api_copied", "attachment:access.xlsx", "password", "generic", "Quitte%5512x", "Password|Quitte%5512x"),
        Plant("api_copied", "attachment:runbook.pdf", "access_token", "gitlab", lab, f"GitLab token: {lab}"),
        Plant("api_copied", "attachment:conf.zip/settings.ini", "password", "generic", "zw0lf.Rehe-12", "[mail]\nuser = relay\npassword = zw0lf.Rehe-12\n"),
        Plant("shop", text, "access_token", "slack", bot, f"Token of the bot:\n{bot}", "quoted-printable"),
        Plant("shop", text, "access_token", "npm", npm, f"For the private registry use {npm}", "base64"),
        Plant("shop", text, "connection_string", "generic", "Vt9-hafen.LUX", "Server=db1.acme.example;Database=shop;User Id=app;Password=Vt9-hafen.LUX;"),
        Plant("shop", text, "signed_url", "aws", sign, f"Your report for seven days: {signed}"),
        Plant("shop", text, "reset_link", "generic", reset, f"Reset your password:\nhttps://shop.acme.example/password/reset?reset_token={reset}"),
        Plant("shop", "header:subject", "one_time_code", "generic", "739105", "Ihr Bestätigungscode für Acme lautet 739105"),
        Plant("shop", text, "recovery_code", "generic", codes[0], "Your recovery codes, keep them safe:\n" + "\n".join(codes), also=tuple(codes[1:])),
        Plant("shop", text, "wifi", "generic", "GastZugang-88-Elbe", "WLAN im Schulungsraum: Netz Acme-Gast, WLAN-Passwort: GastZugang-88-Elbe"),
        Plant("shop", text, "session_id", "generic", cookie, f"This call failed:\nCookie: JSESSIONID={cookie}"),
        Plant("shop", text, "api_key", "sendgrid", grid, f"SendGrid key of the newsletter: {grid}"),
        Plant("shop", text, "api_key", "openai", model, f"The assistant runs with this OpenAI key:\n{model}"),
    ]  # fmt: skip


def harmless(rng: random.Random) -> list[Plant]:
    """Credentials in mail that nobody copied: none of them may be reported."""
    text = "text/plain"
    reset, github = chars(rng, 40), checked("g" + "hp", rng)
    sendgrid, stripe = f"S{'G.'}{chars(rng, 22)}.{chars(rng, 43)}", f"s{'k_li'}ve_{chars(rng, 24)}"
    return [
        Plant("clean_template", text, "reset_link", "generic", reset, f"Reset: https://shop.acme.example/password/reset?reset_token={reset}"),
        Plant("clean_template", "header:subject", "one_time_code", "generic", "650274", "650274 is your Acme verification code"),
        Plant("clean_template", text, "password", "generic", "Moos+Farn-61", "Your first password is Moos+Farn-61"),
        Plant("clean_mcp", text, "access_token", "github", github, f"Token for the build: {github}"),
        Plant("clean_mcp", text, "password", "generic", "Pegel=Stand7", "Das Kennwort lautet Pegel=Stand7"),
        Plant("clean_staff", text, "api_key", "sendgrid", sendgrid, f"Key: {sendgrid}", "base64"),
        Plant("clean_staff", text, "connection_string", "generic", "Anker_2201k", "postgresql://app:Anker_2201k@db2.acme.example:5432/erp"),
        Plant("clean_staff", "attachment:.env", "api_key", "stripe", stripe, f"STRIPE_SECRET_KEY={stripe}\n"),
        Plant("clean_inbound", text, "password", "generic", "Drossel/44/Nest", "Our portal password is Drossel/44/Nest"),
        Plant("clean_invoice", text, "password", "generic", "Linde-9-Schloss", "The PDF opens with the password Linde-9-Schloss"),
    ]  # fmt: skip


def personal() -> list[Plant]:
    """Personal data in exposed mail: test numbers and reserved ranges only."""
    text, german, british = "text/plain", iban("DE", "100000000123456789"), iban("GB", "ACME10000012345678")
    return [
        Plant("api", text, "bank_account", "", german, f"Please transfer the deposit to IBAN {' '.join(re.findall('.{1,4}', german))}."),
        Plant("api", text, "payment_card", "", "4111111111111111", "Card on file: 4111 1111 1111 1111, valid until 04/27."),
        Plant("api", text, "birth_date", "", "1984-03-12", "The new colleague's date of birth: 1984-03-12."),
        Plant("api", text, "salary", "", "4,350", "Your monthly gross salary will be 4,350 euros from October."),
        Plant("api", text, "health", "", "burnout", "Peter is on sick leave with the diagnosis burnout until Friday."),
        Plant("shop", text, "phone", "", "+44 20 7946 0018", "Call the driver: phone +44 20 7946 0018."),
        Plant("shop", text, "postal_address", "", "Lindenstraße 12, 10969 Berlin", "Lieferadresse: Lindenstraße 12, 10969 Berlin"),
        Plant("shop", text, "payment_card", "", "5555555555554444", "Paid by credit card 5555-5555-5555-4444."),
        Plant("shop", text, "bank_account", "", british, f"Refund to {british} within five days."),
        Plant("shop", text, "birth_date", "", "07.11.1979", "Geburtsdatum der Empfängerin: 07.11.1979"),
    ]  # fmt: skip


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
    if plant.part == "header:subject":
        return replace(mail, subject=plant.words)
    if plant.part == "text/html":
        return replace(mail, html=as_html(mail.text, plant.words))
    if plant.part.startswith("attachment:"):
        return replace(mail, files=(attached(plant.part.removeprefix("attachment:"), plant.words),))
    head, _, close = mail.text.rpartition("\n\n")
    broken = plant.value if plant.transfer == "quoted-printable" else ""
    return replace(mail, text=f"{head}\n\n{plant.words}\n\n{close}".lstrip(), html="", transfer=plant.transfer, broken=broken)


# ---- attachments


def attached(path: str, words: str) -> tuple[str, str, bytes]:
    """A file with `words` in it: (name, media type, bytes). `path` may name a member of an archive."""
    name, _, member = path.partition("/")
    if member:
        return name, ZIP, zipped({member: words.encode()})
    if name.endswith(".docx"):
        return name, OFFICE + "wordprocessingml.document", docx(words)
    if name.endswith(".xlsx"):
        return name, OFFICE + "spreadsheetml.sheet", xlsx(words)
    if name.endswith(".pdf"):
        return name, "application/pdf", pdf(words)
    return name, "application/octet-stream", words.encode()


def zipped(members: dict[str, bytes], *, locked: bool = False) -> bytes:
    """A zip archive, stored; `locked` sets the mark of encryption, and noise stands for what cannot be read."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(
                zipfile.ZipInfo(name, (2025, 9, 1, 8, 0, 0)), bytes(b ^ 0xA5 for b in content) if locked else content
            )
    raw = bytearray(buffer.getvalue())
    if locked:
        raw[6] |= 1
        raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def parts_of_office(main: str, media: str, pieces: dict[str, str]) -> bytes:
    kinds = "".join(f'<Override PartName="/{name}" ContentType="application/xml"/>' for name in pieces if name != main)
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{kinds}'
        f'<Override PartName="/{main}" ContentType="{OFFICE}{media}.main+xml"/></Types>'
    )
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    rels = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{relation}" Target="{main}"/></Relationships>'
    )
    every = {"[Content_Types].xml": types, "_rels/.rels": rels, **pieces}
    return zipped({name: content.encode() for name, content in every.items()})


def docx(words: str) -> bytes:
    """A document with a table of two columns; the value is split into runs, as an editor leaves it."""
    cells = ""
    for row in words.split("|"):
        label, _, value = row.partition(": ")
        runs = "".join(f"<w:r><w:t>{html.escape(piece)}</w:t></w:r>" for piece in (value[:5], value[5:]))
        cells += f"<w:tr><w:tc><w:p><w:r><w:t>{label}</w:t></w:r></w:p></w:tc><w:tc><w:p>{runs}</w:p></w:tc></w:tr>"
    body = f"<w:body><w:p><w:r><w:t>Handover</w:t></w:r></w:p><w:tbl>{cells}</w:tbl></w:body>"
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    document = f'<?xml version="1.0"?><w:document xmlns:w="{space}">{body}</w:document>'
    return parts_of_office("word/document.xml", "wordprocessingml.document", {"word/document.xml": document})


def xlsx(words: str) -> bytes:
    """A sheet with one row of shared strings."""
    space, cells = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", words.split("|")
    strings = "".join(f"<si><t>{html.escape(cell)}</t></si>" for cell in cells)
    row = "".join(f'<c r="{"AB"[i]}1" t="s"><v>{i}</v></c>' for i in range(len(cells)))
    related = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = "".join(
        f'<Relationship Id="rId{i}" Type="{related}/{kind}" Target="{target}"/>'
        for i, (kind, target) in enumerate((("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml")), 1)
    )
    sheets = f'<sheets><sheet name="Access" sheetId="1" r:id="rId1" xmlns:r="{related}"/></sheets>'
    pieces = {
        "xl/workbook.xml": f'<?xml version="1.0"?><workbook xmlns="{space}">{sheets}</workbook>',
        "xl/_rels/workbook.xml.rels": '<?xml version="1.0"?><Relationships '
        f'xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}</Relationships>',
        "xl/worksheets/sheet1.xml": f'<?xml version="1.0"?><worksheet xmlns="{space}"><sheetData><row r="1">{row}</row></sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<?xml version="1.0"?><sst xmlns="{space}">{strings}</sst>',
    }
    return parts_of_office("xl/workbook.xml", "spreadsheetml.sheet", pieces)


def stored(content: bytes) -> bytes:
    """A deflate stream (RFC 1951) of stored blocks only: the same bytes from every library and version."""
    pieces = [content[at : at + 65535] for at in range(0, len(content), 65535)] or [b""]
    marks = [b"\0"] * (len(pieces) - 1) + [b"\x01"]
    return b"".join(m + struct.pack("<HH", len(one), 0xFFFF ^ len(one)) + one for m, one in zip(marks, pieces, strict=True))


def zlib_stored(content: bytes) -> bytes:
    return b"\x78\x01" + stored(content) + struct.pack(">I", zlib.adler32(content))


def gzip_stored(content: bytes) -> bytes:
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + stored(content) + struct.pack("<II", zlib.crc32(content), len(content))


def png() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    pixels = zlib_stored(b"".join(b"\0" + bytes((x * y) % 256 for x in range(16)) for y in range(16)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def pdf(words: str) -> bytes:
    """One page, its text in a Flate stream."""
    escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    stream = zlib_stored(f"BT /F1 12 Tf 72 720 Td ({escaped}) Tj ET".encode("latin-1"))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(stream) + stream + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return bytes(out) + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


# ---- Postmark


def eastern(at: datetime, last: int) -> str:
    """A time as Postmark writes it: US Eastern summer time with seven digits."""
    return f"{at - timedelta(hours=4):%Y-%m-%dT%H:%M:%S.%f}{last}-04:00"


def person(address: str) -> dict[str, Any]:
    return {"Email": address, "Name": name_of(address) or None}


def search_row(mail: Mail) -> dict[str, Any]:
    """One message in an answer of the search; two of them are shaped like older exports."""
    row: dict[str, Any] = {
        "Tag": "order-confirmation", "MessageID": mail.key.partition("@")[0], "MessageStream": "outbound",
        "To": [person(one) for one in mail.to], "Cc": [], "Bcc": [{"Email": one, "Name": ""} for one in mail.hidden],
        "Recipients": [*mail.to, *mail.hidden], "ReceivedAt": eastern(mail.at, len(mail.subject) % 10),
        "From": f'"{name_of(mail.sender) or "Acme"}" <{mail.sender}>', "Subject": mail.subject,
        "Attachments": [name for name, _, _ in mail.files], "Status": "Sent", "TrackOpens": mail.way == "mcp",
        "TrackLinks": "HtmlAndText" if mail.way == "mcp" else "None", "Sandboxed": mail.fate == "sandboxed",
        "Metadata": {} if mail.way == "mcp" else {"customer": f"C{zlib.crc32(mail.to[0].encode()) % 90000 + 10000}"},
    }  # fmt: skip
    missing = {"recipients_only": ("Bcc",), "events_only": ("Bcc", "Recipients")}.get(mail.fate, ())
    return {key: value for key, value in row.items() if key not in missing and not (key == "Tag" and mail.way == "mcp")}


def events(mail: Mail) -> Iterator[tuple[datetime, str, str, str]]:
    """What happened to each copy: time, recipient, type, the remote server's words."""
    for order, one in enumerate((*mail.to, *mail.hidden)):
        at, fate = mail.at + timedelta(seconds=2 + order), mail.fate if one == PHAN else "delivered"
        good = f"smtp;250 2.0.0 OK: queued as {zlib.crc32(f'{mail.key}{one}'.encode()):08X}"
        if fate == "transient":
            yield at, one, "Transient", "smtp;451 4.7.1 try again later (in reply to RCPT TO command)"
        elif fate == "bounced":
            yield at, one, "Bounced", "smtp;550 5.1.1 mailbox unavailable (in reply to RCPT TO command)"
        elif fate == "after_data":
            yield at, one, "Bounced", "smtp;554 5.7.1 message refused (in reply to end of DATA command)"
        elif mail.fate != "sandboxed":
            yield at, one, "Delivered", good
        if fate == "fetched":
            yield at + timedelta(minutes=41), one, "Opened", "Mozilla/5.0 (X11; Linux x86_64)"
        if fate == "late_bounce":
            yield at + timedelta(hours=3), one, "Bounced", "smtp;552 5.2.2 mailbox over quota"


def details(mail: Mail) -> dict[str, Any]:
    shown = []
    for at, one, kind, words in events(mail):
        name = {"Opened": "Summary", "Bounced": "Summary"}.get(kind, "DeliveryMessage")
        facts = {name: words}
        if kind == "Bounced":
            facts["BounceID"] = str(zlib.crc32(f"{mail.key}{one}".encode()))
        elif kind != "Opened":
            facts |= {"DestinationServer": f"mx.{one.partition('@')[2]}", "DestinationIP": ip_of(one)}
        shown.append({"Recipient": one, "Type": kind, "ReceivedAt": eastern(at, 0), "Details": facts})
    bodies = {"TextBody": mail.text, "HtmlBody": mail.html} if mail.html else {"TextBody": mail.text}
    return {**search_row(mail), **bodies, "Body": None, "MessageEvents": shown}


def webhooks(mail: Mail) -> Iterator[tuple[datetime, dict[str, Any]]]:
    for at, one, kind, words in events(mail):
        base = {
            "MessageID": mail.key.partition("@")[0],
            "ServerID": SERVER,
            "MessageStream": "outbound",
            "Metadata": search_row(mail)["Metadata"],
        }
        base |= {"Tag": "" if mail.way == "mcp" else "order-confirmation"}
        if kind == "Delivered":
            yield (
                at,
                {"RecordType": "Delivery", **base, "Recipient": one, "DeliveredAt": f"{at:%Y-%m-%dT%H:%M:%SZ}", "Details": words},
            )
        elif kind == "Bounced":
            number = zlib.crc32(f"{mail.key}{one}".encode())
            bounce = {
                "RecordType": "Bounce",
                "ID": number,
                "Type": "Blocked",
                "TypeCode": 100006,
                "Name": "ISP block",
                **base,
                "Email": one,
            }
            yield (
                at,
                {
                    **bounce,
                    "From": mail.sender,
                    "BouncedAt": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                    "Description": "Blocked",
                    "Details": words,
                },
            )
        elif kind == "Opened":
            opened = {"RecordType": "Open", **base, "Recipient": one, "ReceivedAt": f"{at:%Y-%m-%dT%H:%M:%SZ}", "FirstOpen": True}
            yield at, {**opened, "UserAgent": words, "Platform": "Desktop", "Geo": {}}


def postmark_files(mails: list[Mail], rng: random.Random) -> Iterator[tuple[str, bytes]]:
    newest = sorted((mail for mail in mails if mail.by_api), key=lambda one: one.at, reverse=True)
    for page, at in enumerate(range(0, len(newest), 250), 1):
        answer = {"TotalCount": len(newest), "Messages": [search_row(mail) for mail in newest[at : at + 250]]}
        yield f"postmark/search/page-{page:04d}.json", as_json(answer)
    for mail in newest:
        if mail.detailed:
            yield f"postmark/details/{mail.key.partition('@')[0]}.json", as_json(details(mail))
    told = sorted((one for mail in newest if mail.hooked for one in webhooks(mail)), key=lambda one: (one[0], json.dumps(one[1])))
    lines = []
    for _, record in (one for one in told if one[0].month == 9):
        line = json.dumps(record, separators=(",", ":"))
        lines += [line, line] if rng.random() < 0.03 else [line]  # a retry makes an exact duplicate
    yield "postmark/webhooks/2025-09.ndjson", ("\n".join(lines) + "\n").encode()
    entries = [("former.client@kestrel-air.example", "HardBounce", "Recipient", "2025-08-21T09:14:02")]
    entries.append((PHAN, "ManualSuppression", "Customer", "2025-10-05T20:40:00"))  # the responder's own act: proves nothing
    keys = ("EmailAddress", "SuppressionReason", "Origin", "CreatedAt")
    shown = [dict(zip(keys, (*entry[:3], f"{entry[3]}-04:00"), strict=True)) for entry in entries]
    yield "postmark/suppressions.json", as_json({"Suppressions": shown})


def as_json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


# ---- the journal mailbox


def encoded_word(text: str) -> str:
    """RFC 2047, in pieces short enough for its limit of 75 characters."""
    if text.isascii():
        return text
    pieces = [text[at : at + 12] for at in range(0, len(text), 12)]
    return "\n ".join(f"=?utf-8?b?{base64.b64encode(piece.encode()).decode()}?=" for piece in pieces)


def entity(media: str, content: bytes, transfer: str, name: str = "", broken: str = "") -> str:
    head = f'Content-Type: {media}; name="{name}"' if name else f"Content-Type: {media}; charset=utf-8"
    attachment = f'\nContent-Disposition: attachment; filename="{name}"' if name else ""
    if transfer == "base64":
        body = base64.encodebytes(content).decode()
    elif transfer == "quoted-printable":
        body = quopri.encodestring(content).decode()
        body = body.replace(broken, f"{broken[:19]}=\n{broken[19:]}") if broken else body
    else:
        body = content.decode()
    return f"{head}\nContent-Transfer-Encoding: {transfer}{attachment}\n\n{body}"


def multipart(kind: str, key: str, parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    mark = f"=_{kind[:3]}{zlib.crc32(key.encode()):08x}"
    inner = "".join(f"--{mark}\n{part.rstrip(chr(10))}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{mark}"\n\n{inner}--{mark}--\n'


def mime(mail: Mail) -> str:
    """Content headers and body of a mail."""
    views = [("text/plain", mail.text)] + ([("text/html", mail.html)] if mail.html else [])
    texts = [
        entity(media, text.encode(), mail.transfer or ("7bit" if text.isascii() else "quoted-printable"), broken=mail.broken)
        for media, text in views
    ]
    files = [entity(media, content, "base64", name) for name, media, content in mail.files]
    return multipart("mixed", mail.key, [multipart("alternative", mail.key, texts), *files])


def journal_copy(mail: Mail) -> str:
    """A delivered copy: what a mailbox holds. It never has a Bcc header."""
    own = next((one for one in (*mail.to, *mail.cc) if one.endswith("@" + OWN)), JOURNAL)
    reader = own if mail.by_api or mail.way == "inbound" else JOURNAL
    local = mail.at + timedelta(hours=2)
    date = f"{local:%a, %d %b %Y %H:%M:%S} +0200"
    gate = "mta21.mtasv.net" if mail.by_api else f"{mail.host or 'mx'}.{OWN if mail.host else mail.sender.partition('@')[2]}"
    head = [
        f"From {mail.sender} {mail.at:%a %b %d %H:%M:%S %Y}", f"Return-Path: <{mail.sender}>", f"Delivered-To: {reader}",
        f"Received: from {gate} ({gate} [192.0.2.30])\n\tby mail.{OWN} (Postfix) with ESMTPS\n\tfor <{reader}>; {date}",
    ]  # fmt: skip
    if mail.by_api:
        bare = mail.key.partition("@")[0]
        head += [
            f"X-PM-Message-Id: {bare}",
            f"Feedback-ID: s{SERVER}-b3V0:s{SERVER}:a815:postmark",
        ]
    elif mail.host:
        head.append(
            f"Received: from app1.{OWN} (app1.{OWN} [192.0.2.10])\n\tby {gate} (Postfix) with ESMTPSA id {mail.queue};\n\t{date}"
        )
    head += [
        f"{name}: {shown_list(addresses)}"
        for name, addresses in (("From", (mail.sender,)), ("To", mail.to), ("Cc", mail.cc))
        if addresses
    ]
    head += [f"Subject: {encoded_word(mail.subject)}", f"Date: {date}", f"Message-Id: <{mail.key}>"]
    if mail.parent:
        head += [f"In-Reply-To: <{mail.parent}>", f"References: <{mail.parent}>"]
    top, _, body = mime(mail).partition("\n\n")
    return "\n".join([*head, "MIME-Version: 1.0", top]) + "\n\n" + re.sub(r"(?m)^(>*From )", r">\1", body).rstrip("\n") + "\n\n"


def shown_list(addresses: Iterable[str]) -> str:
    """Addresses with names; a name of two words is turned round with its comma, as directories do."""
    shown = []
    for one in addresses:
        (first, _, last), mark = name_of(one).partition(" "), zlib.crc32(one.encode())
        written = one.title() if mark % 7 == 2 and not one.endswith(OWN) else one  # some write capitals
        turned = f'"{last}, {first}"' if mark % 5 == 0 and last else name_of(one)
        shown.append(f"{turned} <{written}>".strip())
    return ",\n ".join(shown)


def journal_files(mails: list[Mail]) -> Iterator[tuple[str, bytes]]:
    copies = []
    for mail in mails:
        if mail.copied and mail.way != "forwarded":
            text = journal_copy(mail)
            copies += [text, text] if zlib.crc32(mail.key.encode()) % 50 == 0 else [text]  # two readers, one mailbox
    yield "journal/company.mbox", "".join(copies).encode()


# ---- the relays


def ip_of(address: str) -> str:
    return f"192.0.2.{50 + zlib.crc32(address.rpartition('@')[2].encode()) % 200}"


def log_lines(mail: Mail, rng: random.Random) -> Iterator[tuple[datetime, str, str]]:
    """What Postfix writes of one message: time, daemon with pid, payload."""
    pid, q, at = rng.randint(2000, 29999), mail.queue, mail.at + timedelta(milliseconds=1)
    outer = "mx.foreign.example[192.0.2.77]" if mail.way == "forwarded" else f"app1.{OWN}[192.0.2.10]"
    copies = [(one, "") for one in (*mail.to, *mail.cc, *mail.hidden)]
    if copies[0][0] in {f"dealers@{OWN}", f"returns@{OWN}"}:
        members = DEALERS if copies[0][0].startswith("dealers") else [f"ann.becker@{OWN}", PARTNER]
        copies = [(one, copies[0][0]) for one in members] + copies[1:]
    named_rcpt = len(mail.to) + len(mail.cc) + len(mail.hidden)
    if mail.way != "forwarded":
        copies.append((JOURNAL, ""))  # always_bcc: the server adds it, without a line of its own
    yield at, f"smtpd[{pid}]", f"connect from {outer}"
    yield (
        at,
        f"smtpd[{pid}]",
        f"{q}: client={outer}" + ("" if mail.way == "forwarded" else ", sasl_method=PLAIN, sasl_username=svc"),
    )
    yield (
        at + timedelta(milliseconds=9),
        f"cleanup[{pid + 3}]",
        f"{q}: message-id=" + (f"<{mail.key}>" if "@" in mail.key else "<>"),
    )
    size = 900 + len(mail.text) + len(mail.html)
    yield (
        at + timedelta(milliseconds=30),
        "qmgr[811]",
        f"{q}: from=<{mail.sender}>, size={size}, nrcpt={len(copies)} (queue active)",
    )
    yield (
        at + timedelta(milliseconds=60),
        f"smtpd[{pid}]",
        f"disconnect from {outer} ehlo=1 auth=1 mail=1 rcpt={named_rcpt} data=1 quit=1",
    )
    end = at
    for number, (one, original) in enumerate(copies):
        for after, outcome in outcomes(mail, one, rng):
            when = at + timedelta(seconds=after, milliseconds=250 + 40 * number)
            end = max(end, when)
            head = f"{q}: to=<{one}>" + (f", orig_to=<{original}>" if original else "")
            relay = f"mail.{OWN}[192.0.2.40]:25" if one.endswith(OWN) else f"mx.{one.partition('@')[2]}[{ip_of(one)}]:25"
            timing = f"delay={after + 0.4:.1f}, delays=0.1/0.01/0.1/{after + 0.19:.2f}"
            yield when, f"smtp[{pid + 9 + number}]", f"{head}, relay={relay}, {timing}, {outcome}"
    if mail.fate == "deferred":  # the queue is cleared by hand: no last word on the copy that was still waiting
        yield end + timedelta(hours=9), f"postsuper[{pid + 30}]", f"{q}: removed"
    else:
        yield end + timedelta(milliseconds=70), "qmgr[811]", f"{q}: removed"


def outcomes(mail: Mail, one: str, rng: random.Random) -> Iterator[tuple[int, str]]:
    """Seconds after arrival, and the outcome, of each try for one recipient."""
    sent = f"dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {rng.getrandbits(40):010X})"
    later = f"dsn=4.3.0, status=deferred (host mx.{one.partition('@')[2]}[{ip_of(one)}] said: 451 4.3.0 "
    if one == COLLECTOR and mail.fate == "bounced":
        refusal = f"host mx.collector.example[{ip_of(one)}] said: 550 5.1.1 user unknown (in reply to RCPT TO command)"
        yield 1, f"dsn=5.1.1, status=bounced ({refusal})"
    elif one == COLLECTOR and mail.fate == "deferred":
        for after in (1, 900, 3600):
            yield after, later + "busy (in reply to MAIL FROM command))"
    elif one == VAULT or one in VERDICTS or one.endswith(OWN) or rng.random() < 0.95:
        if mail.fate == "night":
            yield 1, later + "greylisted (in reply to RCPT TO command))"
        yield 960 if mail.fate == "night" else 1, sent
    elif rng.random() < 0.3:
        yield 2, "dsn=5.2.1, status=bounced (host said: 550 5.2.1 mailbox disabled (in reply to RCPT TO command))"
    else:  # the words of a remote server are its own: here they look like a line of ours
        yield 1, later + "to=<mirror@decoy.example>, relay=none, status=sent (in reply to RCPT TO command))"
        yield 960, sent


def noise(rng: random.Random) -> Iterator[tuple[datetime, str, str]]:
    for at in moments(rng, FIRST, LAST, 120):
        peer = f"192.0.2.{rng.randint(100, 199)}"
        yield at, "anvil[640]", f"statistics: max connection rate 1/60s for (smtp:{peer}) at Sep  1 06:00:01"
        reject = f"NOQUEUE: reject: RCPT from unknown[{peer}]: 554 5.7.1 <x{peer[-1]}@other.example>: Relay access denied;"
        yield (
            at + timedelta(seconds=1),
            f"smtpd[{rng.randint(2000, 29999)}]",
            f"{reject} from=<spam@spam.example> to=<x@other.example> proto=ESMTP",
        )


def stamped(at: datetime, host: str) -> str:
    """The clock of each host: Berlin at relay1 (with a year only after an upgrade), New York at relay2, Helsinki at relay3."""
    local = at + timedelta(hours={"relay1": 2, "relay2": -4, "relay3": 3}[host])
    if host == "relay1" and at >= datetime(2025, 9, 28, 4, 25, tzinfo=UTC):
        return f"{local:%Y-%m-%dT%H:%M:%S.%f}+02:00"
    return f"{local:%b} {local.day:2d} {local:%H:%M:%S}"


def relay_files(mails: list[Mail], rng: random.Random) -> Iterator[tuple[str, bytes]]:
    lines: dict[str, list[tuple[datetime, str]]] = {"relay1": [], "relay2": [], "relay3": []}
    for mail in mails:
        if mail.host:
            lines[mail.host] += [(at, f"postfix/{daemon}: {payload}") for at, daemon, payload in log_lines(mail, rng)]
    for host, found in lines.items():
        found += [(at, f"postfix/{daemon}: {payload}") for at, daemon, payload in noise(rng)]
        found.sort(key=lambda line: line[0])
        text = [(at, f"{stamped(at, host)} {host} {line}\n") for at, line in found]
        cuts = [datetime(2025, 9, 14, 4, 25, tzinfo=UTC), datetime(2025, 9, 28, 4, 25, tzinfo=UTC)]
        if host == "relay1":
            yield "relay/relay1/mail.log.2.gz", gzip_stored("".join(line for at, line in text if at < cuts[0]).encode())
            yield "relay/relay1/mail.log.1", "".join(line for at, line in text if cuts[0] <= at < cuts[1]).encode()
            yield "relay/relay1/mail.log", "".join(line for at, line in text if at >= cuts[1]).encode()
        elif host == "relay2":
            yield "relay/relay2/maillog", "".join(line for _, line in text).encode()
        else:
            yield "relay/relay3/mail.log.gz", gzip_stored("".join(line for _, line in text).encode())


# ---- the truth


def zulu(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def content_of(mail: Mail) -> str:
    if not (mail.copied or mail.detailed):
        return "none"
    opaque = any(media == PNG or name == "drawings.zip" for name, media, _ in mail.files)
    return "partial" if opaque or (mail.files and not mail.copied) else "full"


def judged(mail: Mail) -> dict[str, Any]:
    sources = ["postmark/search"] if mail.by_api else [f"relay/{mail.host}"]
    sources += ["postmark/details"] * mail.detailed
    sources += ["postmark/webhooks"] * (mail.hooked and any(at.month == 9 for at, _ in webhooks(mail)))
    verdicts = {VERDICTS[one] for one in mail.unexpected}
    return {
        "message_key": mail.key,
        "sent_at": zulu(mail.at),
        "verdict": min(verdicts),  # confirmed < possible < probable: no message has two
        "proof": PROOFS[mail.fate],
        "in_window": "yes" if START <= mail.at < END else "no",
        "unexpected": sorted(mail.unexpected),
        "content": content_of(mail),
        "sources": sorted(sources + ["journal"] * mail.copied),
    }


def people_of(exposed: list[Mail]) -> list[dict[str, Any]]:
    """Everybody affected: sender, To and Cc of exposed mail, and addresses in what can be read of it."""
    roles: dict[str, set[str]] = {}
    for mail in exposed:
        known = "@" in mail.key  # without a Message-ID no copy can be joined: To is unknown
        seen = [(mail.sender, "sender"), *((one, "to") for one in mail.to if known), *((one, "cc") for one in mail.cc if known)]
        if content_of(mail) != "none":
            seen += [(one.lower().rstrip("."), "mentioned") for one in ADDRESS.findall(f"{mail.text}\n{mail.html}")]
        for one, role in seen:
            roles.setdefault(one, set()).add(role)
    order = ["sender", "to", "cc", "mentioned"]
    return [
        {
            "person": one,
            "relation": "own_staff" if one.endswith(OWN) else "mentioned" if found == {"mentioned"} else "correspondent",
            "roles": sorted(found, key=order.index),
        }
        for one, found in sorted(roles.items())
    ]


def truth(mails: list[Mail], places: list[tuple[Plant, list[tuple[str, str]]]]) -> dict[str, Any]:
    suspected = [mail for mail in mails if mail.unexpected]
    told = [(mail, judged(mail)) for mail in suspected]
    failed = [row for _, row in told if row["proof"] == "attempted"]
    exposed = [(mail, row) for mail, row in told if row["proof"] != "attempted" and row["verdict"] != "possible"]
    # a recipient in use since before the window is "possible" at most: a tool may also be silent about it
    possible = [{**row, "required": BOOKS not in mail.unexpected} for mail, row in told if row["verdict"] == "possible"]
    secrets = [
        {
            "kind": plant.kind, "service": plant.service, "secret": plant.value, "also": list(plant.also),
            "message_keys": [key for key, _ in where], "parts": [part for _, part in where], "exposed": not plant.pool.startswith("clean"),
        }
        for plant, where in places if plant.service
    ]  # fmt: skip
    data = [{"kind": p.kind, "value": p.value, "message_key": w[0][0], "part": w[0][1]} for p, w in places if not p.service]
    return {
        "schema_version": 1,
        "window": {"start": zulu(START), "end": zulu(END)},
        "own_domains": [OWN],
        "conclusion": "exposure_shown",
        "ongoing": True,
        "messages": len(mails),
        "exposed": sorted((row for _, row in exposed), key=lambda row: str(row["message_key"])),
        "possible": sorted(possible, key=lambda row: str(row["message_key"])),
        "not_delivered": sorted(failed, key=lambda row: str(row["message_key"])),
        "credentials": secrets,
        "personal_data": data,
        "people": people_of([mail for mail, _ in exposed]),
    }


POLICY = f"""# What Acme Instruments expects of its own mail; an invented organisation.
[organisation]
name = "Acme Instruments"
domains = ["{OWN}"]

[window]
end = {zulu(END)} # postmark-mcp was removed from the agents' machine

[[expected]]
address = "{JOURNAL}"
reason = "own journal"

[[expected]]
address = "{VAULT}"
reason = "external archive, contract of 2023"

[[expected]]
address = "{CRM}"
reason = "drop box of the CRM"

[[expected]]
address = "{PARTNER}"
reason = "carrier, sees every shipment"
role = "any"

[[expected]]
address = "{AUDIT}"
reason = "auditor of the quality department"

[[servers]]
provider = "postmark"
server = "{SERVER}"
streams = ["outbound"]

[[servers]]
provider = "postmark"
server = "4711002" # newsletter: nobody has an export of it

[case]
number = "ACME-2025-017"
custodian = "Eva Lund"
role = "controller"
discovered_at = 2025-09-26T11:20:00Z
aware_at = 2025-09-26T14:00:00Z
contact = "security@acme.example"
"""


def incident(seed: int) -> dict[str, bytes]:
    """Every file of the sample, path to bytes."""
    rng = random.Random(seed)
    old, new = customers(rng)
    sent = named(rng, [*api_mails(rng, old, new), *relay_mails(rng, old, new)])
    target = [
        i for i, mail in enumerate(sent) if COLLECTOR in mail.hidden and mail.host == "relay2" and mail.fate == "delivered"
    ][6]
    twin = next(mail for mail in sent if COLLECTOR in mail.hidden and mail.fate == "delivered" and mail is not sent[target])
    nameless = (
        f"relay2/{sent[target].queue}"  # one mail that its program sent without a Message-ID, to a customer known from another
    )
    sent[target] = replace(sent[target], key=nameless, to=twin.to, cc=(), html="", files=(), copied=False)
    mails = sorted([*sent, *named(rng, inbound_mails(rng, sent))], key=lambda one: one.at)
    done, places = planted(mails, [*credentials(rng), *harmless(rng), *personal()])
    files = dict([*postmark_files(done, rng), *journal_files(done), *relay_files(done, rng)])
    return {**files, "policy.toml": POLICY.encode(), "truth.json": as_json(truth(done, places))}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the sample incident.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "incident")
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    files = incident(chosen.seed)
    for stale in (chosen.out / "postmark").rglob("*.json"):  # names depend on the seed
        stale.unlink()
    for path, content in sorted(files.items()):
        place = chosen.out / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    print(f"{len(files)} files, {sum(map(len, files.values())):,} bytes")


if __name__ == "__main__":
    main()
