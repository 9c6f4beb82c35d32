"""Which mails were copied out, to whom, with what in them, and what cannot be known."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from forensics import collect, hosts
    from forensics.case import Case, CaseError, FullDiskError
    from forensics.comparison import compare
    from forensics.custody import CustodyError, Signer
    from forensics.incident import Incident, IncidentError
    from forensics.leaks import RuleError
    from forensics.mapping import MappingError
    from forensics.model import Limits, Window
    from forensics.pipeline.api import installed, triage, verify
    from forensics.pipeline.audit import NoEvidenceError, Options, audit
    from forensics.pipeline.cluster import ClusterError
    from forensics.pipeline.export import export
    from forensics.pipeline.noting import note
    from forensics.pipeline.reporting import report
    from forensics.pipeline.revealing import reveal
    from forensics.pipeline.stamping import request_stamp, store_stamp
    from forensics.pipeline.verification import verification
    from forensics.policy import Policy

__all__ = [
    "Case",
    "CaseError",
    "ClusterError",
    "CustodyError",
    "FullDiskError",
    "Incident",
    "IncidentError",
    "Limits",
    "MappingError",
    "NoEvidenceError",
    "Options",
    "Policy",
    "RuleError",
    "Signer",
    "Window",
    "audit",
    "collect",
    "compare",
    "export",
    "hosts",
    "installed",
    "note",
    "open_case",
    "report",
    "request_stamp",
    "reveal",
    "store_stamp",
    "triage",
    "verification",
    "verify",
]

# Loaded on first use: a worker process needs none of it, and `--help` should not wait for pandas.
_HOMES = {
    "Case": "forensics.case",
    "CaseError": "forensics.case",
    "ClusterError": "forensics.pipeline.cluster",
    "CustodyError": "forensics.custody",
    "FullDiskError": "forensics.case",
    "Incident": "forensics.incident",
    "IncidentError": "forensics.incident",
    "Limits": "forensics.model",
    "MappingError": "forensics.mapping",
    "NoEvidenceError": "forensics.pipeline.audit",
    "Options": "forensics.pipeline.audit",
    "Policy": "forensics.policy",
    "RuleError": "forensics.leaks",
    "Signer": "forensics.custody",
    "Window": "forensics.model",
    "audit": "forensics.pipeline.audit",
    "compare": "forensics.comparison",
    "export": "forensics.pipeline.export",
    "installed": "forensics.pipeline.api",
    "note": "forensics.pipeline.noting",
    "report": "forensics.pipeline.reporting",
    "request_stamp": "forensics.pipeline.stamping",
    "reveal": "forensics.pipeline.revealing",
    "store_stamp": "forensics.pipeline.stamping",
    "triage": "forensics.pipeline.api",
    "verification": "forensics.pipeline.verification",
    "verify": "forensics.pipeline.api",
}


def open_case(path: str) -> Case:
    """A case that an audit has finished. Raises `forensics.case.CaseError` if there is none at `path`."""
    from forensics.case import Case  # noqa: PLC0415  see _HOMES

    return Case.open(path)


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever the name stands for
    if name in {"collect", "hosts"}:  # rooms of their own: forensics.collect.postmark, forensics.hosts.survey
        return import_module(f"forensics.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    msg = f"module 'forensics' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
