"""Which sign-ins to review: for each service and account, when a code or link that was copied out could be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from forensics.addresses import domain_of, registrable
from forensics.dates import zulu
from forensics.model import Leak

__all__ = ["SIGN_INS", "Copied", "Use", "merged", "sign_in_rows", "uses"]

SIGN_INS = (
    "service", "service_basis", "account", "from", "until", "until_basis", "kinds", "credentials", "messages", "places", "look_for",
    "verdict",
)  # fmt: skip

_HOUR, _DAY = 3600, 86400
# For how long to look where neither value, mail nor rule tells an end: longer than services usually allow
BOUNDS: Mapping[str, int] = {
    "one_time_code": _DAY, "magic_link": 7 * _DAY, "reset_link": 7 * _DAY, "signed_url": 7 * _DAY, "session_id": 30 * _DAY,
    "jwt": 30 * _DAY,
}  # fmt: skip
_BOUND = 30 * _DAY
_ACCOUNTS = 20  # of one mail; one to more people is no sign-in of each, and its row has no account
_LISTED = 12  # places and message keys named in one cell; credential_occurrences.csv has them all
_VERDICTS = ("confirmed", "probable", "possible")
_LOOK_FOR: Mapping[str, str] = {
    "one_time_code": "sign-ins completed with a code, codes used from an address or device that is not the account's own, and new trusted devices",
    "reset_link": "password resets and changes, changed mail addresses and second factors, and sign-ins after them",
    "magic_link": "sign-ins and confirmations by mailed link, invitations accepted, and sessions opened from elsewhere",
    "session_id": "requests of that session from more than one address or browser",
    "signed_url": "downloads of the object in the access log, by address and time",
    "jwt": "requests with that token from more than one address, and tokens renewed from it",
}
_LOOK = "use of the token from elsewhere: grants given, tokens renewed, and requests by address"


@dataclass(frozen=True, slots=True)
class Copied:
    """One credential in one message that was copied out. `arrived` is the first record of a delivered copy; times in UTC."""

    message_key: str
    sent_at: datetime | None
    arrived: datetime | None
    sender: str
    accounts: tuple[str, ...]  # of To: whose sign-in it is
    credential_id: str
    verdict: str
    leak: Leak


@dataclass(frozen=True, slots=True)
class Use:
    """A window in which one account could be used; an edge is None where it is not known."""

    service: str
    service_basis: str
    account: str
    opens: datetime | None
    closes: datetime | None
    bases: frozenset[str]
    copies: tuple[Copied, ...]

    @property
    def is_possible(self) -> bool:
        """Whether it stands on possible messages alone: such windows are never merged with others."""
        return all(one.verdict == "possible" for one in self.copies)


def runs_out(leak: Leak) -> bool:
    """Whether a credential ends by itself and gave entry while it lasted: a code, link or session, not what stays until it is rotated."""
    return leak.family == "credential" and leak.state in {"expires", "expired_by_nature"}


def uses(copied: Iterable[Copied], lifetimes: Mapping[str, int]) -> list[Use]:
    """One window for each account of each copy; `lifetimes` are those of the rules, in seconds, by which stated ones are told."""
    found = []
    for one in copied:
        service, basis = _service(one)
        closes, told = _end(one, lifetimes)
        opens = _opening(one, closes)
        accounts = one.accounts if 0 < len(one.accounts) <= _ACCOUNTS else ("",)
        found += [Use(service, basis, account, opens, closes, frozenset({told}), (one,)) for account in accounts]
    return found


def _service(one: Copied) -> tuple[str, str]:
    if one.leak.service not in {"", "generic"}:
        return one.leak.service, "form of the credential"
    domain = registrable(domain_of(one.sender)) if one.sender else ""
    return (domain, "sender of the mail") if domain else ("unknown", "neither credential nor sender tells")


def _opening(one: Copied, closes: datetime | None) -> datetime | None:
    """When the copy arrived, else when it was sent; a clock that would close the window before it opens is not believed."""
    if one.arrived is not None and (closes is None or one.arrived < closes):
        return one.arrived
    return one.sent_at


def _end(one: Copied, lifetimes: Mapping[str, int]) -> tuple[datetime | None, str]:
    leak = one.leak
    if leak.expires is not None:
        if leak.lifetime < 0:
            return leak.expires, "the value itself says so"
        usual = lifetimes.get(leak.rule, -1)
        by_rule = one.sent_at is not None and leak.expires == one.sent_at + timedelta(seconds=leak.lifetime)
        if not by_rule:
            return leak.expires, "the value itself says so"
        if leak.lifetime == usual:
            return leak.expires, f"usual for its kind: {_span(usual)} after sending"
        return leak.expires, f"the mail states it: {_span(leak.lifetime)} after sending"
    bound = BOUNDS.get(leak.kind, _BOUND)
    begins = one.sent_at or one.arrived
    if begins is None:
        return None, f"no time is known; look {_span(bound)} from when the mail was sent"
    try:
        return begins + timedelta(seconds=bound), f"not stated; {_span(bound)} after sending is assumed"
    except OverflowError:
        return None, "no end could be computed"


def _span(seconds: int) -> str:
    for size, unit in ((_DAY, "day"), (_HOUR, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"


def merged(found: Iterable[Use]) -> list[Use]:
    """Windows of one service and account that meet or overlap, as one. Undated ones are one of their own; `possible` stands apart."""
    groups: dict[tuple[bool, str, str], list[Use]] = {}
    for one in found:
        groups.setdefault((one.is_possible, one.service, one.account), []).append(one)
    joined: list[Use] = []
    for _, listed in sorted(groups.items()):
        undated = [one for one in listed if one.opens is None or one.closes is None]
        joined += [_joined(undated, None, None)] if undated else []
        dated = [(one.opens, one.closes, one) for one in listed if one.opens is not None and one.closes is not None]
        run: list[tuple[datetime, datetime, Use]] = []
        for opens, closes, one in sorted(dated, key=lambda each: (each[0], each[1], each[2].copies[0].message_key)):
            if run and opens > run[-1][1]:
                joined.append(_spanning(run))
                run = []
            latest = max(closes, run[-1][1]) if run else closes
            run.append((opens, latest, one))  # the second is the end of the run so far
        joined += [_spanning(run)] if run else []
    return joined


def _spanning(run: Sequence[tuple[datetime, datetime, Use]]) -> Use:
    return _joined([one for _, _, one in run], run[0][0], run[-1][1])


def _joined(listed: Sequence[Use], opens: datetime | None, closes: datetime | None) -> Use:
    first = listed[0]
    return Use(
        first.service, min(one.service_basis for one in listed), first.account, opens, closes,
        frozenset().union(*(one.bases for one in listed)), tuple(copy for one in listed for copy in one.copies),
    )  # fmt: skip


def sign_in_rows(copied: Iterable[Copied], lifetimes: Mapping[str, int]) -> list[dict[str, Any]]:
    """Rows of `sign_ins.csv`: what stands on exposed mail first, then by service, account and time."""
    rows = merged(uses((one for one in copied if runs_out(one.leak)), lifetimes))
    rows.sort(key=lambda one: (one.is_possible, one.service, one.account, zulu(one.opens) or "~"))
    return [_row(one) for one in rows]


def _row(one: Use) -> dict[str, Any]:
    kinds = sorted({copy.leak.kind for copy in one.copies})
    keys = sorted({copy.message_key for copy in one.copies})
    places = sorted({f"{copy.message_key} {copy.leak.part} {copy.leak.location}" for copy in one.copies})
    shared = any(len(copy.accounts) > 1 for copy in one.copies)
    look = [_LOOK_FOR.get(kind, _LOOK) for kind in kinds]
    if shared:
        look.append("the mail went to several people: which of them it was for is not known")
    return {
        "service": one.service,
        "service_basis": one.service_basis,
        "account": one.account,
        "from": zulu(one.opens),
        "until": zulu(one.closes),
        "until_basis": "; ".join(sorted(one.bases)),
        "kinds": "; ".join(kinds),
        "credentials": "; ".join(sorted({copy.credential_id for copy in one.copies})),
        "messages": "; ".join(_bounded(keys)),
        "places": "; ".join(_bounded(places)),
        "look_for": "; ".join(dict.fromkeys(look)),
        "verdict": min((copy.verdict for copy in one.copies), key=_VERDICTS.index),
    }


def _bounded(listed: Sequence[str]) -> list[str]:
    return [*listed[:_LISTED], *([f"and {len(listed) - _LISTED} more"] if len(listed) > _LISTED else [])]
