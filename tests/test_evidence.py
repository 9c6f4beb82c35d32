"""The reading edge: everything found or named as a problem, every decoded byte given once, nothing in the evidence touched."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import struct
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from affordable import affordable
from hypothesis import given, settings
from hypothesis import strategies as st
from small_evidence import as_nobody, open_folder

from forensics.evidence import Item, Member, MemberSource, Problem, find, hashed, head_of, members, read_ranges, spans
from forensics.evidence import frames as frames_module
from forensics.evidence import unpacking as unpacking_module
from forensics.model import Span

LOG = b"".join(b"Sep 18 10:00:%02d mx1 postfix/qmgr[1]: line %d, with some words in it\n" % (n % 60, n) for n in range(400))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def tarred(*entries: tuple[str, bytes], mode: str = "w", form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:  # type: ignore[call-overload]  # mode is a variable
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def item(folder: Path, content: bytes, name: str = "evidence.bin") -> Item:
    place = folder / name
    place.write_bytes(content)
    found = hashed(name, place)
    assert isinstance(found, Item), found
    return found


def contents(one: Item) -> dict[str, bytes]:
    """Name -> decoded bytes, each member read while the walk stands on it."""
    found = {}
    for member in members(one):
        if isinstance(member, Member):
            assert member.name not in found
            found[member.name] = b"".join(MemberSource(Span(one.id, member.name, 0, -1), member).blocks())
    return found


def problems(one: Item) -> dict[str, str]:
    return {member.path: member.reason for member in members(one) if isinstance(member, Problem)}


def found_below(*roots: Path) -> tuple[list[str], dict[str, str]]:
    result = list(find(roots))
    return [one[0] for one in result if not isinstance(one, Problem)], {
        one.path: one.reason for one in result if isinstance(one, Problem)
    }


# --- finding


def test_every_regular_file_is_found_sorted_and_everything_else_is_named(tmp_path: Path) -> None:
    root = tmp_path / "ev"
    (root / "b" / "deep").mkdir(parents=True)
    for name in ("z.log", "a.log", "b/deep/c.mbox", "b/x"):
        (root / name).write_text("x")
    (root / "link.log").symlink_to(root / "a.log")
    (root / "folder-link").symlink_to(root / "b")
    (root / "loop1").symlink_to(root / "loop2")
    (root / "loop2").symlink_to(root / "loop1")
    (root / "b" / "up").symlink_to(root)
    os.mkfifo(root / "pipe")
    files, failed = found_below(root)
    assert files == ["ev/a.log", "ev/z.log", "ev/b/x", "ev/b/deep/c.mbox"]
    assert set(failed) == {"ev/link.log", "ev/folder-link", "ev/loop1", "ev/loop2", "ev/b/up", "ev/pipe"}
    assert all("symbolic link" in reason for path, reason in failed.items() if path != "ev/pipe")
    assert "pipe" in failed["ev/pipe"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: None, "no such file"),
        (lambda root: root.symlink_to(root), "leads back to itself"),
        (lambda root: root.symlink_to(root.parent / "nothing"), "no such file"),
    ],
)
def test_a_root_that_cannot_be_used_is_a_problem_and_the_others_are_read(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(tmp_path / "bad")
    (tmp_path / "good.log").write_text("x")
    files, failed = found_below(tmp_path / "bad", tmp_path / "good.log")
    assert files == ["good.log"]
    assert [reason in text for text in failed.values()] == [True]


def test_a_root_that_is_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_text("x")
    (tmp_path / "link").symlink_to("real")
    assert found_below(tmp_path / "link") == (["real/a"], {})


def test_a_folder_and_a_file_without_permission_are_problems_and_their_neighbours_are_read() -> None:
    with open_folder() as root:
        (root / "ok.log").write_text("x")
        (root / "locked").mkdir(mode=0o000)
        (root / "secret.log").write_text("x")
        (root / "secret.log").chmod(0)
        try:
            with as_nobody():
                files, failed = found_below(root)
                refused = hashed("secret.log", root / "secret.log")
        finally:
            (root / "locked").chmod(0o700)
    assert [path.rpartition("/")[2] for path in files] == ["ok.log", "secret.log"]
    assert [path.rpartition("/")[2] for path in failed] == ["locked"]
    assert "permission" in next(iter(failed.values()))
    assert isinstance(refused, Problem)
    assert "Permission denied" in refused.reason


def test_two_roots_of_one_name_are_told_apart_in_the_same_way_whatever_their_order(tmp_path: Path) -> None:
    for folder in ("a/logs", "b/logs", "c/logs~2"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x").write_text(folder)
    roots = [tmp_path / "a" / "logs", tmp_path / "b" / "logs", tmp_path / "c" / "logs~2"]
    forward, backward = list(find(roots)), list(find(reversed(roots)))
    assert forward == backward
    assert len({one[0] for one in forward if not isinstance(one, Problem)}) == 3


def test_a_file_below_two_roots_comes_once(tmp_path: Path) -> None:
    (tmp_path / "ev" / "in").mkdir(parents=True)
    (tmp_path / "ev" / "in" / "a").write_text("x")
    expected: tuple[list[str], dict[str, str]] = (["ev/in/a"], {})
    for roots in ([tmp_path / "ev", tmp_path / "ev" / "in"], [tmp_path / "ev" / "in" / "a", tmp_path / "ev", tmp_path / "ev"]):
        assert found_below(*roots) == expected


def test_what_the_caller_reads_otherwise_is_left_out_and_its_namesake_is_not(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "policy.toml").write_text("x")
    (tmp_path / "sub" / "policy.toml").write_text("x")
    found = list(find([tmp_path], skip=frozenset({tmp_path / "policy.toml"})))
    assert [one[1] for one in found if not isinstance(one, Problem)] == [tmp_path / "sub" / "policy.toml"]


def test_names_that_are_no_text_are_shown_as_text(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"n\xff\x1b.log")).write_text("x")
    files, _ = found_below(tmp_path)
    assert files == [f"{tmp_path.name}/n\\xff\x1b.log"]
    files[0].encode("utf-8")


def test_folders_nested_deeper_than_python_recurses_are_walked(tmp_path: Path) -> None:
    here = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(1500):
            Path("d").mkdir()
            os.chdir("d")
        Path("deep.log").write_text("x")
        files, failed = found_below(tmp_path)
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # pytest's own clearing recurses
    assert failed == {}
    assert [path.endswith("/d/deep.log") for path in files] == [True]


# --- hashing and opening


def test_a_hash_is_of_the_whole_file_and_the_id_its_first_sixteen_digits(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    seen: list[int] = []
    (tmp_path / "big").write_bytes(content)
    found = hashed("big", tmp_path / "big", seen.append)
    assert isinstance(found, Item)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.id == found.sha256[:16]
    assert sum(seen) == found.size == len(content)


def test_an_empty_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "empty.gz").write_bytes(b"")
    assert hashed("empty.gz", tmp_path / "empty.gz") == Problem("empty.gz", "the file is empty (0 bytes)")


def test_evidence_is_opened_for_reading_only_and_nothing_about_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = []
    for name, content in {
        "plain": LOG,
        "log.gz": gzip.compress(LOG),
        "a.zip": zipped(("x", LOG)),
        "a.tar": tarred(("x", LOG)),
    }.items():
        place = tmp_path / name
        place.write_bytes(content)
        os.utime(place, ns=(10**18, 10**18))
        places.append(place)
    before = {
        place: (place.stat().st_mtime_ns, place.stat().st_atime_ns, place.stat().st_mode, place.read_bytes()) for place in places
    }
    for place in places:
        os.utime(place, ns=(10**18, 10**18))  # reading for the comparison touched it
    flags: list[int] = []
    real = os.open

    def watched(path: str, how: int, mode: int = 0o777, **more: int) -> int:
        flags.append(how)
        return real(path, how, mode, **more)

    monkeypatch.setattr(os, "open", watched)
    for place in places:
        found = hashed(place.name, place)
        assert isinstance(found, Item)
        assert contents(found)
    assert len(flags) >= 2 * len(places)
    assert all(how & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND) == 0 for how in flags)
    assert all(how & os.O_NOFOLLOW for how in flags)
    for place in places:
        now = place.stat()
        assert (now.st_mtime_ns, now.st_atime_ns) == (10**18, 10**18)
        assert (now.st_mode, place.read_bytes()) == before[place][2:]


def test_what_a_live_log_gains_after_hashing_is_not_read_and_a_loss_is_named(tmp_path: Path) -> None:
    one = item(tmp_path, LOG)
    with one.location.open("ab") as live:
        live.write(b"a line that no hash covers\n")
    assert contents(one) == {"": LOG}
    one.location.write_bytes(LOG[:500])
    member = next(members(one))
    assert isinstance(member, Member)
    source = MemberSource(Span(one.id, "", 0, -1), member)
    assert b"".join(source.blocks()) == LOG[:500]
    assert [at for at, _ in source.problems] == [500]
    assert "changed during the run" in source.problems[0][1]


# --- unpacking


@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_file_is_its_content_by_magic_not_by_name(tmp_path: Path, packer: str) -> None:
    assert contents(item(tmp_path, PACKERS[packer](LOG), "no-suffix")) == {"": LOG}


@pytest.mark.parametrize("packer", PACKERS)
def test_all_frames_of_a_file_are_read(tmp_path: Path, packer: str) -> None:
    half = len(LOG) // 2
    packed = PACKERS[packer](LOG[:half]) + PACKERS[packer](LOG[half:])
    assert contents(item(tmp_path, packed)) == {"": LOG}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_stream_gives_all_that_decodes_and_says_that_it_is_cut(tmp_path: Path, packer: str, share: float) -> None:
    noise = os.urandom(300_000).hex().encode()
    packed = PACKERS[packer](noise)
    one = item(tmp_path, packed[: int(len(packed) * share)])
    streams = [member for member in members(one) if isinstance(member, Member)]
    if packer == "bz2" or not streams:  # bz2 gives nothing of a block it has not seen whole
        got, failed = b"", problems(one)
        assert streams or ["truncated" in reason for reason in failed.values()] == [True]
    for member in streams:
        source = MemberSource(Span(one.id, "", 0, -1), member)
        got = b"".join(source.blocks())
        assert noise.startswith(got)
        assert len(got) > 0
        assert "truncated" in source.problems[0][1]
        assert source.problems[0][0] == len(got)
    if packer in {"gz", "zst"}:
        assert len(got) > len(noise) * (share - 0.5)


def test_a_small_truncated_gzip_loses_nothing_that_was_there(tmp_path: Path) -> None:
    one = item(tmp_path, gzip.compress(LOG)[:-4])  # only the check sum is cut
    member = next(members(one))
    assert isinstance(member, Member)
    source = MemberSource(Span(one.id, "", 0, -1), member)
    assert b"".join(source.blocks()) == LOG
    assert "truncated" in source.problems[0][1]


@pytest.mark.parametrize("packer", PACKERS)
def test_what_follows_a_compressed_stream_is_not_dropped_in_silence(tmp_path: Path, packer: str) -> None:
    clean = item(tmp_path, PACKERS[packer](LOG) + b"\0" * 512, "padded")
    dirty = item(tmp_path, PACKERS[packer](LOG) + b"and what is this?", "dirty")
    for one, damaged in ((clean, False), (dirty, True)):
        member = next(members(one))
        assert isinstance(member, Member)
        source = MemberSource(Span(one.id, "", 0, -1), member)
        assert b"".join(source.blocks()) == LOG
        assert bool(source.problems) is damaged


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(LOG)[:10], "truncated"),
        (gzip.compress(b""), "0 bytes"),
        (b"\x1f\x8b" + b"\xff" * 100, "damaged"),
        (b"PK\x03\x04" + b"\xff" * 100, "damaged"),
        (b"\xfd7zXZ\x00" + b"\xff" * 100, "damaged"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 100, "damaged"),
    ],
)
def test_a_broken_container_is_one_problem(tmp_path: Path, content: bytes, reason: str) -> None:
    failed = problems(item(tmp_path, content))
    assert len(failed) == 1
    assert reason in failed["evidence.bin"]


def test_archives_in_archives_are_read_to_their_leaves(tmp_path: Path) -> None:
    inner = tarred(("mail.log.gz", gzip.compress(LOG)), ("d/plain.log", LOG[:99]), mode="w:gz")
    one = item(tmp_path, zipped(("logs.bin", LOG[:50]), ("folder/", b"")))
    assert contents(one) == {"logs.bin": LOG[:50]}
    assert contents(item(tmp_path, inner, "x.tgz")) == {"mail.log.gz": LOG, "d/plain.log": LOG[:99]}
    assert contents(item(tmp_path, zipped(("a.zip", zipped(("b.log", LOG)))))) == {"a.zip/b.log": LOG}


def test_nesting_has_an_end_that_is_told(tmp_path: Path) -> None:
    packed = LOG
    for _ in range(5):
        packed = gzip.compress(packed)
    assert "compressed more than" in problems(item(tmp_path, packed))["evidence.bin"]
    for _ in range(5):
        packed = zipped(("x", packed))
    assert ["nested more than" in reason for reason in problems(item(tmp_path, packed)).values()] == [True]


def test_an_encrypted_member_is_named_and_its_neighbours_are_read(tmp_path: Path) -> None:
    packed = bytearray(zipped(("open.log", LOG), ("locked.log", LOG)))
    local, central = packed.rindex(b"PK\x03\x04"), packed.rindex(b"PK\x01\x02")
    packed[local + 6] |= 1
    packed[central + 8] |= 1
    one = item(tmp_path, bytes(packed), "a.zip")
    assert contents(one) == {"open.log": LOG}
    assert list(problems(one)) == ["a.zip/locked.log"]
    assert "encrypted" in problems(one)["a.zip/locked.log"]


def test_an_archive_broken_in_the_middle_gives_its_first_members(tmp_path: Path) -> None:
    whole = tarred(("a.log", LOG), ("b.log", LOG), ("c.log", LOG))
    one = item(tmp_path, whole[: 512 + len(LOG) + 1500])
    read = contents(one)
    assert read["a.log"] == LOG
    assert "c.log" not in read
    assert LOG.startswith(read.get("b.log", b""))
    assert any("damaged" in reason for reason in problems(one).values())


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_hostile_names_are_text_and_never_paths(tmp_path: Path, pack: Callable[..., bytes]) -> None:
    names = ["../../etc/passwd", "/etc/shadow", "a\x1b[31m\nb", "C:\\x", "ü.log", "x" * 200]
    one = item(tmp_path, pack(*((name, name.encode()) for name in names)), "evil")
    read = contents(one)
    assert sorted(read.values()) == sorted(name.encode() for name in names)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil"]
    for member in members(one):
        assert isinstance(member, Member)
        assert member.path.startswith("evil/")


def test_a_tar_name_that_is_no_text_becomes_text(tmp_path: Path) -> None:
    packed = tarred(("n-X.log", LOG), form=tarfile.USTAR_FORMAT).replace(b"n-X.log", b"n-\xff.log")
    header = bytearray(packed[:512])
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert contents(item(tmp_path, bytes(header) + packed[512:])) == {"n-\\xff.log": LOG}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_members_of_one_name_stay_two_and_can_be_opened_again(tmp_path: Path, pack: Callable[..., bytes]) -> None:
    one = item(tmp_path, pack(("a", b"first"), ("a", b"second"), ("a~2", b"third")))
    read = contents(one)
    assert sorted(read.values()) == [b"first", b"second", b"third"]
    assert read["a"] == b"first"
    later = {member.name: member for member in members(one) if isinstance(member, Member)}  # the walk is over
    for name, content in read.items():
        assert b"".join(MemberSource(Span(one.id, name, 0, -1), later[name]).blocks()) == content


@pytest.mark.parametrize("pack", [zipped, tarred, lambda *entries: gzip.compress(tarred(*entries))])
def test_a_member_reads_the_same_while_the_walk_stands_on_it_and_later(tmp_path: Path, pack: Callable[..., bytes]) -> None:
    big = os.urandom(5 << 20)
    one = item(tmp_path, pack(("small", LOG), ("big", big), ("last", LOG[:7])))
    kept: dict[str, Member] = {}
    for member in members(one):
        assert isinstance(member, Member)
        source = MemberSource(Span(one.id, member.name, 0, -1), member)
        assert head_of(member) == head_of(member)
        first, second = source.blocks(), source.blocks()  # two readers at once, one of them unfinished
        start = next(first)
        assert b"".join(second) == {"small": LOG, "big": big, "last": LOG[:7]}[member.name]
        assert start + b"".join(first) == {"small": LOG, "big": big, "last": LOG[:7]}[member.name]
        assert not source.problems
        kept[member.name] = member
    for name, content in (("last", LOG[:7]), ("big", big), ("small", LOG)):
        assert b"".join(MemberSource(Span(one.id, name, 3, -1), kept[name]).blocks()) == content[3:]


def test_an_archive_is_unpacked_once_however_many_members_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = item(tmp_path, tarred(*((f"{n}.log", LOG) for n in range(60)), mode="w:gz"))
    opened: list[int] = []
    real = frames_module._opened

    def counted(*args: object) -> object:
        opened.append(1)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(frames_module, "_opened", counted)
    for member in members(one):
        assert isinstance(member, Member)
        assert head_of(member) == LOG[: 64 * 1024]
        assert b"".join(MemberSource(Span(one.id, member.name, 0, -1), member).blocks()) == LOG
    assert len(opened) <= 3


def test_bombs_end_with_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_module, "_RATIO_FROM", 1 << 22)
    monkeypatch.setattr(frames_module, "RATIO", 100)
    zeros = b"\0" * (64 << 20)
    with affordable(20):
        for name, packed in {
            "gz": gzip.compress(zeros),
            "bz2": bz2.compress(zeros),
            "xz": lzma.compress(zeros, preset=0),
            "zst": zstandard.ZstdCompressor().compress(zeros),
        }.items():
            one = item(tmp_path, packed, name)
            member = next(members(one))
            assert isinstance(member, Member)
            source = MemberSource(Span(one.id, "", 0, -1), member)
            got = sum(map(len, source.blocks()))
            assert got <= max(1 << 22, 100 * one.size) + (65 << 20 if name == "zst" else 2 << 20)
            assert got < len(zeros) or name == "zst"
            assert "decompression stopped" in source.problems[0][1]
        many = item(tmp_path, zipped(*((f"{n}", b"log\n" + zeros[: 3 << 20]) for n in range(4))), "zip")
        assert [len(content) for content in contents(many).values()] == [(3 << 20) + 4]
        assert sum("unpacking stopped" in reason for reason in problems(many).values()) == 3


def test_a_member_count_without_end_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking_module, "_MEMBERS", 5)
    one = item(tmp_path, zipped(*((f"{n}", LOG) for n in range(9))))
    assert len(contents(one)) == 5
    assert any("more than 5 members" in reason for reason in problems(one).values())


def test_a_tar_header_cannot_ask_for_memory(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 1 << 33
    packed = gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + b"\0" * (8 << 20))
    failed = problems(item(tmp_path, packed))
    assert len(failed) == 1
    assert "damaged" in failed["evidence.bin"]


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"BZh9", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b""]),
    st.binary(max_size=600),
    st.integers(0, 3),
)
def test_no_bytes_make_the_reader_raise(magic: bytes, noise: bytes, form: int) -> None:
    whole = [zipped(("a", LOG)), tarred(("a", LOG)), tarred(("a", LOG), mode="w:gz"), gzip.compress(zipped(("a", LOG[:600])))][
        form
    ]
    spoiled = bytearray(whole)
    for at in range(0, len(noise) - 3, 3):
        (where,) = struct.unpack("<H", noise[at : at + 2])
        spoiled[where % len(spoiled)] = noise[at + 2]
    with tempfile.TemporaryDirectory() as folder:
        for content in (magic + noise, bytes(spoiled)):
            if content:
                one = item(Path(folder), content)
                contents(one)
                for member in members(one):
                    if isinstance(member, Member):
                        list(read_ranges(member, [(0, 10), (5, -1)], limit=1000))


# --- places


@pytest.mark.property
@settings(max_examples=80, deadline=None)
@given(st.binary(min_size=1, max_size=5000), st.integers(0, 6000), st.sampled_from(["plain", *PACKERS, "zip", "tar"]))
def test_blocks_from_any_place_on_are_the_rest(content: bytes, start: int, form: str) -> None:
    content = b"x" + content  # a first byte that is no magic
    packed = {"plain": lambda: content, "zip": lambda: zipped(("m", content)), "tar": lambda: tarred(("m", content))}
    with tempfile.TemporaryDirectory() as folder:
        one = item(Path(folder), packed[form]() if form in packed else PACKERS[form](content))
        for member in members(one):
            assert isinstance(member, Member)
            source = MemberSource(Span(one.id, member.name, start, -1), member)
            assert b"".join(source.blocks()) == content[start:]
            assert b"".join(source.blocks(0)) == content
            assert not source.problems


RANGES = st.lists(st.tuples(st.integers(0, 4000), st.integers(-1, 4200)), max_size=12)


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=4000), RANGES, st.integers(1, 5000), st.booleans(), st.sampled_from([1, 100, 1 << 20]))
def test_ranges_equal_slices(content: bytes, ranges: list[tuple[int, int]], limit: int, packed: bool, leap: int) -> None:
    from forensics.evidence import reading

    content = b"x" + content
    wanted = sorted(ranges)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_LEAP", leap)
        patch.setattr(reading, "BLOCK", 128)
        one = item(Path(folder), gzip.compress(content) if packed else content)
        member = next(members(one))
        assert isinstance(member, Member)
        got = list(read_ranges(member, wanted, limit=limit))
    expected = [(place, content[place[0] : len(content) if place[1] < 0 else place[1]][:limit]) for place in wanted]
    assert got == expected


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 6000), st.booleans())
def test_spans_tile_a_plain_file_and_leave_a_packed_one_whole(size: int, cut: int, divisible: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one = item(Path(folder), b"x" * size)
        member = next(members(one))
        assert isinstance(member, Member)
        cuts = spans(member, divisible=divisible, size=cut)
        packed = next(members(item(Path(folder), gzip.compress(b"x" * size))))
        assert isinstance(packed, Member)
        assert [(one.start, one.end) for one in spans(packed, divisible=True, size=cut)] == [(0, -1)]
    if not divisible or size <= cut:
        assert [(span.start, span.end) for span in cuts] == [(0, -1)]
        return
    assert cuts[0].start == 0
    assert cuts[-1].end == size
    assert all(one.end == other.start for one, other in pairwise(cuts))
    assert all(0 < span.end - span.start <= cut for span in cuts)
