"""Whole disks: the samples against their golden files, hostile trees, speed of thought and nothing secret."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from forensics.hosts import HostLimits, HostRoot, Kind, State, Survey, as_json, host_root, policy_text, survey, tables, told
from forensics.hosts.sightings import Event, harmless
from forensics.incident import Incident, Package
from forensics.policy import Policy

SAMPLES = ROOT / "sample_logs" / "hosts"
GOLDEN = Path(__file__).resolve().parent / "golden"
HOSTS = sorted(place for place in SAMPLES.iterdir() if place.is_dir())
INCIDENT = Incident.load("postmark-mcp")
TOKEN = "00000000-aaaa-4bbb-8ccc-" + "invented0001"


def without_hints(found: Survey) -> dict[str, Any]:
    """The answer without mtimes, which a checkout sets anew."""
    rows = as_json(found)
    for row in [*rows["windows"], *rows["sightings"]]:
        row["hint"] = ""
    return rows


def shown(root: Path, incident: Incident = INCIDENT, limits: HostLimits | None = None) -> Survey:
    return survey([HostRoot("web1", root)], incident, limits=limits or HostLimits())


def write(root: Path, path: str, text: str | bytes) -> Path:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    return place


def states(found: Survey) -> list[tuple[str, str, State, Event]]:
    return [(one.kind.value, one.version, one.state, one.event) for one in found.sightings]


@pytest.mark.golden
@pytest.mark.parametrize("place", HOSTS, ids=lambda place: place.name)
def test_a_sample_disk_is_read_as_its_golden_says(place: Path, matches_golden: Any) -> None:
    rows = without_hints(survey([place], INCIDENT))
    matches_golden(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", GOLDEN / f"{place.name}.json")


def test_no_golden_is_an_orphan() -> None:
    assert {place.stem for place in GOLDEN.glob("*.json")} == {place.name for place in HOSTS}


def test_regenerating_gives_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SAMPLES / "disks.py"), "--out", str(tmp_path)], check=True)
    made = {place.relative_to(tmp_path): place.read_bytes() for place in tmp_path.rglob("*") if place.is_file()}
    kept = {place.relative_to(SAMPLES): place.read_bytes() for host in HOSTS for place in host.rglob("*") if place.is_file()}
    assert made == kept


def test_the_samples_come_to_the_windows_that_their_stories_tell() -> None:
    found = survey(HOSTS, INCIDENT)
    windows = {one.host: one for one in found.exposures}
    assert sorted(windows) == ["builder", "laptop-ana", "mail-agent"]
    assert found.hosts_without_sighting == ("desk-ben",)
    laptop, agent, builder = windows["laptop-ana"], windows["mail-agent"], windows["builder"]
    assert (laptop.start, laptop.end, laptop.is_live) == (datetime(2025, 9, 18, 9, 12, 40, 939000, UTC), None, True)
    assert laptop.secrets == ("POSTMARK_SERVER_TOKEN",)
    assert agent.end == datetime(2025, 9, 25, 20, 30, tzinfo=UTC)
    assert (builder.start, builder.is_live, builder.versions) == (INCIDENT.window.start, True, ("1.0.16", "1.0.17", "1.0.18"))
    assert not [one for one in found.sightings if one.host == "desk-ben" and one.state is not State.OTHER]


def test_no_answer_holds_a_secret() -> None:
    assert any(TOKEN.encode() in place.read_bytes() for place in SAMPLES.rglob("*") if place.is_file())
    found = survey(HOSTS, INCIDENT)
    for text in (json.dumps(as_json(found)), policy_text(found), told(found), *tables(found).values(), repr(found)):
        assert TOKEN not in text


def test_a_policy_reads_the_windows() -> None:
    found = survey(HOSTS, INCIDENT)
    policy = Policy.from_data(tomllib.loads(policy_text(found)), "hosts")
    assert {one.host: one.window for one in policy.host_windows} == {one.host: one.window for one in found.exposures}
    empty = survey([], INCIDENT)
    assert Policy.from_data(tomllib.loads(policy_text(empty)), "hosts").host_windows == ()


@pytest.mark.parametrize(
    ("named", "folders"),
    [
        ("{0}/disk", None),  # the folder is called as the host is
        ("DISK={0}/disk", None),
        ("web1={0}/disk", ["disk"]),
        ("web1={0}/Disk7/top", ["top"]),
    ],
)
def test_a_policy_names_the_folders_that_are_not_called_as_their_host(
    tmp_path: Path, named: str, folders: list[str] | None
) -> None:
    for folder in ("disk", "Disk7/top"):
        write(tmp_path / folder, "package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}}}')
    found = survey([host_root(named.format(tmp_path))], INCIDENT)
    (window,) = tomllib.loads(policy_text(found))["host_window"]
    assert window.get("folders") == folders


def test_a_folder_name_that_two_hosts_share_tells_of_neither(tmp_path: Path) -> None:
    for folder in ("a/disk", "b/disk", "c/disk7"):
        write(tmp_path / folder, "package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}}}')
    found = survey([tmp_path / "a/disk", tmp_path / "b/disk", HostRoot("disk", tmp_path / "c/disk7")], INCIDENT)
    windows = {one["host"]: one["folders"] for one in tomllib.loads(policy_text(found))["host_window"]}
    assert windows == {"disk": ["disk7"], "disk~2": []}


def test_a_hostile_host_name_stays_text(tmp_path: Path) -> None:
    write(tmp_path, "package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}}}')
    name = 'a"\n[organisation]\x1b]0;\u202e=1'
    found = survey([HostRoot(harmless(name), tmp_path)], INCIDENT)
    policy = Policy.from_data(tomllib.loads(policy_text(found)), "hosts")
    assert [one.host for one in policy.host_windows] == [harmless(name).lower()]
    assert policy.domains == ()
    assert "\x1b" not in told(found)


def test_tables_are_csv_that_no_spreadsheet_runs(tmp_path: Path) -> None:
    write(tmp_path, "=cmd|x/package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}}}')
    written = tables(shown(tmp_path))
    assert sorted(written) == ["host_sightings.csv", "host_unread.csv", "host_windows.csv"]
    rows = list(csv.DictReader(io.StringIO(written["host_sightings.csv"])))
    assert rows[0]["path"].startswith("'=")
    assert rows[0]["state"] == "bad"
    assert written["host_unread.csv"] == "path,offset,reason\r\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("web1=/srv/disk", "web1"),
        ("WEB=/srv", "web"),
        ("/srv/Disk-A", "disk-a"),
        ("/srv/a=b", "a=b"),
        ("./x=y/z", "z"),
        ("=x", "=x"),
    ],
)
def test_a_host_is_named_by_hand_or_by_its_folder(text: str, name: str) -> None:
    assert host_root(text).name == name
    assert host_root("/").name


def test_two_folders_of_one_name_are_two_hosts_and_two_disks_of_a_named_host_are_one(tmp_path: Path) -> None:
    for disk in ("a/disk", "b/disk"):
        write(tmp_path, f"{disk}/package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}}}')
    paths = [tmp_path / "a" / "disk", tmp_path / "b" / "disk"]
    assert [one.host for one in survey([*paths, paths[0]], INCIDENT).exposures] == ["disk", "disk~2"]
    (one,) = survey([f"web1={path}" for path in paths], INCIDENT).exposures
    assert (one.host, one.sightings) == ("web1", 2)


def test_an_installed_package_is_told_by_version_and_by_bytes(tmp_path: Path) -> None:
    write(tmp_path, "node_modules/postmark-mcp/package.json", '{"name": "postmark-mcp", "version": "1.0.15"}')
    code = write(tmp_path, "node_modules/postmark-mcp/lib/index.js", "// invented\n")
    assert states(shown(tmp_path)) == [("installed", "1.0.15", State.OTHER, Event.STANDS)]
    known = Incident(
        packages=(
            Package("npm", "postmark-mcp", (">=1.0.16",), {hashlib.sha256(code.read_bytes()).hexdigest(): "index.js of 1.0.16"}),
        )
    )
    (one,) = shown(tmp_path, known).sightings
    assert one.state is State.BAD
    assert "index.js of 1.0.16" in one.note
    code.write_text("Bcc: 'phan@" + "giftshop.club'")
    (one,) = shown(tmp_path).sightings
    assert one.state is State.BAD
    assert "indicator" in one.note
    code.write_text("// clean")
    write(
        tmp_path,
        "node_modules/postmark-mcp/package.json",
        '{"name": "postmark-mcp", "version": "1.0.15", "x": "not giftshop' + '.club"}',
    )
    assert states(shown(tmp_path)) == [("installed", "1.0.15", State.OTHER, Event.STANDS)]  # words about it are no code


@pytest.mark.parametrize(
    ("path", "manifest", "expected"),
    [
        ("node_modules/postmark-mcp", '{"name": "postmark-mcp", "version": "1.0.16"}', [("installed", "1.0.16", State.BAD, Event.STANDS)]),
        ("usr/lib/node_modules/a/node_modules/postmark-mcp", '{"name": "postmark-mcp", "version": "1.0.17"}', [("installed", "1.0.17", State.BAD, Event.STANDS)]),
        ("node_modules/.pnpm/postmark-mcp@1.0.16/node_modules/postmark-mcp", '{"name": "postmark-mcp", "version": "1.0.16"}', [("installed", "1.0.16", State.BAD, Event.STANDS)]),
        (".bun/install/cache/postmark-mcp@1.0.16@@@1", '{"name": "postmark-mcp", "version": "1.0.16"}', [("installed", "1.0.16", State.BAD, Event.NAMED)]),
        ("src/postmark-mcp", '{"name": "postmark-mcp", "version": "1.0.0"}', [("checkout", "1.0.0", State.OTHER, Event.STANDS)]),
        ("src/postmark-mcp", '{"name": "postmark-mcp", "version": "2.0.0"}', [("checkout", "2.0.0", State.OTHER, Event.STANDS)]),  # a fork with numbers of its own
        ("node_modules/postmark-mcp", '{"name": "postmark-mcp", "version": "1.2.0", "_resolved": "git+ssh://git@code.example/x/postmark-mcp.git#0a"}', [("installed", "1.2.0", State.OTHER, Event.STANDS)]),
        ("node_modules/@acme/postmark-mcp", '{"name": "@acme/postmark-mcp", "version": "1.0.16"}', []),
        ("node_modules/postmark-mcp-x", '{"name": "postmark-mcp-x", "version": "1.0.16"}', []),
        ("node_modules/not-postmark-mcp", '{"name": "not-postmark-mcp", "version": "1.0.16"}', []),
        ("node_modules/postmark-mcp", '{"name": "alias-of-another", "version": "1.0.16"}', []),
        ("node_modules/postmark-mcp", "no JSON", [("installed", "", State.UNKNOWN, Event.STANDS)]),
        ("app", '{"dependencies": {"postmark-mcp": "^1.0.0"}}', [("manifest", "^1.0.0", State.UNKNOWN, Event.STANDS)]),
        ("app", '{"dependencies": {"postmark-mcp": "1.0.15"}}', [("manifest", "1.0.15", State.OTHER, Event.STANDS)]),
        ("app", '{"devDependencies": {"pm": "npm:postmark-mcp@1.0.16"}}', [("manifest", "1.0.16", State.BAD, Event.STANDS)]),
        ("app", '{"dependencies": {"postmark-mcp": "github:ActiveCampaign/postmark-mcp"}}', [("manifest", "", State.OTHER, Event.STANDS)]),
        ("app", '{"dependencies": {"postmark-mcp": "git+https://user:s3cret@code.example/x.git"}}', [("manifest", "", State.OTHER, Event.STANDS)]),
        ("app", '{"scripts": {"mcp": "npx -y postmark-mcp@1.0.16"}}', [("manifest", "1.0.16", State.BAD, Event.STANDS)]),
        ("app", '{"description": "like postmark-mcp"}', []),
    ],
)  # fmt: skip
def test_packages_and_projects(tmp_path: Path, path: str, manifest: str, expected: list[tuple[str, str, State, Event]]) -> None:
    write(tmp_path, f"{path}/package.json", manifest)
    found = shown(tmp_path)
    assert states(found) == expected
    assert "s3cret" not in repr(found)


def test_the_address_of_a_lock_entry_is_not_kept(tmp_path: Path) -> None:
    write(
        tmp_path,
        "package-lock.json",
        '{"dependencies": {"postmark-mcp": {"version": "git+https://user:s3cret@code.example/x.git#0a"}}}',
    )
    found = shown(tmp_path)
    assert states(found) == [("lock", "(not a version)", State.OTHER, Event.STANDS)]
    assert "s3cret" not in repr(found)


def test_a_lock_file_tells_where_an_installed_copy_came_from(tmp_path: Path) -> None:
    entry = {"version": "1.2.0", "resolved": "git+ssh://git@code.example/ActiveCampaign/postmark-mcp.git#0a"}
    write(tmp_path, "app/node_modules/postmark-mcp/package.json", '{"name": "postmark-mcp", "version": "1.2.0"}')
    assert len(shown(tmp_path).exposures) == 1
    write(tmp_path, "app/node_modules/.package-lock.json", json.dumps({"packages": {"node_modules/postmark-mcp": entry}}))
    found = shown(tmp_path)
    assert found.exposures == ()
    assert {one.state for one in found.sightings} == {State.OTHER}


def test_what_a_project_asks_for_gives_way_to_what_its_lock_file_says(tmp_path: Path) -> None:
    write(tmp_path, "package.json", '{"dependencies": {"postmark-mcp": "^1.0.0"}}')
    write(tmp_path, "package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.15"}}}')
    assert states(shown(tmp_path)) == [("lock", "1.0.15", State.OTHER, Event.STANDS)]


def test_npx_folders_are_known_by_name_even_when_empty(tmp_path: Path) -> None:
    for name in ("36584b3cdb3b9e8d", "db2673468ba962c6", "0123456789abcdef"):
        (tmp_path / ".npm" / "_npx" / name).mkdir(parents=True)
    (tmp_path / "elsewhere" / "36584b3cdb3b9e8d").mkdir(parents=True)
    assert states(shown(tmp_path)) == [("npx", "", State.UNKNOWN, Event.STANDS), ("npx", "1.0.16", State.BAD, Event.STANDS)]


def test_packed_copies_and_binary_lock_files(tmp_path: Path) -> None:
    write(tmp_path, ".yarn/cache/postmark-mcp-npm-1.0.16-fc0ff33698-b716ae1084.zip", b"PK")
    write(tmp_path, "backup/postmark-mcp-1.0.17.tgz", b"x")
    write(tmp_path, "backup/postmark-mcp-x-1.0.17.tgz", b"x")
    write(tmp_path, "app/bun.lockb", b"\0postmark-mcp\0")
    write(tmp_path, "near/bun.lockb", b"\0nothing\0")
    found = shown(tmp_path)
    assert sorted(states(found)) == [
        ("archive", "1.0.16", State.BAD, Event.STANDS),
        ("archive", "1.0.17", State.BAD, Event.NAMED),
    ]
    assert [(one.path, "binary" in one.reason) for one in found.problems] == [("web1/app/bun.lockb", True)]


def test_a_files_own_time_is_a_hint_and_bounds_nothing(tmp_path: Path) -> None:
    place = write(tmp_path, "node_modules/postmark-mcp/package.json", '{"name": "postmark-mcp", "version": "1.0.16"}')
    first = datetime(2025, 9, 20, tzinfo=UTC)
    os.utime(place, (first.timestamp(), first.timestamp()))
    (one,) = shown(tmp_path).exposures
    assert (one.hint, one.start, one.earliest, one.end) == (first, INCIDENT.window.start, INCIDENT.window.start, None)
    os.utime(place, (0, 0))
    (other,) = shown(tmp_path).exposures
    assert (other.start, other.earliest, other.end) == (one.start, one.earliest, one.end)


def test_links_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    root, outside = tmp_path / "disk", tmp_path / "outside"
    write(outside, "package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}}}')
    write(root, "a/package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}}}')
    (root / "a" / "loop").symlink_to(root)
    (root / "b").symlink_to(outside)
    (root / "c").mkdir()
    (root / "c" / "package-lock.json").symlink_to(outside / "package-lock.json")
    (root / "c" / "yarn.lock").symlink_to(root / "a" / "package-lock.json")  # inside: met where it lies
    (root / "c" / ".mcp.json").symlink_to("/nonexistent")
    found = shown(root)
    assert [one.path for one in found.sightings] == ["a/package-lock.json"]
    assert [one.path for one in found.problems] == ["web1/c/.mcp.json", "web1/c/package-lock.json"]
    assert all("not followed" in one.reason for one in found.problems)


def test_what_cannot_be_read_is_counted_and_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "package-lock.json")
    write(tmp_path, "big/package-lock.json", '{"x": "' + " " * 4000 + 'postmark-mcp"}')
    write(tmp_path, "big2/package-lock.json", '{"x": "' + " " * 4000 + '"}')
    deep = tmp_path
    for _ in range(30):
        deep = deep / ("d" * 200)
        try:
            deep.mkdir()
        except OSError:
            break
    found = shown(tmp_path, limits=HostLimits(lock=1000))
    assert [one.path for one in found.problems] == ["web1/big/package-lock.json"]
    assert "1000 bytes" in found.problems[0].reason
    assert found.hosts[0].problems == 1
    missing = survey([tmp_path / "nothing", tmp_path / "big" / "package-lock.json"], INCIDENT)
    assert len(missing.problems) == 2


def test_a_folder_that_vanishes_or_is_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd").mkdir()
    listing = os.scandir

    def refuse(place: str) -> Any:
        if place.endswith("odd"):
            raise PermissionError(13, "Permission denied", place)
        return listing(place)

    monkeypatch.setattr(os, "scandir", refuse)
    found = shown(tmp_path)
    assert [(one.path, one.reason) for one in found.problems] == [("web1/odd", "the folder cannot be read: Permission denied")]
    assert found.hosts[0].folders == 2


def test_hostile_names_are_shown_harmless(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\n\x1b[31m\xff\xe2\x80\xae<b>")
    write(
        tmp_path,
        f"{name}/package-lock.json",
        '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}, "\\u001b/node_modules/postmark-mcp": {"version": "1.0.16"}}}',
    )
    found = shown(tmp_path)
    assert len(found.sightings) == 2
    for text in (told(found), json.dumps(as_json(found), ensure_ascii=False), *tables(found).values()):
        assert not {"\x1b", "\u202e", "\udcff"} & set(text)
        text.encode()


def test_an_answer_does_not_depend_on_the_order_of_the_disks() -> None:
    assert without_hints(survey(HOSTS, INCIDENT)) == without_hints(survey(reversed(HOSTS), INCIDENT))


def test_an_incident_without_a_package_looks_for_nothing_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, "package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}}}')
    found = shown(tmp_path, Incident())
    assert (found.sightings, found.exposures, len(found.notes)) == ((), (), 1)


def test_every_kind_of_sighting_is_proven_by_a_sample_or_a_test() -> None:
    found = {one.kind for one in survey(HOSTS, INCIDENT).sightings}
    assert found | {Kind.COMMIT, Kind.MANIFEST, Kind.ARCHIVE} == set(Kind)


def test_a_copy_without_its_package_json_is_a_copy_of_unknown_version(tmp_path: Path) -> None:
    write(tmp_path, "node_modules/postmark-mcp/index.js", "// left over\n")
    write(tmp_path, "node_modules/postmark-mcp-x/index.js", "// another\n")
    write(tmp_path, "node_modules/@acme/postmark-mcp/index.js", "// another\n")
    write(tmp_path, "src/postmark-mcp/index.js", "// a checkout\n")
    found = shown(tmp_path)
    assert states(found) == [("installed", "", State.UNKNOWN, Event.STANDS)]
    assert len(found.problems) == 1


def test_progress_is_told_by_host(tmp_path: Path) -> None:
    for number in range(600):
        write(tmp_path, f"{number}/a", "")
    heard: list[tuple[str, int]] = []
    survey([HostRoot("web1", tmp_path)], INCIDENT, progress=lambda host, files: heard.append((host, files)))
    assert heard
    assert {host for host, _ in heard} == {"web1"}


PLACES = (
    "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "deno.lock", "package.json", "node_modules/postmark-mcp/package.json",
    "node_modules/.package-lock.json", "postmark-mcp/package.json", ".mcp.json", ".codex/config.toml", ".npm/_logs/2025-debug-0.log",
    ".npm/_cacache/index-v5/00/00/0", ".npm/_npx/36584b3cdb3b9e8d/package.json", "app/.git/HEAD", "app/.git/packed-refs", "app/.git/config",
    "app/.git/refs/heads/main", "app/.git/shallow",
)  # fmt: skip
PIECES = (
    "postmark-mcp",
    "1.0.16",
    "@",
    '"',
    "{",
    "}",
    "[",
    ":",
    "\n",
    "\t",
    "npx",
    "\\u0070",
    "packages",
    "version",
    "\x00",
    "0" * 40,
    "\udcff",
    "command",
)


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(PLACES), st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=25)), max_size=6)
)
def test_no_disk_makes_a_survey_fall(files: list[tuple[str, list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "app" / ".git" / "objects").mkdir(parents=True)
        for path, pieces in files:
            write(root, path, "".join(pieces).encode("utf-8", "surrogatepass"))
        found = shown(root)
        Policy.from_data(tomllib.loads(policy_text(found)), "hosts")
        json.dumps(as_json(found)).encode()
        told(found).encode()
        for one in found.problems:
            assert "1.0.16" not in one.reason
