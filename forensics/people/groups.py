"""Which addresses may belong to one person, by the rule that `tallies.MERGE_RULE` says in words; and whose mailbox each one is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forensics.addresses import domain_of, is_within, registrable, without_tag
from forensics.known_services import providers
from forensics.people.affected import Affected
from forensics.policy import Policy

__all__ = ["PERSON_GROUPS", "mailbox_kind", "person_groups"]

PERSON_GROUPS = ("person", "group_id", "basis", "category", "mailbox", "verdict")
_TAG, _NAME, _OWN = (
    "same mailbox but for a tag behind the plus sign",
    "same display name, same registrable domain",
    "same display name, same local part at own domains",
)
_SERVICE = frozenset({
    "agent", "alert", "alerts", "api", "app", "automated", "bot", "cron", "daemon", "donotreply", "do", "mailer", "monitor", "monitoring", "news", "newsletter",
    "no", "nobody", "noreply", "not", "notification", "notifications", "notify", "reply", "root", "robot", "system", "updates",
    "www",
})  # fmt: skip
_ROLE = frozenset({
    "abuse", "account", "accounting", "accounts", "admin", "administration", "administrator", "ap", "ar", "bewerbung", "billing",
    "buchhaltung", "career", "careers", "compliance", "contact", "contacto", "datenschutz", "desk", "dpo", "einkauf", "enquiries",
    "events", "facturation", "faktura", "feedback", "finance", "hello", "help", "helpdesk", "hostmaster", "hr", "info", "invoice",
    "invoices", "invoicing", "it", "jobs", "kontakt", "legal", "mail", "mailbox", "marketing", "office", "operations", "ops", "order",
    "orders", "payment", "payments", "payroll", "personal", "post", "postmaster", "press", "presse", "privacy",
    "procurement", "purchasing", "rechnung", "rechnungen", "reception", "recruiting", "returns", "sales", "sekretariat", "security", "service",
    "services", "shipping", "shop", "store", "support", "team", "verkauf", "vertrieb", "webmaster", "zentrale",
})  # fmt: skip

_BESIDE = frozenset(
    {"customer", "customers", "partner", "partners", "global", "main"}
)  # words that need one of the others beside them


def mailbox_kind(address: str) -> str:
    """Whose mailbox an address is by its local part: "service" (a program's), "role" (an office's), else "person".

    Every part of it must be a word of services or offices, with one digit at most, so that `info.lee@` and `orders481@` are
    persons: to count a person as an office is the worse mistake.
    """
    local = without_tag(address).rpartition("@")[0]
    parts = [part for part in local.replace("_", ".").replace("-", ".").split(".") if part]
    words = [part[:-1] if part[-1].isdecimal() and len(part) > 1 else part for part in parts]
    if not any(word in _SERVICE or word in _ROLE for word in words):
        return "person"
    if not all(word in _SERVICE or word in _ROLE or word in _BESIDE for word in words):
        return "person"
    return "service" if any(word in _SERVICE for word in words) else "role"


def person_groups(people: Sequence[Mapping[str, Any]], messages: Iterable[Affected], policy: Policy) -> list[dict[str, Any]]:
    """Rows of `person_groups`, one for each of `people.csv`: group and basis where addresses may be one person; category; mailbox.

    Grouped first, by number. A mailbox of an office beside which a person's name stood is that person's. People of exposed mail are grouped by what exposed mail says, apart from those whom only possible
    mail names, so that reading more changes nothing about them.
    """
    names: dict[bool, dict[str, set[str]]] = {False: {}, True: {}}
    for message in messages:
        for address, name in message.clues.names:
            names[message.verdict == "possible"].setdefault(address, set()).add(name)
    merged: dict[str, tuple[str, str]] = {}
    kinds: dict[str, str] = {}
    for possible in (False, True):
        here = sorted(row["person"] for row in people if (row["verdict"] == "possible") is possible)
        known = names[possible]
        unique = {address: next(iter(known[address])) for address in here if len(known.get(address, ())) == 1}
        kinds |= {address: "person" if known.get(address) else mailbox_kind(address) for address in here}
        for members, bases in _joined([one for one in here if kinds[one] == "person"], unique, policy):
            number = f"G{len({group for group, _ in merged.values()}) + 1:04d}"
            merged |= {address: (number, "; ".join(bases)) for address in members}
    rows = [
        {
            "person": row["person"],
            "group_id": merged.get(row["person"], ("", ""))[0],
            "basis": merged.get(row["person"], ("", ""))[1],
            "category": _category(row["person"], policy),
            "mailbox": kinds[row["person"]],
            "verdict": row["verdict"],
        }
        for row in people
    ]
    return sorted(rows, key=lambda row: (row["group_id"] == "", row["group_id"], row["person"]))


def _category(address: str, policy: Policy) -> str:
    domain = domain_of(address)
    if policy.is_own(address) or any(is_within(domain, one) for one in policy.staff):
        return "staff"
    return "customer" if any(is_within(domain, one) for one in policy.customers) else "other"


def _joined(addresses: Sequence[str], names: Mapping[str, str], policy: Policy) -> list[tuple[list[str], list[str]]]:
    """Groups of two and more addresses with the rules that joined them, in order of their first address."""
    shared: dict[tuple[str, ...], list[str]] = {}
    for address in addresses:
        shared.setdefault((_TAG, without_tag(address)), []).append(address)
        if name := names.get(address):
            local, _, domain = without_tag(address).rpartition("@")
            if registrable(domain) not in providers() and domain not in providers():
                shared.setdefault((_NAME, name, registrable(domain)), []).append(address)
            if policy.is_own(address):
                shared.setdefault((_OWN, name, local), []).append(address)
    head = {address: address for address in addresses}

    def first(address: str) -> str:
        while head[address] != address:
            head[address] = head[head[address]]
            address = head[address]
        return address

    for members in shared.values():
        for other in members[1:]:
            low, high = sorted((first(members[0]), first(other)))
            head[high] = low
    bases: dict[str, set[str]] = {}
    for rule, members in shared.items():
        if len(members) > 1:
            bases.setdefault(first(members[0]), set()).add(rule[0])
    groups: dict[str, list[str]] = {}
    for address in addresses:
        groups.setdefault(first(address), []).append(address)
    return [(members, sorted(bases[one])) for one, members in sorted(groups.items()) if len(members) > 1]
