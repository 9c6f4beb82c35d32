"""Lock files: every kind, near-misses beside each, and hostile bytes that no reader falls over."""

from __future__ import annotations

import json
import runpy
from typing import Any

import pytest
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from forensics.hosts.jsonc import Unreadable, loads, tables
from forensics.hosts.locks import LOCKS, read_lock
from forensics.hosts.sightings import State, Trace, wanted_from
from forensics.incident import Incident

WANTED, _ = wanted_from(Incident.load("postmark-mcp"))
MADE: dict[str, Any] = runpy.run_path(str(ROOT / "sample_logs" / "hosts" / "disks.py"))
FORMS = {
    "npm 1": ("package-lock.json", lambda version: MADE["npm_lock"](1, version), 2),
    "npm 2": ("package-lock.json", lambda version: MADE["npm_lock"](2, version), 2),
    "npm 3": (".package-lock.json", lambda version: MADE["npm_lock"](3, version), 2),
    "shrinkwrap": ("npm-shrinkwrap.json", lambda version: MADE["npm_lock"](3, version), 2),
    "pnpm 5.4": ("pnpm-lock.yaml", lambda version: MADE["pnpm_lock"]("5.4", version), 1),
    "pnpm 6": ("pnpm-lock.yaml", lambda version: MADE["pnpm_lock"]("6.0", version), 1),
    "pnpm 9": ("lock.yaml", lambda version: MADE["pnpm_lock"]("9.0", version), 1),
    "yarn classic": ("yarn.lock", MADE["yarn_classic"], 1),
    "yarn berry": ("yarn.lock", MADE["yarn_berry"], 1),
    "bun": ("bun.lock", MADE["bun_lock"], 1),
}


def entries(name: str, text: str | bytes) -> list[tuple[str, State]]:
    found = list(read_lock(name, text.encode() if isinstance(text, str) else text, WANTED))
    assert all(isinstance(one, Trace) for one in found), found
    return [(one.text, WANTED.judge(one)) for one in found if isinstance(one, Trace)]


def reasons(name: str, text: str | bytes) -> list[str]:
    return [one for one in read_lock(name, text.encode() if isinstance(text, str) else text, WANTED) if isinstance(one, str)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("version", "state"), [("1.0.16", State.BAD), ("1.0.17", State.BAD), ("1.0.15", State.OTHER), ("1.0.0", State.OTHER)]
)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_tells_the_version_and_no_neighbour(form: str, version: str, state: State, line_end: str) -> None:
    name, make, count = FORMS[form]
    assert entries(name, make(version).replace("\n", line_end)) == [(version, state)] * count


@pytest.mark.parametrize("form", FORMS)
def test_neighbours_alone_are_nothing(form: str) -> None:
    name, make, _ = FORMS[form]
    text = make("1.0.16")
    for own in (
        '"postmark-mcp@',
        "/postmark-mcp/",
        "/postmark-mcp@",
        " postmark-mcp@",
        '"postmark-mcp"',
        "\npostmark-mcp@",
        "node_modules/postmark-mcp",
        "npm:postmark-mcp@",
    ):
        text = text.replace(own, own.replace("postmark-mcp", "my-postmark-mcp"))
    text = text.replace("@acme/my-postmark-mcp", "@acme/postmark-mcp")
    assert "@acme/postmark-mcp" in text
    assert entries(name, text) == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        # from git or a folder: the genuine project or a fork, whatever number it bears
        ("package-lock.json", {"packages": {"node_modules/postmark-mcp": {"version": "1.2.0", "resolved": "git+ssh://git@code.example/ActiveCampaign/postmark-mcp.git#0abc"}}}, [("1.2.0", State.OTHER)]),
        ("package-lock.json", {"packages": {"node_modules/postmark-mcp": {"resolved": "packages/postmark-mcp", "link": True}}}, [("", State.OTHER)]),
        ("package-lock.json", {"packages": {"packages/pm": {"name": "postmark-mcp", "version": "1.1.0"}}}, [("1.1.0", State.OTHER)]),
        ("package-lock.json", {"dependencies": {"postmark-mcp": {"version": "git+https://code.example/a/postmark-mcp.git#0abc"}}}, [("git+https://code.example/a/postmark-mcp.git#0abc", State.OTHER)]),
        # resolved may be missing, and may name anything
        ("package-lock.json", {"packages": {"node_modules/postmark-mcp": {"version": "1.0.16"}}}, [("1.0.16", State.BAD)]),
        ("package-lock.json", {"packages": {"node_modules/a/node_modules/postmark-mcp": {"version": "1.0.16", "resolved": "https://mirror.example/x.tgz"}}}, [("1.0.16", State.BAD)]),
        # an alias that takes the name for another package accuses nobody
        ("package-lock.json", {"packages": {"node_modules/postmark-mcp": {"name": "harmless", "version": "1.0.16"}}}, []),
        ("package-lock.json", {"dependencies": {"postmark-mcp": {"version": "npm:harmless@1.0.16"}}}, []),
        ("package-lock.json", {"packages": {"": {"name": "postmark-mcp", "version": "1.0.16"}}}, []),  # the project itself
        ("deno.lock", {"version": "4", "npm": {"postmark-mcp@1.0.16_zod@3.0.0": {}, "@acme/postmark-mcp@1.0.16": {}}}, [("1.0.16", State.BAD)]),
        ("deno.lock", {"version": "3", "packages": {"npm": {"postmark-mcp@1.0.15": {}}}}, [("1.0.15", State.OTHER)]),
    ],
)  # fmt: skip
def test_json_forms(name: str, text: dict[str, Any], expected: list[tuple[str, State]]) -> None:
    assert entries(name, json.dumps(text)) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("yarn.lock", '"pm@npm:postmark-mcp@1.0.16":\n  version "1.0.16"\n', [("1.0.16", State.BAD)]),
        ("yarn.lock", 'postmark-mcp@^1.0.0, postmark-mcp@^1.0.9:\n  version "1.0.16"\n', [("1.0.16", State.BAD)]),
        ("yarn.lock", '"postmark-mcp@npm:harmless@1.0.16":\n  version "1.0.16"\n', []),
        ("yarn.lock", '"postmark-mcp@git+ssh://git@code.example/x/postmark-mcp.git":\n  version "1.2.0"\n  resolved "git+ssh://git@code.example/x/postmark-mcp.git#0a"\n', [("1.2.0", State.OTHER)]),
        ("yarn.lock", '"postmark-mcp@workspace:packages/pm":\n  version: 0.0.0-use.local\n  resolution: "postmark-mcp@workspace:packages/pm"\n', [("0.0.0-use.local", State.OTHER)]),
        ("yarn.lock", 'mailer@^2.0.0:\n  version "2.0.0"\n  dependencies:\n    postmark-mcp "1.0.16"\n', []),  # asked for; its own block says what came
        ("yarn.lock", "postmark-mcp@^1.0.0:\n  resolved nothing\n", [("", State.UNKNOWN)]),
        ("pnpm-lock.yaml", "packages:\n\n  /postmark-mcp/1.0.16_zod@3.25.0:\n    dev: false\n", [("1.0.16", State.BAD)]),
        ("pnpm-lock.yaml", "packages:\n\n  /postmark-mcp/1.0.16_0123456789abcdef01234567:\n    dev: false\n", [("1.0.16", State.BAD)]),
        ("pnpm-lock.yaml", "packages:\n  /postmark-mcp@1.0.16(zod@3.25.0)(@a/b@1.0.0):\n    dev: false\n", [("1.0.16", State.BAD)]),
        ("pnpm-lock.yaml", "packages:\n    'postmark-mcp@1.0.16':\n        hasBin: true\n", [("1.0.16", State.BAD)]),  # formatted anew
        ("pnpm-lock.yaml", "packages:\n  /postmark-mcp/1.0.16/zod@3.25.0:\n    dev: false\n", [("1.0.16", State.BAD)]),
        ("pnpm-lock.yaml", "packages:\n  registry.example/postmark-mcp/1.0.16:\n    dev: false\n", [("1.0.16", State.BAD)]),
        ("pnpm-lock.yaml", "packages:\n  192.0.2.1+4873/postmark-mcp@1.0.16:\n    dev: false\n", [("1.0.16", State.BAD)]),
        ("pnpm-lock.yaml", "packages:\n  registry.example/@acme/postmark-mcp/1.0.16:\n    dev: false\n", []),
        ("pnpm-lock.yaml", "packages:\n  /postmark-mcp.x/1.0.16:\n    dev: false\n", []),
        ("yarn.lock", '"mail@portal:../x":\n  version: 1.0.16\n  resolution: "postmark-mcp@npm:1.0.16"\n', [("1.0.16", State.BAD)]),
        ("yarn.lock", '"postmark-mcp@patch:postmark-mcp@npm%3A1.0.16#a":\n  version: 1.0.16\n  resolution: "postmark-mcp@patch:postmark-mcp@npm%3A1.0.16#a"\n', [("1.0.16", State.BAD)]),
        ("pnpm-lock.yaml", "snapshots:\n  postmark-mcp@1.0.16: {}\n", [("1.0.16", State.BAD)]),
        ("pnpm-lock.yaml", "packages:\n  postmark-mcp@https://codeload.code.example/x/tar.gz/0a:\n    version: 1.2.0\n", [("https://codeload.code.example/x/tar.gz/0a", State.OTHER)]),
        ("pnpm-lock.yaml", "packages:\n  postmark-mcp@file:../pm:\n    version: 1.2.0\n", [("file:../pm", State.OTHER)]),
        ("pnpm-lock.yaml", "packages:\n  x@1.0.0:\n    dependencies:\n      postmark-mcp: 1.0.16\n", []),
        ("pnpm-lock.yaml", "overrides:\n  postmark-mcp@1.0.16: 1.0.15\n", []),
    ],
)  # fmt: skip
def test_line_forms(name: str, text: str, expected: list[tuple[str, State]]) -> None:
    assert entries(name, text) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package-lock.json", '{"packages": {"node_modules/postmark-mcp": {"version": "1.0'),
        ("package-lock.json", '["postmark-mcp"]'),
        ("package-lock.json", "[" * 100_000 + '"postmark-mcp"'),
        ("package-lock.json", '{"n": ' + "9" * 10_000 + ', "x": "postmark-mcp"}'),
        ("bun.lock", '{"postmark-mcp": 1}'),
        ("bun.lock", "/* " * 50_000 + "postmark-mcp"),
        ("bun.lock", '{"postmark-mcp": "' + '\\"' * 50_000),
        ("yarn.lock", "<<<<<<< postmark-mcp\n"),
        ("pnpm-lock.yaml", "packages: {postmark-mcp@1.0.16: {}}\n"),
        ("pnpm-lock.yaml", "{packages: {postmark-mcp@1.0.16: {}}}\n"),
        ("pnpm-lock.yaml", "packages:\n  ? postmark-mcp@1.0.16\n  : {}\n"),
    ],
)
def test_what_names_the_package_and_cannot_be_read_is_told(name: str, text: str) -> None:
    with affordable(5):
        told = reasons(name, text)
        assert told
        assert not any("1.0.16" in one for one in told)


def test_a_conflict_does_not_hide_what_follows() -> None:
    text = f"<<<<<<< HEAD\n{MADE['yarn_classic']('1.0.16')}=======\n{MADE['yarn_classic']('1.0.15')}>>>>>>> other\n"
    found = list(read_lock("yarn.lock", text.encode(), WANTED))
    assert [one.text for one in found if isinstance(one, Trace)] == ["1.0.16", "1.0.15"]
    assert sum(isinstance(one, str) for one in found) == 3


def test_a_name_in_escapes_is_read() -> None:
    assert entries("package-lock.json", b'{"packages":{"node_modules/\\u0070ostmark-mcp":{"version":"1.0.16"}}}') == [
        ("1.0.16", State.BAD)
    ]


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(LOCKS)), st.binary(max_size=300), st.integers(0, 2000))
def test_no_bytes_make_a_reader_fall(name: str, noise: bytes, at: int) -> None:
    whole = next(make("1.0.16") for known, make, _ in FORMS.values() if name in {known, "deno.lock"}).encode()
    list(read_lock(name, noise + b"postmark-mcp", WANTED))
    list(read_lock(name, whole[:at] + noise + whole[at:], WANTED))
    list(read_lock(name, whole[:at], WANTED))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, /* x */ "b": [1, 2,], } // end', {"a": 1, "b": [1, 2]}),
        (
            '{"url": "https://x.example/a//b", "c": "/* no */", "d": ",}"}',
            {"url": "https://x.example/a//b", "c": "/* no */", "d": ",}"},
        ),
        ('{"q": "\\" // ,]", /* , } */ "r": 1 /* z */ , }', {"q": '" // ,]', "r": 1}),
        ('\ufeff{"a": 1}', {"a": 1}),
    ],
)
def test_json_with_comments(text: str, value: object) -> None:
    assert loads(text.encode()) == value
    assert loads(text.removeprefix("\ufeff").encode("utf-16")) == value


def test_json_that_is_none_says_so() -> None:
    with pytest.raises(Unreadable, match="line 2"):
        loads(b'{"a": 1,\n "b" 2}')


def test_objects_come_with_their_path() -> None:
    document = {"a": {"b": [{"c": 1}, {"d": {}}]}, "e": 2}
    assert [path for path, _ in tables(document)] == [(), ("a",), ("a", "b"), ("a", "b"), ("a", "b", "d")]
