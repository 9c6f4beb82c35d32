"""Every mail container in every packing and folder: the same mails as in the plain file, told by content, never by name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import support
import zstandard

from forensics.evidence import Item, Member, MemberSource, Problem, find, hashed, members
from forensics.model import Defect, Fragment, Observation, Role, Span
from forensics.pipeline.first_pass import identify, parsers

X = "archive@collector.example"
SAMPLES = sorted(place for folder in ("mbox", "mmdf", "eml") for place in (support.FORMATS / folder).iterdir() if place.is_file())
FROM = b"From ann@corp.example Thu Sep 18 10:00:00 2025\n"
Told = tuple[list[Observation], list[tuple[str, int, int]]]


def mail(number: int) -> bytes:
    """A mail with a blind copy and a body that does not compress away."""
    noise = "".join(f"{(number * 7919 + at) * 2654435761 % (1 << 32):08x}\n" for at in range(400))
    head = f"From: ann@corp.example\nTo: bob@partner.example\nBcc: {X}\nMessage-ID: <m{number}@corp.example>\n\n"
    return (head + noise + "\n").encode()


def mbox(count: int) -> bytes:
    return b"".join(FROM + mail(number) for number in range(count))


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tarred(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def xz(content: bytes) -> bytes:
    return lzma.compress(content, preset=0)


def single(pack: Callable[[bytes], bytes]) -> Callable[[str, bytes], bytes]:
    return lambda _, content: pack(content)


# name -> suffix of the file, and what makes it of a member's name and content
PACKINGS: dict[str, tuple[str, Callable[[str, bytes], bytes]]] = {
    "gz": (".gz", single(gzip.compress)),
    "bz2": (".bz2", single(bz2.compress)),
    "xz": (".xz", single(xz)),
    "zst": (".zst", single(zstandard.ZstdCompressor().compress)),
    "two gz members": (".gz", lambda _, content: gzip.compress(content[:99]) + gzip.compress(content[99:])),
    "zip": (".zip", zipped),
    "tar": (".tar", tarred),
    "tar.gz": (".tgz", lambda name, content: gzip.compress(tarred(name, content))),
    "tar.xz": (".txz", lambda name, content: xz(tarred(name, content))),
    "gz in zip": (".zip", lambda name, content: zipped(f"{name}.gz", gzip.compress(content))),
    "zip in tar.gz": (".tgz", lambda name, content: gzip.compress(tarred("inner.zip", zipped(name, content)))),
    "zip in zip": (".zip", lambda name, content: zipped("inner.zip", zipped(name, content))),
}


def opened(place: Path) -> Item:
    item = hashed(place.name, place)
    assert isinstance(item, Item)
    return item


def told(place: Path) -> Told:
    """What is found in one file, however it is packed, each without the names of what it was packed in."""
    observations: list[Observation] = []
    defects: list[tuple[str, int, int]] = []
    for member in members(opened(place)):
        if isinstance(member, Problem):
            defects.append((member.reason, member.start, member.start))
            continue
        source = MemberSource(Span("", "", 0, -1), member)
        name, problem = identify(b"".join(source.blocks())[:65536], source.name)
        if problem:
            defects.append((problem, 0, 0))
            continue
        for record in parsers()[name].read(source):
            if isinstance(record, Fragment):
                observations.append(record.observation)
            elif isinstance(record, Defect):
                defects.append((record.reason, record.span.start, record.span.end))
        defects += [(reason, at, at) for at, reason in dict.fromkeys(source.problems)]
    return observations, defects


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("place", SAMPLES, ids=lambda place: f"{place.parent.name}/{place.name}")
def test_a_packed_container_tells_the_same_as_the_plain_one(place: Path, packing: str, tmp_path: Path) -> None:
    suffix, pack = PACKINGS[packing]
    packed = tmp_path / (place.name + suffix)
    packed.write_bytes(pack(f"mail/cur/{place.name}", place.read_bytes()))
    plain = told(place)
    assert told(packed) == plain
    assert plain[0] or plain[1]


@pytest.mark.parametrize("name", ["x.json", "x.log", "x.zip", "x.txt", "x", "1758117792.M1P2.host:2,S", "\u202egpj.exe"])
def test_content_decides_and_no_name_does(name: str) -> None:
    for place in SAMPLES:
        assert identify(place.read_bytes()[:65536], name) == (place.parent.name, "")


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst", "tar", "tar.gz", "tar.xz"])
def test_what_came_before_a_cut_is_kept_and_the_cut_is_told(packing: str, tmp_path: Path) -> None:
    suffix, pack = PACKINGS[packing]
    count = 900 if packing == "bz2" else 200  # bz2 gives nothing of a block of 900 kB that it has not seen whole
    content = mbox(count)
    packed = pack("a.mbox", content)
    (tmp_path / f"cut{suffix}").write_bytes(packed[: len(packed) * 3 // 4])
    (tmp_path / "whole.mbox").write_bytes(content)
    whole, _ = told(tmp_path / "whole.mbox")
    kept, defects = told(tmp_path / f"cut{suffix}")
    assert len(whole) == count
    assert count / 3 < len(kept) < count
    assert kept[:-1] == whole[: len(kept) - 1]  # the last one is cut short
    assert any("truncated" in reason or "damaged" in reason for reason, _, _ in defects)


def test_a_gzip_member_that_grows_much_does_not_spoil_the_next(tmp_path: Path) -> None:
    even = FROM + mail(0) + b"x" * 70 + b"\n"
    grown = even + (b"x" * 70 + b"\n") * 100_000  # 7 MB out of some 20 kB
    (tmp_path / "a.gz").write_bytes(gzip.compress(grown) * 3 + gzip.compress(FROM + mail(1)))
    found, defects = told(tmp_path / "a.gz")
    assert [one.message_id for one in found] == ["m0@corp.example"] * 3 + ["m1@corp.example"]
    assert defects == []


def test_each_gzip_member_of_a_rotated_mailbox_is_read_and_a_broken_one_ends_it(tmp_path: Path) -> None:
    parts = [gzip.compress(FROM + mail(number)) for number in range(4)]
    (tmp_path / "whole.gz").write_bytes(b"".join(parts))
    assert [one.message_id for one in told(tmp_path / "whole.gz")[0]] == [f"m{number}@corp.example" for number in range(4)]
    (tmp_path / "broken.gz").write_bytes(parts[0] + parts[1] + b"\x1f\x8b\xff\xff" + parts[3])
    found, defects = told(tmp_path / "broken.gz")
    assert [one.message_id for one in found] == ["m0@corp.example", "m1@corp.example"]
    assert [reason for reason, _, _ in defects] == ["the compressed stream is damaged (error)"]


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x", "/etc/passwd", "a\x1b[31m\nb", "C:\\x.mbox", "\u202exobm.x", "x" * 250, " ", "."]
)
@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar"])
def test_a_hostile_name_is_no_path_and_hides_no_mail(pack: Callable[[str, bytes], bytes], name: str, tmp_path: Path) -> None:
    (tmp_path / "evil").write_bytes(pack(name, mbox(2)))
    found, defects = told(tmp_path / "evil")
    assert (len(found), defects) == (2, [])
    assert [place.name for place in tmp_path.iterdir()] == ["evil"]
    for one in members(opened(tmp_path / "evil")):
        one.path.encode("utf-8")


def test_a_nul_in_a_zip_name_hides_no_mail(tmp_path: Path) -> None:
    packed = zipped("a-b.mbox", mbox(2)).replace(b"a-b.mbox", b"a\0b.mbox")
    (tmp_path / "a.zip").write_bytes(packed)
    found, defects = told(tmp_path / "a.zip")
    assert (len(found), defects) == (2, [])


# --- folders -----------------------------------------------------------------------------------------------------------------


def found_below(root: Path) -> tuple[dict[str, list[Observation]], dict[str, list[str]]]:
    observations: dict[str, list[Observation]] = {}
    defects: dict[str, list[str]] = {}
    for one in find([root]):
        assert not isinstance(one, Problem)
        path, place = one
        read, failed = told(place)
        observations |= {path.partition("/")[2]: read} if read else {}
        defects |= {path.partition("/")[2]: [reason for reason, _, _ in failed]} if failed else {}
    return observations, defects


def plant(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_a_maildir_is_read_in_all_of_its_folders(tmp_path: Path) -> None:
    files = {
        "cur/1758117792.M1P2.mx1:2,S": mail(1), "cur/1758117793.M2P2.mx1:2,ST": mail(2), "new/1758117794.M3P2.mx1": mail(3),
        "tmp/1758117795.M4P2.mx1": mail(4), ".Sent/cur/1758117796.M5P2.mx1!2,S": mail(5), ".Trash/cur/1758117797.M6P2.mx1;2,": mail(6),
        "cur/1758117798.M7P2.mx1:2,S.gz": gzip.compress(mail(7)), "dovecot-uidlist": b"3 V1758117792 N8\n1 :1758117792.M1P2.mx1\n",
    }  # fmt: skip
    found, defects = found_below(plant(tmp_path / "Maildir", files))
    assert {one.message_id for mails in found.values() for one in mails} == {f"m{number}@corp.example" for number in range(1, 8)}
    assert all(len(mails) == 1 and "archive" in {one.clock for one in mails[0].readings} for mails in found.values())
    assert [path for path, mails in found.items() if ("trashed", "true") in mails[0].facts] == ["cur/1758117793.M2P2.mx1:2,ST"]
    assert defects == {"dovecot-uidlist": ["no parser knows this format: not read"]}


def test_folders_of_mail_programs_are_read_whatever_the_files_are_called(tmp_path: Path) -> None:
    emlx = (
        b"%d\n" % len(mail(3))
        + mail(3)
        + b'<?xml version="1.0"?>\n<plist><dict><key>flags</key><integer>2</integer></dict></plist>\n'
    )
    files = {
        "Mail/Local Folders/Inbox": b"From - Thu Sep 18 10:00:00 2025\nX-Mozilla-Status: 0009\n" + mail(1),  # Thunderbird, deleted
        "Mail/Local Folders/Inbox.msf": b'// <!-- <mdb:mork:z v="1.4"/> -->\n',
        "Export/Work.mbox/mbox": FROM + mail(2),  # Apple Mail
        "Export/Work.mbox/table_of_contents": b"\0\0\1",
        "V10/INBOX.mbox/Data/Messages/3.emlx": emlx,
        "V10/INBOX.mbox/Data/Messages/4.partial.emlx": emlx.replace(b"m3@", b"m4@"),
        "eml/Größe.eml": mail(5).replace(b"\n", b"\r\n"),
        "Takeout/Mail/All mail.mbox": b"From 1845000000000000001@xxx Thu Sep 18 10:00:00 +0000 2025\nX-GM-THRID: 1\n" + mail(6),
        "old.pine": b"\x01\x01\x01\x01\n" + mail(7) + b"\x01\x01\x01\x01\n",
    }  # fmt: skip
    found, defects = found_below(plant(tmp_path / "ev", files))
    ids = {path: mails[0].message_id for path, mails in found.items()}
    assert sorted(ids.values()) == [f"m{number}@corp.example" for number in range(1, 8)]
    facts = {one.message_id: dict(one.facts) for mails in found.values() for one in mails}
    assert facts["m1@corp.example"]["mozilla_deleted"] == facts["m3@corp.example"]["trashed"] == "true"
    assert sorted(defects) == [
        "Export/Work.mbox/table_of_contents", "Mail/Local Folders/Inbox.msf", "V10/INBOX.mbox/Data/Messages/4.partial.emlx",
    ]  # fmt: skip
    assert all([one.address for one in mails[0].recipients if one.role == Role.BCC] == [X] for mails in found.values())


def test_the_time_of_a_file_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "1758117792.eml").write_bytes(mail(1))
    (tmp_path / "a.zip").write_bytes(zipped("a.eml", mail(1)))  # whose entry bears the time of its packing
    for place in tmp_path.iterdir():
        os.utime(place, (1758153600, 1758153600))
        assert [one.readings for one in told(place)[0]] == [()]


def test_copies_of_one_mail_stay_apart(tmp_path: Path) -> None:
    other = mail(1).replace(X.encode(), b"chief@corp.example")  # the same Message-ID, another blind copy
    found, _ = found_below(plant(tmp_path / "ev", {"a.eml": mail(1), "b.eml": other, "c.mbox": FROM + mail(1) + FROM + other}))
    blind = [
        recipient.address
        for mails in found.values()
        for one in mails
        for recipient in one.recipients
        if recipient.role == Role.BCC
    ]
    assert sorted(blind) == [X, X, "chief@corp.example", "chief@corp.example"]


def test_nothing_is_written_while_containers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed evidence is never unpacked to disk."""
    (tmp_path / "a.tgz").write_bytes(gzip.compress(tarred("a.zip", zipped("a.mbox", mbox(3)))))
    flags: list[int] = []
    real = os.open

    def watched(path: str, how: int, mode: int = 0o777, **more: int) -> int:
        flags.append(how)
        return real(path, how, mode, **more)

    monkeypatch.setattr(os, "open", watched)
    assert len(told(tmp_path / "a.tgz")[0]) == 3
    assert flags
    assert not any(how & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) for how in flags)
    assert [place.name for place in tmp_path.iterdir()] == ["a.tgz"]
    assert all(isinstance(one, Member) for one in members(opened(tmp_path / "a.tgz")))
