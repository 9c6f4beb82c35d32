"""Secrets that the attack could read where it ran, by server: what to revoke though no mail shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

from forensics.incident import Incident
from forensics.policy import Policy

__all__ = ["PRECAUTIONS", "precaution_rows"]

PRECAUTIONS = ("number", "secret", "service", "server", "known_from", "why", "revoke", "check", "reference")

_SERVERS = """
SELECT source, server, 'its records' AS basis FROM observed WHERE server != '' GROUP BY source, server
UNION SELECT source, scope, 'the provider''s own list' FROM statements WHERE kind = 'listed_server' AND scope != ''
"""
_UNKNOWN = "nothing: no record and no policy names a server; look for every server whose token was on the machine"


def precaution_rows(connection: duckdb.DuckDBPyConnection, incident: Incident, policy: Policy) -> list[dict[str, Any]]:
    """Rows of `precautions.csv`: each secret of the incident file, once for each server of its provider, in the file's order.

    Servers are those that records, provider or policy name; which of them the package used, its configuration tells. The
    values of the secrets are read nowhere. No incident, no rows.
    """
    known = [(str(source), str(server), str(basis)) for source, server, basis in connection.execute(_SERVERS).fetchall()]
    known += [(one.provider, one.server, "the policy") for one in policy.servers if one.server]
    rows: list[dict[str, Any]] = []
    for secret in incident.secrets_in_reach:
        for server, basis in _servers(secret.provider, known) if secret.provider else [("", "the incident file")]:
            rows.append({
                "number": str(len(rows) + 1), "secret": secret.name, "service": secret.service, "server": server, "known_from": basis,
                "why": secret.why, "revoke": secret.revoke, "check": secret.check, "reference": secret.reference,
            })  # fmt: skip
    return rows


def _servers(provider: str, known: list[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    names = sorted({server for source, server, _ in known if source == provider})
    if not names:
        yield "", _UNKNOWN
    for name in names:
        yield name, "; ".join(sorted({basis for source, server, basis in known if (source, server) == (provider, name)}))
