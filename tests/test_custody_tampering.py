"""Every changed, missing or added byte of a case is found and named, whoever changed it, but for what only a known key can prove."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import audited, plant

import forensics
from forensics.case import Case, CaseError
from forensics.custody import (
    HEAD,
    LOG,
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    CustodyLog,
    Signer,
    file_sha256,
    manifest_entries,
    read_log,
    seal,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A case whose files tests change and put back."""
    root = tmp_path_factory.mktemp("tampering")
    case = audited(plant(root / "ev"), out=root / "case")
    assert forensics.verify(case) == []
    return case


@pytest.fixture
def copy(finished: Case, tmp_path: Path) -> Case:
    """A copy to be spoilt for good, with its evidence."""
    shutil.copytree(finished.path.parent, tmp_path / "all", symlinks=True)
    return Case.open(tmp_path / "all" / "case")


def everything(case: Case) -> list[Path]:
    """Every file of case and evidence."""
    return sorted(place for place in case.path.parent.rglob("*") if place.is_file())


@contextmanager
def changed(place: Path, content: bytes) -> Iterator[None]:
    """A file with other content, for a while; its name stays."""
    before = place.read_bytes()
    place.write_bytes(content)
    try:
        yield
    finally:
        place.write_bytes(before)


def covered(case: Case) -> list[Path]:
    """All that a case vouches for: its own files, key included, and the evidence."""
    return [one for one in everything(case) if one.name != "case.lock" and (one.name != "case.key" or one.parent == case.path)]


def name_of(case: Case, place: Path) -> str:
    return os.path.relpath(place, case.path)


def is_named(case: Case, place: Path, problems: list[str]) -> bool:
    """Whether the file itself is named as different, not only that something is wrong."""
    return any(one.startswith((f"{name_of(case, place)}:", f"{name_of(case, place)} ")) for one in problems)


def damages(content: bytes) -> dict[str, bytes]:
    """The same file with a byte changed, dropped, added, in several places."""
    middle, last = len(content) // 2, len(content) - 1
    found = {f"bit at {at}": content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in {0, middle, last}}
    found |= {f"without {at}": content[:at] + content[at + 1 :] for at in {0, middle, last}}
    return found | {"longer": content + b"\n", "begun by a blank": b" " + content, "empty": b"", "cut": content[:middle]}


def test_a_changed_byte_of_any_file_is_found_and_the_file_named(finished: Case) -> None:
    places = covered(finished)
    assert {LOG, MANIFEST, HEAD, SIGNATURE, PUBLIC_KEY, "case.toml", "case.key", "summary.json"} <= {one.name for one in places}
    assert len(places) > 40
    for place in places:
        for what, content in damages(place.read_bytes()).items():
            with changed(place, content):
                problems = forensics.verify(finished)
            assert is_named(finished, place, problems), (place, what, problems)
    assert forensics.verify(finished) == []


def test_a_missing_file_is_found_and_named(finished: Case) -> None:
    for place in covered(finished):
        if place.name == "case.key":  # a case is handed on without it: see what is not covered
            continue
        aside = finished.path.parent.parent / f"{finished.path.parent.name}-aside"
        place.rename(aside)
        problems = forensics.verify(finished)
        aside.rename(place)
        assert is_named(finished, place, problems), (place, problems)


def test_an_added_file_is_found_and_named_wherever_it_is_put(finished: Case) -> None:
    folders = [finished.path, *(place for place in finished.path.rglob("*") if place.is_dir())]
    for folder in folders:
        for name in ("added.txt", ".hidden", "custody.sig.old", "line\nbreak"):
            place = folder / name
            place.write_bytes(b"")
            problems = forensics.verify(finished)
            place.unlink()
            assert is_named(finished, place, problems), place


def test_two_files_that_changed_places_are_both_named(finished: Case) -> None:
    for one, other in pairwise(covered(finished)):
        first, second = one.read_bytes(), other.read_bytes()
        if first == second:
            continue
        with changed(one, second), changed(other, first):
            problems = forensics.verify(finished)
        assert is_named(finished, one, problems), (one, other, problems)
        assert is_named(finished, other, problems), (one, other, problems)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_change_anywhere_is_found(finished: Case, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(covered(finished)))
    content = bytearray(place.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(len(content) - 1, 0)))
        if (how := data.draw(st.sampled_from(["change", "insert", "delete"]))) == "insert" or not content:
            content.insert(at, data.draw(st.integers(0, 255)))
        elif how == "change":
            content[at] = data.draw(st.integers(0, 255))
        else:
            del content[at]
    if bytes(content) == place.read_bytes():
        return
    with changed(place, bytes(content)):
        assert is_named(finished, place, forensics.verify(finished))


# --- the log as a whole


def lines_of(case: Case) -> list[bytes]:
    return (case.path / LOG).read_bytes().splitlines(keepends=True)


ORDERS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "two exchanged": lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
    "reversed": lambda lines: lines[::-1],
    "one twice": lambda lines: [*lines, lines[-1]],
    "first gone": lambda lines: lines[1:],
    "last gone": lambda lines: lines[:-1],
    "last two gone": lambda lines: lines[:-2],
    "all but the first gone": lambda lines: lines[:1],
    "last cut short": lambda lines: [*lines[:-1], lines[-1][:-1]],
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_log_in_another_order_or_shorter_is_found(finished: Case, order: str) -> None:
    with changed(finished.path / LOG, b"".join(ORDERS[order](lines_of(finished)))):
        problems = forensics.verify(finished)
    assert any(one.startswith((f"{LOG}:", f"{SIGNATURE}: signs another head")) for one in problems)


def test_an_entry_after_the_last_seal_is_said(copy: Case) -> None:
    CustodyLog(copy.path / LOG).append("something was done")
    problems = forensics.verify(copy)
    assert f"{LOG}: 1 entry follows the last seal: a step was broken off; repeat it, or run `forensics report`" in problems
    assert f"{SIGNATURE}: signs another head than that of {LOG}" in problems
    forensics.report(copy, ["csv"])
    assert forensics.verify(copy) == []


# --- a forger who writes everything anew


def forged(case: Case, signer: Signer) -> None:
    """Changed evidence and tables, with manifest and log written anew from the beginning, so that they agree with each other."""
    place = case.path.parent / "ev" / "relay" / "mail.log"
    place.write_bytes(place.read_bytes().replace(b"customer1@", b"customer7@"))
    entries = read_log(case.path / LOG)
    evidence = {case.path / name: digest for name, digest in manifest_entries(case.path).items() if name.startswith("..")}
    evidence[next(one for one in evidence if one.name == "mail.log")] = file_sha256(place)
    (case.path / LOG).unlink()
    log = CustodyLog(case.path / LOG)
    own = {"seq", "utc", "actor", "tool", "action", "prev", "hash", "manifest", "signer"}
    for entry in entries[:-1]:
        log.append(entry["action"], **{key: value for key, value in entry.items() if key not in own})
        if entry["action"] == "tables written":
            summary = json.loads((case.tables / "summary.json").read_text())
            summary["run"]["custody_head"] = log.head
            case.write_summary(summary)
    kept = (case.path / SIGNATURE).read_bytes(), (case.path / PUBLIC_KEY).read_bytes()
    seal(log, evidence, case.files, signer, "audit finished", conclusion="none_seen_covered")
    if signer.key is None:
        (case.path / PUBLIC_KEY).write_bytes(kept[1])
        (case.path / SIGNATURE).write_bytes(kept[0])


def test_a_case_written_anew_without_the_key_is_found(copy: Case) -> None:
    forged(copy, Signer(reason="no key"))
    problems = forensics.verify(copy)
    assert f"{SIGNATURE}: signs another manifest than {MANIFEST}" in problems
    assert f"{SIGNATURE}: signs another head than that of {LOG}" in problems


def test_a_case_written_anew_and_signed_by_the_forger_names_the_forger(copy: Case) -> None:
    owner = json.loads((copy.path / SIGNATURE).read_bytes())["fingerprint"]
    forger = Signer(Ed25519PrivateKey.generate())
    forged(copy, forger)
    found = forensics.verification(copy)
    assert found.problems == ()  # all agrees: only who signed tells, and the words say so
    assert forger.fingerprint in found.remarks[0]
    assert "Only a fingerprint that you know from elsewhere proves who that is" in found.remarks[0]
    assert owner not in found.remarks[0]
    assert forensics.verify(copy, signer=owner) == [
        f"{SIGNATURE}: signed by {forger.fingerprint}, which is not the signer that was asked for"
    ]


# --- a new seal must not cover up what was changed under the old one


def flip(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(bytes(content))


COVERED_UP: dict[str, Callable[[Case], object]] = {
    "a table": lambda case: flip(case.tables / "people" / "part-0.parquet"),
    "a table added": lambda case: (case.tables / "people" / "part-1.parquet").write_bytes(b"x"),
    "a table gone": lambda case: (case.tables / "people" / "part-0.parquet").unlink(),
    "case.toml": lambda case: flip(case.path / "case.toml"),
    "the log": lambda case: flip(case.path / LOG),
    "the manifest": lambda case: flip(case.path / MANIFEST),
    "the signature": lambda case: flip(case.path / SIGNATURE),
    "the signature gone": lambda case: (case.path / SIGNATURE).unlink(),
    "the public key": lambda case: flip(case.path / PUBLIC_KEY),
    "everything, unsigned": lambda case: forged(case, Signer(reason="no key")),
}


@pytest.mark.parametrize("change", COVERED_UP)
def test_a_changed_case_is_not_sealed_again(copy: Case, change: str) -> None:
    COVERED_UP[change](copy)
    before = {place: place.read_bytes() for place in everything(copy) if place.name != "case.lock"}
    for step in (
        lambda: forensics.report(copy, ["csv"]),
        lambda: forensics.request_stamp(copy),
        lambda: forensics.export(copy, copy.path.parent / "bag"),
    ):
        with pytest.raises(CaseError, match="does not hold as it was sealed"):
            step()
    assert {place: place.read_bytes() for place in everything(copy) if place.name != "case.lock"} == before


def test_reports_may_be_written_anew_but_not_handed_on_changed(copy: Case) -> None:
    flip(copy.report / "people.csv")
    with pytest.raises(CaseError, match=r"people\.csv: missing or changed"):
        forensics.export(copy, copy.path.parent / "bag")
    forensics.report(copy, ["csv"])
    assert forensics.verify(copy) == []


# --- the head that reports print


def test_every_report_prints_a_head_that_the_log_went_through(finished: Case) -> None:
    head = finished.summary["run"]["custody_head"]
    (entry,) = [one for one in read_log(finished.path / LOG) if one["hash"] == head]
    assert entry["action"] == "tables written"
    hashes = {name: digest for name, digest in manifest_entries(finished.path).items() if name.endswith(".parquet")}
    assert entry["tables"] == len(hashes) > 20
    for name in ("report.html", "summary.txt"):
        if (finished.report / name).exists():
            assert head in (finished.report / name).read_text()


def test_a_head_of_another_log_in_the_summary_is_found_even_if_all_is_sealed_again(copy: Case) -> None:
    summary = json.loads((copy.tables / "summary.json").read_text())
    other = read_log(copy.path / LOG)[0]["hash"]  # one that the log went through, but not with these tables
    summary["run"]["custody_head"] = other
    copy.write_summary(summary)
    signer = Signer(Ed25519PrivateKey.generate())
    evidence = {copy.path / name: digest for name, digest in manifest_entries(copy.path).items() if name.startswith("..")}
    seal(CustodyLog(copy.path / LOG), evidence, copy.files, signer, "reports written")
    assert forensics.verify(copy) == [
        "tables/summary.json: the head that reports print is not the one under which custody.jsonl has these tables"
    ]


def test_tables_changed_and_sealed_again_are_not_those_of_the_head(copy: Case) -> None:
    part = copy.tables / "people" / "part-0.parquet"
    shutil.copyfile(copy.tables / "defects" / "part-0.parquet", part)
    evidence = {copy.path / name: digest for name, digest in manifest_entries(copy.path).items() if name.startswith("..")}
    seal(CustodyLog(copy.path / LOG), evidence, copy.files, Signer(Ed25519PrivateKey.generate()), "reports written")
    assert forensics.verify(copy) == [f"{MANIFEST}: its tables are not those that {LOG} has under the head that reports print"]
