"""The README tells the truth: its commands run, its excerpt is the output, its examples work, its tables are complete."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import support
from benchmarks.detection.table import markdown

import forensics
from forensics.cli import console
from forensics.leaks import load_rules
from forensics.leaks.proof import disproofs
from forensics.model import Limits, Part, Proof, Text, Unread, Verdict
from forensics.plugins import discover

README = support.ROOT / "README.md"
SAMPLE = support.ROOT / "sample_logs" / "incident"
PROGRAM = [sys.executable, "-m", "forensics"]
BLOCK = re.compile(r"^<!-- (?P<name>[^\n]+) -->\n```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
EXCERPT = re.compile(r"(?P<head><!-- excerpt:[^\n]*-->\n```text\n)(?P<text>.*?)(?P<tail>```\n<!-- end of excerpt -->)", re.DOTALL)
DETECTION = re.compile(r"(?P<head><!-- detection: [^\n]*-->\n)(?P<text>.*?)(?P<tail><!-- end of detection -->)", re.DOTALL)
AUDIT = "forensics audit sample_logs/incident --incident postmark-mcp --policy sample_logs/incident/policy.toml --out"


def readme() -> str:
    return README.read_text(encoding="utf-8")


def blocks() -> dict[str, str]:
    """Marked code blocks by the name in the comment above them."""
    found = {match["name"].split(":")[-1].strip(): match["text"] for match in BLOCK.finditer(readme())}
    assert found
    return found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first_cells(heading: str) -> list[str]:
    """The first cells, code marks removed, of the table whose header row begins with `heading`."""
    rows = readme().split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0].split("\n")[2:]
    return [row.split("|")[1].replace("`", "").strip() for row in rows]


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a fresh checkout, with the sample, and the case that `make demo` writes."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "sample_logs").symlink_to(support.ROOT / "sample_logs")
    recipe = (support.ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"$(BIN)/{AUDIT} $(CASE)" in recipe, "`make demo` does something else: change AUDIT and the README"
    done = run(*shlex.split(AUDIT)[1:], "case", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "EXPOSURE SHOWN" in done.stdout
    return folder


@pytest.mark.golden
def test_detection_table_is_what_the_benchmark_kept(request: pytest.FixtureRequest) -> None:
    kept = json.loads((support.ROOT / "docs" / "detection-benchmark.json").read_text(encoding="utf-8"))
    expected = markdown(kept) + "\n"
    if request.config.getoption("--update-golden"):
        README.write_text(DETECTION.sub(lambda found: found["head"] + expected + found["tail"], readme()), encoding="utf-8")
    match = DETECTION.search(readme())
    assert match is not None
    assert match["text"] == expected


@pytest.mark.slow
@pytest.mark.golden
def test_excerpt_is_what_the_program_says(place: Path, request: pytest.FixtureRequest) -> None:
    said = (place / "case" / "report" / "summary.txt").read_text(encoding="utf-8")
    expected = said.split("\nRotate, most urgent first")[0].rstrip() + "\n"
    assert 20 < len(expected.splitlines()) < 60
    if request.config.getoption("--update-golden"):
        README.write_text(EXCERPT.sub(lambda found: found["head"] + expected + found["tail"], readme()), encoding="utf-8")
    match = EXCERPT.search(readme())
    assert match is not None
    assert match["text"] == expected


@pytest.mark.slow
def test_figures_of_the_excerpt_are_those_of_the_truth(place: Path) -> None:
    truth = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))
    summary = json.loads((place / "case" / "report" / "summary.json").read_text(encoding="utf-8"))
    match = EXCERPT.search(readme())
    assert match is not None
    text = match["text"]
    verdicts = [row["verdict"] for row in truth["exposed"]]
    delivered = sum(row["proof"] in {"delivered", "fetched"} for row in truth["exposed"])
    accepted = sum(row["proof"] == "accepted" for row in truth["exposed"])
    told = {
        f"{len(verdicts)} messages went",
        f"{len(verdicts)}  messages exposed: {verdicts.count('confirmed')} confirmed, {verdicts.count('probable')} probable",
        f"{delivered}  of them shown as delivered",
        f"{accepted} handed over",
        f"{len(truth['not_delivered'])}  whose unexpected copies all failed",
        f"{len(truth['people'])}  people",
        f"{summary['counts']['credentials']}  distinct credentials",
        f"{summary['counts']['possible_messages']}  possible",
    }
    assert {one for one in told if one not in text} == set()


@pytest.mark.slow
def test_commands_on_a_case_run(place: Path) -> None:
    commands = [
        shlex.split(line, comments=True)
        for line in readme().splitlines()
        if re.match(r"forensics (verify|report|show|note) ", line)
    ]
    assert {words[1] for words in commands} == {"verify", "report", "show", "note"}
    rooms = re.findall(r"# or ([a-z, ]+)$", readme(), re.MULTILINE)[0].split(", ")
    own = place.with_name(f"{place.name}-commands")  # as deep: the manifest names evidence by relative paths
    shutil.copytree(place / "case", own / "case")
    for words in [*commands, *(["forensics", "show", room] for room in rooms)]:
        done = run(*words[1:], cwd=own)
        assert done.returncode == 0, f"{words}: {done.stderr}"


COMMANDS = [
    *([name] for name in ("audit", "triage", "hosts", "verify", "report", "note", "notes", "diff", "stamp", "export")),
    ["collect", "postmark"],
    ["policy", "suggest"],
]


def test_commands_on_own_evidence_use_options_that_exist() -> None:
    known = "".join(run(*words, "--help", cwd=support.ROOT).stdout for words in COMMANDS)
    named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", re.sub(r"<!--.*?-->", "", readme())))
    others = {"--ignore-missing", "--nthreads", "--nworkers"}  # of sha256sum and dask
    assert {"--incident", "--policy", "--own-domain", "--strict"} <= named
    assert {one for one in named - others if one not in known} == set()


@pytest.mark.slow
def test_a_stranger_checks_a_case_with_tools_of_their_own(place: Path) -> None:
    lines = blocks()["stranger"].splitlines()
    assert lines[-1].startswith("openssl ts -verify ")  # tested with an authority of its own, in test_custody_stamp
    script = "\n".join(["set -eu", *lines[:-1]])
    done = subprocess.run(["sh", "-c", script], cwd=place / "case", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    verified, fingerprint, manifest = done.stdout.splitlines()
    assert (verified, manifest) == ("Signature Verified Successfully", "1")
    assert fingerprint.split()[0] in run("verify", "case", cwd=place).stderr.replace("\n", "")


@pytest.mark.slow
def test_the_python_example_runs_as_a_script(place: Path) -> None:
    script = place / "example.py"
    script.write_text(blocks()["run"], encoding="utf-8")
    done = subprocess.run([sys.executable, script.name], cwd=place, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("exposure_shown {'confirmed': ")


def test_policy_example_says_what_its_comments_say() -> None:
    policy = forensics.Policy.from_data(tomllib.loads(blocks()["policy"]), "README.md")
    archive, carrier = policy.expected
    assert policy.is_own("x@mail.acme.example")
    assert not policy.is_own("x@notacme.example")
    assert archive.excuses("acme@vault-archive.example", None, blind=True)
    assert not archive.excuses("acme@vault-archive.example", None, blind=False)
    assert carrier.excuses("desk@eu.partner-logistics.example", utc("2025-09-02"), blind=False)
    assert not carrier.excuses("desk@partner-logistics.example", utc("2025-08-31"), blind=False)
    window = policy.window_for(forensics.Incident.load("postmark-mcp"))
    assert (window.start, window.end) == (utc("2025-09-17"), utc("2025-09-26T12:00:00"))
    assert [one.host for one in policy.host_windows] == ["relay1"]
    assert [one.streams for one in policy.servers] == [("outbound",)]
    assert policy.case.discovered_at == "2025-09-26T11:20:00Z"


def test_incident_example_convicts_and_spares() -> None:
    incident = forensics.Incident.from_data(tomllib.loads(blocks()["incident"]), "README.md")
    assert incident.indicators.match("x@mx.collector.example") == "collector.example"
    assert incident.indicators.match("acme@vault-archive.example") == ""
    assert incident.window.end is None


def test_rule_example_proves_itself(tmp_path: Path) -> None:
    target = tmp_path / "acme.toml"
    target.write_text(blocks()["rule"], encoding="utf-8")
    rules = load_rules(target)
    assert [rule.id for rule in rules.rules if rule.service == "acme"] == ["acme-key"]
    assert [one for one in disproofs(rules) if "acme-key" in one] == []


SENDLOG = b"""#sendlog
2025-09-18T10:00:00Z\t<1@shop.acme.example>\ta@acme.example\tbob@customer.example\tbob@customer.example,phan@giftshop.club
2025-09-18T11:00:00Z\t<2@shop.acme.example>\tb@acme.example\tann@customer.example\tann@customer.example,audit@office.example
2025-09-18T12:00:00Z\t<3@shop.acme.example>\tc@acme.example\tkim@customer.example\tkim@customer.example,audit@office.example
2025-09-18T13:00:00Z\t<4@shop.acme.example>\td@acme.example\tlee@customer.example\tlee@customer.example,audit@office.example
2025-09-18T14:00:00\xff not a record
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The README's plugins as an installed package of somebody else."""
    site = tmp_path / "site"
    package = site / "acme_forensics"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("sendlog", "many_senders", "till", "blocklist"):
        (package / f"{name}.py").write_text(blocks()[name], encoding="utf-8")
    metadata = site / "acme_forensics-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-forensics\nVersion: 1.0\n", encoding="utf-8")
    groups = tomllib.loads(blocks()["entry points"])["project"]["entry-points"]
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items()) for group, entries in groups.items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return site


@pytest.mark.slow
def test_plugin_examples_work_as_an_installed_package(installed: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "shop"
    evidence.mkdir()
    (evidence / "send.log").write_bytes(SENDLOG)
    words = ("audit", "shop", "--out", "case", "--incident", "postmark-mcp", "--own-domain", "acme.example", "--json")
    done = run(*words, cwd=tmp_path, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["verdicts"] == {"confirmed": 1, "probable": 0, "possible": 3}
    case = forensics.open_case(str(tmp_path / "case"))
    assert list(case.read("exposed_messages")["message_key"]) == ["1@shop.acme.example"]
    assert list(case.read("defects")["start"]) == [SENDLOG.index(b"2025-09-18T14:00:00")]
    blamed = case.read("unexpected_recipients").set_index("address")["reasons"]
    assert "from 3 different senders" in blamed["audit@office.example"]
    assert "different senders" not in blamed["phan@giftshop.club"]

    done = run("report", "case", "--as", "blocklist", cwd=tmp_path, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "case" / "report" / "blocklist.txt").read_text(encoding="utf-8") == "phan@giftshop.club\n"


def test_plugin_examples_are_found_with_their_origin(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(installed))
    found = {one.name: one for room in ("parsers", "detectors", "content", "reporters") for one in discover(room)}
    assert {name: found[name].origin for name in ("sendlog", "many_senders", "till", "blocklist")} == dict.fromkeys(
        ("sendlog", "many_senders", "till", "blocklist"), "acme-forensics 1.0"
    )
    reader = found["till"].plugin
    capture = b"TILLCAP1" + bytes(byte ^ 0x2A for byte in b"password: k7e")
    part = Part("attachment:till.cap", "", capture)
    assert reader.accepts(part)
    assert list(reader.read(part, Limits())) == [Text("attachment:till.cap", "decoded", "password: k7e")]
    assert [type(one) for one in reader.read(part, Limits(member_bytes=3))] == [Text, Unread]
    assert not reader.accepts(Part("text/plain", "text/plain", b"till"))
    for cut in (None, 1, 7, 64):
        records = support.read(found["sendlog"].plugin, SENDLOG, cut=cut)
        assert [type(one).__name__ for one in records] == ["Fragment"] * 4 + ["Defect"]


@pytest.mark.slow
def test_table_of_files_lists_what_a_case_holds(place: Path) -> None:
    listed = [name.strip() for cell in first_cells("file") for name in cell.split(",")]
    assert sorted(listed) == sorted(path.name for path in (place / "case" / "report").iterdir())
    for name in re.findall(r"`([a-z0-9-]+\.(?:toml|jsonl|txt))`", readme().split("Beside it:")[1].split("\n")[0]):
        assert (place / "case" / name).is_file()


def test_tables_of_words_are_complete() -> None:
    assert first_cells("verdict") == [one.value for one in Verdict]
    assert first_cells("proof") == [one.value for one in Proof]
    codes = {value for name, value in vars(console).items() if name.startswith("EXIT_")}
    assert [int(cell) for cell in first_cells("exit code")] == sorted({0} | codes)
    own = {one.name for one in discover("parsers") if one.origin == "forensics"}
    assert {row.split("|")[2].strip(" `") for row in readme().splitlines() if re.match(r"\| .* \| `\w+` \|", row)} == own


def test_links_lead_somewhere_and_the_page_names_no_machine() -> None:
    for name in ("README.md", "CHANGELOG.md"):
        text = (support.ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", text):
            if not target.startswith("https://"):
                assert (support.ROOT / target).is_file(), target
        assert set(re.findall(r"https?://([^/\s)]+)", text)) <= {"keepachangelog.com", "semver.org"}
        assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", text)
    assert (support.ROOT / "docs" / "report.png").stat().st_size < 400_000
