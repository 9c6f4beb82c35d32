"""Who is affected: one row per address, and nobody who is not."""

from __future__ import annotations

import pytest
from tables import ACME, day

from forensics.model import Text
from forensics.people import Affected, affected_people, mentioned


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to Ann <ann@a.example>.", {"ann@a.example"}),
        ("ann@a.example, bob@b.example;cy@c.example", {"ann@a.example", "bob@b.example", "cy@c.example"}),
        ("Mail: ANN.LEE+x@A.Example!", {"ann.lee+x@a.example"}),
        ("end of a sentence ann@a.example.", {"ann@a.example"}),
        ("'o'neil@a.example'", {"o'neil@a.example"}),
        ("ann at a.example", set()),
        ("user@localhost", set()),
        ("price @ 5.00 each", set()),
        ("git@github.example:team/repo", {"git@github.example"}),
        ("x" * 100 + "@a.example", set()),
        ("0aa-1@mtasv.net", set()),  # a Message-ID of the provider
    ],
)
def test_addresses_in_running_text(text: str, found: set[str]) -> None:
    assert mentioned([Text("text/plain", "decoded", text)]) == found


def test_transport_headers_and_guesses_mention_nobody() -> None:
    text = "ann@a.example"
    assert mentioned([Text("headers", "decoded", text), Text("text/plain", "base64", text, guessed=True)]) == frozenset()


def test_one_row_per_address_with_all_its_roles_and_figures() -> None:
    def message(key: str, at: float, verdict: str, **parties: str) -> Affected:
        return Affected(
            key,
            day(at),
            verdict,
            {role: frozenset(who.split()) for role, who in parties.items()},
            frozenset({"salary"}),
            frozenset({"C0001"}),
        )

    rows = affected_people(
        [
            message("m1", 1, "probable", sender="app@acme.example", to="bob@b.de thief@c.example", mentioned="cy@c.io"),
            message("m2", 2, "confirmed", sender="bob@b.de", cc="app@acme.example", to="noreply@b.de"),
        ],
        ACME,
        frozenset({"thief@c.example"}),
    )
    by_person = {row["person"]: row for row in rows}
    assert set(by_person) == {"app@acme.example", "bob@b.de", "cy@c.io"}
    bob = by_person["bob@b.de"]
    assert (bob["roles"], bob["messages"], bob["verdict"], bob["relation"]) == ("sender; to", 2, "confirmed", "correspondent")
    assert (bob["first_exposed"], bob["last_exposed"]) == ("2025-09-18T00:00:00Z", "2025-09-19T00:00:00Z")
    assert (bob["residency_hint"], bob["credentials"], bob["data_kinds"]) == ("DE", 1, "salary")
    assert by_person["app@acme.example"]["relation"] == "own_staff"
    assert by_person["cy@c.io"]["relation"] == "mentioned"
    assert by_person["cy@c.io"]["residency_hint"] == "", "a fashionable ending says nothing about a country"


def test_nobody_is_affected_by_nothing() -> None:
    assert affected_people([], ACME, frozenset()) == []
