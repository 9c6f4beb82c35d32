"""The style guide as tests: what the package may import, and what each plugin owes."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from support import ROOT

from forensics.plugins import ROOMS, discover

PACKAGE = ROOT / "forensics"
MODULES = sorted(PACKAGE.rglob("*.py"))
NETWORK = {
    "socket",
    "ssl",
    "http",
    "urllib.request",
    "smtplib",
    "imaplib",
    "poplib",
    "ftplib",
    "asyncio",
    "xmlrpc",
    "requests",
    "httpx",
    "urllib3",
}
PROGRAMS = {"subprocess", "os.system", "pty"}


def imports(place: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(place.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return found


def shown(place: Path) -> str:
    return place.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("place", MODULES, ids=shown)
def test_only_the_network_edge_can_open_a_socket(place: Path) -> None:
    assert shown(place) == "forensics/collect/wire.py" or not {
        one for one in imports(place) if one in NETWORK or one.split(".")[0] in NETWORK
    }


@pytest.mark.parametrize("place", MODULES, ids=shown)
def test_only_the_sandbox_starts_programs(place: Path) -> None:
    assert shown(place) == "forensics/sandbox.py" or not imports(place) & PROGRAMS


@pytest.mark.parametrize("place", MODULES, ids=shown)
def test_every_module_begins_with_one_sentence(place: Path) -> None:
    docstring = ast.get_docstring(ast.parse(place.read_text(encoding="utf-8")))
    assert docstring
    assert re.search(r"[.?!]$", docstring.splitlines()[0])


@pytest.mark.parametrize("place", MODULES, ids=shown)
def test_functions_fit_on_a_screen(place: Path) -> None:
    tree = ast.parse(place.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert [one.name for one in functions if (one.end_lineno or 0) - one.lineno >= 60] == []


@pytest.mark.parametrize("place", MODULES, ids=shown)
def test_public_names_exist(place: Path) -> None:
    tree = ast.parse(place.read_text(encoding="utf-8"))
    exported = [
        node.value for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets)
    ]  # fmt: skip
    named = {ast.literal_eval(item) for value in exported if isinstance(value, ast.List | ast.Tuple) for item in value.elts}
    text = place.read_text(encoding="utf-8")
    assert {one for one in named if not re.search(rf"\b{re.escape(one)}\b(?!\")", text.replace(f'"{one}"', ""))} == set()


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_every_file_of_a_room_is_a_plugin_that_says_what_it_is(room: str) -> None:
    found = discover(room)
    files = {place.stem for place in (PACKAGE / room).glob("*.py") if not place.stem.startswith("_")}
    assert len({one.name for one in found}) == len(found) >= len(files) > 0
    for one in found:
        assert one.error == ""
        assert one.plugin.version >= 1
        assert getattr(one.plugin, "title", "") or getattr(one.plugin, "question", "")


def test_every_runtime_dependency_has_its_reason_and_is_used() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = tomllib.loads(text)["project"]["dependencies"]
    names = {"mail-parser": "mailparser", "python-dateutil": "dateutil", "tomli-w": "tomli_w"}
    everything = set().union(*(imports(place) for place in MODULES))
    for requirement in listed:
        name = re.split(r"[<>=]", requirement)[0]
        (line,) = [one for one in text.splitlines() if one.strip().startswith(f'"{requirement}"')]
        assert "#" in line, f"{name} has no reason"
        if name not in {"pytz", "tzdata"}:  # needed by duckdb and zoneinfo, not by us
            assert names.get(name, name) in {one.split(".")[0] for one in everything}, f"{name} is not imported"


def test_no_file_names_a_registry_or_a_place_on_this_machine() -> None:
    hosts = re.compile(r"(?:py" + r"pi|pythonhos" + r"ted|npm" + r"js)\.(?:org|com)")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "--hash=sha256:" in lock
    folders = ("forensics", "tests", "notebooks", "docs", "sample_logs/formats", "sample_logs/generator")
    places = [
        place
        for folder in folders
        for place in (ROOT / folder).rglob("*")
        if place.is_file() and place.suffix not in {".png", ".pyc", ".gz"}
    ]
    for place in [*places, ROOT / "README.md", ROOT / "Makefile", ROOT / "pyproject.toml"]:
        text = place.read_text(encoding="utf-8", errors="replace")
        assert not hosts.search(text), place
        assert f"{ROOT}/" not in text, place
