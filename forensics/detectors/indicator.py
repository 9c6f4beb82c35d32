"""Was an address or domain of the incident addressed?"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

_HITS = """
SELECT address, indicator, count(*) AS messages, count(*) FILTER (NOT in_window) AS outside,
       count(*) FILTER (blind = 'yes') AS blind, count(*) FILTER (proof IN ('delivered', 'fetched')) AS delivered
FROM copies WHERE judged AND indicator != '' GROUP BY ALL ORDER BY address
"""


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:
    """One finding for each address that is an indicator of the incident, or lies at one, at any date."""
    for address, indicator, messages, outside, blind, delivered in connection.execute(_HITS).fetchall():
        how = "is an indicator" if address == indicator else f"meets the indicator {indicator}"
        dates = f", {outside} of them outside the window" if outside else ""
        yield Finding(
            detector="indicator",
            address=address,
            verdict=Verdict.CONFIRMED,
            score=1.0,
            reason=(
                f"{address} {how} of the incident {scope.incident.name or 'as given'}, and the records name it as a recipient of "
                f"{messages} message{'s' * (messages != 1)}{dates}: {blind} as a blind copy, {delivered} shown as delivered."
            ),
            features=(
                ("indicator", indicator),
                ("messages", str(messages)),
                ("blind", str(blind)),
                ("delivered", str(delivered)),
            ),
        )


DETECTOR = Detector("indicator", "Was an address or domain of the incident addressed?", detect)
