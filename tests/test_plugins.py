"""Plugins: found in folders and packages, documented, and harmless when they break."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from small_evidence import audited, plant
from support import ROOT

import forensics
from forensics.model import Span
from forensics.pipeline import first_pass
from forensics.plugins import ROOMS, Detector, Parser, Reader, Reporter, discover

KINDS = {"parsers": Parser, "detectors": Detector, "content": Reader, "reporters": Reporter}
FILES = [
    (room, place)
    for room in ROOMS
    for place in sorted([*(ROOT / "forensics" / room).glob("*.py"), *(ROOT / "forensics" / room).glob("*/__init__.py")])
    if not place.name.startswith("_") or place.parent.name != room
]


class FakeEntry:
    """An entry point of an installed package."""

    dist = None

    def __init__(self, name: str, load: Callable[[], object]) -> None:
        self.name, self.load = name, load


def install(monkeypatch: pytest.MonkeyPatch, room: str, *entries: FakeEntry) -> None:
    def entry_points(*, group: str) -> list[FakeEntry]:
        return list(entries) if group == f"forensics.{room}" else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    first_pass.parsers.cache_clear()


@pytest.fixture(autouse=True)
def own_parsers_only() -> Iterator[None]:
    yield
    first_pass.parsers.cache_clear()


def broken() -> object:
    msg = "secret sk_live in the words of a foreign error"
    raise RuntimeError(msg)


def parser(name: str, sniff: Callable[[bytes, str], bool], read: Callable[[Any], Iterator[Any]]) -> Parser:
    return Parser(name, "A format of somebody else", sniff, read, frozenset({"recipients"}))


# --- the folders


def test_each_room_holds_plugins_and_none_of_ours_is_broken() -> None:
    for room, kind in KINDS.items():
        found = discover(room)
        assert found, room
        assert [one.error for one in found] == [""] * len(found)
        assert all(isinstance(one.plugin, kind) for one in found)
        assert [one.name for one in found] == sorted(one.name for one in found)
        assert len({one.name for one in found}) == len(found)
        assert {one.origin for one in found} == {"forensics"}


def test_the_api_lists_every_room() -> None:
    assert {room: [one.name for one in found] for room, found in forensics.installed().items()} == {
        room: [one.name for one in discover(room)] for room in ROOMS
    }


def test_every_plugin_of_a_folder_has_its_file_here() -> None:
    assert len(FILES) == sum(len(discover(room)) for room in ROOMS)


@pytest.mark.parametrize(
    ("room", "place"), FILES, ids=lambda one: one if isinstance(one, str) else f"{one.parent.name}-{one.stem}"
)
def test_a_plugin_is_one_documented_file_with_its_value_at_the_end(room: str, place: Path) -> None:
    tree = ast.parse(place.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    last = tree.body[-1]
    assert isinstance(last, ast.Assign | ast.AnnAssign), "the value stands at the end of its file"
    targets = last.targets if isinstance(last, ast.Assign) else [last.target]
    assert [target.id for target in targets if isinstance(target, ast.Name)] == [ROOMS[room]]


@pytest.mark.parametrize("room", ROOMS)
def test_a_plugin_says_what_it_is_for(room: str) -> None:
    for one in discover(room):
        title = getattr(one.plugin, "title", "") or getattr(one.plugin, "question", "")
        assert title, one.name
        assert len(title) < 120
        assert title.endswith("?") == (room == "detectors"), f"{one.name}: a detector asks, everything else states"
        assert one.plugin.version >= 1


@pytest.mark.parametrize("name", [one.name for one in discover("parsers")])
@pytest.mark.parametrize("head", [b"", b"\0" * 70_000, b"\xff" * 70_000, b"{", b"[" * 70_000, b"From ", b"\n" * 70_000])
def test_a_parser_looks_at_anything_and_claims_no_noise(name: str, head: bytes) -> None:
    found = next(one.plugin for one in discover("parsers") if one.name == name)
    assert found.sniff(head[: 64 * 1024], "\x1b[31m../../x") is False


# --- packages of others


def test_a_plugin_of_a_package_is_used_and_its_origin_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    foreign = parser("foreign", lambda head, _: head.startswith(b"FOREIGN"), lambda _: iter(()))
    install(monkeypatch, "parsers", FakeEntry("foreign", lambda: foreign))
    (found,) = [one for one in discover("parsers") if one.name == "foreign"]
    assert (found.origin, found.plugin, found.error) == ("unknown package", foreign, "")
    folder = plant(tmp_path / "ev")
    (folder / "x").write_bytes(b"FOREIGN")
    case = audited(folder, out=tmp_path / "case")
    assert list(case.read("defects")["path"]) == []
    assert 'name = "foreign"' in (case.path / "case.toml").read_text()


@pytest.mark.parametrize("load", [broken, lambda: "no plugin at all", lambda: None])
def test_a_broken_plugin_is_reported_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: Callable[[], object]
) -> None:
    install(monkeypatch, "parsers", FakeEntry("bad", load))
    (found,) = [one for one in discover("parsers") if one.name == "bad"]
    assert found.plugin is None
    assert found.error
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    (reason,) = case.read("defects")["reason"]
    assert "the plugin bad (unknown package) of parsers could not be loaded" in reason
    assert "sk_live" not in reason
    assert len(case.read("exposed_messages")) == 8


def raising(*_: object) -> Any:
    msg = "words that may hold mail: hunter2"
    raise ValueError(msg)


def half(source: Any) -> Iterator[Any]:
    yield from ()
    raising(source)


def test_a_parser_that_fails_costs_its_own_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, "parsers", FakeEntry("bad", lambda: parser("bad", lambda head, _: head.startswith(b"BAD"), half)))
    folder = plant(tmp_path / "ev")
    (folder / "x").write_bytes(b"BAD evidence")
    case = audited(folder, out=tmp_path / "case")
    (row,) = case.read("defects").to_dict("records")
    assert (row["path"], row["parser"]) == ("ev/x", "bad")
    assert "the parser failed (ValueError)" in row["reason"]
    assert "hunter2" not in str(row)
    assert len(case.read("exposed_messages")) == 8


def test_a_parser_that_fails_to_look_knows_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, "parsers", FakeEntry("bad", lambda: parser("bad", raising, half)))
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    assert len(case.read("exposed_messages")) == 8


def test_two_parsers_that_claim_one_file_are_an_error_of_that_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, "parsers", FakeEntry("zz", lambda: parser("zz", lambda head, _: head.startswith(b"From "), half)))
    assert first_pass.identify(b"nothing that anybody knows", "x")[0] == ""
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    (row,) = case.read("defects").to_dict("records")
    assert row["path"] == "ev/box.mbox"
    assert "mbox, zz" in row["reason"]


def test_a_detector_that_fails_leaves_the_others_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, "detectors", FakeEntry("bad", lambda: Detector("bad", "Does it break?", raising)))
    case = audited(plant(tmp_path / "ev"), out=tmp_path / "case")
    (reason,) = case.read("defects")["reason"]
    assert reason == "the detector bad failed (ValueError): its question stays unanswered"
    assert len(case.read("exposed_messages")) == 8


def test_a_span_of_a_place_is_what_parsers_get(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[tuple[Span, str, bytes]] = []

    def look(source: Any) -> Iterator[Any]:
        seen.append((source.span, source.name, b"".join(source.blocks())))
        return iter(())

    install(monkeypatch, "parsers", FakeEntry("eye", lambda: parser("eye", lambda head, _: head.startswith(b"EYE"), look)))
    folder = plant(tmp_path / "ev")
    (folder / "x.eye").write_bytes(b"EYE evidence")
    audited(folder, out=tmp_path / "case")
    assert [(span.member, span.start, span.end, name, content) for span, name, content in seen] == [
        ("", 0, -1, "x.eye", b"EYE evidence")
    ]
