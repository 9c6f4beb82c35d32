"""Disk images: told as not examined; a definite format, since sectors of zeros would pass for text in wide characters."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.model import Limits, Part, Unread
from forensics.plugins import Reader

__all__ = ["READER"]

_SECTOR = 512
_BEGINNINGS = (b"KDMV", b"vhdxfile", b"conectix", b"QFI\xfb")  # VMware, Hyper-V (two), QEMU
_ENCRYPTED = b"LUKS\xba\xbe"
_VOLUME = (32769, b"CD001")  # ECMA-119 section 8: behind sixteen empty sectors
_TRAILER = b"koly"  # begins the last sector of an Apple disk image
_BOOT = (510, b"\x55\xaa")  # ends the first sector
_CODE = (b"\xeb", b"\xe9", b"\xfa", b"\x33\xc0", bytes(16))  # how it begins: a jump, or no code before the partition table


def _accepts(part: Part) -> bool:
    data = part.data
    if data.startswith((*_BEGINNINGS, _ENCRYPTED)) or data.startswith(_VOLUME[1], _VOLUME[0]):
        return True
    if len(data) % _SECTOR == 0 and data.startswith(_BOOT[1], _BOOT[0]) and data.startswith(_CODE):
        return True
    return data[-_SECTOR:].startswith(_TRAILER)


def _read(part: Part, _limits: Limits) -> Iterator[Unread]:
    yield Unread(part.path, "disk image: encrypted" if part.data.startswith(_ENCRYPTED) else "disk image: not examined")


READER = Reader("disk", "Disk images", _accepts, _read)
