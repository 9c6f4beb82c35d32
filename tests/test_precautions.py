"""Secrets that no mail shows: from the incident file, by server, never a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from forensics.incident import NO_INCIDENT, Incident, IncidentError, InReach
from forensics.pipeline.precautions import PRECAUTIONS, precaution_rows
from forensics.policy import NO_POLICY, Policy, Server

ENTRY = {"name": "Token", "why": "It was held.", "revoke": "There.", "check": "Its log."}


def known(*servers: tuple[str, str], listed: tuple[tuple[str, str], ...] = ()) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE observed (source VARCHAR, server VARCHAR)")
    connection.execute("CREATE TABLE statements (source VARCHAR, kind VARCHAR, scope VARCHAR)")
    for source, server in servers:
        connection.execute("INSERT INTO observed VALUES (?, ?)", [source, server])
    for source, server in listed:
        connection.execute("INSERT INTO statements VALUES (?, 'listed_server', ?)", [source, server])
    return connection


def incident(*secrets: InReach) -> Incident:
    return Incident(secrets_in_reach=secrets)


TOKEN = InReach(**ENTRY, service="postmark", provider="postmark")


def test_each_server_that_anybody_names_has_a_row_and_says_who_did() -> None:
    connection = known(("postmark", "2"), ("postmark", "2"), ("postfix", "mx1"), ("postmark", ""), listed=(("postmark", "3"),))
    policy = Policy(servers=(Server("postmark", "1"), Server("postmark", "2"), Server("sendgrid", "9")))
    rows = precaution_rows(connection, incident(TOKEN), policy)
    assert [(row["number"], row["server"], row["known_from"]) for row in rows] == [
        ("1", "1", "the policy"), ("2", "2", "its records; the policy"), ("3", "3", "the provider's own list"),
    ]  # fmt: skip
    assert all(tuple(row) == PRECAUTIONS for row in rows)


def test_without_a_named_server_the_secret_still_stands_and_says_that_it_is_not_known() -> None:
    (row,) = precaution_rows(known(("postfix", "mx1")), incident(TOKEN), NO_POLICY)
    assert (row["server"], row["secret"]) == ("", "Token")
    assert row["known_from"].startswith("nothing")


def test_no_incident_has_no_rows() -> None:
    assert precaution_rows(known(("postmark", "1")), NO_INCIDENT, NO_POLICY) == []


@pytest.mark.parametrize("name", Incident.shipped())
def test_every_shipped_incident_says_what_was_in_reach(name: str) -> None:
    secrets = Incident.load(name).secrets_in_reach
    assert secrets
    assert any(one.provider for one in secrets)
    for one in secrets:
        assert one.reference
        assert min(len(one.why), len(one.revoke), len(one.check)) > 40


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{**ENTRY, "value": "x"}], "unknown key 'value'"),
        ([ENTRY, {**ENTRY, "check": " "}], "entry 2 of [[secrets_in_reach]] lacks check"),
        ([{"name": "Token"}], "lacks why, revoke, check"),
        (["Token"], "must be tables"),
        ({"name": "Token"}, "must be tables"),
    ],
)
def test_an_entry_that_helps_nobody_is_refused_by_name(given: Any, words: str) -> None:
    with pytest.raises(IncidentError) as caught:
        Incident.from_data({"secrets_in_reach": given}, "mine.toml")
    assert words in str(caught.value)


def test_an_incident_of_somebody_elses_states_its_own(tmp_path: Path) -> None:
    place = tmp_path / "next.toml"
    place.write_text(
        'name = "next"\n[[secrets_in_reach]]\nname = "Key"\nwhy = "w"\nrevoke = "r"\ncheck = "c"\n', encoding="utf-8"
    )
    (secret,) = Incident.load(place).secrets_in_reach
    assert secret == InReach("Key", "w", "r", "c")
