"""The command `collect postmark`: arguments in, a folder and an exit code out, and no token anywhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postmark_double import ACCOUNT, TOKEN, Account, Server, mails, served
from typer.testing import CliRunner, Result

from forensics.cli import app

NOW = datetime.now(UTC)
FROM, TO = f"{NOW - timedelta(days=9):%Y-%m-%d}", f"{NOW:%Y-%m-%d}"


def run(*arguments: str | Path, env: dict[str, str] | None = None, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["collect", "postmark", *map(str, arguments)], env=env or {}, input=typed)


@pytest.fixture
def account() -> Account:
    return Account([Server(mails=mails(9, NOW - timedelta(days=8), timedelta(hours=9)))])


@pytest.mark.parametrize(
    ("option", "env"), [((), {"POSTMARK_SERVER_TOKEN": TOKEN}), (("--account",), {"POSTMARK_ACCOUNT_TOKEN": ACCOUNT})]
)
def test_a_collection(tmp_path: Path, account: Account, option: tuple[str, ...], env: dict[str, str]) -> None:
    with served(account) as url:
        done = run("--from", FROM, "--to", TO, "--out", tmp_path / "c", "--base-url", url, "--strict", *option, env=env)
        again = run("--from", FROM, "--to", TO, "--out", tmp_path / "c", "--base-url", url, "--json", *option, env=env)
    assert done.exit_code == 0
    assert "server 101, stream outbound: 9 of 9 messages; complete" in done.stdout
    assert json.loads(again.stdout)["complete"] is True
    assert TOKEN not in done.output + again.output


def test_what_is_missing_is_an_exit_code_on_request(tmp_path: Path, account: Account) -> None:
    account.servers[0].kept_since = NOW - timedelta(days=5)
    for option, code in (((), 0), (("--strict",), 11)):
        with served(account) as url:
            done = run(
                "--from", FROM, "--to", TO, "--out", tmp_path / f"c{code}", "--base-url", url, *option, env={"POSTMARK_SERVER_TOKEN": TOKEN}
            )  # fmt: skip
        assert done.exit_code == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "yesterday", "--to", TO), "write a day"), (("--from", "2025-09-17T10:00:00", "--to", TO), "write a day"),
        (("--from", TO, "--to", FROM), "before it ends"), (("--from", FROM, "--to", TO, "--skip", "mails"), "mails: known are details"),
        (("--from", FROM, "--to", TO, "--base-url", "http://api.example"), "https"),
        (("--from", "2099-01-01", "--to", "2099-01-02"), "future"), (("--from", FROM, "--to", TO, "--rate", "0"), "rate"),
    ],
)  # fmt: skip
def test_usage(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments, "--out", tmp_path / "c", env={"POSTMARK_SERVER_TOKEN": TOKEN})
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
    assert not (tmp_path / "c").exists()


def test_a_wrong_token_is_said_and_not_shown(tmp_path: Path, account: Account) -> None:
    with served(account) as url:
        done = run(
            "--from", FROM, "--to", TO, "--out", tmp_path / "c", "--base-url", url, env={"POSTMARK_SERVER_TOKEN": "wrong-token"}
        )
    assert done.exit_code == 2
    assert "check POSTMARK_SERVER_TOKEN" in done.output
    assert "wrong-token" not in done.output


def test_the_token_may_be_typed(tmp_path: Path, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTMARK_SERVER_TOKEN", raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _: TOKEN)
    with served(account) as url:
        done = run("--from", FROM, "--to", TO, "--out", tmp_path / "c", "--base-url", url, "--quiet")
    assert (done.exit_code, done.stdout) == (0, "")
