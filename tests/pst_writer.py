"""A small writer of Outlook archives ([MS-PST], Unicode), for tests and samples."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from compound import BCC, BINARY, BOOLEAN, CC, LONG, OBJECT, STRING, TIME, TO, Property, Value, attachment, file_time, recipient

STORE, NAMES, ROOT, RECIPIENTS, ATTACHMENTS = 0x21, 0x61, 0x122, 0x692, 0x671
DELETED = 0x8022  # the node of the first folder that is made
AMAP, FIRST = 0x4400, 0x4600
BLOCK = 8176  # bytes of data in one block
HEAP_ITEM = 3580
NARROW = {LONG: 4, 0x2: 2, BOOLEAN: 1}
DIRECT = {*NARROW, TIME}  # what lies in a table's cell itself
UID = bytes(range(16))


Row = tuple[int, Sequence[Property]]  # its id, its cells


@dataclass
class Item:
    """A message, contact or any other item: properties, rows of the recipient table, attachments."""

    properties: Sequence[Property] = ()
    recipients: Sequence[Sequence[Property]] = ()
    attachments: Sequence[Sequence[Property]] = ()
    inside: Item | None = None  # a message attached to this one
    hidden: bool = False  # associated with its folder: a view, a rule
    parent: int = 0  # a node that is not there makes an orphan


@dataclass
class Folder:
    name: str
    items: Sequence[Item] = ()
    folders: Sequence[Folder] = ()


def crc(data: bytes) -> int:
    return zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


def signature(place: int, block: int) -> int:
    mixed = place ^ block
    return (mixed >> 16 ^ mixed) & 0xFFFF


def cell_size(kind: int) -> int:
    return 8 if kind == TIME else NARROW.get(kind, 4)


def raw(kind: int, value: Value) -> bytes:
    assert not isinstance(value, dict)
    if isinstance(value, datetime):
        return struct.pack("<q", file_time(value))
    if isinstance(value, int):
        return struct.pack("<q", value)[: NARROW.get(kind, 8)]
    return value.encode("utf-16-le") if isinstance(value, str) else value


class Heap:
    """A heap on one block ([MS-PST] section 2.3.1); what is too long for it becomes a node below."""

    def __init__(self, client: int) -> None:
        self.client = client
        self.items: list[bytes] = []

    def put(self, data: bytes) -> int:
        self.items.append(data)
        return len(self.items) << 5

    def packed(self, root: int) -> bytes:
        body = b"".join(self.items)
        body += bytes(len(body) % 2)
        offsets, at = [12], 12
        for one in self.items:
            at += len(one)
            offsets.append(at)
        head = struct.pack("<HBBI4s", 12 + len(body), 0xEC, self.client, root, bytes(4))
        packed = head + body + struct.pack(f"<HH{len(offsets)}H", len(self.items), 0, *offsets)
        assert len(packed) <= BLOCK, "more than one block of properties"
        return packed


@dataclass
class Below:
    """The nodes below a node, as they are made."""

    file: File
    nodes: dict[int, tuple[int, int]] = field(default_factory=dict)

    def long(self, data: bytes) -> int:
        """A value of its own node; returns its id, of type 0x1F."""
        node = (len(self.nodes) + 0x400) << 5 | 0x1F
        self.nodes[node] = (self.file.data(data), 0)
        return node

    def block(self) -> int:
        if not self.nodes:
            return 0
        entries = b"".join(struct.pack("<QQQ", node, *blocks) for node, blocks in sorted(self.nodes.items()))
        return self.file.block(struct.pack("<BBHI", 2, 0, len(self.nodes), 0) + entries, internal=True)


class File:
    """Blocks and nodes as they are added, and the file at last."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.blocks: dict[int, tuple[int, int]] = {}
        self.nodes: dict[int, tuple[int, int, int]] = {}
        self.last = 0
        self.folders = self.items = 0

    def block(self, data: bytes, *, internal: bool = False) -> int:
        self.last += 4
        block = self.last | 2 * internal
        place = FIRST + len(self.out)
        self.blocks[block] = (place, len(data))
        trailer = struct.pack("<HHIQ", len(data), signature(place, block), crc(data), block)
        self.out += data + bytes(-(len(data) + 16) % 64) + trailer
        return block

    def data(self, data: bytes) -> int:
        """Data of any length: beyond one block, a list of blocks."""
        if len(data) <= BLOCK:
            return self.block(data)
        pieces = [self.block(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)]
        return self.block(struct.pack(f"<BBHI{len(pieces)}Q", 1, 1, len(pieces), len(data), *pieces), internal=True)

    def properties(self, properties: Sequence[Property], below: Below) -> int:
        """A property context ([MS-PST] section 2.3.3)."""
        heap = Heap(0xBC)
        tree = heap.put(b"")
        entries = b""
        for tag, kind, value in sorted(properties, key=lambda one: one[0]):
            data = raw(kind, value)
            if kind in NARROW:
                entries += struct.pack("<HH4s", tag, kind, data)
            else:
                place = below.long(data) if len(data) > 1000 else heap.put(data) if data else 0
                entries += struct.pack("<HHI", tag, kind, place)
        heap.items[0] = struct.pack("<BBBBI", 0xB5, 2, 6, 0, heap.put(entries))
        return self.block(heap.packed(tree))

    def table(self, rows: Sequence[Row], columns: Sequence[tuple[int, int]] = ()) -> int:
        """A table context ([MS-PST] section 2.3.4): rows by id, in columns of id and type, the widest first."""
        first = [(0x67F2, LONG), (0x67F3, LONG)]  # PidTagLtpRowId, PidTagLtpRowVer
        wanted = {(tag, kind) for _, row in rows for tag, kind, _ in row} | set(columns)
        ordered = [*first, *sorted(wanted, key=lambda one: (-cell_size(one[1]), one))]
        sizes = [cell_size(kind) for _, kind in ordered]
        places = [sum(sizes[:at]) for at in range(len(ordered))]
        ends = [sum(size for size in sizes if size >= least) for least in (4, 2, 1)]
        width = ends[2] + -(-len(ordered) // 8)
        heap = Heap(0x7C)
        info = heap.put(b"")
        matrix = b""
        for number, row in rows:
            cells = bytearray(width)
            there: dict[tuple[int, int], Value] = {(tag, kind): value for tag, kind, value in row}
            there |= dict(zip(first, (number, 1), strict=True))
            for bit, one in enumerate(ordered):
                if one in there:
                    data = raw(one[1], there[one])
                    cell = data if one[1] in DIRECT else struct.pack("<I", heap.put(data) if data else 0)
                    cells[places[bit] : places[bit] + sizes[bit]] = cell
                    cells[ends[2] + bit // 8] |= 0x80 >> bit % 8
            matrix += cells
        ids = sorted((number, at) for at, (number, _) in enumerate(rows))
        index = heap.put(b"".join(struct.pack("<II", *one) for one in ids)) if ids else 0
        tree = heap.put(struct.pack("<BBBBI", 0xB5, 4, 4, 0, index))
        assert len(matrix) <= HEAP_ITEM, "too many rows for a heap"
        described = sorted(
            (tag, kind, struct.pack("<HHHBB", kind, tag, places[bit], sizes[bit], bit)) for bit, (tag, kind) in enumerate(ordered)
        )
        head = struct.pack("<BB4HIII", 0x7C, len(ordered), *ends, width, tree, heap.put(matrix) if matrix else 0, 0)
        heap.items[0] = head + b"".join(one for _, _, one in described)
        return self.block(heap.packed(info))

    def message(self, item: Item) -> tuple[int, int]:
        """Blocks of an item's properties and of the nodes below it."""
        below = Below(self)
        attached: list[tuple[Sequence[Property], Below]] = [(one, Below(self)) for one in item.attachments]
        if item.inside is not None:
            inner = Below(self)
            inner.nodes[0x200024] = self.message(item.inside)
            link = struct.pack("<II", 0x200024, 100)
            attached.append(([(0x3705, LONG, 5), (0x3001, STRING, "Fwd"), (0x3701, OBJECT, link)], inner))
        names: list[Row] = []
        for properties, inner in attached:
            node = 0x8025 + 32 * len(names)
            data = self.properties(properties, inner)
            below.nodes[node] = (data, inner.block())
            names.append((node, [(0x0E20, LONG, 0)]))
        if names:
            below.nodes[ATTACHMENTS] = (self.table(names), 0)
        if item.recipients:
            below.nodes[RECIPIENTS] = (self.table(list(enumerate(item.recipients))), 0)
        return self.properties(item.properties, below), below.block()

    def folder(self, folder: Folder, parent: int, node: int) -> None:
        """A folder's properties and its three tables, and all that lies in it."""
        children: list[Row] = []
        for one in folder.folders:
            inner = DELETED + 32 * self.folders
            self.folders += 1
            children.append((inner, [(0x3001, STRING, one.name), (0x360A, BOOLEAN, int(bool(one.folders)))]))
            self.folder(one, node, inner)
        contents: list[Row] = []
        hidden: list[Row] = []
        for item in folder.items:
            inner = (0x10000 + self.items) << 5 | (8 if item.hidden else 4)
            self.items += 1
            self.nodes[inner] = (*self.message(item), item.parent or node)
            (hidden if item.hidden else contents).append((inner, [(0x0E17, LONG, 0)]))
        told: list[Property] = [
            (0x3001, STRING, folder.name), (0x3602, LONG, len(contents)), (0x3603, LONG, 0), (0x360A, BOOLEAN, int(bool(children))),
        ]  # fmt: skip
        self.nodes[node] = (self.properties(told, Below(self)), 0, parent)
        for kind, rows, column in ((0xD, children, 0x3001), (0xE, contents, 0x0037), (0xF, hidden, 0x3001)):
            self.nodes[node & ~0x1F | kind] = (self.table(rows, [(column, STRING)]), 0, 0)

    def page(self, kind: int, body: bytes) -> tuple[int, int]:
        """A page behind all else; returns its id and place."""
        self.out += bytes(-(FIRST + len(self.out)) % 512)
        place = FIRST + len(self.out)
        self.last += 4
        body = body.ljust(496, b"\0")
        self.out += body + struct.pack("<BBHIQ", kind, kind, signature(place, self.last), crc(body), self.last)
        return self.last, place

    def tree(self, kind: int, entries: list[tuple[int, bytes]], size: int) -> tuple[int, int]:
        """A B-tree of pages ([MS-PST] section 2.2.2.7.7) over entries by key."""
        level = 0
        while True:
            most = 488 // size
            pages = []
            for at in range(0, len(entries), most):
                group = entries[at : at + most]
                body = b"".join(data for _, data in group).ljust(488, b"\0") + struct.pack(
                    "<BBBBI", len(group), most, size, level, 0
                )
                pages.append((group[0][0], struct.pack("<QQQ", group[0][0], *self.page(kind, body))))
            if len(pages) == 1:
                _, block, place = struct.unpack("<QQQ", pages[0][1])
                return block, place
            entries, size, level = pages, 24, level + 1

    def packed(self, client: bytes) -> bytes:
        blocks = [(block, struct.pack("<QQHHI", block, *placed, 2, 0)) for block, placed in sorted(self.blocks.items())]
        nodes = [(node, struct.pack("<QQQII", node, *rest, 0)) for node, rest in sorted(self.nodes.items())]
        by_block = self.tree(0x80, blocks, 24)
        by_node = self.tree(0x81, nodes, 32)
        self.out += bytes(-len(self.out) % 64)
        end = FIRST + len(self.out)
        map_body = b"\xff" * min(496, -(-(end - AMAP) // 512))
        map_body = map_body.ljust(496, b"\0")
        allocation = map_body + struct.pack("<BBHIQ", 0x84, 0x84, 0, crc(map_body), AMAP)
        return header(client, end, by_node, by_block, self.last) + bytes(AMAP - 564) + allocation + self.out


def header(client: bytes, end: int, nodes: tuple[int, int], blocks: tuple[int, int], last: int) -> bytes:
    root = struct.pack("<IQQQQQQQQBBH", 0, end, AMAP, 0, 0, *nodes, *blocks, 2, 0, 0)
    inner = client + struct.pack("<HHBBIIQQI", 23, 19, 1, 1, 0, 0, 0, last + 4, 1) + struct.pack("<32I", *[0x400] * 32)
    inner += bytes(8) + root + bytes(4) + b"\xff" * 256 + b"\x80\0\0\0" + struct.pack("<Q", last + 4)
    return b"!BDN" + struct.pack("<I", crc(inner[:471])) + inner + struct.pack("<I", crc(inner[:516])) + bytes(36)


def entry(node: int) -> bytes:
    return bytes(4) + UID + struct.pack("<I", node)


def pst(*folders: Folder, client: bytes = b"SM") -> bytes:
    """An archive with these folders under its root; the first one is where deleted items go. `client` is b"SO" for an .ost."""
    file = File()
    file.folder(Folder("", folders=folders), ROOT, ROOT)
    store: list[Property] = [
        (0x0FF9, BINARY, UID), (0x3001, STRING, "Archive"), (0x35DF, LONG, 0x89), (0x35E0, BINARY, entry(ROOT)),
        (0x35E3, BINARY, entry(DELETED)), (0x35E7, BINARY, entry(ROOT)),
    ]  # fmt: skip
    one_name = struct.pack("<IHH", 0x8554, 2, 0)  # libpff insists on one
    names: list[Property] = [(1, LONG, 251), (2, BINARY, UID), (3, BINARY, one_name), (4, BINARY, bytes(4))]
    file.nodes[STORE] = (file.properties(store, Below(file)), 0, 0)
    file.nodes[NAMES] = (file.properties(names, Below(file)), 0, 0)
    return file.packed(client)


def mail(subject: str, *more: Property) -> list[Property]:
    return [(0x001A, STRING, "IPM.Note"), (0x0037, STRING, subject), (0x0E07, LONG, 1), *more]


# ------------------------------------------------------------------------------------------------------------- samples


def samples() -> dict[str, bytes]:
    """The files under sample_logs/formats/pst, by name."""
    at = datetime(2025, 9, 18, 9, 14, 3, tzinfo=UTC)
    block = (
        "Received: from relay.example (192.0.2.7) by mx.corp.example; Thu, 18 Sep 2025 11:20:01 +0200\r\n"
        "From: Bob <bob@partner.example>\r\nTo: Ann Bauer <ann.bauer@corp.example>\r\nSubject: Re: Zugang\r\n"
        "Date: Thu, 18 Sep 2025 11:19:58 +0200\r\nMessage-ID: <reply-1@partner.example>\r\n\r\n"
    )
    sent = Item(
        mail(
            "Zugang für das Testsystem", (0x0039, TIME, at), (0x0E08, LONG, 2345), (0x1035, STRING, "<sent-1@mail.corp.example>"),
            (0x5D01, STRING, "Ann.Bauer@corp.example"), (0x1000, STRING, "Hello Bob,\r\nthe account is ready.\r\n"),
        ),
        [
            recipient(TO, "bob@partner.example", "Bob"), recipient(CC, "carol@corp.example", "Carol"),
            recipient(BCC, "phan@giftshop.club"), recipient(BCC, "", "Dan", exchange="/o=Corp/ou=Site/cn=Recipients/cn=dan"),
        ],
        [attachment("conf.txt", b"user = ann\n")],
    )  # fmt: skip
    received = Item(mail("Re: Zugang", (0x007D, STRING, block), (0x0E06, TIME, at)), [recipient(TO, "ann.bauer@corp.example")])
    draft = Item(
        [(0x001A, STRING, "IPM.Note"), (0x0037, STRING, "Draft"), (0x0E07, LONG, 8)], [recipient(BCC, "eve@partner.example")]
    )
    orphan = Item(mail("Lost", (0x0039, TIME, at)), [recipient(BCC, "phan@giftshop.club")], parent=0x9962)
    meeting = Item([(0x001A, STRING, "IPM.Appointment"), (0x0037, STRING, "Planning")], [recipient(TO, "bob@partner.example")])
    contact = Item([(0x001A, STRING, "IPM.Contact"), (0x3001, STRING, "Bob")])
    form = Item([(0x001A, STRING, "IPM.Form.Holiday"), (0x0037, STRING, "Form")], [recipient(BCC, "eve@partner.example")])
    archive = pst(
        Folder("Deleted Items", [received]),
        Folder("Top", [draft, form], [Folder("Sent Items", [sent, orphan]), Folder("Diary", [meeting, contact])]),
    )
    return {
        "sent-and-deleted.pst": archive,
        "mailbox.ost": pst(Folder("Deleted Items"), Folder("Inbox", [received]), client=b"SO"),
    }


if __name__ == "__main__":
    folder = Path(__file__).resolve().parent.parent / "sample_logs" / "formats" / "pst"
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, content in samples().items():
        (folder / file_name).write_bytes(content)
