"""npm's logs, cache and npx folders: what they tell, by which clock, and what resembles it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.hosts.npmcache import archive_named, dlx_time, npx_folder, npx_folders, read_bucket
from forensics.hosts.npmlogs import read_npm_log
from forensics.hosts.sightings import Event, State, Trace, wanted_from
from forensics.incident import Incident, Package

WANTED, _ = wanted_from(Incident.load("postmark-mcp"))
NAME = "2025-09-18T09_12_40_939Z-debug-0.log"
AT = datetime(2025, 9, 18, 9, 12, 40, 939000, UTC)
URL = "https://registry.example/postmark-mcp/-/postmark-mcp-1.0.16.tgz"


@pytest.mark.parametrize(
    ("typed", "folder"),
    [
        (["postmark-mcp"], "36584b3cdb3b9e8d"),
        (["postmark-mcp@latest"], "1d568ecf8e0450e5"),
        (["postmark-mcp@1.0.16"], "db2673468ba962c6"),
    ],
)
def test_npx_names_folders_after_what_was_typed(typed: list[str], folder: str) -> None:
    assert npx_folder(typed) == folder
    assert npx_folder([*typed, "zod"]) == npx_folder(["zod", *typed]) != folder


def test_folders_of_bad_versions_are_known_and_of_good_ones_not() -> None:
    known = npx_folders(WANTED, {"postmark-mcp": ["1.0.16", "1.0.17"]})
    assert known["36584b3cdb3b9e8d"] == ("postmark-mcp", "")
    assert known[npx_folder(["postmark-mcp@1.0.17"])] == ("postmark-mcp", "1.0.17")
    for near in ("postmark-mcp@1.0.15", "postmark-mcp-x", "@acme/postmark-mcp", "postmark-mcp "):
        assert npx_folder([near]) not in known


def log(
    *lines: str, argv: str = '"exec" "--yes" "--" "postmark-mcp"', title: str = "npm exec postmark-mcp", end: str = "exit 0"
) -> bytes:
    stamp = "2025-09-18T09_12_40_939Z"
    head = [
        "verbose cli /usr/bin/node /usr/bin/npm",
        f"verbose title {title}",
        f"verbose argv {argv}",
        f"verbose logfile /home/u/.npm/_logs/{stamp}-debug-0.log",
    ]
    return "".join(f"{number} {line}\n" for number, line in enumerate([*head, *lines, f"verbose {end}"])).encode()


def told(content: bytes, name: str = NAME) -> list[tuple[str, State, Event]]:
    found = list(read_npm_log(name, content, WANTED))
    assert all(isinstance(one, Trace) and one.at == AT for one in found), found
    return [(one.text, WANTED.judge(one), one.event) for one in found if isinstance(one, Trace)]


PLACED = "silly placeDep ROOT postmark-mcp@1.0.16 OK for:  want: 1.0.16"
INSTALL = {"argv": '"install" "postmark-mcp"', "title": "npm install postmark-mcp"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (log(PLACED), [("1.0.16", State.BAD, Event.RAN)]),
        (log(), [("", State.UNKNOWN, Event.RAN)]),
        (log(argv='"exec" "postmark-mcp@1.0.16"', title="npm exec postmark-mcp@1.0.16"), [("1.0.16", State.BAD, Event.RAN)]),
        (log(argv='"exec" "postmark-mcp@1.0.15"', title="npm exec postmark-mcp@1.0.15"), [("1.0.15", State.OTHER, Event.RAN)]),
        (log(PLACED.replace("1.0.16", "1.0.15")), [("1.0.15", State.OTHER, Event.RAN)]),
        (log(PLACED, **INSTALL), [("1.0.16", State.BAD, Event.ARRIVED)]),
        (log(f"http fetch GET 200 {URL} 88ms (cache miss)", **INSTALL), [("1.0.16", State.BAD, Event.ARRIVED)]),
        (log(f"http cache postmark-mcp@{URL} 0ms (cache hit)", argv='"ci"', title="npm ci"), [("1.0.16", State.BAD, Event.ARRIVED)]),
        (log("silly placeDep ROOT pm@1.0.16 OK for: a@1.0.0 want: npm:postmark-mcp@1.0.16", argv='"ci"', title="npm ci"), [("1.0.16", State.BAD, Event.ARRIVED)]),
        (log("silly REMOVE node_modules/postmark-mcp", argv='"uninstall" "postmark-mcp"', title="npm uninstall postmark-mcp"), [("", State.UNKNOWN, Event.REMOVED)]),
        (log(argv='"uninstall" "postmark-mcp"', title="npm uninstall postmark-mcp", end="exit 1"), [("", State.UNKNOWN, Event.NAMED)]),
        (log("silly REMOVE node_modules/postmark-mcp", argv='"prune"', title="npm prune"), [("", State.UNKNOWN, Event.REMOVED)]),
        (log("silly ADD node_modules/postmark-mcp", argv='"ci"', title="npm ci"), [("", State.UNKNOWN, Event.NAMED)]),
        (log(argv='"--registry" "https://registry.example" "i" "postmark-mcp@1.0.16"', title="npm i postmark-mcp@1.0.16"), [("1.0.16", State.BAD, Event.NAMED)]),
        # a copy that is put elsewhere, or that lay below another package, is not gone
        (log(PLACED, "silly REMOVE node_modules/a/node_modules/postmark-mcp", "silly ADD node_modules/postmark-mcp", argv='"i" "b"', title="npm i b"), [("1.0.16", State.BAD, Event.ARRIVED)]),
        (log("silly REMOVE node_modules/postmark-mcp", "silly ADD node_modules/a/node_modules/postmark-mcp", argv='"i" "b"', title="npm i b"), [("", State.UNKNOWN, Event.NAMED)]),
        (log("silly REMOVE node_modules/a/node_modules/postmark-mcp", argv='"dedupe"', title="npm dedupe"), [("", State.UNKNOWN, Event.NAMED)]),
        (log("silly REMOVE node_modules/postmark-mcp", argv='"uninstall" "postmark-mcp"', title="npm uninstall postmark-mcp", end="cwd /"), [("", State.UNKNOWN, Event.NAMED)]),
        # npm 7 writes the command as a list, and no title
        (b"0 verbose cli [\n0 verbose cli   '/usr/bin/node',\n0 verbose cli   '/usr/bin/npx',\n0 verbose cli   'postmark-mcp@1.0.16'\n0 verbose cli ]\n9 verbose exit 0\n", [("1.0.16", State.BAD, Event.RAN)]),
        # near-misses
        (log("silly placeDep ROOT postmark-mcp-x@1.0.16 OK for: a@1.0.0 want: *", argv='"ci"', title="npm ci"), []),
        (log("silly placeDep ROOT @acme/postmark-mcp@1.0.16 OK for: a@1.0.0 want: *", argv='"ci"', title="npm ci"), []),
        (log("silly placeDep ROOT not-postmark-mcp@1.0.16 OK for: a@1.0.0 want: *", argv='"ci"', title="npm ci"), []),
        (log("http fetch GET 200 https://registry.example/@acme/postmark-mcp/-/postmark-mcp-1.0.16.tgz 9ms", argv='"ci"', title="npm ci"), []),
        (log("http fetch GET 200 https://registry.example/@acme%2fpostmark-mcp/-/postmark-mcp-1.0.16.tgz 9ms", argv='"ci"', title="npm ci"), []),
        (log("http fetch GET 200 https://registry.example/postmark-mcp-x/-/postmark-mcp-x-1.0.16.tgz 9ms", argv='"ci"', title="npm ci"), []),
        (log("silly ADD node_modules/@acme/postmark-mcp", argv='"ci"', title="npm ci"), []),
        (log("verbose cwd /home/ben/src/postmark-mcp", argv='"ci"', title="npm ci"), []),
        (log(argv='"view" "postmark-mcp"', title="npm view postmark-mcp"), []),
    ],
)  # fmt: skip
def test_a_run_of_npm(content: bytes, expected: list[tuple[str, State, Event]]) -> None:
    assert told(content) == expected
    assert told(content.replace(b"\n", b"\r\n")) == expected


def test_the_stamp_inside_wins_and_a_run_without_one_is_told() -> None:
    (one,) = read_npm_log("2030-01-01T00_00_00_000Z-debug-0.log", log(PLACED), WANTED)
    assert isinstance(one, Trace)
    assert (one.at, one.clock) == (AT, "npm log, stamp inside")
    bare = b'1 verbose title npm exec postmark-mcp\n2 verbose argv "exec" "postmark-mcp"\n'
    (named,) = read_npm_log(NAME, bare, WANTED)
    assert isinstance(named, Trace)
    assert (named.at, named.clock) == (AT, "npm log, stamp of its name")
    reason, undated = read_npm_log("debug.log", bare, WANTED)
    assert isinstance(reason, str)
    assert isinstance(undated, Trace)
    assert undated.at is None
    odd = list(read_npm_log("2025-99-18T09_12_40_939Z-debug-0.log", bare, WANTED))
    assert isinstance(odd[0], str)


def line(key: str, time: object, *, integrity: object = "sha512-AA", damage: bool = False) -> bytes:
    text = json.dumps(
        {
            "key": f"make-fetch-happen:request-cache:{key}",
            "integrity": integrity,
            "time": time,
            "size": 1,
            "metadata": {"reqHeaders": {"authorization": "Bearer s3cret"}},
        }
    ).encode()
    return b"\n" + hashlib.sha1(text + b"x" * damage, usedforsecurity=False).hexdigest().encode() + b"\t" + text


MILLIS = 1758186762118
THEN = datetime(2025, 9, 18, 9, 12, 42, 118000, UTC)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (line(URL, MILLIS), [("1.0.16", State.BAD, Event.ARRIVED, THEN)]),
        (line(URL.replace("1.0.16", "1.0.15"), MILLIS), [("1.0.15", State.OTHER, Event.ARRIVED, THEN)]),
        (line("https://mirror.example/npm/postmark-mcp/-/postmark-mcp-1.0.16.tgz?x=1", MILLIS), [("1.0.16", State.BAD, Event.ARRIVED, THEN)]),
        (line("https://registry.example/postmark-mcp", MILLIS), [("", State.UNKNOWN, Event.NAMED, THEN)]),
        (line(URL, MILLIS) + line(URL, MILLIS + 1000), [("1.0.16", State.BAD, Event.ARRIVED, THEN), ("1.0.16", State.BAD, Event.ARRIVED, THEN + timedelta(seconds=1))]),
        (line("https://registry.example/postmark-mcp-x/-/postmark-mcp-x-1.0.16.tgz", MILLIS), []),
        (line("https://registry.example/@acme/postmark-mcp/-/postmark-mcp-1.0.16.tgz", MILLIS), []),
        (line("https://registry.example/@acme%2fpostmark-mcp/-/postmark-mcp-1.0.16.tgz", MILLIS), []),
        (line("https://registry.example/@acme%2fpostmark-mcp", MILLIS), []),
        (line("https://registry.example/not-postmark-mcp", MILLIS), []),
        (line(URL, MILLIS, integrity=None), []),  # a deletion
        (b"\n" + line(URL, MILLIS).strip().replace(b"make-fetch-happen:request-cache:", b"other:"), ["checksum"]),
        (line(URL, MILLIS, damage=True), ["checksum"]),
        (line(URL, "soon"), ["time", ("1.0.16", State.BAD, Event.ARRIVED, None)]),
        (line(URL, -5), ["time", ("1.0.16", State.BAD, Event.ARRIVED, None)]),
        (line(URL, 1e300), ["time", ("1.0.16", State.BAD, Event.ARRIVED, None)]),
        (line(URL, True), ["time", ("1.0.16", State.BAD, Event.ARRIVED, None)]),
    ],
)  # fmt: skip
def test_an_entry_of_npms_cache(content: bytes, expected: list[object]) -> None:
    found = list(read_bucket(content, WANTED))
    assert len(found) == len(expected)
    for one, wanted in zip(found, expected, strict=True):
        if isinstance(one, str):
            assert str(wanted) in one
        else:
            assert (one.text, WANTED.judge(one), one.event, one.at) == wanted
            assert "s3cret" not in repr(one)


def test_scoped_packages_are_found_as_such() -> None:
    wanted, _ = wanted_from(Incident(packages=(Package("npm", "@acme/mail", (">=2.0.0",)),)))
    (one,) = read_bucket(line("https://registry.example/@acme%2fmail/-/mail-2.0.1.tgz", MILLIS), wanted)
    assert isinstance(one, Trace)
    assert (one.package, one.text) == ("@acme/mail", "2.0.1")
    assert not list(read_bucket(line("https://registry.example/mail/-/mail-2.0.1.tgz", MILLIS), wanted))
    assert archive_named("acme-mail-2.0.1.tgz", wanted) == ("@acme/mail", "2.0.1")
    assert archive_named("@acme-mail-npm-2.0.1-30a962e4ff-cf19bfb5f0.zip", wanted) == ("@acme/mail", "2.0.1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("postmark-mcp-1.0.16.tgz", "1.0.16"),
        ("postmark-mcp-npm-1.0.16-fc0ff33698-b716ae1084.zip", "1.0.16"),
        ("postmark-mcp-npm-1.0.16-fc0ff33698-10c0.zip", "1.0.16"),
        ("postmark-mcp-x-1.0.16.tgz", None),
        ("postmark-mcp-x-npm-1.0.16-33c62d968d-de92b7569b.zip", None),
        ("@acme-postmark-mcp-npm-1.0.16-30a962e4ff-cf19bfb5f0.zip", None),
        ("not-postmark-mcp-1.0.16.tgz", None),
        ("postmark-mcp-1.0.16.zip", None),
        ("postmark-mcp-.tgz", None),
    ],
)
def test_packed_copies_by_name(name: str, expected: str | None) -> None:
    assert archive_named(name, WANTED) == (("postmark-mcp", expected) if expected else None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1a2049bdd94-18f", datetime(2026, 11, 22, 18, 54, 13, 396000, UTC)),
        ("1a2049bdd94", None),
        ("00000000000-18f", None),
        ("1a2049bdd94-18g", None),
        ("pkg", None),
    ],
)
def test_pnpm_writes_the_time_into_a_folders_name(name: str, expected: datetime | None) -> None:
    assert dlx_time(name) == expected


@pytest.mark.property
@settings(max_examples=100)
@given(st.binary(max_size=400), st.integers(0, 900))
def test_no_bytes_make_a_reader_fall(noise: bytes, at: int) -> None:
    for whole in (log(PLACED), line(URL, MILLIS)):
        content = whole[:at] + noise + whole[at:]
        list(read_npm_log(NAME, content, WANTED))
        list(read_bucket(content, WANTED))
