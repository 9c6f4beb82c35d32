"""A folder that remembers every answer: whatever dies, and whenever, nothing is lost and nothing is there twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.collect.ledger import JOURNAL, Ledger
from forensics.collect.wire import Answer, CollectError, Request
from forensics.custody import LOG, CustodyLog, check_log, read_log

AT = datetime(2026, 9, 1, tzinfo=UTC)
PLAN = {"from": "2026-09-01T00:00:00Z", "started_at": "2026-09-02T00:00:00Z"}
ANSWERS = {f"answers/server-1/search/{n}.json": (f'{{"n": {n}}}'.encode(), n % 3 != 0) for n in range(7)}


class Killed(BaseException):
    """Takes the place of SIGKILL at a chosen step."""


def keep(ledger: Ledger, place: str, body: bytes, *, alone: bool = True, status: int = 200) -> None:
    ledger.keep(place, Request("/x", (("n", "1"),)), Answer(status, body, {}, AT, AT), body, alone=alone)


def collect(folder: Path) -> list[str]:
    """What a run does: asks for what is not there. Returns what it asked for."""
    asked = []
    with Ledger(folder) as ledger:
        ledger.begin(PLAN)
        for place, (body, alone) in ANSWERS.items():
            known = ledger.kept(place)
            if known is None:
                asked.append(place)
                keep(ledger, place, body, alone=alone)
            else:
                assert known.body == body
    return asked


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / JOURNAL).read_bytes().splitlines()]


def check_whole(folder: Path) -> None:
    lines = [one for one in journal(folder) if "plan" not in one]
    assert [one["place"] for one in lines] == list(ANSWERS), "each once, in order"
    assert [one["n"] for one in lines] == list(range(1, len(ANSWERS) + 1))
    files = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}
    assert files == {JOURNAL, LOG, *(place for place, (_, alone) in ANSWERS.items() if alone)}
    for line in lines:
        body = (folder / line["file"]).read_bytes() if line["file"] else ANSWERS[line["place"]][0]
        assert line["sha256"] == hashlib.sha256(body).hexdigest()
    assert check_log(folder / LOG) == []
    sealed = [one for one in read_log(folder / LOG) if one["action"] == "answer kept"]
    assert [(one["request"], one["sha256"], one["file"]) for one in sealed] == [
        (one["n"], one["sha256"], one["file"]) for one in lines
    ]


def dying(step: int, *, torn: bool) -> tuple[pytest.MonkeyPatch, list[int]]:
    """Every effect on the disk counts one step; the chosen one does not happen, or half of it does."""
    patch = pytest.MonkeyPatch()
    count = [0]

    def guard(real: Callable[..., Any], half: Callable[..., Any] | None = None) -> Callable[..., Any]:
        def effect(*args: Any, **more: Any) -> Any:
            count[0] += 1
            if count[0] == step:
                if torn and half is not None:
                    half(*args, **more)
                raise Killed
            return real(*args, **more)

        return effect

    def half_line(log: CustodyLog, *_: Any, **__: Any) -> None:
        with log.path.open("ab") as stream:
            stream.write(b'{"action": "answer k')

    write, replace = os.write, Path.replace
    patch.setattr(os, "write", guard(write, lambda place, raw: write(place, raw[: len(raw) // 2])))
    patch.setattr(Path, "replace", guard(replace))
    patch.setattr(CustodyLog, "append", guard(CustodyLog.append, half_line))
    return patch, count


@pytest.mark.parametrize("torn", [False, True])
def test_death_at_any_step_and_again_while_mending(tmp_path: Path, torn: bool) -> None:
    steps = 0
    for step in range(1, 60):
        folder = tmp_path / str(step)
        died = 0
        for life in (step, 1, 2, 3, 1000):  # dies, and dies three times more right at the start
            patch, _ = dying(life, torn=torn)
            try:
                collect(folder)
            except Killed:
                died += 1
            finally:
                patch.undo()
        collect(folder)
        check_whole(folder)
        steps = step
        if not died:
            break
    assert steps == 20, "19 effects on the disk, and a run that nobody killed"


def test_an_answer_that_is_whole_is_never_asked_for_again(tmp_path: Path) -> None:
    assert collect(tmp_path / "c") == list(ANSWERS)
    assert collect(tmp_path / "c") == []
    check_whole(tmp_path / "c")


def test_a_journal_entry_makes_an_answer_whole_before_it_has_its_name(tmp_path: Path) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        collect(tmp_path / "c")
    patch.undo()
    assert len(collect(tmp_path / "c")) == len(ANSWERS) - 2, "one without a file, and the one that lay aside"
    check_whole(tmp_path / "c")


@pytest.mark.parametrize(
    "harm", [lambda one: one.unlink(), lambda one: one.write_bytes(b""), lambda one: one.write_bytes(b'{"n": 9}')]
)
def test_a_file_that_is_not_what_the_journal_says_is_asked_for_again_and_told(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    folder = tmp_path / "c"
    collect(folder)
    place = "answers/server-1/search/4.json"
    harm(folder / place)
    assert collect(folder) == [place]
    assert (folder / place).read_bytes() == ANSWERS[place][0]
    (told,) = [one for one in read_log(folder / LOG) if one["action"] == "answer damaged, asked again"]
    assert told["file"] == place
    assert collect(folder) == []


def test_two_runs_cannot_write_into_one_folder(tmp_path: Path) -> None:
    with Ledger(tmp_path / "c"), pytest.raises(CollectError, match="another collection is writing here"):
        Ledger(tmp_path / "c")
    Ledger(tmp_path / "c").close()


def test_another_collection_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    with Ledger(tmp_path / "c") as ledger:
        assert ledger.begin(PLAN) is True
        assert ledger.begin({**PLAN, "started_at": "2027-01-01T00:00:00Z"}) is False
        assert ledger.plan == PLAN, "the first start counts"
        with pytest.raises(CollectError, match=r"another collection \(from differ\)"):
            ledger.begin({**PLAN, "from": "2026-09-02T00:00:00Z"})


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="ascii")
    with Ledger(tmp_path) as ledger, pytest.raises(CollectError, match="neither empty nor a collection"):
        ledger.begin(PLAN)


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"{}\n", b'{"n": "1"}\n', b"[]\n", b'{"n": 1, "place": "x", "status": 200, "sha256": "", "file": "", "answer": "\xff"}\n']
)  # fmt: skip
def test_a_damaged_journal_is_said_and_left_alone(tmp_path: Path, line: bytes) -> None:
    folder = tmp_path / "c"
    collect(folder)
    whole = (folder / JOURNAL).read_bytes()
    damaged = whole[: whole.index(b"\n") + 1] + line + whole[whole.index(b"\n") + 1 :]
    (folder / JOURNAL).write_bytes(damaged)
    with pytest.raises(CollectError, match="damaged after"):
        Ledger(folder)
    assert (folder / JOURNAL).read_bytes() == damaged


def test_nobody_else_can_read_the_folder(tmp_path: Path) -> None:
    collect(tmp_path / "c")
    for one in [tmp_path / "c", *(tmp_path / "c").rglob("*")]:
        assert one.stat().st_mode & 0o077 == 0, one
