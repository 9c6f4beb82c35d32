"""Memory and time of an archive of gigabytes with one giant mail in it, pass by pass, each in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import SEED
from benchmarks.corpus import Written, mixed_mbox
from benchmarks.measuring import Measured, in_process, measured

__all__ = ["GIANT", "LIMIT", "child_of_large", "large"]

GIANT = 200_000_000  # bytes of the one mail, as it lies in the archive
LIMIT = 300_000_000  # bytes of memory that a process is to stay below


def _pass_one(path: Path, scratch: Path) -> Measured:
    from forensics.evidence import SPAN, Item, hashed
    from forensics.model import Defect
    from forensics.pipeline.first_pass import parse_batch, plan

    def work() -> Callable[[], tuple[int, int, int]]:
        item = hashed(path.name, path)
        assert isinstance(item, Item)
        receipts = [parse_batch(one) for one in plan(scratch, b"k" * 32, [item], SPAN) if not isinstance(one, Defect)]
        messages, defects = sum(one.fragments for one in receipts), sum(one.defects for one in receipts)
        return lambda: (messages, -1, defects)

    return measured(work, path)


def _giant_content(path: Path, start: int, end: int) -> Measured:
    """What pass two does with the giant mail: read, decoded, searched, redacted. Hits: parts that it says it did not read."""
    from forensics.evidence import Item
    from forensics.model import Limits, Span
    from forensics.pipeline.second_pass import ContentBatch, Wanted, read_batch

    item = Item(path.name, path, path.stat().st_size, "0" * 64)
    wanted = Wanted("giant", Span(item.id, "", start, end), "mbox", "mail", has_body=True, sent_at=None)

    def work() -> Callable[[], tuple[int, int, int]]:
        contents = read_batch(ContentBatch(item, (wanted,), b"k" * 32, Limits()))
        return lambda: (len(contents), sum(len(one.unread) for one in contents), 0)

    return measured(work, path)


def child_of_large(arguments: list[str]) -> dict[str, Any]:
    """One pass in this process: `one PATH SCRATCH` or `two PATH START END`."""
    which, path, *rest = arguments
    if which == "one":
        return asdict(_pass_one(Path(path), Path(rest[0])))
    return asdict(_giant_content(Path(path), int(rest[0]), int(rest[1])))


def large(megabytes: float, temporary: Path, note: Callable[[str], object], *, giant: int = GIANT) -> tuple[list[str], list[str]]:
    """Lines that tell what was measured, and what does not fit. Raises ChildError, OSError if the disk is too small."""
    need, free = int(megabytes * 1.2e6) + giant, shutil.disk_usage(temporary).free
    if free < need:
        msg = f"{need / 1e9:.1f} GB of disk are needed, {free / 1e9:.1f} GB are free"
        raise OSError(msg)
    path = temporary / "large.mbox"
    note(f"large: writing {megabytes:g} MB")
    written, (start, end) = mixed_mbox(path, megabytes, SEED, giant)
    scratch = temporary / "scratch"
    scratch.mkdir()
    note("large: pass one")
    first = Measured(**in_process("large, pass one", ["--large-child", "one", str(path), str(scratch)], temporary))
    note("large: content of the giant mail")
    second = Measured(**in_process("large, content", ["--large-child", "two", str(path), str(start), str(end)], temporary))
    return _told(first, second, end - start), _wrong(first, second, written)


def _told(first: Measured, second: Measured, giant: int) -> list[str]:
    aim = f"(target below {LIMIT / 1e6:.0f})"
    return [
        f"large, {first.size / 1e9:.2f} GB, {first.messages:,} mails, one of {giant / 1e6:.0f} MB",
        f"pass one: {first.cpu:.1f} CPU s, {first.size / 1e6 / first.cpu:.1f} MB per CPU s, peak {first.peak / 1e6:.0f} MB {aim}",
        f"content of the giant mail: {second.cpu:.1f} CPU s, peak {second.peak / 1e6:.0f} MB {aim}, {second.hits} parts told as unread",
    ]


def _wrong(first: Measured, second: Measured, written: Written) -> list[str]:
    told = []
    if first.messages != written.messages:
        told.append(f"large: pass one found {first.messages} mails; {written.messages} were written")
    if first.defects:
        told.append(f"large: pass one reports {first.defects} defects in evidence that has none")
    if second.messages != 1:
        told.append("large: the giant mail was not read")
    return told
