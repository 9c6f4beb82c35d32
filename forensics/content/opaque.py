"""What nobody here can read, each with its reason: not examined is not clean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from forensics.decoding import is_text, signature, strings
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_READ_ELSEWHERE = {"zip", "gzip", "bzip2", "xz", "zstd", "tar", "pdf"}
_STRINGS_ONLY = "only strings were searched"
_REASONS = {
    "image": "image: not examined",
    "audio": "audio: not examined",
    "video": "video: not examined",
    "executable": "program: not examined",
    "7z": "7-Zip archive: no reader",
    "rar": "RAR archive: no reader",
    "cab": "Cabinet archive: no reader",
    "kdbx": "KeePass database: locked",
    "jks": "Java key store: locked",
    "pst": "Outlook data file: no reader",
    "sqlite": f"SQLite database: no reader, {_STRINGS_ONLY}",
}
# published magic numbers of what nobody sends often; (offset, bytes, reason). They come before the families, which know fewer brands.
_KINDS = (
    *((4, b"ftyp" + brand, "image: not examined") for brand in (b"mif1", b"msf1", b"heix", b"hevc", b"heim", b"heis", b"avis", b"crx ")),
    *((4, b"ftyp" + brand, "audio: not examined") for brand in (b"M4A ", b"M4B ")),
    (40, b" EMF", "image: not examined"), (0, b"\xd7\xcd\xc6\x9a", "image: not examined"), (0, b"\x00\x00\x01\x00\x01", "image: not examined"),
    (0, b"8BPS", "image: not examined"), (0, b"\x00\x00\x00\x0cjP  ", "image: not examined"), (0, b"AT&TFORM", "image: not examined"),
    (0, b"\xff\xfb", "audio: not examined"), (0, b"\xff\xf3", "audio: not examined"), (0, b"\xff\xf1", "audio: not examined"),
    (0, b"MThd", "audio: not examined"), (0, b"FLV\x01", "video: not examined"), (0, b"\x00\x00\x01\xba", "video: not examined"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "audio or video: not examined"), (0, b"dex\n03", "program: not examined"),
    (0, b"\x1f\x9d", "compressed file (.Z): no reader"), (0, b"LZIP", "lzip file: no reader"), (0, b"\x04\x22\x4d\x18", "LZ4 file: no reader"),
    (0, b"\x60\xea", "ARJ archive: no reader"), (2, b"-lh", "LHA archive: no reader"), (0, b"07070", "cpio archive: no reader"),
    (0, b"!<arch>\n", "ar archive: no reader"), (0, b"\xed\xab\xee\xdb", "RPM package: no reader"), (0, b"xar!", "xar archive: no reader"),
    (0, b"kych", "macOS keychain: locked"),
    (0, b"Salted__", "encrypted file"), (0, b"age-encryption.org/", "encrypted file"), (0, b"\x00\x01\x00\x00\x00", "font: not examined"),
    (0, b"OTTO", "font: not examined"), (0, b"wOF", "font: not examined"), (4, b"Standard ACE DB", f"Access database: no reader, {_STRINGS_ONLY}"),
    (4, b"Standard Jet DB", f"Access database: no reader, {_STRINGS_ONLY}"), (0, b"PAR1", f"Parquet table: no reader, {_STRINGS_ONLY}"),
    (0, b"ElfFile\x00", f"Windows event log: no reader, {_STRINGS_ONLY}"), (0, b"regf", f"Windows registry: no reader, {_STRINGS_ONLY}"),
    (0, b"bplist0", f"binary property list: no reader, {_STRINGS_ONLY}"), (0, b"L\x00\x00\x00\x01\x14\x02", f"Windows shortcut: no reader, {_STRINGS_ONLY}"),
    *((0, magic, f"network capture: no reader, {_STRINGS_ONLY}") for magic in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x0a\x0d\x0d\x0a")),
    *((0, b"\x80" + bytes([protocol]), f"pickled Python objects: no reader, {_STRINGS_ONLY}") for protocol in (2, 3, 4, 5)),
)  # fmt: skip
_OLE = (  # names of streams in a compound file's directory, [MS-CFB] section 2.6.1
    ("EncryptedPackage", "Office document locked with a password"),
    ("WordDocument", f"Word document before 2007: no reader, {_STRINGS_ONLY}"),
    ("Workbook", f"Excel workbook before 2007: no reader, {_STRINGS_ONLY}"),
    ("PowerPoint Document", f"PowerPoint file before 2007: no reader, {_STRINGS_ONLY}"),
)
_ENVELOPED = bytes.fromhex("2a864886f70d010703")  # RFC 5652: id-envelopedData
_AUTH_ENVELOPED = bytes.fromhex("2a864886f70d0109100117")  # RFC 5083: id-ct-authEnvelopedData
_SIGNED = bytes.fromhex("2a864886f70d010702")  # RFC 5652: id-signedData
_PKCS12 = re.compile(rb"\x30(?:[\x00-\x7f]|\x80|\x81.|\x82..|\x83...)\x02\x01\x03\x30", re.DOTALL)  # RFC 7292, version 3
_PGP_TYPES = {"application/pgp-encrypted"}
_CIPHERED = re.compile(rb"(?:\x84|\x85.|\xc1.{1,5})..?\x03.{8}", re.DOTALL)  # RFC 9580: public-key encrypted session key
_NARROW = re.compile(rb"[\x20-\x7e\t]{2}(?:[\x20-\x7e\t]|[\xc0-\xff]{1,2}[\x20-\x7e\t]){4,}+")
_LATIN = rb"[\x20-\x7e\t\xa0-\xff]\x00"
_WIDE = re.compile(
    _LATIN * 2 + rb"(?:(?:%b)++|[\x10-\x1f\x21-\x26]\x20|.\x04){1,}+(?<=.{12})" % _LATIN, re.DOTALL
)  # also quotes, Cyrillic
_RUNS = 200_000
_MODULE = re.compile(rb"\x01.[\xb0-\xbf]\x00Attribut", re.DOTALL)  # a module begins with "Attribute VB_Name"
_MACRO_BYTES = 20 << 20  # of source code in one file
_CHUNK = 4096
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}")


def _accepts(part: Part) -> bool:
    return not is_text(part) and signature(part.data) not in _READ_ELSEWHERE


def _read(part: Part, _limits: Limits) -> Iterator[Text | Unread]:
    reason = _reason(part)
    if reason.endswith(_STRINGS_ONLY):
        old_office = signature(part.data) == "ole"
        yield Text(part.path, "strings", _written(part.data) if old_office else strings(part.data), guessed=True)
        if old_office and (macros := _macros(part.data)):
            yield Text(part.path, "macros", macros, guessed=True)
    yield Unread(part.path, reason)


def _written(data: bytes) -> str:
    """Text of an old Office file: pieces of Windows-1252 or UTF-16 characters ([MS-DOC] section 2.4.1), in order of place."""
    found = [(run.start(), run[0].decode("cp1252", "replace")) for run in islice(_NARROW.finditer(data), _RUNS)]
    found += [(run.start(), run[0].decode("utf-16-le", "replace")) for run in islice(_WIDE.finditer(data), _RUNS)]
    return "\n".join(text for _, text in sorted(found))


def _macros(data: bytes) -> str:
    """Source code of Visual Basic modules, each known by its first words; a module in scattered sectors is read to its first gap."""
    out: list[str] = []
    left = _MACRO_BYTES
    for module in _MODULE.finditer(data):
        source = _decompressed(data, module.start() + 1, left)
        left -= len(source)
        out.append(source.decode("cp1252", "replace"))
        if left <= 0:
            break
    return "\n".join(out)


def _decompressed(data: bytes, at: int, limit: int) -> bytes:
    """The chunks of a compressed container ([MS-OVBA] section 2.4.1), up to the first that cannot be one."""
    out = bytearray()
    while at + 2 <= len(data) and len(out) < limit:
        header = int.from_bytes(data[at : at + 2], "little")
        end = min(at + 3 + (header & 0xFFF), len(data))
        if header >> 12 & 7 != 3:  # noqa: PLR2004  the signature of a chunk
            break
        chunk = _chunk(data, at + 2, end) if header & 0x8000 else data[at + 2 : end]
        if not chunk:
            break
        out += chunk
        at = end
    return bytes(out[:limit])


def _chunk(data: bytes, at: int, end: int) -> bytes:
    """One chunk: eight tokens behind each byte of flags, a token being a character or a copy of what was written before."""
    out = bytearray()
    while at < end and len(out) <= _CHUNK:
        flags = data[at]
        at += 1
        for bit in range(8):
            if at >= end:
                break
            if not flags >> bit & 1:
                out.append(data[at])
                at += 1
                continue
            token = int.from_bytes(data[at : at + 2], "little")
            width = max((len(out) - 1).bit_length(), 4)  # of the offset: as much as there is to go back
            offset, length = (token >> 16 - width) + 1, (token & 0xFFFF >> width) + 3
            if offset > len(out):
                return b""
            piece = out[len(out) - offset :][:length]
            out += (piece * (length // len(piece) + 1))[:length]
            at += 2
    return bytes(out[:_CHUNK])


def _reason(part: Part) -> str:
    data = part.data
    known = next((reason for at, magic, reason in _KINDS if data.startswith(magic, at)), "")
    return known or _reason_by_family(part, signature(data))


def _reason_by_family(part: Part, family: str) -> str:
    data = part.data
    if family == "ole":
        names = ((name.encode("utf-16-le"), reason) for name, reason in _OLE)
        return next((reason for name, reason in names if name in data), f"OLE compound file: no reader, {_STRINGS_ONLY}")
    if family in _REASONS:
        return _REASONS[family]
    head = data[:64]
    if _ENVELOPED in head or _AUTH_ENVELOPED in head:
        return "S/MIME: encrypted"
    if _SIGNED in head:
        return f"S/MIME signed in one piece: no reader, {_STRINGS_ONLY}"
    if _PKCS12.match(data):
        return "PKCS#12 key store: locked"
    if part.media_type in _PGP_TYPES or part.name.lower().endswith((".gpg", ".pgp")) or _CIPHERED.match(data):
        return "PGP: encrypted"
    kind = part.media_type.partition("/")[0]
    if kind in {"image", "audio", "video"}:
        return f"{kind}: not examined"
    return f"no reader for {part.media_type if _MEDIA_TYPE.fullmatch(part.media_type) else 'this type'}"


READER = Reader("opaque", "What cannot be read", _accepts, _read)
