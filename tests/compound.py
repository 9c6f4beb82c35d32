"""A small writer of compound files ([MS-CFB] version 3), Outlook messages ([MS-OXMSG]) and TNEF, for tests and samples."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MESSAGE = bytes.fromhex("0b0d020000000000c000000000000046")
FREE, END, FAT, DIFAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC
SECTOR, MINI, CUTOFF = 512, 64, 4096
LONG, BOOLEAN, OBJECT, STRING8, STRING, TIME, BINARY = 0x3, 0xB, 0xD, 0x1E, 0x1F, 0x40, 0x102
TO, CC, BCC = 1, 2, 3

Tree = dict[str, "bytes | Tree"]
Value = int | str | bytes | datetime | Tree
Property = tuple[int, int, Value]  # id, type, value


class _Entry:
    def __init__(self, name: str, kind: int, data: bytes = b"") -> None:
        self.name, self.kind, self.data = name, kind, data
        self.left = self.right = self.child = FREE
        self.start = END


def _entries(tree: Tree) -> list[_Entry]:
    """The directory: each storage's children as a balanced tree, sorted by length and upper-case name."""
    found = [_Entry("Root Entry", 5)]

    def arrange(ids: list[int]) -> int:
        if not ids:
            return FREE
        middle = len(ids) // 2
        found[ids[middle]].left = arrange(ids[:middle])
        found[ids[middle]].right = arrange(ids[middle + 1 :])
        return ids[middle]

    def add(owner: int, children: Tree) -> None:
        ids = []
        for name in sorted(children, key=lambda one: (len(one), one.upper())):
            child = children[name]
            found.append(_Entry(name, 2, child) if isinstance(child, bytes) else _Entry(name, 1))
            ids.append(len(found) - 1)
            if not isinstance(child, bytes):
                add(ids[-1], child)
        found[owner].child = arrange(ids)

    add(0, tree)
    return found


def _padded(data: bytes, size: int) -> bytes:
    return data + bytes(-len(data) % size)


def compound(tree: Tree, class_id: bytes = MESSAGE) -> bytes:
    """A compound file; the 110th sector of its FAT and those behind it are listed in a DIFAT."""
    entries = _entries(tree)
    mini, mini_fat = bytearray(), list[int]()
    for entry in entries:
        if entry.kind == 2 and 0 < len(entry.data) < CUTOFF:
            entry.start = len(mini_fat)
            count = len(_padded(entry.data, MINI)) // MINI
            mini_fat += [*range(entry.start + 1, entry.start + count), END]
            mini += _padded(entry.data, MINI)
    entries[0].data = bytes(mini)
    chains: list[bytes] = []  # directory, mini FAT, mini stream, then the big streams
    directory_size = len(_padded(bytes(128 * len(entries)), SECTOR))
    table = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    table += b"\xff" * (-len(table) % SECTOR)
    chains += [bytes(directory_size), table]
    big = [entry for entry in entries if entry.kind == 5 or (entry.kind == 2 and len(entry.data) >= CUTOFF)]
    chains += [_padded(entry.data, SECTOR) for entry in big]
    sectors = sum(len(chain) // SECTOR for chain in chains)
    fats, difats = 1, 0
    while fats * 128 < sectors + fats + difats:
        fats += 1
        difats = -(-max(fats - 109, 0) // 127)
    fat, starts = [FAT] * fats + [DIFAT] * difats, list[int]()
    for chain in chains:
        count = len(chain) // SECTOR
        starts.append(len(fat) if count else END)
        fat += [*range(len(fat) + 1, len(fat) + count), END] if count else []
    for entry, start in zip(big, starts[2:], strict=True):
        entry.start = start
    fat += [FREE] * (fats * 128 - len(fat))
    chains[0] = _padded(b"".join(_packed(entry, class_id) for entry in entries), SECTOR)
    header = MAGIC + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    first = fats if difats else END
    header += struct.pack("<9I", 0, fats, starts[0], 0, CUTOFF, starts[1], len(table) // SECTOR, first, difats)
    listed = [*range(fats), *[FREE] * (109 + difats * 127 - fats)]
    header += struct.pack("<109I", *listed[:109])
    difat = b"".join(
        struct.pack("<128I", *listed[109 + i * 127 : 236 + i * 127], fats + i + 1 if i + 1 < difats else END)
        for i in range(difats)
    )
    return header + struct.pack(f"<{len(fat)}I", *fat) + difat + b"".join(chains)


def _packed(entry: _Entry, class_id: bytes) -> bytes:
    name = entry.name.encode("utf-16-le")
    start, size = (entry.start, len(entry.data)) if entry.kind != 1 else (0, 0)
    return (
        (name + b"\0\0").ljust(64, b"\0")
        + struct.pack("<HBB3I", len(name) + 2, entry.kind, 1, entry.left, entry.right, entry.child)
        + (class_id if entry.kind == 5 else bytes(16))
        + struct.pack("<IQQIQ", 0, 0, 0, start, size)
    )


def file_time(at: datetime) -> int:
    return (at - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10


def storage(properties: Sequence[Property], header: int = 8) -> Tree:
    """A storage with these properties; `header` is 32 for a file's message, 24 for an embedded one, else 8."""
    tree: Tree = {}
    table = bytearray(header)
    for tag, kind, value in properties:
        fixed = bytes(8)
        if isinstance(value, datetime):
            fixed = struct.pack("<q", file_time(value))
        elif isinstance(value, int):
            fixed = struct.pack("<q", value)
        else:
            raw: bytes | Tree = value.encode("utf-16-le") if isinstance(value, str) else value
            tree[f"__substg1.0_{tag:04X}{kind:04X}"] = raw
            fixed = struct.pack("<II", len(raw), 0)
        table += struct.pack("<HHI", kind, tag, 6) + fixed
    tree["__properties_version1.0"] = bytes(table)
    return tree


def outlook(
    properties: Sequence[Property],
    recipients: Sequence[Sequence[Property]] = (),
    attachments: Sequence[Sequence[Property]] = (),
    *,
    embedded: bool = False,
) -> Tree:
    """A message's storage, at the root of a file or `embedded` in an attachment."""
    tree = storage(properties, 24 if embedded else 32)
    tree |= {f"__recip_version1.0_#{i:08X}": storage(one) for i, one in enumerate(recipients)}
    tree |= {f"__attach_version1.0_#{i:08X}": storage(one) for i, one in enumerate(attachments)}
    return tree


def recipient(kind: int, address: str, name: str = "", *, exchange: str = "") -> list[Property]:
    """A row of the recipient table, by mail address or by a name in Exchange's directory."""
    row: list[Property] = [(0x0C15, LONG, kind), (0x3001, STRING, name or address)]
    row += [(0x3002, STRING, "EX"), (0x3003, STRING, exchange)] if exchange else [(0x3002, STRING, "SMTP")]
    return [*row, *([(0x39FE, STRING, address)] if address else [])]


def attachment(name: str, data: bytes) -> list[Property]:
    return [(0x3705, LONG, 1), (0x3707, STRING, name), (0x3701, BINARY, data)]


def compressed(rich: bytes) -> bytes:
    """PR_RTF_COMPRESSED with literals alone, and the end mark."""
    out = bytearray()
    for at in range(0, len(rich) // 8 * 8, 8):
        out += b"\0" + rich[at : at + 8]
    rest = rich[len(rich) // 8 * 8 :]
    end = (207 + len(rich)) % 4096 << 4
    out += bytes([1 << len(rest)]) + rest + end.to_bytes(2, "big")
    checksum = zlib.crc32(out, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return struct.pack("<4I", len(out) + 12, len(rich), 0x75465A4C, checksum) + bytes(out)


# ---------------------------------------------------------------------------------------------------------------- TNEF


def attribute(tag: int, data: bytes, *, level: int = 1, checksum: int | None = None) -> bytes:
    """One attribute; `tag` is type and id, such as 0x0002800C for the body."""
    check = sum(data) & 0xFFFF if checksum is None else checksum
    return struct.pack("<BII", level, tag, len(data)) + data + struct.pack("<H", check)


def tnef(*attributes: bytes) -> bytes:
    return b'x\x9f>"\x01\x00' + b"".join(attributes)


def packed(properties: Sequence[Property]) -> bytes:
    """Properties as TNEF packs them; an object is preceded by the id of IMessage."""
    out = struct.pack("<I", len(properties))
    for tag, kind, value in properties:
        out += struct.pack("<HH", kind, tag)
        out += bytes(16) + struct.pack("<II", 0, 1) if tag >= 0x8000 else b""
        assert not isinstance(value, dict)
        if isinstance(value, int):
            out += struct.pack("<I", value)
        elif isinstance(value, datetime):
            out += struct.pack("<q", file_time(value))
        else:
            raw = (value + "\0").encode("utf-16-le") if isinstance(value, str) else value
            raw = bytes.fromhex("0703020000000000c000000000000046") + raw if kind == OBJECT else raw
            out += struct.pack("<II", 1, len(raw)) + _padded(raw, 4)
    return out


# ------------------------------------------------------------------------------------------------------------- samples


def samples() -> dict[str, bytes]:
    """The files under sample_logs/formats/msg, by name."""
    sent = outlook(
        [
            (0x001A, STRING, "IPM.Note"), (0x0037, STRING, "Zugang für das Testsystem"), (0x0E07, LONG, 1),
            (0x0039, TIME, datetime(2025, 9, 18, 9, 14, 3, tzinfo=UTC)), (0x1035, STRING, "<sent-1@mail.corp.example>"),
            (0x5D01, STRING, "Ann.Bauer@corp.example"), (0x1000, STRING, "Hello Bob,\r\nthe account is ready.\r\n"),
        ],
        [
            recipient(TO, "bob@partner.example", "Bob"), recipient(CC, "carol@corp.example", "Carol"),
            recipient(BCC, "phan@giftshop.club"),
        ],
        [attachment("conf.txt", b"user = ann\n")],
    )  # fmt: skip
    block = (
        "Received: from relay.example (192.0.2.7) by mx.corp.example; Thu, 18 Sep 2025 11:20:01 +0200\r\n"
        "From: Bob <bob@partner.example>\r\nTo: Ann Bauer <ann.bauer@corp.example>\r\nCc: Dora <dora@partner.example>\r\n"
        "Subject: Re: Zugang\r\nDate: Thu, 18 Sep 2025 11:19:58 +0200\r\nMessage-ID: <reply-1@partner.example>\r\n"
        "In-Reply-To: <sent-1@mail.corp.example>\r\n\r\n"
    )
    received = outlook(
        [
            (0x001A, STRING8, b"IPM.Note"), (0x0037, STRING8, "Re: Zugang für Sie".encode("cp1252")), (0x007D, STRING8, block.encode()),
            (0x3FFD, LONG, 1252), (0x0E06, TIME, datetime(2025, 9, 18, 9, 20, 1, tzinfo=UTC)), (0x1000, STRING8, b"Thanks.\r\n"),
        ],
        [recipient(TO, "", "Ann Bauer", exchange="/o=Corp/ou=Site/cn=Recipients/cn=ann.bauer")],
    )  # fmt: skip
    return {"sent-with-blind-copy.msg": compound(sent), "received-8-bit.msg": compound(received)}


if __name__ == "__main__":
    folder = Path(__file__).resolve().parent.parent / "sample_logs" / "formats" / "msg"
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, content in samples().items():
        (folder / file_name).write_bytes(content)
