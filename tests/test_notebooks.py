"""Notebooks run as they are stored, from either folder, and say what the truth of the sample says."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import support

NOTEBOOKS = sorted((support.ROOT / "notebooks").glob("*.ipynb"))
EXPLORE, CUSTOM = (support.ROOT / "notebooks" / f"{name}.ipynb" for name in ("explore", "custom_detector"))
SAMPLE = support.ROOT / "sample_logs" / "incident"

# In a process of its own: the kernel is reached through a local socket, which no test may open.
_RUN = """
import sys
import nbclient, nbformat

source, target, folder, last = sys.argv[1:5]
book = nbformat.read(source, as_version=4)
number = next(i for i, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", []))
book.cells.insert(number + 1, nbformat.v4.new_code_cell("\\n".join(sys.argv[5:])))
if last == "parameters":
    del book.cells[number + 2:]
nbclient.NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
nbformat.write(book, target)
"""


def stored(notebook: Path) -> dict[str, Any]:
    book: dict[str, Any] = json.loads(notebook.read_text(encoding="utf-8"))
    return book


def executed(notebook: Path, tmp_path: Path, *added: str, folder: Path, last: str = "") -> list[dict[str, Any]]:
    """The code cells after a run in `folder` with one more cell behind the parameters."""
    target = tmp_path / "executed.ipynb"
    own = {name: str(tmp_path / name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR")}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(notebook), str(target), str(folder), last, *added],
        env={
            **os.environ,
            **own,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [cell for cell in stored(target)["cells"] if cell["cell_type"] == "code"]


def result(cell: dict[str, Any]) -> str:
    return "".join(text for output in cell["outputs"] for text in output.get("data", {}).get("text/plain", []))


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_without_outputs_and_places(notebook: Path) -> None:
    cells = stored(notebook)["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    source = "\n".join("".join(cell["source"]) for cell in cells)
    assert not re.search(r"""["' (=]/\w|[A-Z]:\\|~/""", source), "an absolute path"
    assert sum("parameters" in cell["metadata"].get("tags", []) for cell in cells) == 1


@pytest.mark.slow
def test_incident_notebook_tells_the_truth_of_the_sample(tmp_path: Path) -> None:
    notebook = support.ROOT / "notebooks" / "incident.ipynb"
    truth = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))
    cells = executed(notebook, tmp_path, f"case_dir = Path({str(tmp_path / 'case')!r})", folder=notebook.parent)

    verdicts = [row["verdict"] for row in truth["exposed"]]
    assert ast.literal_eval(result(cells[-1])) == {
        "exposed": len(verdicts),
        "confirmed": verdicts.count("confirmed"),
        "probable": verdicts.count("probable"),
        "not_delivered": len(truth["not_delivered"]),
        "people": len(truth["people"]),
        "problems": [],
    }
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"]), "no chart"
    errors = [output for cell in cells for output in cell["outputs"] if output.get("name") == "stderr"]
    assert errors == []
    shown = json.dumps(cells)
    assert [one["service"] for one in truth["credentials"] if one["secret"] in shown] == []


@pytest.mark.slow
def test_exploring_a_case_tells_the_truth_of_the_sample(tmp_path: Path) -> None:
    truth = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))
    cells = executed(EXPLORE, tmp_path, f"case_dir = Path({str(tmp_path / 'case')!r})", folder=EXPLORE.parent)
    found = ast.literal_eval(result(cells[-1]))
    assert (found["exposed"], found["people"]) == (len(truth["exposed"]), len(truth["people"]))
    assert found["joined"] > found["exposed"]
    assert set(found["kinds"]) >= {one["kind"] for one in truth["personal_data"]}
    assert sum("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"]) == 2
    shown = json.dumps(cells)
    assert [one["service"] for one in truth["credentials"] if one["secret"] in shown] == []


@pytest.mark.slow
def test_a_detector_written_in_a_notebook_is_seen_in_the_report(tmp_path: Path) -> None:
    case = tmp_path / "case"
    cells = executed(CUSTOM, tmp_path, f"case_dir = Path({str(case)!r})", folder=CUSTOM.parent)
    assert ast.literal_eval(result(cells[-1])) == {
        "new": ["viktor.keller@ember-ceramics.example"],
        "exposed_unchanged": True,
        "in_report": True,
        "recorded": True,
        "problems": [],
    }
    made = tomllib.loads((case / "case.toml").read_text(encoding="utf-8"))
    (own,) = [one for one in made["plugins"] if one["origin"] == "given by the caller"]
    assert (own["room"], own["name"]) == ("detectors", "sudden_acquaintance")


@pytest.mark.slow
def test_parameters_find_the_sample_from_the_repository_root(tmp_path: Path) -> None:
    notebook = support.ROOT / "notebooks" / "incident.ipynb"
    cells = executed(
        notebook, tmp_path, "(evidence.is_dir(), policy.is_file(), str(case_dir))", folder=support.ROOT, last="parameters"
    )
    assert ast.literal_eval(result(cells[-1])) == (True, True, str(support.ROOT / "case"))
