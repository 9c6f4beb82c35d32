"""Who is affected: everybody in or named by an exposed message, who may be one person, and where they may live."""

from __future__ import annotations

from forensics.people.affected import Affected, affected_people, mentioned
from forensics.people.clues import NO_CLUES, Clues, clues_in
from forensics.people.groups import PERSON_GROUPS, mailbox_kind, person_groups

__all__ = [
    "NO_CLUES", "PERSON_GROUPS", "Affected", "Clues", "affected_people", "clues_in", "mailbox_kind", "mentioned",
    "person_groups",
]  # fmt: skip
