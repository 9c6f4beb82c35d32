"""Which recipient's domain imitates our own domain or a partner's?"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import duckdb
import idna

from forensics.model import Finding, Verdict
from forensics.plugins import Detector, Scope

MIN_LENGTH = 5  # shorter names are one letter from too many honest ones
MIN_PARTNER_MESSAGES = 10

_DOMAINS = """
SELECT registrable, bool_or(own) AS own, count(DISTINCT msg) AS messages,
       count(DISTINCT msg) FILTER (in_window AND entry IS NULL AND indicator = '') AS inside,
       bool_or(blind = 'yes' AND entry IS NULL) AS blind, min(sent_at) AS first_use
FROM copied JOIN addresses USING (aid) WHERE judged AND NOT trace_only AND registrable != '' GROUP BY registrable ORDER BY registrable
"""

# Letters and pairs that pass for one another in common screen fonts; both sides are folded the same way.
_FOLDS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"), ("3", "e"), ("-", ""))
_FOREIGN = str.maketrans(
    {
        pair[0]: pair[1]
        for pair in [
            "аa",
            "вb",
            "еe",
            "іi",
            "кk",
            "мm",
            "нh",
            "оo",
            "рp",
            "сc",
            "тt",
            "уy",
            "хx",
            "ѕs",
            "јj",
            "ԁd",
            "ԛq",
            "ԝw",
            "ɡg",
            "αa",
            "εe",
            "ιi",
            "κk",
            "νv",
            "οo",
            "ρp",
            "τt",
            "υu",
            "χx",
        ]
    }
)


def skeleton(name: str) -> str:
    """What a name looks like: confusable letters folded together, marks and hyphens gone."""
    try:
        name = idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        name = name.lower()
    plain = unicodedata.normalize("NFKD", name.lower())
    plain = "".join(char for char in plain if not unicodedata.combining(char)).translate(_FOREIGN)
    for seen, meant in _FOLDS:
        plain = plain.replace(seen, meant)
    return plain


def is_one_edit_apart(one: str, other: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours turns `one` into `other`."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    if len(one) > len(other):
        one, other = other, one
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    return one[at + 1 :] == other[at + 1 :] or (one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :])


def likeness(domain: str, genuine: str) -> str:
    """How a registrable domain imitates a genuine one, as words for a sentence; "" if it does not."""
    name, _, suffix = domain.partition(".")
    model, _, model_suffix = genuine.partition(".")
    if domain == genuine or len(model) < MIN_LENGTH - 1:
        return ""
    if name == model:
        return f"has the name of {genuine} under another ending ({suffix} for {model_suffix})" if len(model) >= MIN_LENGTH else ""
    if skeleton(name) == skeleton(model):
        return f"looks like {genuine} in print"
    if len(model) >= MIN_LENGTH and is_one_edit_apart(name, model):
        return f"is one letter away from {genuine}"
    if len(model) >= MIN_LENGTH and name.replace(model, "", 1).strip("-") in _ADDED_WORDS and model in name:
        return f"is {genuine} with a word added"
    return ""


_ADDED_WORDS = frozenset(
    {"mail", "email", "secure", "support", "billing", "login", "online", "inc", "corp", "group", "team", "hr", "it", "help"}
)


def detect(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Iterator[Finding]:
    """One finding for each address at a domain that imitates an own domain or that of a busier, older partner."""
    rows = connection.execute(_DOMAINS).fetchall()
    own = sorted({row[0] for row in rows if row[1]} | set(scope.policy.domains))
    partners = {row[0]: row[2] for row in rows if not row[1] and row[2] >= MIN_PARTNER_MESSAGES}
    for domain, is_own, messages, inside, blind, _ in rows:
        if is_own or not inside:
            continue
        genuine = own + [one for one, count in partners.items() if count >= 5 * messages]
        match = next(((one, how) for one in genuine if (how := likeness(domain, one))), None)
        if match:
            yield from _findings(connection, domain, match, blind=blind and match[0] in own)


def _findings(connection: duckdb.DuckDBPyConnection, domain: str, match: tuple[str, str], *, blind: bool) -> Iterator[Finding]:
    found = connection.execute(
        "SELECT address, count(DISTINCT message_key) FROM copies WHERE judged AND in_window AND entry IS NULL AND registrable = $domain "
        "GROUP BY address ORDER BY address",
        {"domain": domain},
    ).fetchall()
    for address, messages in found:
        where = " and stood in neither To nor Cc, which no typing error explains" if blind else ", perhaps by a typing error"
        yield Finding(
            detector="lookalike_domain",
            address=address,
            verdict=Verdict.PROBABLE if blind else Verdict.POSSIBLE,
            score=0.8 if blind else 0.4,
            reason=f"{address}: the domain {domain} {match[1]}, and it received {messages} message{'s' * (messages != 1)} in the window{where}.",
            features=(("imitates", match[0]), ("messages", str(messages))),
        )


DETECTOR = Detector("lookalike_domain", "Which recipient's domain imitates our own or a partner's?", detect)
