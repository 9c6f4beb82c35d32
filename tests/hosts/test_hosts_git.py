"""The history of lock files: repositories made here, merged, rewritten, bare, shallow, and hostile ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics.hosts.githistory import GitLimits, InHistory, commits_of, is_repository, read_history
from forensics.hosts.sightings import Event, Kind, State, wanted_from
from forensics.hosts.surveying import HostLimits, HostRoot, survey
from forensics.incident import Incident

INCIDENT = Incident.load("postmark-mcp")
WANTED, _ = wanted_from(INCIDENT)
GIT = shutil.which("git") or ""
pytestmark = pytest.mark.skipif(not GIT, reason="git is not installed")
ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Ana", "GIT_AUTHOR_EMAIL": "ana@acme.example", "GIT_COMMITTER_NAME": "Ana", "GIT_COMMITTER_EMAIL": "ana@acme.example",
}  # fmt: skip


def git(folder: Path, *words: str, day: int = 1, extra: Mapping[str, str] | None = None) -> str:
    stamp = f"2025-09-{day:02}T10:00:00+0000"
    environment = {**ENVIRONMENT, "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp, **(extra or {})}
    done = subprocess.run([GIT, "-C", str(folder), *words], check=True, capture_output=True, env=environment)
    return done.stdout.decode().strip()


def repository(folder: Path, *options: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main", *options)
    return folder


def commit(folder: Path, version: str | None, day: int, name: str = "package-lock.json") -> str:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    packages = {"node_modules/left": {"version": f"1.0.{day}"}}
    if version is not None:
        packages["node_modules/postmark-mcp"] = {"version": version}
    place.write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", f"day {day}", day=day)
    return git(folder, "rev-parse", "HEAD")


def at(day: int) -> datetime:
    return datetime(2025, 9, day, 10, tzinfo=UTC)


def told(folder: Path) -> list[tuple[str, str, State, Event, datetime | None]]:
    found = list(read_history(str(folder), WANTED))
    assert all(isinstance(one, InHistory) for one in found), found
    traces = [(one.path, one.trace) for one in found if isinstance(one, InHistory)]
    assert {trace.kind for _, trace in traces} <= {Kind.COMMIT}
    return sorted(
        ((path, trace.text, WANTED.judge(trace), trace.event, trace.at) for path, trace in traces),
        key=lambda one: (one[4] or datetime.max.replace(tzinfo=UTC), one[0], one[1], one[3]),
    )


LOCK = "package-lock.json"


def test_the_first_and_the_last_commit_with_a_bad_version(tmp_path: Path) -> None:
    commit(repository(tmp_path), None, 14)
    for day, version in ((15, "1.0.15"), (18, "1.0.16"), (19, "1.0.16"), (20, "1.0.18"), (26, None)):
        commit(tmp_path, version, day)
    assert told(tmp_path / ".git") == [
        (LOCK, "1.0.15", State.OTHER, Event.ARRIVED, at(15)),
        (LOCK, "1.0.16", State.BAD, Event.ARRIVED, at(18)),
        (LOCK, "1.0.18", State.BAD, Event.ARRIVED, at(20)),
        (LOCK, "1.0.18", State.BAD, Event.REMOVED, at(26)),
    ]


def test_a_version_that_falls_back_is_removed_and_a_neighbour_is_nothing(tmp_path: Path) -> None:
    commit(repository(tmp_path), "1.0.16", 18)
    commit(tmp_path, "1.0.15", 21)
    other = tmp_path / "near" / "package-lock.json"
    other.parent.mkdir()
    other.write_text(
        json.dumps(
            {
                "packages": {
                    "node_modules/postmark-mcp-x": {"version": "1.0.16"},
                    "node_modules/@acme/postmark-mcp": {"version": "1.0.16"},
                }
            }
        )
    )
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "near", day=22)
    assert told(tmp_path / ".git") == [
        (LOCK, "1.0.16", State.BAD, Event.ARRIVED, at(18)),
        (LOCK, "1.0.15", State.OTHER, Event.ARRIVED, at(21)),
        (LOCK, "1.0.16", State.BAD, Event.REMOVED, at(21)),
    ]


def test_a_deleted_lock_file_and_files_in_folders_with_odd_names(tmp_path: Path) -> None:
    name = "a b\n\x01:'\"é/package-lock.json"
    commit(repository(tmp_path), "1.0.16", 18, name)
    git(tmp_path, "rm", "-q", name)
    git(tmp_path, "commit", "-q", "-m", "gone", day=25)
    assert told(tmp_path / ".git") == [
        (name, "1.0.16", State.BAD, Event.ARRIVED, at(18)),
        (name, "1.0.16", State.BAD, Event.REMOVED, at(25)),
    ]


def test_a_branch_that_was_never_merged_and_a_commit_that_only_the_reflog_remembers(tmp_path: Path) -> None:
    commit(repository(tmp_path), None, 14)
    git(tmp_path, "checkout", "-q", "-b", "trial")
    commit(tmp_path, "1.0.16", 18)
    git(tmp_path, "checkout", "-q", "main")
    commit(tmp_path, "1.0.17", 19)
    git(tmp_path, "reset", "-q", "--hard", "HEAD~1")
    git(tmp_path, "pack-refs", "--all")
    found = told(tmp_path / ".git")
    assert (LOCK, "1.0.16", State.BAD, Event.ARRIVED, at(18)) in found
    assert (LOCK, "1.0.17", State.BAD, Event.ARRIVED, at(19)) in found
    assert (LOCK, "1.0.16", State.BAD, Event.NAMED, None) in found  # the branch holds it still
    assert len(found) == 3


def test_a_merge_brings_nothing_that_a_parent_had(tmp_path: Path) -> None:
    commit(repository(tmp_path), None, 14)
    git(tmp_path, "checkout", "-q", "-b", "trial")
    commit(tmp_path, "1.0.16", 18)
    git(tmp_path, "checkout", "-q", "main")
    (tmp_path / "other").write_text("x")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "other", day=19)
    git(tmp_path, "merge", "-q", "--no-ff", "-m", "merge", "trial", day=20)
    arrived = [one for one in told(tmp_path / ".git") if one[3] is Event.ARRIVED]
    assert arrived == [(LOCK, "1.0.16", State.BAD, Event.ARRIVED, at(18))]


def test_a_merge_that_brings_it_itself_is_seen(tmp_path: Path) -> None:
    commit(repository(tmp_path), None, 14)
    git(tmp_path, "checkout", "-q", "-b", "trial")
    commit(tmp_path, "1.0.14", 18)
    git(tmp_path, "checkout", "-q", "main")
    commit(tmp_path, "1.0.15", 19)
    subprocess.run([GIT, "-C", str(tmp_path), "merge", "-q", "trial"], check=False, capture_output=True, env=ENVIRONMENT)
    commit(tmp_path, "1.0.16", 20)
    assert (LOCK, "1.0.16", State.BAD, Event.ARRIVED, at(20)) in told(tmp_path / ".git")


def test_author_and_committer_may_differ_and_the_wider_window_is_told(tmp_path: Path) -> None:
    commit(repository(tmp_path), None, 14)
    commit(tmp_path, "1.0.16", 18)
    git(tmp_path, "commit", "-q", "--amend", "--no-edit", extra={"GIT_COMMITTER_DATE": "2025-09-23T10:00:00+0000"})
    git(tmp_path, "rm", "-q", LOCK)
    git(
        tmp_path,
        "commit",
        "-q",
        "-m",
        "rm",
        extra={"GIT_AUTHOR_DATE": "2025-09-24T10:00:00+0000", "GIT_COMMITTER_DATE": "2025-09-26T10:00:00+0000"},
    )
    found = [one for one in told(tmp_path / ".git") if one[2] is State.BAD]
    assert {(one[3], one[4]) for one in found} == {(Event.ARRIVED, at(18)), (Event.REMOVED, at(26))}


def test_a_shallow_copy_does_not_take_its_edge_for_an_arrival(tmp_path: Path) -> None:
    commit(repository(tmp_path / "whole"), "1.0.16", 18)
    commit(tmp_path / "whole", "1.0.16", 19)
    git(tmp_path, "clone", "-q", "--depth", "1", "--bare", (tmp_path / "whole").as_uri(), "cut.git")
    assert told(tmp_path / "cut.git") == [
        (LOCK, "1.0.16", State.BAD, Event.NAMED, at(19)),
        (LOCK, "1.0.16", State.BAD, Event.NAMED, None),
    ]


def test_other_kinds_of_repository(tmp_path: Path) -> None:
    commit(repository(tmp_path / "wide", "--object-format=sha256"), "1.0.16", 18)
    commit(repository(tmp_path / "yarn"), None, 14)
    (tmp_path / "yarn" / "yarn.lock").write_text('postmark-mcp@^1.0.0:\n  version "1.0.16"\n')
    git(tmp_path / "yarn", "add", "-A")
    git(tmp_path / "yarn", "commit", "-q", "-m", "y", day=18)
    repository(tmp_path / "empty")
    assert told(tmp_path / "wide" / ".git")[0] == (LOCK, "1.0.16", State.BAD, Event.ARRIVED, at(18))
    assert told(tmp_path / "yarn" / ".git")[0] == ("yarn.lock", "1.0.16", State.BAD, Event.ARRIVED, at(18))
    assert told(tmp_path / "empty" / ".git") == []


def test_nothing_of_a_hostile_repository_runs_or_is_changed(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repo")
    commit(folder, "1.0.16", 18)
    ran = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    config = (
        f"[core]\n\tfsmonitor = {script}\n\tpager = {script}\n\thooksPath = {tmp_path}\n\tsshCommand = {script}\n\tgitProxy = {script}\n"
        f'[diff]\n\texternal = {script}\n[diff "x"]\n\ttextconv = {script}\n[log]\n\tshowSignature = true\n[gpg]\n\tprogram = {script}\n'
        f'[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\turl = ext::{script}\n\tpromisor = true\n[protocol "ext"]\n\tallow = always\n'
        "[include]\n\tpath = /dev/zero\n"
    )  # fmt: skip
    (folder / ".git" / "config").write_text(config)
    (folder / ".git" / "info" / "attributes").write_text("* diff=x\n")
    for hook in ("post-checkout", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(script, folder / ".git" / "hooks" / hook)
    (folder / ".git" / "refs" / "heads" / "odd").write_text("--output=/tmp/x\n")
    (folder / ".git" / "refs" / "heads" / "missing").write_text("0123456789" * 4)
    before = {place: place.read_bytes() for place in sorted(folder.rglob("*")) if place.is_file()}
    assert (LOCK, "1.0.16", State.BAD, Event.ARRIVED, at(18)) in told(folder / ".git")
    assert not ran.exists()
    assert before == {place: place.read_bytes() for place in sorted(folder.rglob("*")) if place.is_file()}


def test_a_missing_object_is_told_and_never_fetched(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repo")
    commit(folder, "1.0.16", 18)
    blob = git(folder, "rev-parse", "HEAD:package-lock.json")
    place = folder / ".git" / "objects" / blob[:2] / blob[2:]
    place.chmod(0o600)
    place.unlink()
    assert [isinstance(one, str) for one in read_history(str(folder / ".git"), WANTED)] == [True]
    for other in (folder / ".git" / "objects").rglob("*"):
        if other.is_file():
            other.chmod(0o600)
            other.write_bytes(b"noise")
    assert [isinstance(one, str) for one in read_history(str(folder / ".git"), WANTED)] == [True]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (GitLimits(seconds=0), "0 seconds"),
        (GitLimits(output=16), "16 bytes"),
        (GitLimits(lock=16), "16 bytes"),
        (GitLimits(memory=1 << 20), "git log"),
    ],
)
def test_limits_are_told(tmp_path: Path, limits: GitLimits, words: str) -> None:
    commit(repository(tmp_path), "1.0.16", 18)
    found = list(read_history(str(tmp_path / ".git"), WANTED, limits))
    assert any(isinstance(one, str) and words in one for one in found), found


def test_without_git_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert [isinstance(one, str) and "not installed" in one for one in read_history(str(tmp_path), WANTED)] == [True]


@pytest.mark.parametrize(
    ("files", "folders", "expected"),
    [
        (["HEAD", "config"], ["objects", "refs"], True), (["HEAD", "packed-refs"], ["objects"], True), (["HEAD"], ["refs"], False),
        (["config"], ["objects", "refs"], False), ([], [], False),
    ],
)  # fmt: skip
def test_what_a_repository_is(files: list[str], folders: list[str], expected: bool) -> None:
    assert is_repository(files, folders) is expected


@pytest.mark.parametrize(
    "noise",
    [b"", b"\0", b":\0", b"\x01\0:::\0\0", b"\x01abc def ghi\0:1 2\0p\0", b"\n:100644 100644 zz yy M\0path", b"\xff\0" * 10],
)
def test_what_is_no_answer_of_git_is_taken_without_falling(noise: bytes) -> None:
    list(commits_of(noise))


def test_a_survey_ends_a_window_by_the_removing_commit(tmp_path: Path) -> None:
    folder = repository(tmp_path / "app")
    for day, version in ((14, None), (18, "1.0.16"), (26, None)):
        commit(folder, version, day)
    (one,) = survey([HostRoot("web1", tmp_path)], INCIDENT).exposures
    assert (one.start, one.end, one.is_live) == (at(18), at(26), False)
    assert one.start_basis.startswith("first seen by lock file commit")
    assert one.earliest == INCIDENT.window.start  # a commit comes after the installation that it records
    assert one.end_basis.startswith("removed by lock file commit")
    (folder / "node_modules" / "postmark-mcp").mkdir(parents=True)
    (folder / "node_modules" / "postmark-mcp" / "package.json").write_text('{"name": "postmark-mcp", "version": "1.0.16"}')
    (one,) = survey([HostRoot("web1", tmp_path)], INCIDENT).exposures
    assert (one.start, one.end, one.is_live) == (at(18), None, True)


def test_a_repository_without_a_lock_file_costs_nothing_and_tells_nothing(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (folder / "readme").write_text("postmark-mcp 1.0.16")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x", day=18)
    assert told(folder / ".git") == []


def put(folder: Path, name: str, text: str, day: int) -> None:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", f"day {day}", day=day)


def test_what_came_from_git_is_not_accused_in_the_history_either(tmp_path: Path) -> None:
    entry = {"version": "1.2.0", "resolved": "git+ssh://git@code.example/ActiveCampaign/postmark-mcp.git#0a"}
    put(repository(tmp_path), LOCK, json.dumps({"packages": {"node_modules/postmark-mcp": entry}}), 18)
    assert told(tmp_path / ".git") == [(LOCK, "1.2.0", State.OTHER, Event.ARRIVED, at(18))]
    assert survey([HostRoot("web1", tmp_path)], INCIDENT).exposures == ()


def test_a_version_of_a_file_that_cannot_be_read_removes_nothing(tmp_path: Path) -> None:
    commit(repository(tmp_path), "1.0.16", 18)
    put(tmp_path, LOCK, "<<<<<<< postmark-mcp", 20)
    found = list(read_history(str(tmp_path / ".git"), WANTED))
    assert [one.trace.event for one in found if isinstance(one, InHistory)] == [Event.ARRIVED]
    assert sum(isinstance(one, str) for one in found) == 1
    commit(tmp_path, "1.0.15", 22)
    (one,) = survey([HostRoot("web1", tmp_path)], INCIDENT).exposures
    assert one.end is None


def test_a_committed_configuration_dates_itself_and_its_secret_is_named_only(tmp_path: Path) -> None:
    secret = "0000aaaa-1111-4bbb-8ccc-" + "222233334444"
    server = {"command": "npx", "args": ["-y", "postmark-mcp"], "env": {"POSTMARK_SERVER_TOKEN": secret}}
    put(repository(tmp_path), ".mcp.json", json.dumps({"mcpServers": {}}), 14)
    put(tmp_path, ".mcp.json", json.dumps({"mcpServers": {"mail": server}}), 18)
    put(tmp_path, ".mcp.json", json.dumps({"mcpServers": {"mail": {"command": "npx", "args": ["-y", "postmark-mcp-x"]}}}), 26)
    found = survey([HostRoot("web1", tmp_path)], INCIDENT)
    (one,) = found.exposures
    assert (one.start, one.end, one.certainty, one.secrets) == (at(18), at(26), "possible", ("POSTMARK_SERVER_TOKEN",))
    assert one.start_basis.startswith("first seen by commit")
    assert secret not in repr(found)


def test_the_time_for_all_repositories_of_a_disk_is_bounded(tmp_path: Path) -> None:
    commit(repository(tmp_path / "a"), "1.0.16", 18)
    commit(repository(tmp_path / "b"), "1.0.16", 18)
    found = survey([HostRoot("web1", tmp_path)], INCIDENT, limits=HostLimits(git_total=0.0))
    assert [one.path for one in found.problems] == ["web1/b/.git"]
    assert not survey([HostRoot("web1", tmp_path)], INCIDENT, with_git=False).problems
