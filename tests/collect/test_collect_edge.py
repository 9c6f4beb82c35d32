"""The network edge is one folder: no other module of the package can open a socket."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

PACKAGE = ROOT / "forensics"
# what can open a connection; to wait on one that is there (select, selectors) is none of it
NETWORK = {
    "_socket", "_ssl", "aiohttp", "asyncio", "ftplib", "h11", "http", "httpcore", "httpx", "imaplib", "niquests",
    "nntplib", "poplib", "requests", "smtplib", "socket", "socketserver", "ssl", "telnetlib", "urllib.request", "urllib3",
    "webbrowser", "websockets", "wsgiref", "xmlrpc",
}  # fmt: skip
INSIDE = sorted((PACKAGE / "collect").glob("*.py"))
OUTSIDE = sorted(place for place in PACKAGE.rglob("*.py") if PACKAGE / "collect" not in place.parents)


def imports(place: Path) -> set[str]:
    """Every module that a file names in an import, at its top or inside functions, or hands to an importing function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(place.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"import_module", "__import__"}:
            found |= {one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


def networking(names: set[str]) -> set[str]:
    return {name for name in names if any(name == one or name.startswith(f"{one}.") for one in NETWORK)}


def test_no_module_outside_names_a_network_library() -> None:
    assert len(OUTSIDE) > 100
    assert {place: found for place in OUTSIDE if (found := networking(imports(place)))} == {}


def test_one_module_inside_speaks_and_the_others_do_not() -> None:
    assert [place.name for place in INSIDE if networking(imports(place))] == ["wire.py"]
    assert {"urllib3", "ssl"} <= networking(imports(PACKAGE / "collect" / "wire.py"))


def test_only_who_offers_the_command_knows_the_edge() -> None:
    knowing = [place for place in OUTSIDE if any(f"{name}.".startswith("forensics.collect.") for name in imports(place))]
    assert {place.relative_to(PACKAGE).parts[0] for place in knowing} <= {"__init__.py", "cli", "pipeline"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import socket", {"socket"}), ("import urllib.request as u", {"urllib.request"}), ("from urllib import request", {"urllib.request"}),
        ("def f():\n from http.client import HTTPConnection", {"http.client", "http.client.HTTPConnection"}),
        ("import importlib\nimportlib.import_module('socket')", {"socket"}), ("__import__('ssl')", {"ssl"}),
        ("import urllib.parse", set()), ("from forensics.syslog import sockets", set()), ("import httpish", set()),
    ],
)  # fmt: skip
def test_the_search_for_imports_itself(tmp_path: Path, code: str, expected: set[str]) -> None:
    (tmp_path / "x.py").write_text(code, encoding="utf-8")
    assert networking(imports(tmp_path / "x.py")) == expected


def test_the_public_api_does_not_load_the_edge() -> None:
    program = "import sys, forensics, forensics.cli; print(sorted(one for one in sys.modules if one.startswith(('urllib3', 'forensics.collect'))))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
