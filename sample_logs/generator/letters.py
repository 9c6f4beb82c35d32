"""What people write to each other: subjects, texts, quotations."""

from __future__ import annotations

import html
import random

from .company import name_of
from .mail import Mail

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
    """A text as an HTML page, a paragraph for each block; `extra` is a fragment that comes last."""
    paragraphs = "".join(f"<p>{html.escape(one.strip()).replace(chr(10), '<br>')}</p>\n" for one in text.split("\n\n"))
    return f"<html><body>\n{paragraphs}{extra}</body></html>\n"


def quoted(mail: Mail) -> str:
    """A mail's text as an answer quotes it: a line that names date and author, then `> ` before each line."""
    lines = "".join(f"> {line}".rstrip() + "\n" for line in mail.text.splitlines())
    return f"On {mail.at:%d %b %Y}, {name_of(mail.sender)} <{mail.sender}> wrote:\n{lines}"
