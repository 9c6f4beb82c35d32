"""Incident and policy files: what they accept, and how they refuse."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.incident import Incident, IncidentError, Indicators
from forensics.model import Window
from forensics.policy import Policy


@pytest.mark.parametrize("name", Incident.shipped())
def test_every_shipped_incident_is_complete_and_never_blames_the_innocent(name: str) -> None:
    incident = Incident.load(name)
    assert incident.name == name
    assert incident.title
    assert incident.references
    assert incident.window.start
    assert incident.window.end is None, "removing a package from a registry stops no installed copy"
    assert incident.precautions[0].startswith("Contain")
    blamed = incident.indicators.addresses | incident.indicators.domains
    assert not blamed & set(incident.not_indicators)
    for innocent in ("x@mtasv.net", "jaballer@wildbit.example", "x@pstmrk.it", "x@activecampaign.example"):
        assert incident.indicators.match(innocent) == ""


def test_the_incident_knows_its_package_from_the_official_one() -> None:
    (package,) = Incident.load("postmark-mcp").packages
    assert (package.ecosystem, package.name, package.bad_versions) == ("npm", "postmark-mcp", (">=1.0.16",))
    assert all(len(digest) == 64 for digest in package.hashes)
    assert "0007994c327f1cd3bfe99e8cc179000e063e25d77b6466f02e57e570857a3719" not in package.hashes, "1.0.15 was clean"


@pytest.mark.parametrize(
    ("address", "indicator"),
    [
        ("phan@giftshop.club", "phan@giftshop.club"),
        ("phan+x@giftshop.club", "phan@giftshop.club"),
        ("ann@giftshop.club", "giftshop.club"),
        ("ann@a.b.giftshop.club", "giftshop.club"),
        ("ann@mail.giftshop.club", "mail.giftshop.club"),
        ("ann@agiftshop.club", ""),
        ("giftshop.club", ""),
        ("", ""),
    ],
)
def test_the_most_specific_indicator_is_named(address: str, indicator: str) -> None:
    known = Indicators(frozenset({"phan@giftshop.club"}), frozenset({"giftshop.club", "mail.giftshop.club"}))
    assert known.match(address) == indicator


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"windows": {}}, "unknown key 'windows'"),
        ({"window": {"start": "2025-09-17"}}, "must be a time with a zone"),
        ({"window": {"start": datetime(2025, 9, 17)}}, "must be a time with a zone"),  # noqa: DTZ001  that is the point
        ({"window": {"start": "2025-09-17T00:00:00Z", "end": "2025-09-16T00:00:00Z"}}, "start before it ends"),
        ({"packages": [{}]}, "has no name"),
        ({"indicators": {"domains": "a.example"}}, "must be a list of texts"),
        ({"indicators": {"domains": ["mtasv.net"]}, "not_indicators": {"mtasv.net": "a provider"}}, "remove one"),
    ],
)
def test_a_bad_incident_is_refused_with_file_and_key(data: dict[str, Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words) as caught:
        Incident.from_data(data, "mine.toml")
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"organization": {}}, "unknown key 'organization'"),
        ({"expected": [{"reason": "x"}]}, "needs an address or a domain"),
        ({"expected": [{"address": "a@b.example", "domain": "b.example"}]}, "and not both"),
        ({"expected": [{"address": "a@b.example", "role": "cc"}]}, "must be 'blind' or 'any'"),
        ({"expected": [{"address": "a@b.example", "untill": "2025-01-01"}]}, "unknown key 'untill'"),
        ({"case": {"aware": "x"}}, "unknown key 'aware'"),
        ({"organisation": {"domains": "acme.example"}}, "must be a list of texts"),
        ({"organisation": []}, "must be a table"),
        ({"expected": 3}, r"must be written as \[\[expected\]\]"),
        ({"expected": [{"address": 3}]}, "must be a text"),
        ({"servers": [{"streams": 3}]}, "must be a list of texts"),
        ({"window": 3}, "must be a table"),
    ],
)
def test_a_bad_policy_is_refused_with_file_and_key(data: dict[str, Any], words: str) -> None:
    with pytest.raises(IncidentError, match=words) as caught:
        Policy.from_data(data, "policy.toml")
    assert "policy.toml" in str(caught.value)


def test_files_that_are_no_toml_or_not_there_are_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[window\n")
    for load in (Incident.load, Policy.load):
        with pytest.raises(IncidentError, match="not valid TOML"):
            load(bad)
        with pytest.raises(IncidentError, match=r"readable file|cannot be read"):
            load(tmp_path / "absent.toml")


def test_a_policy_reads_everything_people_write_by_hand() -> None:
    policy = Policy.from_data(
        {
            "organisation": {"domains": ["Acme.Example", "bücher.example"]},
            "expected": [
                {
                    "domain": "CRM.example",
                    "reason": "drop box",
                    "since": "2025-09-01",
                    "until": "2025-10-01T00:00:00+02:00",
                    "role": "any",
                }
            ],
            "window": {"end": "2025-09-26T12:00:00Z"},
            "host_window": [{"host": "Relay1", "start": "2025-09-18T00:00:00Z"}],
            "servers": [{"provider": "postmark", "server": 4711, "streams": ["outbound"]}],
            "case": {"number": "7", "aware_at": datetime(2025, 9, 26, tzinfo=UTC)},
        },
        "p",
    )
    assert policy.domains == ("acme.example", "xn--bcher-kva.example")
    assert policy.is_own("x@mail.acme.example")
    assert not policy.is_own("x@notacme.example")
    (entry,) = policy.expected
    assert (entry.entry, entry.role) == ("crm.example", "any")
    assert entry.valid == Window(datetime(2025, 9, 1, tzinfo=UTC), datetime(2025, 9, 30, 22, tzinfo=UTC))
    assert policy.servers[0].server == "4711"
    assert policy.host_windows[0].host == "relay1"
    assert policy.case.aware_at == "2025-09-26T00:00:00Z"
    merged = policy.window_for(Incident.load("postmark-mcp"))
    assert merged == Window(datetime(2025, 9, 17, tzinfo=UTC), datetime(2025, 9, 26, 12, tzinfo=UTC))


def test_a_window_is_half_open_aware_and_takes_in_what_is_unknown() -> None:
    start, end = datetime(2025, 9, 17, tzinfo=UTC), datetime(2025, 9, 18, tzinfo=UTC)
    window = Window(start, end)
    assert window.may_contain(start)
    assert not window.may_contain(end)
    assert window.may_contain(None)
    assert window.may_contain(end, 1)
    assert Window().may_contain(start)
    with pytest.raises(ValueError, match="aware"):
        Window(start.replace(tzinfo=None))
    with pytest.raises(ValueError, match="start before"):
        Window(end, start)


def test_policies_join_and_the_later_one_decides_where_only_one_can() -> None:
    ours = Policy.from_data(
        {
            "organisation": {"domains": ["acme.example"]},
            "expected": [{"address": "archive@vault.example", "reason": "journal"}],
            "window": {"start": "2025-09-15T00:00:00Z", "end": "2025-10-01T00:00:00Z"},
            "case": {"number": "7", "role": "controller"},
        },
        "policy.toml",
    )
    hosts = Policy.from_data(
        {
            "organisation": {"domains": ["acme.example", "acme-cloud.example"]},
            "host_window": [{"host": "Web1", "start": "2025-09-18T09:12:40Z"}],
            "window": {"start": "2025-09-17T00:00:00Z"},
            "case": {"role": "processor"},
        },
        "hosts.toml",
    )
    joined = ours.joined(hosts)
    assert joined.domains == ("acme-cloud.example", "acme.example")
    assert [one.host for one in joined.host_windows] == ["web1"]
    assert joined.expected == ours.expected
    assert (joined.window.start, joined.window.end) == (hosts.window.start, ours.window.end)
    assert (joined.case.number, joined.case.role) == ("7", "processor")
    assert joined.source == "policy.toml, hosts.toml"
    assert ours.joined(Policy()) == Policy().joined(ours) == ours
