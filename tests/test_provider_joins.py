"""One message of a provider is one message, however many exports and webhooks tell of it, also where no Message-ID does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import FORMATS, observations
from tables import day, sent, tables

from forensics.model import Observation, Span
from forensics.plugins import Parser, discover

PARSERS: dict[str, Parser] = {one.name: one.plugin for one in discover("parsers") if one.plugin is not None}
BOB = "bob@customer.example"
PROVIDERS = ("brevo", "mailgun", "mandrill", "resend", "sendgrid", "ses", "sparkpost")
SAMPLES = [
    (name, place) for name in PROVIDERS for place in sorted((FORMATS / name).iterdir()) if place.suffix not in {".gz", ".zst"}
]


def counted(seen: list[Observation]) -> tuple[int, list[tuple[object, ...]]]:
    """How many messages there are, and who is counted how often."""
    connection = tables(seen)
    ((messages,),) = connection.execute("SELECT count(*) FROM messages").fetchall()
    query = "SELECT address, count(DISTINCT message_key), max(proof) FROM copies GROUP BY ALL ORDER BY ALL"
    return messages, connection.execute(query).fetchall()


@pytest.mark.parametrize("name", PROVIDERS)
def test_an_export_that_repeats_another_adds_no_message(name: str) -> None:
    """The same records in other files; only a record without any identity cannot be known again."""
    files = [place.read_bytes() for one, place in SAMPLES if one == name]
    named = [one for data in files for one in observations(PARSERS[name], data) if one.message_id or one.ids]
    again = [one for data in files for one in observations(PARSERS[name], data + b"\n\n") if one.message_id or one.ids]
    assert len(named) == len(again) > 0
    assert not {one.span.evidence for one in named} & {one.span.evidence for one in again}
    assert counted(named + again) == counted(again + named) == counted(named)


def test_the_samples_hold_messages_that_only_a_providers_id_names() -> None:
    only_id = {
        name
        for name, place in SAMPLES
        for one in observations(PARSERS[name], place.read_bytes())
        if one.ids and not one.message_id
    }
    assert only_id == {"mandrill", "resend", "sendgrid", "sparkpost"}


def seen(number: int, ids: str, message_id: str = "", to: str = BOB) -> Observation:
    one = sent(day(1), to=to, ids=(ids,) if ids else (), message_id=message_id)
    return replace(one, span=Span(f"{number:016x}", "", 10 * number, 10 * number + 9))


def keys(*mails: Observation) -> list[str]:
    return [key for (key,) in tables(mails).execute("SELECT message_key FROM messages ORDER BY ALL").fetchall()]


def test_the_key_of_a_message_that_only_a_provider_names_is_its_first_place() -> None:
    first = f"{1:016x}#10"
    assert keys(seen(1, "sendgrid:a"), seen(2, "sendgrid:a", to="eve@other.example")) == [first]
    assert keys(seen(2, "sendgrid:a"), seen(1, "sendgrid:a")) == [first]  # in any order
    assert keys(seen(1, "sendgrid:a"), seen(2, "sendgrid:b")) == [first, f"{2:016x}#20"]
    assert keys(seen(1, "sendgrid:a"), seen(2, "mandrill:a")) == [first, f"{2:016x}#20"]  # another provider's
    assert keys(seen(1, ""), seen(2, "")) == [first, f"{2:016x}#20"]  # nothing names them


def test_one_record_that_knows_the_message_id_names_all_of_the_message() -> None:
    assert keys(seen(1, "sendgrid:a"), seen(2, "sendgrid:a", "m@acme.example"), seen(3, "", "m@acme.example")) == [
        "m@acme.example"
    ]
    assert len(keys(seen(1, "sendgrid:a", "m@acme.example"), seen(2, "sendgrid:b", "n@acme.example"))) == 2
