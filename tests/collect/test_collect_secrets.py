"""A token is sent, and is in no file, log, message, traceback or process list."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import subprocess
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from postmark_double import ACCOUNT, TOKEN, Account, Fault, Server, mails, served
from support import ROOT

from forensics.collect import AccountToken, Asked, CollectError, Pace, Patience, Secret, ServerToken, postmark
from forensics.collect.redaction import REMOVED, servers_in, without_secrets, without_tokens

NOW = datetime.now(UTC)
START, END = NOW - timedelta(days=9), NOW - timedelta(days=1)


def everything_written(out: Path) -> bytes:
    """All bytes below a folder, those that stand in the journal in base64 once more in the clear."""
    found = [one.read_bytes() for one in out.rglob("*") if one.is_file()]
    lines = (out / "requests.jsonl").read_bytes().splitlines()
    found += [base64.b64decode(json.loads(line).get("answer", "")) for line in lines]
    return b"\n".join(found)


def shown(error: BaseException) -> str:
    """The error as any report may show it, with the local variables of all frames but those of tests."""
    told = traceback.format_exception(error)
    one: BaseException | None = error
    while one:
        told += [repr(one), str(one)]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                told += [repr(value) for value in frame.f_locals.values()]
        one = one.__context__
    return "\n".join(told)


@pytest.mark.parametrize("kind", [Secret, ServerToken, AccountToken])
def test_a_secret_shows_itself_nowhere(kind: type[Secret]) -> None:
    secret = kind(f"  {TOKEN}\n")
    assert secret.reveal() == TOKEN
    for text in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        "%s" % secret,  # noqa: UP031  each way to make text of it
        repr({"a": [secret]}),
        repr(vars(type(secret))),
    ):
        assert TOKEN not in text
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither copied nor written"):
            write(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


@pytest.mark.parametrize("text", ["", "  ", "two words", "line\nbreak", "h\u00e9", "nul\0", "x" * 513, "tab\tbed"])
def test_what_is_no_token_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError, match="this is no token") as caught:
        Secret(text)
    assert not text.strip() or text.strip() not in str(caught.value)


@pytest.mark.parametrize(("text", "expected"), [(None, False), ("", False), (" ", False), ("abc", True)])
def test_the_environment(monkeypatch: pytest.MonkeyPatch, text: str | None, expected: bool) -> None:
    monkeypatch.delenv(ServerToken.variable, raising=False)
    if text is not None:
        monkeypatch.setenv(ServerToken.variable, text)
    found = ServerToken.from_environment(ServerToken.variable)
    assert (found is not None) is expected
    assert not expected or isinstance(found, ServerToken)


def test_the_prompt_does_not_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"{prompt}-typed")
    assert AccountToken.asked("token").reveal() == "token-typed"


FAULTS: list[Fault] = [
    Fault("", 401, body=f'{{"ErrorCode": 10, "Message": "{TOKEN}"}}'.encode(), times=99),
    Fault("outbound\\?", 422, body=f'{{"ErrorCode": 1, "Message": "{TOKEN}"}}'.encode(), times=99),
    Fault("", 302, headers={"Location": f"https://elsewhere.example/{TOKEN}"}, times=99),
    Fault("", 500, body=TOKEN.encode(), times=99),
    Fault("outbound\\?", 200, body=f'{{"TotalCount": "{TOKEN}", "Messages": [{{"MessageID": "{TOKEN}"}}]}}'.encode(), times=99),
    Fault("details", 200, body=f'{{"TextBody": "my token is {TOKEN}"}}'.encode(), times=99),
    Fault("details", 404, body=TOKEN.encode() * 1_000, times=99),
    Fault("", cut=True, times=99),
    Fault("^/server$", 200, body=f'{{"ID": "{TOKEN}"}}'.encode(), times=99),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.pattern}-{fault.status}")
@pytest.mark.parametrize("token", [ServerToken(TOKEN), AccountToken(ACCOUNT)], ids=repr)
def test_whatever_goes_wrong(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    fault: Fault,
    token: ServerToken | AccountToken,
) -> None:
    caplog.set_level(logging.DEBUG)
    account = Account([Server(mails=mails(3, NOW - timedelta(days=5), timedelta(hours=1)))], faults=[copy.copy(fault)])
    text = ""
    with served(account) as url:
        try:
            found = postmark(
                tmp_path / "c",
                Asked(START, END, base_url=url),
                token,
                pace=Pace(1e6, lambda _: None),
                patience=Patience(attempts=2),
            )
            text = repr(found)
        except CollectError as error:
            text = shown(error)
    out, err = capfd.readouterr()
    for secret in (TOKEN, ACCOUNT):
        assert secret not in text + caplog.text + out + err
        assert secret.encode() not in everything_written(tmp_path / "c")


def test_a_healthy_run_leaves_no_token_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = Server(mails=mails(3, NOW - timedelta(days=5), timedelta(hours=1)))
    with served(Account([server])) as url:
        postmark(tmp_path / "c", Asked(START, END, base_url=url), AccountToken(ACCOUNT), pace=Pace(1e6))
    written = everything_written(tmp_path / "c")
    for secret in (TOKEN, ACCOUNT, "hook-password", "hook-key", "abcdef0123456789"):
        assert secret.encode() not in written
        assert secret not in caplog.text
    (listed,) = json.loads((tmp_path / "c/answers/account/servers-00000.json").read_bytes())["Servers"]
    assert (listed["ID"], listed["Name"], listed["ApiTokens"]) == (101, "Server 101", [REMOVED])
    assert listed["BounceHookUrl"] == f"https://hooks.acme.example/bounce?{REMOVED}"
    custody = (tmp_path / "c/custody.jsonl").read_text(encoding="ascii")
    assert custody.count("written anew without tokens") == 2, "custody says what is not as received"


def test_the_token_is_in_no_process_list(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom datetime import datetime\nfrom pathlib import Path\nfrom forensics.collect import *\n"
        "seen = []\n"
        "class Look:\n def say(self, _): pass\n def tell(self, _): seen.append(Path('/proc/self/cmdline').read_bytes())\n"
        "asked = Asked(*map(datetime.fromisoformat, sys.argv[3:]), base_url=sys.argv[2])\n"
        "postmark(sys.argv[1], asked, ServerToken.from_environment('POSTMARK_SERVER_TOKEN'), progress=Look())\n"
        "print(len(seen), b'\\n'.join(set(seen)))\n"
    )
    arguments = [str(tmp_path / "c"), "", START.isoformat(), END.isoformat()]
    with served(Account()) as url:
        arguments[1] = url
        environment = {"POSTMARK_SERVER_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, timeout=60, check=True
        )
    assert b"requests" not in done.stderr
    assert int(done.stdout.split()[0]) > 3
    assert TOKEN.encode() not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("settings", "kept", "gone"),
    [
        ({"ID": 7, "ApiTokens": ["one-token", "two-token"]}, ["7"], ["one-token", "two-token"]),
        ({"apitokens": ["one-token"]}, [], ["one-token"]),
        ({"ApiTokens": {"deep": [["one-token"]]}}, [], []),  # of no known form: what is in it keeps its own names
        ({"Servers": [{"Name": "a", "ApiTokens": ["one-token"]}]}, ['"a"'], ["one-token"]),
        ({"InboundHash": "0123abcd", "InboundAddress": "x@inbound.example"}, ["x@inbound.example"], ["0123abcd"]),
        ({"DeliveryHookUrl": "https://ann:pass@hooks.example/in?key=k1#f2"}, ["https://hooks.example/in"], ["ann", "pass@", "k1", "f2"]),
        ({"DeliveryHookUrl": "https://hooks.example/in"}, ["https://hooks.example/in"], [REMOVED]),
        ({"ClickHookUrl": "https://[broken/in?key=k1"}, [], ["k1"]),
        ({"ApiTokens": [], "SmtpApiActivated": True, "InboundSpamThreshold": 0}, ["true", "0"], [REMOVED]),
    ],
)  # fmt: skip
def test_settings_lose_their_secrets_and_nothing_else(settings: dict[str, Any], kept: list[str], gone: list[str]) -> None:
    written = without_tokens(settings).decode("ascii")
    assert json.loads(written).keys() == settings.keys()
    assert all(one in written for one in kept)
    assert not any(one in written for one in gone)


def test_settings_that_are_nested_absurdly_deep() -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"a": deep}
    assert REMOVED.encode() in without_tokens(deep)


@pytest.mark.parametrize(
    ("page", "servers"),
    [
        ({"Servers": [{"ID": 7, "ApiTokens": ["a", "b"]}]}, [("7", ["a", "b"])]),
        ({"Servers": [{"ID": 7, "ApiTokens": ["a", 7, None, "", "two words"]}, 9]}, [("7", ["a"])]),
        ({"Servers": [{"ApiTokens": "a"}, {"ID": "8"}]}, [("", []), ("8", [])]),
        ({"Servers": {}}, []),
        ({}, []),
    ],
)
def test_tokens_of_servers(page: dict[str, Any], servers: list[tuple[str, list[str]]]) -> None:
    assert [(name, [one.reveal() for one in tokens]) for name, tokens in servers_in(page)] == servers


def test_bytes_without_a_token_stay_as_they_are() -> None:
    body = b'{"a": "\xff not even UTF-8"}'
    assert without_secrets(body, [ServerToken(TOKEN)]) is body or without_secrets(body, [ServerToken(TOKEN)]) == body
    assert without_secrets(TOKEN.encode() * 2, [ServerToken(TOKEN)]) == REMOVED.encode() * 2
