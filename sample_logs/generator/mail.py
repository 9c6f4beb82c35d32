"""One message as it really was, whatever the evidence tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .recipients import VERDICTS

PROOFS = {  # what became of the unexpected copy -> how far it is known to have come
    "delivered": "delivered", "fetched": "fetched", "late_bounce": "delivered", "recipients_only": "delivered",
    "events_only": "delivered", "listed": "accepted", "transient": "accepted", "after_data": "accepted",
    "deferred": "accepted", "bounced": "attempted", "sandboxed": "attempted",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as it really was: `hidden` are its blind recipients, `fate` what became of an unexpected copy."""

    at: datetime  # UTC
    way: str  # mcp, template, shop, invoice, staff, warehouse, forwarded, inbound
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    cc: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    html: str = ""
    files: tuple[tuple[str, str, bytes], ...] = ()  # name, media type, content
    transfer: str = ""  # content transfer encoding; "" for what fits the text
    broken: str = ""  # a secret that a soft line break cuts in two
    parent: str = ""  # key of the message it answers
    key: str = ""
    host: str = ""  # relay; "" for API and inbound mail
    queue: str = ""
    fate: str = "delivered"
    copied: bool = True  # a delivered copy lies in the journal
    detailed: bool = False  # its details page was exported
    hooked: bool = False  # its webhooks were kept

    @property
    def by_api(self) -> bool:
        """Did it go through Postmark's API, past the own relays?"""
        return self.way in {"mcp", "template"}

    @property
    def unexpected(self) -> tuple[str, ...]:
        """Recipients that nobody expected, visible look-alikes included."""
        return tuple(one for one in (*self.to, *self.hidden) if one in VERDICTS)
