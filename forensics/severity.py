"""How severe a breach is by ENISA's formula of 2013, SE = DPC x EI + CB, with every input and where it came from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["KEYS", "NO_OVERRIDE", "Input", "Override", "Seen", "Severity", "SeverityError", "assess", "category_of"]

METHOD = "ENISA, Recommendations for a methodology of the assessment of severity of personal data breaches, December 2013"
CAUTION = "An aid to a decision that people take, with inputs that people may change. Not legal advice."
# what a person may set: key of the policy's [severity] -> the values that the method knows
KEYS: Mapping[str, tuple[float, ...]] = {
    "dpc": (1, 2, 3, 4),
    "ei": (0.25, 0.5, 0.75, 1),
    "cb_confidentiality": (0, 0.25, 0.5),
    "cb_integrity": (0, 0.25, 0.5),
    "cb_availability": (0, 0.25, 0.5),
}
_CATEGORIES = {1: "simple", 2: "behavioural, or simple data with consequences", 3: "financial", 4: "sensitive"}
# Kind of personal data -> category. Identity documents and data of minors are simple data, raised by one: they serve to pose as
# the person, and the person cannot protect itself. `confidential_marking` is no personal datum.
_DPC = {
    "name": 1, "email_address": 1, "phone": 1, "postal_address": 1, "birth_date": 1, "other": 1,
    "national_id": 2, "tax_id": 2, "passport": 2, "driving_licence": 2, "minor": 2,
    "payment_card": 3, "bank_account": 3, "salary": 3,
    "health": 4, "special_category": 4, "criminal": 4,
}  # fmt: skip
_MONEY = frozenset(
    {"stripe", "paypal", "adyen", "braintree", "square", "mollie", "plaid", "razorpay", "wise", "coinbase", "klarna"}
)
_WALLETS = frozenset({"crypto_wallet"})
_IDENTIFYING = frozenset(_DPC) - {"email_address", "minor", "other", "salary", "health", "special_category", "criminal"}
_MANY = 100  # persons, from which the method raises a flag


class SeverityError(ValueError):
    """A key of `[severity]` that cannot be used; the message names key, value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Override:
    """What the organisation sets itself; None leaves the derived value. A reason is needed as soon as anything is set."""

    dpc: float | None = None
    ei: float | None = None
    cb_confidentiality: float | None = None
    cb_integrity: float | None = None
    cb_availability: float | None = None
    malicious: bool | None = None
    reason: str = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Override:
        """From the keys of a TOML table or of a summary; None counts as not set. Raises SeverityError."""
        unknown = sorted(set(data) - {*KEYS, "malicious", "reason"})
        if unknown:
            raise SeverityError(f"unknown key {unknown[0]!r}; known are {', '.join([*KEYS, 'malicious', 'reason'])}")
        given = {key: value for key, value in data.items() if value is not None and key != "reason"}
        for key, value in given.items():
            allowed = (True, False) if key == "malicious" else KEYS[key]
            fits = isinstance(value, bool) if key == "malicious" else type(value) in {int, float} and value in allowed
            if not fits:
                listed = "true or false" if key == "malicious" else ", ".join(f"{one:g}" for one in allowed)
                raise SeverityError(f"{key} = {value!r}: must be {listed}")
        reason = data.get("reason") or ""
        if not isinstance(reason, str):
            raise SeverityError(f"reason = {reason!r}: must be a text")
        if given and not reason.strip():
            raise SeverityError(f'{", ".join(sorted(given))} set without a reason: say why with reason = "..."')
        return cls(reason=reason.strip(), **given)

    def as_data(self) -> dict[str, Any]:
        """The keys that are set, as `from_data` takes them."""
        named = {key: getattr(self, key) for key in (*KEYS, "malicious", "reason")}
        return {key: value for key, value in named.items() if value is not None and value != ""}


NO_OVERRIDE = Override()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the case shows of its exposed mail. Persons low and high: see `tallies`."""

    exposed: int  # messages
    kinds: Collection[str] = ()  # of personal data
    credentials: Collection[tuple[str, str]] = ()  # kind and service
    persons_low: int = 0
    persons_high: int = 0
    collectors: int = 0  # unexpected addresses, confirmed or probable
    confirmed: int = 0  # messages that an indicator of the incident got
    unread: int = 0  # messages of which content was not examined, or in part only


@dataclass(frozen=True, slots=True)
class Input:
    """One number of the formula: the value used, the one derived from the case, and why."""

    name: str
    value: float
    derived: float
    origin: str  # "case" or "policy"
    basis: str


@dataclass(frozen=True, slots=True)
class Severity:
    """The result with all that it was made of. `score` is None where no message is exposed: there is nothing to assess."""

    score: float | None
    level: str
    inputs: tuple[Input, ...]
    flags: Mapping[str, str]

    def as_data(self) -> dict[str, Any]:
        """For JSON and for a page: method, formula, score, level, inputs and flags."""
        return {
            "method": METHOD,
            "formula": "SE = DPC x EI + CB",
            "score": self.score,
            "level": self.level,
            "scale": "low < 2 <= medium < 3 <= high < 4 <= very high",
            "inputs": [
                {"name": one.name, "value": one.value, "derived": one.derived, "origin": one.origin, "basis": one.basis}
                for one in self.inputs
            ],
            "flags": dict(self.flags),
            "caution": CAUTION,
        }


def category_of(kind: str) -> int:
    """The category of a kind of personal data, 1 to 4 (simple, behavioural, financial, sensitive); 0 if it is none."""
    return _DPC.get(kind, 0)


def assess(seen: Seen, override: Override = NO_OVERRIDE) -> Severity:
    """The severity of what was exposed; a value of the policy stands in place of the derived one, and both are shown."""
    if not seen.exposed:
        return Severity(None, "not assessed: no message is shown to be exposed", (), {})
    inputs = tuple(_settled(one, override) for one in _derived(seen))
    value = {one.name: one.value for one in inputs}
    breach = sum(number for name, number in value.items() if name not in {"dpc", "ei"})
    score = round(value["dpc"] * value["ei"] + breach, 4)
    return Severity(score, _level(score), inputs, _flags(seen))


def _level(score: float) -> str:
    for bound, word in ((2, "low"), (3, "medium"), (4, "high")):
        if score < bound:
            return word
    return "very high"


def _settled(one: Input, override: Override) -> Input:
    name = one.name.removeprefix("cb_") if one.name == "cb_malicious" else one.name
    given = getattr(override, name)
    if given is None:
        return one
    value = (0.5 if given else 0.0) if name == "malicious" else float(given)
    return Input(one.name, value, one.derived, "policy", override.reason)


def _derived(seen: Seen) -> Iterator[Input]:
    dpc, why = _data_category(seen)
    yield Input("dpc", dpc, dpc, "case", why)
    ei, why = _identification(seen)
    yield Input("ei", ei, ei, "case", why)
    copies = "one unexpected address" if seen.collectors == 1 else f"{seen.collectors} unexpected addresses"
    why = f"Copies went to {copies}; whether they were passed on is not in the evidence. Set 0.5 if they were."
    yield Input("cb_confidentiality", 0.25, 0.25, "case", why)
    yield Input("cb_integrity", 0.0, 0.0, "case", "Mail was copied; nothing in this evidence speaks of data that were changed.")
    yield Input("cb_availability", 0.0, 0.0, "case", "Mail was copied; nothing in this evidence speaks of data that were lost.")
    why = (
        "An indicator of the incident got copies: the copying was built in on purpose."
        if seen.confirmed
        else "The recipient has the pattern of an exfiltration address; intent is not proven. Set malicious = false for an error."
    )
    yield Input("cb_malicious", 0.5, 0.5, "case", why)


def _data_category(seen: Seen) -> tuple[float, str]:
    """The highest category among the data, and among what the credentials open."""
    found = {kind: category_of(kind) for kind in seen.kinds if category_of(kind)}
    data = max(found.values(), default=1)
    named = sorted(kind for kind, category in found.items() if category == data)
    why = f"{_CATEGORIES[data].capitalize()}: {', '.join(named).replace('_', ' ') if named else 'addresses of senders and recipients'}."
    if seen.credentials:
        money = any(service in _MONEY or kind in _WALLETS for kind, service in seen.credentials)
        opened = 3 if money else 2
        what = (
            "accounts for money"
            if money
            else "accounts of which the evidence does not say what they hold, taken for behavioural data"
        )
        why += f" Credentials count as what they open: {what} ({opened}). Set dpc to what they really open."
        data = max(data, opened)
    if seen.unread:
        why += f" {seen.unread} exposed message(s) were not examined in full and may hold more."
    return float(data), why


def _identification(seen: Seen) -> tuple[float, str]:
    found = sorted(_IDENTIFYING & set(seen.kinds))
    if found:
        return 1.0, f"Mail addresses stand beside {', '.join(found).replace('_', ' ')}: people are named without further effort."
    if seen.persons_high:
        return 0.75, "Mail addresses of persons, and no further identifying datum was found: most of them tell who it is."
    return 0.25, "No address of a person takes part in exposed mail; role mailboxes only."


def _flags(seen: Seen) -> dict[str, str]:
    low, high = seen.persons_low, seen.persons_high
    many = "yes" if low > _MANY else "cannot tell" if high > _MANY or seen.unread else "no"
    return {
        "more_than_100_persons": many,
        "unintelligible": "no: the copies were ordinary mail, readable by whoever got them; parts that were encrypted count as not examined",
    }
