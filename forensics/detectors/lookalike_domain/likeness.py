"""How one domain imitates another, and which of many genuine ones deserve a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum

from forensics.addresses import registrable
from forensics.detectors.lookalike_domain.confusables import near_skeleton, readable, skeleton

__all__ = ["Genuine", "Kind", "is_one_edit_apart", "likeness", "resemblance"]

_PRINT_LENGTH = 4  # shorter names look like many others
_MIN_LENGTH = 5  # shorter names are one letter from too many honest ones
_EDIT_LENGTH = 7  # from here on any slip counts, below only a swap and a doubled letter
_TWO_EDITS_LENGTH = 12
_DOMAIN, _LABEL = 255, 63  # octets, RFC 1035 section 2.3.4: nothing longer receives mail
_LABELS = 16  # of a domain that are looked at

_WORDS = frozenset({
    "account", "accounts", "app", "billing", "cloud", "corp", "email", "finance", "group", "help", "hr", "inc", "invoice", "it",
    "login", "mail", "mx", "office", "online", "pay", "payment", "payments", "portal", "secure", "security", "service", "services",
    "sso", "support", "team", "web", "webmail",
})  # fmt: skip


class Kind(IntEnum):
    """The ways to imitate a domain, the most telling first."""

    PRINT = 0  # nobody can tell them apart in print
    CARRIED = 1  # the whole genuine domain stands in front of another one
    EDIT = 2  # one slip of a finger apart (two, if the name is long)
    PARTS = 3  # a hyphen or a word more or less
    ENDING = 4  # the same name under another public suffix


def likeness(domain: str, genuine: str) -> str:
    """How a domain imitates a genuine one, as words for a sentence; "" if it does not."""
    found = resemblance(domain, genuine)
    return found[1] if found else ""


def resemblance(domain: str, genuine: str) -> tuple[Kind, str] | None:
    """How a domain imitates a genuine registrable one: the strongest way, and words for a sentence that begins with the domain.

    Both in A-label form or readable. A sub-domain of the genuine one does not imitate it.
    """
    if domain == genuine or domain.endswith("." + genuine):
        return None
    name, suffix = _cut(domain)
    model = _cut(genuine)[0]
    if len(model) < _PRINT_LENGTH or len(name) > _LABEL:
        return None
    if skeleton(name) == skeleton(model) and name != model:
        return Kind.PRINT, f"looks like {genuine} in print"
    if genuine in _carried(domain):
        return Kind.CARRIED, f"carries all of {genuine} in front of another domain"
    return _lesser(name, suffix, genuine) if len(model) >= _MIN_LENGTH else None


def _lesser(name: str, suffix: str, genuine: str) -> tuple[Kind, str] | None:
    """The ways that need a name of some length, because honest short names are that near to one another."""
    model, model_suffix = _cut(genuine)
    if name == model:
        return Kind.ENDING, f"has the name of {genuine} under another ending ({suffix} for {model_suffix})"
    if name.replace("-", "") == model.replace("-", ""):
        return Kind.PARTS, f"is {genuine} but for a hyphen"
    if suffix == model_suffix and (slips := _slips(*_differing(readable(name), readable(model)))):
        return Kind.EDIT, f"is {slips} away from {genuine}"
    if model in _cores(name):
        return Kind.PARTS, f"is {genuine} with a word added"
    if name in _cores(model):
        return Kind.PARTS, f"is {genuine} with a word left out"
    return None


def is_one_edit_apart(one: str, other: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours turns `one` into `other`."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    if len(one) > len(other):
        one, other = other, one
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    return one[at + 1 :] == other[at + 1 :] or _is_swapped(one, other, at)


def _is_swapped(one: str, other: str, at: int) -> bool:
    return one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]


def _cut(domain: str) -> tuple[str, str]:
    """The name that somebody registered, and the public suffix under which; "" for what is too long to be a domain."""
    name, _, suffix = registrable(domain).partition(".") if len(domain) <= _DOMAIN else ("", "", "")
    return name, suffix


def _differing(name: str, model: str) -> tuple[str, str]:
    """Both names without the hyphenated words that they share at either end: law-maier and law-meier are as near as Maier and Meier."""
    one, other = name.split("-"), model.split("-")
    while len(one) > 1 and len(other) > 1 and one[0] == other[0]:
        del one[0], other[0]
    while len(one) > 1 and len(other) > 1 and one[-1] == other[-1]:
        del one[-1], other[-1]
    return "-".join(one), "-".join(other)


def _slips(name: str, model: str) -> str:
    """What a finger, or a forger, did to a model, as words; "" if it is a name of its own."""
    length = min(len(name), len(model))
    if length >= _MIN_LENGTH and is_one_edit_apart(name, model):
        counts = _is_slip(name, model) or (length >= _EDIT_LENGTH and not _is_honest(name, model))
        return "one letter" if counts else ""
    if length >= _EDIT_LENGTH and near_skeleton(name) == near_skeleton(model):
        return "a second look"
    if length >= _TWO_EDITS_LENGTH and abs(len(name) - len(model)) <= 2 and name[0] == model[0] and _distance(name, model) == 2:  # noqa: PLR2004  two edits
        return "two letters"
    return ""


def _is_slip(name: str, model: str) -> bool:
    """Whether names one edit apart differ by a swap or a doubled letter."""
    if len(name) == len(model):
        return sorted(name) == sorted(model)
    longer, shorter = (name, model) if len(name) > len(model) else (model, name)
    return any(longer[i] == longer[i + 1] and longer[:i] + longer[i + 1 :] == shorter for i in range(len(shorter)))


def _is_honest(name: str, model: str) -> bool:
    """Whether names one edit apart are a series (shop1, shop2), numbered, or a plural: what honest neighbours differ by."""
    if len(name) == len(model):
        differing = [(a, b) for a, b in zip(name, model, strict=True) if a != b]
        return all(a.isdigit() and b.isdigit() for a, b in differing)
    longer, shorter = (name, model) if len(name) > len(model) else (model, name)
    return longer[:-1] == shorter and (longer[-1] == "s" or longer[-1].isdigit())


def _distance(one: str, other: str) -> int:
    """Damerau and Levenshtein's distance in its restricted form: no part is edited twice."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            least = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before, last = last, row
    return last[-1]


def _without(name: str, letters: int) -> set[str]:
    """The name with up to so many letters left out: two names that few edits part have one of these in common."""
    found = left = {name}
    for _ in range(letters):
        left = {one[:at] + one[at + 1 :] for one in left for at in range(len(one))}
        found = found | left
    return found


def _cores(name: str) -> set[str]:
    """What remains of a name without one of the words that forgers add, at either end; at least five letters."""
    found = set()
    for size in range(1, len(name) - _MIN_LENGTH + 1):
        if name[:size].strip("-") in _WORDS:
            found.add(name[size:].strip("-"))
        if name[-size:].strip("-") in _WORDS:
            found.add(name[:-size].strip("-"))
    return {core for core in found if len(core) >= _MIN_LENGTH}


def _carried(domain: str) -> set[str]:
    """What a domain carries in front of its end: runs of two to four labels, and each label that was a domain with hyphens for dots."""
    suffix = _cut(domain)[1]
    if not suffix:
        return set()
    labels = domain.removesuffix(suffix).strip(".").split(".")[-_LABELS:]  # acme.com.br carries nothing of acme.com
    runs = {".".join(labels[i:j]) for i in range(len(labels)) for j in range(i + 2, min(i + 4, len(labels)) + 1)}
    undone = {label[:at] + "." + label[at + 1 :].replace("-", ".") for label in labels for at in _hyphens(label)}
    return runs | undone


def _hyphens(label: str) -> Iterator[int]:
    """Where a label's last three hyphens stand, each of which may have been the dot behind a registered name."""
    at = len(label)
    for _ in range(3):
        at = label.rfind("-", 0, at)
        if at <= 0:
            return
        yield at


class Genuine:
    """Genuine domains, filed by everything that an imitation leaves as it is: no pair is compared that has nothing in common.

    Long names of `own` domains are filed so that two edits find them, which takes room; others so that one does.
    """

    def __init__(self, own: Iterable[str], others: Iterable[str] = ()) -> None:
        self._filed: dict[tuple[str, str], list[str]] = {}
        depths = {**dict.fromkeys(others, 1), **dict.fromkeys(own, 2)}
        for genuine, depth in sorted(depths.items()):
            if len(_cut(genuine)[0]) >= _PRINT_LENGTH:
                for key in {("carried", genuine), *_marks(genuine, depth)}:
                    self._filed.setdefault(key, []).append(genuine)
        self._depth = 2 if 2 in depths.values() else 1  # noqa: PLR2004  two edits

    def near(self, domain: str) -> set[str]:
        """Every genuine domain that this one can imitate, and some that it does not."""
        keys = {("carried", run) for run in _carried(domain)} | _marks(domain, self._depth)
        return {genuine for key in keys for genuine in self._filed.get(key, ())}


def _marks(domain: str, depth: int) -> set[tuple[str, str]]:
    """Keys of which an imitation and its model share at least one."""
    name, suffix = _cut(domain)
    if len(name) > _LABEL:
        return set()
    shown = readable(name)
    keys = {("print", skeleton(name)), ("name", name), ("hyphens", name.replace("-", "")), ("near", near_skeleton(name))}
    keys |= {("name", core) for core in _cores(name)}
    keys |= {(suffix, left) for left in _without(shown, depth if len(shown) >= _TWO_EDITS_LENGTH else 1)}
    return keys
