"""What nobody here can read, each with its reason: not examined is not clean."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.content import is_text, signature, strings
from forensics.model import Limits, Part, Text, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_READ_ELSEWHERE = {"zip", "gzip", "bzip2", "xz", "tar", "pdf"}
_REASONS = {
    "image": "image: not examined",
    "audio": "audio: not examined",
    "video": "video: not examined",
    "executable": "program: not examined",
    "7z": "7-Zip archive: no reader",
    "rar": "RAR archive: no reader",
    "cab": "Cabinet archive: no reader",
    "zstd": "Zstandard file: no reader",
    "kdbx": "KeePass database: locked",
    "jks": "Java key store: locked",
    "pst": "Outlook data file: no reader",
    "sqlite": "SQLite database: no reader, only strings were searched",
}
_OLE = (  # names of streams in a compound file's directory, [MS-CFB] section 2.6.1
    ("EncryptedPackage", "Office document locked with a password"),
    ("WordDocument", "Word document before 2007: no reader, only strings were searched"),
    ("Workbook", "Excel workbook before 2007: no reader, only strings were searched"),
    ("PowerPoint Document", "PowerPoint file before 2007: no reader, only strings were searched"),
)
_ENVELOPED = bytes.fromhex("2a864886f70d010703")  # RFC 5652: id-envelopedData
_AUTH_ENVELOPED = bytes.fromhex("2a864886f70d0109100117")  # RFC 5083: id-ct-authEnvelopedData
_SIGNED = bytes.fromhex("2a864886f70d010702")  # RFC 5652: id-signedData
_PKCS12 = re.compile(rb"\x30(?:[\x00-\x7f]|\x80|\x81.|\x82..|\x83...)\x02\x01\x03\x30", re.DOTALL)  # RFC 7292, version 3
_PGP_TYPES = {"application/pgp-encrypted"}
_CIPHERED = re.compile(rb"(?:\x84|\x85.|\xc1.{1,5})..?\x03.{8}", re.DOTALL)  # RFC 9580: public-key encrypted session key
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}")


def _accepts(part: Part) -> bool:
    return not is_text(part) and signature(part.data) not in _READ_ELSEWHERE


def _read(part: Part, _limits: Limits) -> Iterator[Text | Unread]:
    reason = _reason(part)
    if reason.endswith("only strings were searched"):
        yield Text(part.path, "strings", strings(part.data), guessed=True)
    yield Unread(part.path, reason)


def _reason(part: Part) -> str:
    family, data = signature(part.data), part.data
    if family == "ole":
        names = ((name.encode("utf-16-le"), reason) for name, reason in _OLE)
        return next(
            (reason for name, reason in names if name in data), "OLE compound file: no reader, only strings were searched"
        )
    if family in _REASONS:
        return _REASONS[family]
    head = data[:64]
    if _ENVELOPED in head or _AUTH_ENVELOPED in head:
        return "S/MIME: encrypted"
    if _SIGNED in head:
        return "S/MIME signed in one piece: no reader, only strings were searched"
    if _PKCS12.match(data):
        return "PKCS#12 key store: locked"
    if part.media_type in _PGP_TYPES or part.name.lower().endswith((".gpg", ".pgp")) or _CIPHERED.match(data):
        return "PGP: encrypted"
    kind = part.media_type.partition("/")[0]
    if kind in {"image", "audio", "video"}:
        return f"{kind}: not examined"
    return f"no reader for {part.media_type if _MEDIA_TYPE.fullmatch(part.media_type) else 'this type'}"


READER = Reader("opaque", "What cannot be read", _accepts, _read)
