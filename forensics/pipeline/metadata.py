"""What a case was made with."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from forensics import __version__
from forensics.evidence import Item
from forensics.incident import Incident
from forensics.leaks import RuleFile
from forensics.pipeline.first_pass import Mappings
from forensics.plugins import ROOMS, Detector, Found, discover
from forensics.policy import Policy

if TYPE_CHECKING:
    from forensics.pipeline.audit import Options

__all__ = ["metadata"]


def metadata(
    incident: Incident,
    policy: Policy,
    options: Options,
    mappings: Mappings,
    items: Iterable[Item],
    rules: Iterable[RuleFile] = (),
) -> dict[str, Any]:
    """What a case was made with: incident, policy, options, evidence and every plugin, as `case.toml` holds it."""
    return {
        "schema_version": 1,
        "version": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "incident": {"name": incident.name, "source": incident.source, "digest": _digest(incident)},
        "policy": {
            "source": policy.source,
            "digest": _digest(policy),
            "own_domains": list(policy.domains),
            "expected": len(policy.expected),
        },
        "options": {
            "content": options.content,
            "year": options.year or "",
            "zone": str(options.zone or ""),
            "detectors": [one if isinstance(one, str) else one.name for one in options.detectors],
            "mappings": [{"source": source, "sha256": hashlib.sha256(text.encode()).hexdigest()} for text, source in mappings],
            "rules": [{"source": one.name, "sha256": hashlib.sha256(one.content).hexdigest()} for one in rules],
        },
        "evidence": [
            {"path": item.path, "size": item.size, "sha256": item.sha256}
            for item in sorted(items, key=lambda one: (one.path, one.sha256))
        ],
        "plugins": [
            {
                "room": one.room,
                "name": one.name,
                "origin": one.origin,
                "version": one.plugin.version if one.plugin else 0,
                "error": one.error,
            }
            for one in [*(found for room in ROOMS for found in discover(room)), *_given(options)]
        ],
    }


def _given(options: Options) -> list[Found]:
    """Detectors that the caller handed in as values: no file of theirs is known."""
    return [Found("detectors", one.name, "given by the caller", one) for one in options.detectors if isinstance(one, Detector)]


def _digest(steering: Incident | Policy) -> str:
    """SHA-256 over what an incident or a policy says, in canonical JSON; where it was read from and its comments leave no mark."""
    said = {name: value for name, value in asdict(steering).items() if name != "source"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)
