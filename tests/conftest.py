"""Rules for every test: no network, no clock, goldens rewritten only on request."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# No test fails because the machine is busy: the first text that is drawn builds a table of all characters
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files; read the diff afterwards")


@pytest.fixture(scope="session", autouse=True)
def no_real_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Signing keys of tests lie in a folder of theirs: nobody's own key is used, or made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        for name in ("FORENSICS_SIGNING_KEY", "FORENSICS_KEY_PASSPHRASE"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test leaves this machine; those of the network edge may talk to the machine itself."""
    connect, at_edge = socket.socket.connect, request.path.parent.name == "collect"

    def refuse(self: socket.socket, address: Any) -> None:
        if not at_edge or address[0] not in {"127.0.0.1", "::1"}:
            pytest.fail("a test tried to open a network connection")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def matches_golden(request: pytest.FixtureRequest) -> Any:
    """Compare text with a file; on a difference the text lies beside it as `.actual`."""

    def check(actual: str, path: Path) -> None:
        aside = path.with_name(path.name + ".actual")
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual, encoding="utf-8")
            aside.unlink(missing_ok=True)
            return
        expected = path.read_text(encoding="utf-8") if path.exists() else "(no golden file: run `make golden`)"
        if actual != expected:
            aside.write_text(actual, encoding="utf-8")
        else:
            aside.unlink(missing_ok=True)
        assert actual == expected

    return check
