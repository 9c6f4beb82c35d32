"""Is an address of the incident named in mail that nothing shows to be ours?"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

_HITS = """
SELECT address, indicator, count(*) AS messages, count(DISTINCT sender) AS senders
FROM copies WHERE NOT judged AND indicator != '' GROUP BY ALL ORDER BY address
"""


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:
    """One finding for each indicator in mail of others: it convicts nobody, but somebody has to look at that mail.

    Either our domains are not known, or a correspondent is a victim, and what we wrote to him may be in what was copied.
    """
    for address, indicator, messages, senders in connection.execute(_HITS).fetchall():
        how = "is an indicator" if address == indicator else f"meets the indicator {indicator}"
        yield Finding(
            detector="indicator_elsewhere",
            address=address,
            verdict=Verdict.POSSIBLE,
            score=0.5,
            reason=(
                f"{address} {how} of the incident {scope.incident.name or 'as given'}, and {messages} "
                f"message{'s' * (messages != 1)} of {senders} sender{'s' * (senders != 1)} that nothing shows to be ours "
                "name it as a recipient: name your domains if they are, else ask the senders."
            ),
            features=(("indicator", indicator), ("messages", str(messages)), ("senders", str(senders))),
        )


DETECTOR = Detector("indicator_elsewhere", "Is an indicator named in mail that nothing shows to be ours?", detect)
