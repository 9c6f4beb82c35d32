"""Runs that are killed at random moments end as one that nobody disturbed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from postmark_double import TOKEN, Account, Server, mails, served
from support import ROOT

from forensics.collect.asking import Asked
from forensics.custody import LOG, check_log, read_log

NOW = datetime.now(UTC).replace(microsecond=0)
START, END = NOW - timedelta(days=20), NOW - timedelta(days=1)
PROGRAM = """
import sys
from datetime import datetime
from forensics.collect import Asked, Pace, ServerToken, postmark
out, url, start, end = sys.argv[1:]
asked = Asked(datetime.fromisoformat(start), datetime.fromisoformat(end), base_url=url)
found = postmark(out, asked, ServerToken.from_environment(ServerToken.variable), pace=Pace(1e6))
sys.exit(0 if found.is_whole else 3)
"""


def start(out: Path, url: str) -> subprocess.Popen[bytes]:
    asked = Asked(START, END)
    arguments = [sys.executable, "-c", PROGRAM, str(out), url, asked.start.isoformat(), asked.end.isoformat()]
    environment = {"PATH": os.environ["PATH"], "POSTMARK_SERVER_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)


def tree(out: Path) -> dict[str, bytes]:
    return {one.relative_to(out).as_posix(): one.read_bytes() for one in out.glob("answers/**/*") if one.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments(tmp_path: Path, seed: int) -> None:
    account = Account([Server(mails=mails(500, START, timedelta(minutes=38)))])
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    chance = random.Random(seed)
    kills = 0
    with served(account) as url:
        assert start(undisturbed, url).wait(120) == 0
        quiet = Counter(account.asked)
        account.asked.clear()
        for _ in range(12):
            before = len(account.asked)
            run = start(killed, url)
            until = before + chance.randrange(1, 180)
            while run.poll() is None and len(account.asked) < until:
                time.sleep(0.001)
            time.sleep(chance.random() * 0.004)
            run.send_signal(signal.SIGKILL)
            kills += run.wait(60) == -signal.SIGKILL
        assert start(killed, url).wait(120) == 0
    assert kills >= 5
    assert tree(killed) == tree(undisturbed)
    lines = [json.loads(line) for line in (killed / "requests.jsonl").read_bytes().splitlines()][1:]
    assert len({one["place"] for one in lines}) == len(lines), "no answer is there twice"
    assert [one["n"] for one in lines] == list(range(1, len(lines) + 1))
    again = Counter(account.asked) - quiet - Counter({"/server": 99})
    assert again.total() <= kills, "only what was under way at a kill was asked for again"
    assert check_log(killed / LOG) == []
    sealed = [one["request"] for one in read_log(killed / LOG) if one["action"] == "answer kept"]
    assert sealed == list(range(1, len(lines) + 1))
