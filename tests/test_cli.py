"""The command line: data on stdout, talk on stderr, one exit code that says how it went."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from small_evidence import KEY, POLICY, SECRET, log, mailbox, plant
from typer.testing import CliRunner, Result

import forensics
from forensics.cli import app, console, run
from forensics.cli.audit import exit_code

RUN = CliRunner()
COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evidence, a policy, a key, and a finished case."""
    folder = tmp_path_factory.mktemp("cli")
    plant(folder / "ev")
    (folder / "policy.toml").write_text(POLICY)
    (folder / "key").write_text(KEY)
    result = audit(folder, "--out", str(folder / "case"))
    assert result.exit_code == 0, result.stderr
    return folder


def call(*words: str | Path) -> Result:
    result = RUN.invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def audit(root: Path, *more: str | Path) -> Result:
    words: list[str | Path] = [
        root / "ev",
        "--incident",
        "postmark-mcp",
        "--policy",
        root / "policy.toml",
        "--workers",
        "1",
        "--year",
        "2025",
    ]
    return call("audit", *words, "--case-key", root / "key", *more)


# --- help


def test_there_are_the_commands_of_the_design() -> None:
    assert {"audit", "report", "show", "verify"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_shows_an_example(command: str) -> None:
    result = call(command.replace("_", "-"), "--help")
    assert result.exit_code == 0
    assert f"Example: forensics {command.replace('_', '-')}" in " ".join(result.stdout.split())


def test_help_names_the_exit_codes() -> None:
    text = " ".join(call("--help").stdout.split())
    for code in (
        "0 ran",
        "1 unexpected",
        "2 usage",
        "3 findings",
        "10 no readable",
        "11 defects",
        "12 verification",
        "130 interrupted",
    ):
        assert code in text


def test_every_option_is_explained() -> None:
    from typer.main import get_command

    commands = get_command(app).commands  # type: ignore[attr-defined]  # a group
    for name, command in commands.items():
        assert command.help, name
        for option in command.params:
            assert getattr(option, "help", None) or option.name == "help", f"{name} {option.name}"


def test_the_version_is_one_line() -> None:
    result = call("--version")
    assert (result.exit_code, result.stdout) == (0, f"forensics {forensics.__version__}\n")


# --- audit


def test_json_is_all_of_stdout(root: Path, tmp_path: Path) -> None:
    result = audit(root, "--out", tmp_path / "case", "--json")
    told = json.loads(result.stdout)
    assert told["conclusion"] == "exposure_shown"
    assert told["schema_version"] == 1
    assert "Hashing evidence" in result.stderr
    assert result.stdout.isascii()


def test_quiet_says_nothing(root: Path, tmp_path: Path) -> None:
    result = audit(root, "--out", tmp_path / "case", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_the_summary_goes_to_stdout_without_colour_or_control(root: Path, tmp_path: Path) -> None:
    result = audit(root, "--out", tmp_path / "case")
    assert "EXPOSURE SHOWN" in result.stdout
    assert "phan@giftshop.club" in result.stdout
    assert "\x1b" not in result.stdout
    assert "Hashing evidence" not in result.stdout
    assert SECRET not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ([], 0),
        (["--fail-on", "confirmed"], 3),
        (["--fail-on", "probable"], 3),
        (["--fail-on", "possible"], 3),
        (["--strict"], 0),
        (["--strict", "--fail-on", "confirmed"], 3),
    ],
)
def test_findings_fail_only_on_request(root: Path, tmp_path: Path, more: list[str], code: int) -> None:
    assert audit(root, "--out", tmp_path / "case", "-q", *more).exit_code == code


@pytest.mark.parametrize(
    ("verdicts", "fail_on", "code"),
    [
        ((0, 0, 0), "possible", 0),
        ((0, 0, 1), "possible", 3),
        ((0, 0, 1), "probable", 0),
        ((0, 1, 0), "probable", 3),
        ((0, 1, 1), "confirmed", 0),
        ((1, 0, 0), "possible", 3),
        ((1, 1, 1), None, 0),
    ],
)
def test_fail_on_means_that_or_graver(verdicts: tuple[int, int, int], fail_on: str | None, code: int) -> None:
    summary: dict[str, Any] = {
        "verdicts": dict(zip(("confirmed", "probable", "possible"), verdicts, strict=True)),
        "defects": {"total": 0},
        "conclusion": "exposure_shown",
    }
    assert exit_code(summary, fail_on, strict=False) == code


@pytest.mark.parametrize(
    ("defects", "conclusion", "code"),
    [
        (0, "exposure_shown", 0),
        (0, "none_seen_covered", 0),
        (0, "compromised_extent_unknown", 0),
        (1, "exposure_shown", 11),
        (0, "cannot_tell", 11),
    ],
)
def test_strict_minds_defects_and_what_cannot_be_told(defects: int, conclusion: str, code: int) -> None:
    summary: dict[str, Any] = {
        "verdicts": dict.fromkeys(("confirmed", "probable", "possible"), 0), "defects": {"total": defects}, "conclusion": conclusion,
    }  # fmt: skip
    assert exit_code(summary, None, strict=True) == code
    assert exit_code(summary, None, strict=False) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[organisation", ["bad.toml", "not valid TOML"]),
        ('[organization]\ndomains = ["a.example"]', ["bad.toml", "organization", "organisation"]),
        ('[organisation]\ndomain = "a.example"', ["bad.toml", "domain", "domains"]),
        ('[window]\nstart = "yesterday"', ["bad.toml", "start", "2025-09-17T00:00:00Z"]),
        ('[[expected]]\nreason = "x"', ["bad.toml", "[[expected]]", "address or a domain"]),
        ('[[expected]]\naddress = "a@b.example"\nrole = "boss"', ["bad.toml", "role", "blind"]),
        ("[case]\nnummer = 1", ["bad.toml", "nummer", "number"]),
        ("\udcff", ["bad.toml", "cannot be read"]),
    ],
)
def test_a_bad_policy_names_file_key_and_remedy(root: Path, tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "bad.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    result = call("audit", root / "ev", "--out", tmp_path / "case", "--policy", tmp_path / "bad.toml")
    assert result.exit_code == 2
    assert all(word in result.stderr for word in words), result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "case").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--incident", "postmark-mpc"], ["postmark-mpc", "postmark-mcp"]),
        (["--policy", "nothing.toml"], ["nothing.toml"]),
        (["--content", "everything"], ["everything", "exposed"]),
        (["--fail-on", "anything"], ["anything", "confirmed"]),
        (["--timezone", "Berlin"], ["Berlin", "+02:00"]),
        (["--timezone", "+15:00"], ["14 hours"]),
        (["--year", "20255"], ["--year", "2100"]),
        (["--workers", "0"], ["--workers", "1"]),
        (["--detectors", "+nose"], ["nose", "blind_copy"]),
        (["--case-key", "nothing.key"], ["64 hex digits"]),
    ],
)
def test_a_bad_option_is_a_usage_error_that_helps(root: Path, tmp_path: Path, more: list[str], words: list[str]) -> None:
    result = call("audit", root / "ev", "--out", tmp_path / "case", *more)
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.stderr).split())
    assert result.exit_code == 2
    assert all(word in text for word in words), text


@pytest.mark.parametrize("text", ["+02:00", "-04:00", "+0530", "Z", "UTC", "utc+2", "-4"])
def test_offsets_are_understood(text: str) -> None:
    zone = console.zone_of(text)
    assert zone is not None
    hours = {"+02:00": 2.0, "-04:00": -4.0, "+0530": 5.5, "Z": 0.0, "UTC": 0.0, "utc+2": 2.0, "-4": -4.0}[text]
    assert zone.utcoffset(None).total_seconds() == hours * 3600


@pytest.mark.parametrize("text", ["", "CET", "2", "+2:5", "+02:00:00", "+02:61", "++2", "+١٢"])
def test_offsets_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        console.zone_of(text)


def test_a_folder_that_is_no_case_is_not_written_to(root: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    result = audit(root, "--out", tmp_path)
    assert result.exit_code == 2
    assert "--out" in result.stderr
    assert [place.name for place in tmp_path.iterdir()] == ["thesis.txt"]


def test_own_domains_of_the_command_line_win(root: Path, tmp_path: Path) -> None:
    result = audit(root, "--out", tmp_path / "case", "--json", "--own-domain", "other.example", "--own-domain", "acme.example")
    assert json.loads(result.stdout)["own_domains"]["domains"] == ["acme.example", "other.example"]


# --- report, verify, show


def test_report_writes_the_named_ones_and_prints_their_paths(root: Path) -> None:
    result = call("report", root / "case", "--as", "html, csv")
    assert result.exit_code == 0
    paths = [Path(line) for line in result.stdout.splitlines()]
    assert root / "case" / "report" / "report.html" in paths
    assert all(path.is_file() for path in paths)
    assert call("verify", root / "case").exit_code == 0


def test_an_unknown_report_is_a_usage_error(root: Path) -> None:
    result = call("report", root / "case", "--as", "html,pfd")
    assert result.exit_code == 2
    assert "pfd" in result.stderr
    assert "html" in result.stderr


@pytest.mark.parametrize("command", ["report", "verify"])
def test_no_case_is_a_usage_error_that_tells_how_to_make_one(tmp_path: Path, command: str) -> None:
    result = call(command, tmp_path)
    assert result.exit_code == 2
    assert "forensics audit EVIDENCE" in result.stderr


def test_verify_finds_a_change_and_exits_with_12(root: Path, tmp_path: Path) -> None:
    audit(root, "--out", tmp_path / "case", "-q")
    good = call("verify", tmp_path / "case")
    assert (good.exit_code, good.stdout) == (0, "")
    place = tmp_path / "case" / "report" / "people.csv"
    place.write_bytes(place.read_bytes() + b"x")
    (tmp_path / "case" / "report" / os.fsdecode(b"more\xff\x1b[2J\n.csv")).write_text("x")
    bad = call("verify", tmp_path / "case")
    assert bad.exit_code == 12
    lines = bad.stdout.splitlines()
    assert lines[0] == "report/people.csv: changed since the audit"
    assert lines[1].endswith("added since the audit")
    assert len(lines) == 2
    assert "\x1b" not in bad.stdout
    assert "2 difference(s)" in bad.stderr


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("parsers", "postfix"), ("detectors", "blind_copy"), ("content", "html"), ("rules", "stripe-live-key"),
        ("reporters", "notification"), ("incidents", "postmark-mcp"),
    ],
)  # fmt: skip
def test_show_lists(what: str, word: str) -> None:
    result = call("show", what)
    assert result.exit_code == 0
    assert word in result.stdout
    assert result.stderr == ""


def test_show_knows_all_words_that_its_help_names() -> None:
    wrong = call("show", "parser")
    assert wrong.exit_code == 2
    listed = re.findall(r"\w+", wrong.stderr.partition("show knows")[2])
    told = re.findall(
        r"\w+", " ".join(call("show", "--help").stdout.split()).partition("parsers, detectors")[2].partition(".")[0]
    )
    assert {"parsers", "detectors", *told} - {"or"} == set(listed)
    assert all(call("show", word).exit_code == 0 for word in listed)


# --- as a program


def program(*words: str | Path, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "forensics", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **env}, start_new_session=True,
    )  # fmt: skip


def test_no_color_is_heeded_and_ascii_will_do(root: Path, tmp_path: Path) -> None:
    words = ("audit", root / "ev", "--out", tmp_path / "case", "--incident", "postmark-mcp", "--workers", "1")
    done = program(*words, NO_COLOR="1", FORCE_COLOR="1", PYTHONIOENCODING="ascii:replace", PYTHONWARNINGS="error")
    stdout, stderr = done.communicate(timeout=60)
    assert done.returncode == 0, stderr
    assert "\x1b[3" not in stdout + stderr  # colours; bold and dim may stay
    assert "EXPOSURE SHOWN" in stdout


def _is_gone(group: int) -> bool:
    """Whether nobody of a process group is left, within a few seconds."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(tmp_path: Path) -> None:
    (tmp_path / "ev").mkdir()
    for n in range(3):
        text = "".join(log(range(50)).replace("7A64E12D6", f"7A64E1{n}{m:02}").replace("<m", f"<n{n}-{m}-") for m in range(6))
        (tmp_path / "ev" / f"mail.log.{n}").write_text(text)
    (tmp_path / "ev" / "box.mbox").write_text(mailbox())
    words = ("audit", tmp_path / "ev", "--out", tmp_path / "case", "--incident", "postmark-mcp", "--own-domain", "acme.example")
    first = program(*words, "--workers", "2", "--year", "2025")
    assert first.stderr is not None
    for line in first.stderr:
        if "Reading headers" in line:
            break
    time.sleep(0.2)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does: to the parent and every worker
    stdout, stderr = first.communicate(timeout=30)
    assert first.returncode == 130, stderr
    assert "run the same command again" in stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    assert _is_gone(first.pid)
    assert call("verify", tmp_path / "case").exit_code == 2
    again = call(*words, "--workers", "1", "--year", "2025", "-q")
    assert again.exit_code == 0
    assert call("verify", tmp_path / "case").exit_code == 0


def test_an_unexpected_error_tells_where_and_no_mail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path, tmp_path: Path
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        mail = f"Subject: code\n\n{SECRET}"
        raise LookupError(mail)

    monkeypatch.setattr(forensics, "audit", fail, raising=False)
    monkeypatch.setattr(sys, "argv", ["forensics", "audit", str(root / "ev"), "--out", str(tmp_path / "case"), "-q"])
    with pytest.raises(SystemExit) as ended:
        run()
    told = " ".join(capsys.readouterr().err.split())
    assert ended.value.code == 1
    assert "Unexpected LookupError at" in told
    assert "test_cli.py:" in told
    assert SECRET not in told
    assert "Subject" not in told


def test_a_full_disk_is_told_with_its_file(monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "case/tables/x.parquet")

    monkeypatch.setattr(forensics, "audit", fail, raising=False)
    result = audit(root, "--out", tmp_path / "case")
    assert result.exit_code == 1
    assert "case/tables/x.parquet: No space left on device" in result.stderr


@pytest.mark.parametrize("text", ["\x1b[31m", "\x07", "\r", "\u202e", "\udcff", "[bold]"])
def test_what_is_told_does_nothing_to_the_terminal(text: str) -> None:
    told = console.harmless(f"a{text}b\nc")
    told.encode("utf-8")
    assert told.count("\n") == 1
    assert all(char.isprintable() or char == "\n" for char in told)
