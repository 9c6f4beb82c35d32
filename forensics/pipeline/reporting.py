"""The reports of a case: which ones are asked for, written, and sealed with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from forensics.case import Case, CaseError, full_disk_told
from forensics.custody import Signer
from forensics.pipeline.sealing import refuse_changed, seal_again, signer_of
from forensics.plugins import Reporter, discover

__all__ = ["chosen_reporters", "report", "write_reports"]


def chosen_reporters(names: Iterable[str] | None = None) -> list[Reporter]:
    """The default reporters, those named, or with "all" every one, by name. Raises CaseError on an unknown name."""
    found: dict[str, Reporter] = {one.name: one.plugin for one in discover("reporters") if one.plugin is not None}
    chosen = set(names) if names is not None else {name for name, plugin in found.items() if plugin.default}
    if "all" in chosen:
        chosen = chosen - {"all"} | set(found)
    unknown = sorted(chosen - set(found))
    if unknown:
        msg = f"no reporter is named {unknown[0]!r}; there are {', '.join(sorted(found))}, and all"
        raise CaseError(msg)
    return [found[name] for name in sorted(chosen)]


def write_reports(case: Case, names: Iterable[str] | None = None) -> list[Path]:
    """Write what `chosen_reporters` names; returns the paths written. Raises CaseError."""
    return [path for reporter in chosen_reporters(names) for path in reporter.write(case, case.report)]


def report(case: Case, formats: Iterable[str] | None = None, *, signing_key: Signer | Path | None = None) -> list[Path]:
    """Write a finished case's reports again, seal and sign the case anew; returns the paths written.

    Raises CaseError, also where anything but reports was changed since the last seal, and CustodyError on a key that cannot be used.
    """
    signer = signer_of(signing_key)
    with case.locked(), full_disk_told(case.path):
        refuse_changed(case, but_reports=True)
        written = write_reports(case, formats)
        seal_again(case, "reports written", signer, reports=[path.name for path in written])
    return written
