"""The detection benchmark: its generator keeps its own laws, its figures are right, and an exam that knows the answers passes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache

import duckdb
import pytest
from benchmarks.detection import misdirected as astray
from benchmarks.detection.attacks import LEAST, Attack, add_attack
from benchmarks.detection.figures import Share, by_behaviour, table, told_by_behaviour, wilson
from benchmarks.detection.indicators import audited, told_of_indicators
from benchmarks.detection.innocents import KINDS, Innocent
from benchmarks.detection.judging import Judged, judgement, laid_out
from benchmarks.detection.misdirected.communities import community_mail
from benchmarks.detection.organisation import DEVELOPMENT, FINAL, SHAPES, Ranges, found
from benchmarks.detection.records import START, key_of, observations
from benchmarks.detection.services import mailbox_providers, services
from benchmarks.detection.traffic import ordinary
from benchmarks.detection.trial import Told, World, as_rows, compared, drawn, tried, undecidable
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from forensics.addresses import canonical
from forensics.incident import NO_INCIDENT
from forensics.model import Finding, Observation, Role, Verdict
from forensics.pipeline.answers import Asked, answer
from forensics.plugins import Detector, Scope

SMALL = 400  # messages
SEEDS = range(DEVELOPMENT.seeds, DEVELOPMENT.seeds + 20)


@cache
def world(seed: int, ranges: Ranges = DEVELOPMENT) -> World:
    return drawn(seed, ranges, SMALL)


def worlds() -> list[World]:
    return [world(seed) for seed in SEEDS]


def seen(one: World) -> list[Observation]:
    return list(observations(one.organisation, one.mails))


# The generator


def test_one_seed_gives_one_organisation() -> None:
    one, other = (drawn(1_001, DEVELOPMENT, SMALL) for _ in range(2))
    assert one.mails == other.mails
    assert one.attack == other.attack
    assert seen(one) == seen(other)
    assert drawn(1_006, DEVELOPMENT, SMALL).mails != one.mails


DIGEST = """
import hashlib
from benchmarks.detection.organisation import DEVELOPMENT
from benchmarks.detection.trial import drawn
drawn_ = [drawn(seed, DEVELOPMENT, 300) for seed in range(1_000, 1_005)]
told = [(one.mails, sorted(one.attack.addresses if one.attack else ())) for one in drawn_]
digest = hashlib.sha256(repr(told).encode()).hexdigest()
"""


def test_an_organisation_does_not_depend_on_the_process_that_draws_it() -> None:
    """Python hashes text differently in every process."""
    here: dict[str, str] = {}
    exec(DIGEST, here)
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    there = subprocess.run(
        [sys.executable, "-c", f"{DIGEST}\nprint(digest)"],
        env={"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))), "PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert there.strip() == here["digest"]


def test_development_and_final_organisations_share_neither_seed_nor_parameters() -> None:
    assert abs(DEVELOPMENT.seeds - FINAL.seeds) > 1_000_000
    ours, theirs = asdict(DEVELOPMENT), asdict(FINAL)
    same = {name for name in ours if ours[name] == theirs[name]}
    assert same <= {"messages", "attacked"}


def test_every_kind_of_evidence_and_of_look_alike_and_attack_comes_about() -> None:
    some = worlds() + [world(seed) for seed in range(1_020, 1_060)]
    assert {one.organisation.shape for one in some} == set(SHAPES)
    found_ = {each.kind.removeprefix("unknown ") for one in some for each in one.innocents}
    assert found_ >= set(KINDS) - ({"known service"} if not services() else set())
    attacks = [one.attack for one in some if one.attack]
    assert {one.style for one in attacks} == {"constant", "several", "rotating", "look-alike", "freemail"}
    assert {one.scope for one in attacks} == {"sender", "server", "organisation"}
    assert {one.picked for one in attacks} == {"all", "random", "targeted"}
    assert 0.5 < len(attacks) / len(some) < 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_all_names_are_reserved_and_canonical_but_for_services_of_the_detectors_table(seed: int) -> None:
    known = tuple(f"@{one}" for one in mailbox_providers()) + tuple(f"{dot}{one}" for dot in "@." for _, one in services())
    for mail in world(seed).mails:
        for address in (mail.sender, *mail.to, *mail.cc, *mail.bcc, *(one for one, _ in mail.expanded)):
            assert address.endswith((".example", *known))
            assert canonical(address) == address


@pytest.mark.parametrize("seed", SEEDS)
def test_mail_lies_within_the_evidence_and_names_nobody_twice(seed: int) -> None:
    one = world(seed)
    assert [mail.at for mail in one.mails] == sorted(mail.at for mail in one.mails)
    for mail in one.mails:
        assert one.organisation.begin <= mail.at < one.organisation.end
        assert len({*mail.to, *mail.bcc}) == len(mail.to) + len(mail.bcc)


def test_an_attacker_is_blind_inside_the_window_only_and_is_nobody_else() -> None:
    attacked = [(one, one.attack) for one in worlds() if one.attack is not None]
    assert attacked
    for one, attack in attacked:
        attackers = attack.addresses
        copied = [mail for mail in one.mails if attackers & {*mail.bcc}]
        assert len(copied) == attack.copied
        assert all(mail.at >= max(0, attack.start) for mail in copied)
        domains = Counter(address.rpartition("@")[2] for mail in copied for address in attackers & {*mail.bcc})
        assert max(domains.values()) == attack.busiest >= LEAST
        assert not attackers & {address for mail in one.mails for address in (mail.sender, *mail.to, *mail.cc)}
        assert not attackers & {address for each in one.innocents for address in each.addresses}
        assert not any(one.policy.is_own(address) for address in attackers)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_counts_as_innocent_can_be_told_from_an_attack(seed: int) -> None:
    """A service without a name in the policy is in use before the window, or what becomes of it is left out of the metric."""
    one = world(seed)
    for each in one.innocents:
        if each.kind in {"archive", "crm", "review collector", "private mailbox"} and each.entry is None:
            first = min((mail.at for mail in one.mails if each.addresses & {*mail.bcc}), default=-1.0)
            assert first < 0
        assert each.counted != each.kind.startswith("unknown ")


@pytest.mark.parametrize("seed", SEEDS)
def test_each_shape_of_evidence_shows_what_it_can_and_no_more(seed: int) -> None:
    one = world(seed)
    for record in seen(one):
        roles = {recipient.role for recipient in record.recipients}
        assert (Role.BCC in roles) <= (record.kind == "search")
        assert record.header_known == bool(roles & {Role.TO, Role.CC})
        assert record.readings[0].at >= START or one.organisation.begin < 0
        if one.organisation.shape == "envelopes":
            assert roles == {Role.ENVELOPE}
    if one.organisation.shape == "search":
        named = {(number, address) for number, mail in enumerate(one.mails) if mail.kind != "incoming" for address in mail.bcc}
        found_ = sum(recipient.role is Role.BCC for record in seen(one) for recipient in record.recipients)
        assert found_ == len(named)


@pytest.mark.property
@given(seed=st.integers(0, 10**9), final=st.booleans())
@settings(max_examples=25, deadline=None)
def test_any_seed_gives_an_organisation(seed: int, final: bool) -> None:
    organisation = found(seed, FINAL if final else DEVELOPMENT, 200)
    traffic = ordinary(organisation)
    assert traffic.mails
    assert organisation.begin < organisation.end
    assert len({address for firm in organisation.customers for address in firm} & {*organisation.people}) == 0
    attack = add_attack(traffic)
    assert attack is None or attack.busiest >= LEAST


# The figures


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (0, 0, 0.0, 1.0),
        (82, 100, 0.7333, 0.8830),
        (0, 4_000_000, 0.0, 9.6e-7),
    ],
)
def test_wilson_intervals_are_those_of_tables(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=5e-5 if total < 1_000 else 1e-9)


@pytest.mark.property
@given(total=st.integers(1, 10**7), part=st.floats(0, 1))
@settings(max_examples=100)
def test_a_wilson_interval_holds_the_share_and_lies_in_0_to_1(total: int, part: float) -> None:
    hits = round(total * part)
    low, high = wilson(hits, total)
    assert 0 <= low <= hits / total + 1e-12
    assert hits / total - 1e-12 <= high <= 1


def test_shares_and_tables_are_told_plainly() -> None:
    assert Share(0, 0).told() == "none"
    assert Share(9, 10).told() == "9/10 = 90.0% (59.6% - 98.2%)"
    assert Share(2, 1_000_000).per_million().startswith("2 in 1,000,000 = 2.00 (0.55 - 7.29)")
    assert table(("a", "bb"), [("long", "c")]) == "a     bb\nlong  c"


# The marking


def attack_of(*addresses: str, apparent: int = 3) -> Attack:
    return Attack("constant", "sender", 1.0, "all", frozenset(addresses), 9, 0, 9, apparent, 9)


def marked() -> World:
    """An organisation with one look-alike that counts and one that does not."""
    counted = Innocent("archive", frozenset({"vault@arch.example"}), counted=True)
    apart = Innocent("unknown crm", frozenset({"box@crm.example"}), counted=False)
    return replace(world(1_000), innocents=[counted, apart])


@pytest.mark.parametrize(
    ("ranked", "rank", "of_all", "accused", "wrong"),
    [
        (["spy"], 1, 1, 1, []),
        (["box", "spy"], 1, 2, 1, []),  # a look-alike that nothing tells from an attack is passed over
        (["vault", "spy"], 2, 2, 1, ["archive"]),
        (["reader", "vault", "spy"], 3, 3, 1, ["correspondent", "archive"]),
        (["spy", "spy2"], 1, 1, 2, []),
        (["box"], 0, 0, 0, []),
        ([], 0, 0, 0, []),
    ],
)
def test_ranks_and_wrong_accusations_are_counted(
    ranked: list[str], rank: int, of_all: int, accused: int, wrong: list[str]
) -> None:
    places = {
        "spy": "spy@evil.example",
        "spy2": "spy2@evil.example",
        "box": "box@crm.example",
        "vault": "vault@arch.example",
        "reader": "ann@reader.example",
    }
    one = replace(marked(), attack=attack_of("spy@evil.example", "spy2@evil.example"))
    shown = [Judged(number, places[name], "probable", 1.0, 4, "because") for number, name in enumerate(ranked, 1)]
    trial = compared(one, Told(shown, ranked and [places[name] for name in reversed(ranked)], 1))
    assert (trial.rank, trial.rank_of_all, trial.accused) == (rank, of_all, accused)
    assert [blamed.kind for blamed in trial.wrong] == wrong
    assert trial.exposed == 4 * accused


def test_possible_addresses_are_no_accusation() -> None:
    one = replace(marked(), attack=None)
    trial = compared(one, Told([Judged(1, "vault@arch.example", "possible", 0.5, 3, "")]))
    assert trial.wrong == ()
    assert trial.possible == 1
    assert trial.look_alikes[0].verdict == "possible"


@pytest.mark.parametrize(
    ("hidden", "apparent", "can_tell"), [(0, 1, False), (0, 2, False), (0, 3, True), (1, 1, True), (1, 2, True), (5, 9, True)]
)
def test_one_or_two_parties_without_headers_are_undecidable(hidden: int, apparent: int, can_tell: bool) -> None:
    assert (undecidable(attack_of("spy@evil.example", apparent=apparent), hidden) == "") is can_tell


@pytest.mark.parametrize("seed", [1_000, 1_003])
def test_addresses_are_ranked_as_the_case_ranks_them(seed: int) -> None:
    one = world(seed)
    connection = laid_out(observations(one.organisation, one.mails), one.policy, one.incident)
    ranked = judgement(connection, one.policy, one.incident)
    rows = answer(connection, Asked(one.incident, one.policy, {}, [], ("exposed",))).tables["unexpected_recipients"]
    assert ranked
    assert [(one.rank, one.address, one.verdict, one.messages) for one in ranked] == [
        (row["rank"], row["address"], row["verdict"], row["messages"]) for row in rows
    ]


def test_a_trial_runs_from_seed_to_figures() -> None:
    trial = tried(1_001, DEVELOPMENT, SMALL)
    assert trial.messages > SMALL / 2
    assert trial.attack is not None
    figures = by_behaviour([trial])
    assert figures["organisations"] == 1
    assert figures["ranked_first"]["total"] == 1
    assert "attacker ranked first" in told_by_behaviour([trial])
    rows = as_rows([trial])
    assert rows["rows"][0].startswith("1001; ")
    assert len(rows["rows"][0].split("; ")) == len(rows["columns"].split("; "))


def test_tables_do_not_depend_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    one = world(1_001)
    whole = (
        laid_out(observations(one.organisation, one.mails), one.policy).execute("SELECT * FROM copies ORDER BY ALL").fetchall()
    )
    monkeypatch.setattr("benchmarks.detection.judging._BATCH", 100)
    parts = (
        laid_out(observations(one.organisation, one.mails), one.policy).execute("SELECT * FROM copies ORDER BY ALL").fetchall()
    )
    assert whole == parts


# Known indicators


@pytest.mark.slow
def test_indicators_are_found_in_every_writing_and_nothing_else_is() -> None:
    done = audited(7, ordinary=5)
    assert done.found.total > 80
    assert done.missed == ()
    assert done.wrong.total > 60
    assert done.blamed == ()
    assert "target all" in told_of_indicators([done])


# Misdirected mail


def oracle(truth: dict[str, tuple[str, str]]) -> Detector:
    def detect(_connection: duckdb.DuckDBPyConnection, _scope: Scope) -> Iterator[Finding]:
        for key, (address, _) in truth.items():
            yield Finding("misdirected", address, Verdict.POSSIBLE, 0.9, "known", message_key=key)

    return Detector("misdirected", "who?", detect)


@pytest.mark.parametrize("seed", [1_000, 1_001])
def test_an_oracle_passes_the_exam_of_misdirected_mail_and_silence_fails_it(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, tuple[str, str]] = {}
    inject = astray.injected

    def keeping(*arguments: object) -> dict[str, tuple[str, str]]:
        kept.update(inject(*arguments))  # type: ignore[arg-type]  # handed on as they are
        return dict(kept)

    monkeypatch.setattr(astray, "injected", keeping)
    done = astray.misdirected(seed, DEVELOPMENT, oracle(kept), 1_500)
    assert len(done.wrong) >= 3
    assert all(one.is_first for one in done.wrong)
    assert astray.threshold([done]) == 0
    assert astray.plain_misdirected([done])["right_flagged"]["hits"] == 0
    silent = astray.misdirected(seed, DEVELOPMENT, oracle({}), 1_500)
    assert len(silent.wrong) == len(done.wrong)
    assert not any(one.is_first for one in silent.wrong)


def test_answers_to_all_carry_a_wrong_recipient_on_and_are_no_exam() -> None:
    organisation = replace(found(1_000, DEVELOPMENT, 3_000), shape="search")
    mails = sorted(community_mail(organisation), key=lambda mail: mail.at)
    truth = astray.injected(organisation, mails)
    carried = {key: one for key, one in truth.items() if one[1].is_carried}
    slips = {address for address, stray in truth.values() if not stray.is_carried}
    assert carried
    assert {address for address, _ in carried.values()} <= slips
    scored = {key: {address: 1.0} for key, (address, _) in truth.items()}
    rows = [(key, sorted({address, "right@a.example"}), "") for key, (address, _) in truth.items()]
    done = astray._compared(1, truth, scores=scored, rows=rows, reported={(key, one[0]) for key, one in truth.items()})
    assert (len(done.wrong), done.right, done.flagged) == (len(truth) - len(carried), len(truth), 0)


def test_the_threshold_lets_at_most_one_in_two_hundred_through() -> None:
    scores = tuple(float(number) for number in range(100, 0, -1))
    one = astray.Misdirected(1, 1, (), 2_000, scores)
    least = astray.threshold([one])
    assert sum(score > least for score in scores) == 10


def test_a_wrong_recipient_is_a_stranger_to_its_message() -> None:
    organisation = replace(found(1_000, DEVELOPMENT, 1_500), shape="search")
    mails = sorted(ordinary(organisation).mails, key=lambda mail: mail.at)
    before = [(mail.to, mail.cc) for mail in mails]
    truth = astray.injected(organisation, mails)
    changed = [number for number, mail in enumerate(mails) if (mail.to, mail.cc) != before[number]]
    assert len(changed) == len(truth) > 3
    for number in changed:
        mail, (to, cc) = mails[number], before[number]
        address, stray = truth[key_of("search", number, mail)]
        assert {*mail.to, *mail.cc} - {*to, *cc} == {address}
        beside = {one.rpartition("@")[2] for one in (*to, *cc)}
        assert stray.is_carried or not stray.same_company or address.rpartition("@")[2] in beside
        assert mail.at >= 0


def test_an_incident_without_window_is_that_of_evidence_that_begins_late() -> None:
    for one in worlds():
        assert (one.incident is NO_INCIDENT) <= (one.organisation.begin > 0)
